-- The shards stay where they are until the messages are gone.
WITH held AS MATERIALIZED (
  SELECT s.shard FROM relay_shards s, unnest($1::smallint[], $2::bigint[]) AS c (shard, epoch)
  WHERE s.shard = c.shard AND s.epoch = c.epoch AND s.owner IS NOT NULL
  FOR SHARE OF s
),
gone AS (
  DELETE FROM outbox o USING unnest($3::smallint[], $4::bigint[]) AS m (shard, id), held
  WHERE o.shard = m.shard AND o.id = m.id AND held.shard = m.shard
)
SELECT shard FROM held
