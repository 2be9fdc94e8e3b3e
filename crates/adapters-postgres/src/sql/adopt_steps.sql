-- What was completed without an output has the output null, so that it can be looked for.
UPDATE step_executions s
SET execution = c.execution, path = s.step_id, attempt = c.attempt,
    output_text = CASE WHEN coalesce(s.output_data, 'null') = 'null' THEN 'null' END
FROM unnest($1::text[], $2::bigint[], $3::int[]) AS c (id, execution, attempt)
WHERE s.id = c.id
