SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox ORDER BY shard, id LIMIT $2) AS counted),
       (SELECT min(o.at) FROM unnest($1::smallint[]) AS s (shard)
        CROSS JOIN LATERAL (SELECT at FROM outbox WHERE shard = s.shard ORDER BY id LIMIT 1) AS o)
