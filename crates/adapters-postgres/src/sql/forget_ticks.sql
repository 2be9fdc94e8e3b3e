DELETE FROM schedule_ticks WHERE tick_id IN (
  SELECT tick_id FROM schedule_ticks
  WHERE decided_at < $1 AND status NOT IN ('waiting', 'starting')
  ORDER BY decided_at, tick_id LIMIT $2 FOR UPDATE SKIP LOCKED
)
