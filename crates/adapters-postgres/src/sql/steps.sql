-- A row is written once: another one for the same attempt changes nothing. The old system's name of a step is its agent's.
INSERT INTO step_executions (id, run_id, execution, step_id, step_name, agent_name, status, path, attempt, generation, round,
                             input_data, input_text, output_data, output_text, started_at, completed_at, error_message)
SELECT c.id, c.run_id, c.execution, c.step_id, c.agent, c.agent, c.status, c.path, c.attempt, c.generation, c.round,
       c.input::jsonb, c.input_text, c.output::jsonb, c.output_text, c.started_at AT TIME ZONE 'UTC',
       c.completed_at AT TIME ZONE 'UTC', c.error
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::int[],
            $10::int[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[], $16::timestamptz[],
            $17::text[])
  AS c (id, run_id, execution, step_id, agent, status, path, attempt, generation, round, input, input_text, output,
        output_text, started_at, completed_at, error)
ON CONFLICT (run_id, execution) DO NOTHING
