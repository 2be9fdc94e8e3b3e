-- In an order, so that an index is read and not the table, most of which may have the other status.
SELECT (SELECT count(*) FROM (SELECT last_failed_at FROM dlq_entries WHERE status = 'pending_replay'
                              ORDER BY last_failed_at LIMIT $1) AS pending),
       (SELECT count(*) FROM (SELECT last_failed_at FROM dlq_entries WHERE status = 'replayed'
                              ORDER BY last_failed_at LIMIT $1) AS replayed)
