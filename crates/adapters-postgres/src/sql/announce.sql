INSERT INTO outbox (shard, kind, key, payload) SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[])
