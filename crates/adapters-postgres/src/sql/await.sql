INSERT INTO run_waits (event, correlation, run_id, path)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
ON CONFLICT DO NOTHING
