-- No entry stands twice in one question: PostgreSQL would refuse to change it twice.
INSERT INTO dlq_entries AS d (dlq_id, run_id, workflow_id, workflow_name, workflow_version, last_run_id, step_id, path, agent_name,
                              execution, generation, round, attempts, failure_reason, first_failed_at, last_failed_at,
                              failure_count, status)
SELECT c.dlq_id, c.run_id, r.workflow_id, r.workflow_name, r.workflow_version, c.run_id, c.step_id, c.path, c.agent,
       c.execution, c.generation, c.round, c.attempts, c.reason, c.at, c.at, 1, 'pending_replay'
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::int[], $8::int[], $9::int[],
            $10::text[], $11::timestamptz[])
  AS c (dlq_id, run_id, step_id, path, agent, execution, generation, round, attempts, reason, at)
JOIN workflow_runs r ON r.run_id = c.run_id
ORDER BY c.dlq_id
ON CONFLICT (dlq_id) DO UPDATE SET
  last_run_id = excluded.last_run_id, step_id = excluded.step_id, path = excluded.path, agent_name = excluded.agent_name,
  execution = excluded.execution, generation = excluded.generation, round = excluded.round, attempts = excluded.attempts,
  failure_reason = excluded.failure_reason, last_failed_at = excluded.last_failed_at,
  failure_count = d.failure_count + 1, status = excluded.status
RETURNING dlq_id, run_id::text, workflow_id::text, workflow_name::text, workflow_version, first_failed_at, failure_count
