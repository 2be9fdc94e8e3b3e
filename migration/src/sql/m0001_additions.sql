-- Indexes and defaults are no part of the contract, and the old ones bear several names for the same thing: they go, and
-- ours take their place. What is left of an old table are its columns, its primary key and its foreign keys.
DO $$
DECLARE
  old_tables regclass[] := ARRAY['agents', 'workflow_definitions', 'workflow_steps', 'workflow_runs', 'step_executions',
                                 'audit_logs', 'ai_chat_sessions']::regclass[];
  item record;
BEGIN
  FOR item IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
               WHERE contype = 'u' AND conrelid = ANY (old_tables) LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', item.place, item.conname);
  END LOOP;
  FOR item IN SELECT indexrelid::regclass AS place FROM pg_index
               WHERE NOT indisprimary AND indrelid = ANY (old_tables) LOOP
    EXECUTE format('DROP INDEX %s', item.place);
  END LOOP;
  FOR item IN SELECT a.attrelid::regclass AS place, a.attname FROM pg_attribute a
               WHERE a.attrelid = ANY (old_tables) AND a.attname IN ('created_at', 'updated_at', 'started_at') LOOP
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT CURRENT_TIMESTAMP', item.place, item.attname);
  END LOOP;
  FOR item IN SELECT a.attrelid::regclass AS place FROM pg_attribute a
               WHERE a.attrelid = ANY (old_tables) AND a.attname = 'id' AND a.atttypid = 'uuid'::regtype LOOP
    EXECUTE format('ALTER TABLE %s ALTER COLUMN id SET DEFAULT gen_random_uuid()', item.place);
  END LOOP;
END $$;

-- Everything that is added may be absent, or has a default: the old programs go on writing their own columns only.
ALTER TABLE agents
  ADD COLUMN circuit_breaker_config jsonb,
  ADD COLUMN revision bigint NOT NULL DEFAULT 1;
CREATE UNIQUE INDEX agents_name ON agents (name);
CREATE INDEX agents_sorted ON agents (name COLLATE "C");

-- `workflow_text` and its like hold the exact JSON text where jsonb would give back another one, and nothing elsewhere.
ALTER TABLE workflow_definitions
  ADD COLUMN head_id uuid,
  ADD COLUMN plan_hash bytea,
  ADD COLUMN workflow_text text,
  ADD COLUMN revision bigint NOT NULL DEFAULT 1;
UPDATE workflow_definitions d SET head_id = newest.id
FROM (SELECT DISTINCT ON (name) name, id FROM workflow_definitions ORDER BY name, version DESC) AS newest
WHERE newest.name = d.name;
CREATE UNIQUE INDEX workflow_definitions_version ON workflow_definitions (name, version);
CREATE INDEX workflow_definitions_chain ON workflow_definitions (head_id, version);
CREATE INDEX workflow_definitions_created ON workflow_definitions (created_at, id) WHERE id = head_id;
CREATE INDEX workflow_definitions_updated ON workflow_definitions (updated_at, id) WHERE id = head_id;
CREATE INDEX workflow_definitions_sorted ON workflow_definitions (name COLLATE "C", id) WHERE id = head_id;

CREATE UNIQUE INDEX workflow_steps_step ON workflow_steps (workflow_id, step_id);

ALTER TABLE workflow_runs
  ADD COLUMN workflow_version integer,
  ADD COLUMN plan_hash bytea,
  ADD COLUMN engine varchar(20),
  ADD COLUMN input_text text;
CREATE INDEX workflow_runs_created ON workflow_runs (created_at, run_id COLLATE "C");
CREATE INDEX workflow_runs_updated ON workflow_runs (updated_at, run_id COLLATE "C");
CREATE INDEX workflow_runs_status ON workflow_runs (status, created_at, run_id COLLATE "C");
CREATE INDEX workflow_runs_workflow ON workflow_runs (workflow_id, created_at, run_id COLLATE "C");

-- No index on the status, which would keep updates by the old executor from being HOT. An attempt of the old executor has
-- no number; nulls do not collide.
ALTER TABLE step_executions
  ADD COLUMN execution bigint,
  ADD COLUMN path varchar(1024),
  ADD COLUMN attempt integer,
  ADD COLUMN generation integer,
  ADD COLUMN round integer,
  ADD COLUMN input_text text,
  ADD COLUMN output_text text;
CREATE UNIQUE INDEX step_executions_order ON step_executions (run_id, execution);

CREATE INDEX audit_logs_entity ON audit_logs (entity_type, entity_id, created_at);
CREATE INDEX audit_logs_created ON audit_logs (created_at);
CREATE INDEX ai_chat_sessions_user ON ai_chat_sessions (user_id);
CREATE INDEX ai_chat_sessions_expiry ON ai_chat_sessions (expires_at);
