SELECT s.shard, o.id, o.payload
FROM unnest($1::smallint[]) AS s (shard)
CROSS JOIN LATERAL (SELECT id, payload FROM outbox WHERE shard = s.shard ORDER BY id LIMIT $2) AS o
ORDER BY s.shard, o.id
