DROP TABLE run_events, run_heads, plans;

-- Columns take their indexes with them.
ALTER TABLE step_executions
  DROP COLUMN execution, DROP COLUMN path, DROP COLUMN attempt, DROP COLUMN generation, DROP COLUMN round,
  DROP COLUMN input_text, DROP COLUMN output_text;
ALTER TABLE workflow_runs
  DROP COLUMN workflow_version, DROP COLUMN plan_hash, DROP COLUMN engine, DROP COLUMN input_text;
ALTER TABLE workflow_definitions
  DROP COLUMN head_id, DROP COLUMN plan_hash, DROP COLUMN workflow_text, DROP COLUMN revision;
ALTER TABLE agents DROP COLUMN circuit_breaker_config, DROP COLUMN revision;

DROP INDEX agents_sorted, workflow_runs_created, workflow_runs_updated, workflow_runs_status, workflow_runs_workflow,
  audit_logs_entity, audit_logs_created, ai_chat_sessions_user, ai_chat_sessions_expiry;
DROP INDEX IF EXISTS workflow_definitions_created, workflow_definitions_updated, workflow_definitions_sorted;

-- The indexes that the old programs count on; unique ones for their truth, the others for their speed.
CREATE INDEX idx_run_status ON workflow_runs (status);
CREATE INDEX idx_run_workflow_definition_id ON workflow_runs (workflow_definition_id);
CREATE INDEX idx_step_run_id ON step_executions (run_id);
CREATE INDEX idx_step_status ON step_executions (status);
CREATE INDEX idx_step_branch ON step_executions (run_id, parent_step_id, branch_name);

-- What Orrery made goes; what it found stays.
DO $$
DECLARE
  tbl text;
BEGIN
  FOREACH tbl IN ARRAY ARRAY['step_executions', 'workflow_runs', 'workflow_steps', 'workflow_definitions', 'agents',
                              'audit_logs', 'ai_chat_sessions'] LOOP
    IF obj_description(tbl::regclass, 'pg_class') = 'Made by Orrery.' THEN
      EXECUTE format('DROP TABLE %I', tbl);
    END IF;
  END LOOP;
END $$;
