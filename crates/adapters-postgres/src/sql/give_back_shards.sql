WITH surplus AS MATERIALIZED (SELECT shard FROM relay_shards WHERE owner = $1 ORDER BY shard OFFSET $2)
UPDATE relay_shards s SET owner = NULL FROM surplus WHERE s.shard = surplus.shard AND s.owner = $1
