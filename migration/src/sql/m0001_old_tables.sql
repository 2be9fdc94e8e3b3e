-- The tables of the old system (contract 4.1). Those that are missing are made exactly as the old system makes them, so
-- that everything after this file is the same for a new database and for an adopted one. What is made here carries a
-- comment, by which the way back knows that it may be dropped.
DO $$
DECLARE
  missing text[];
  tbl text;
BEGIN
  SELECT array_agg(t) INTO missing
  FROM unnest(ARRAY['agents', 'workflow_definitions', 'workflow_steps', 'workflow_runs', 'step_executions', 'audit_logs',
                    'ai_chat_sessions']) AS t
  WHERE to_regclass(t) IS NULL;

  CREATE TABLE IF NOT EXISTS agents (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name         varchar(255) NOT NULL,
    url          varchar(512) NOT NULL,
    description  text,
    auth_type    varchar(50),
    auth_config  jsonb,
    timeout_ms   integer NOT NULL DEFAULT 30000,
    retry_config jsonb,
    status       varchar(50) NOT NULL DEFAULT 'active',
    created_by   varchar(255),
    updated_by   varchar(255),
    created_at   timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at   timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  CREATE TABLE IF NOT EXISTS workflow_definitions (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name          varchar(255) NOT NULL,
    description   text,
    version       integer NOT NULL DEFAULT 1,
    workflow_data jsonb NOT NULL,
    status        varchar(50) NOT NULL DEFAULT 'active',
    created_by    varchar(255),
    updated_by    varchar(255),
    created_at    timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  -- Never written or read by anybody; kept because the old system expects it.
  CREATE TABLE IF NOT EXISTS workflow_steps (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workflow_id   uuid NOT NULL REFERENCES workflow_definitions (id) ON DELETE CASCADE,
    step_id       varchar(255) NOT NULL,
    agent_id      uuid REFERENCES agents (id),
    next_step_id  varchar(255),
    input_mapping jsonb,
    step_order    integer,
    created_at    timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  CREATE TABLE IF NOT EXISTS workflow_runs (
    run_id                 varchar(255) PRIMARY KEY,
    workflow_id            varchar(255) NOT NULL,
    workflow_name          varchar(255) NOT NULL,
    workflow_definition_id varchar(255),
    status                 varchar(50) NOT NULL,
    input_data             jsonb,
    triggered_by           varchar(255),
    created_at             timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at             timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    completed_at           timestamp,
    cancelled_at           timestamp,
    cancelled_by           varchar(255),
    error_message          text
  );
  CREATE TABLE IF NOT EXISTS step_executions (
    id             varchar(255) PRIMARY KEY,
    run_id         varchar(255) NOT NULL REFERENCES workflow_runs (run_id),
    step_id        varchar(255) NOT NULL,
    step_name      varchar(255) NOT NULL,
    agent_name     varchar(255) NOT NULL,
    status         varchar(50) NOT NULL,
    input_data     jsonb NOT NULL,
    output_data    jsonb,
    started_at     timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    completed_at   timestamp,
    error_message  text,
    parent_step_id varchar(255),
    branch_name    varchar(255),
    join_policy    varchar(50)
  );
  CREATE TABLE IF NOT EXISTS audit_logs (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    entity_type varchar(50) NOT NULL,
    entity_id   uuid NOT NULL,
    action      varchar(50) NOT NULL,
    user_id     varchar(255),
    changes     jsonb,
    created_at  timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  CREATE TABLE IF NOT EXISTS ai_chat_sessions (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id          varchar(255),
    status           varchar(50) NOT NULL,
    created_at       timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at       timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at       timestamp NOT NULL,
    current_workflow json,
    workflow_history json,
    messages         json NOT NULL
  );

  FOREACH tbl IN ARRAY coalesce(missing, '{}') LOOP
    EXECUTE format('COMMENT ON TABLE %I IS %L', tbl, 'Made by Orrery.');
  END LOOP;
END $$;
