-- A database as the old system leaves it at revision 002_ai_chat_sessions (contract 4), with a few rows of each kind.
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('002_ai_chat_sessions');

CREATE TABLE agents (
  id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, name varchar(255) NOT NULL UNIQUE, url varchar(512) NOT NULL,
  description text, auth_type varchar(50), auth_config jsonb, timeout_ms integer DEFAULT 30000 NOT NULL, retry_config jsonb,
  status varchar(50) DEFAULT 'active' NOT NULL, created_by varchar(255), updated_by varchar(255),
  created_at timestamp without time zone DEFAULT now() NOT NULL,
  updated_at timestamp without time zone DEFAULT now() NOT NULL
);
CREATE INDEX idx_agent_name ON agents (name);
CREATE UNIQUE INDEX ix_agents_name ON agents (name);
CREATE INDEX idx_agent_status ON agents (status);
CREATE INDEX ix_agents_status ON agents (status);

CREATE TABLE workflow_definitions (
  id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, name varchar(255) NOT NULL, description text,
  version integer DEFAULT 1 NOT NULL, workflow_data jsonb NOT NULL, status varchar(50) DEFAULT 'active' NOT NULL,
  created_by varchar(255), updated_by varchar(255),
  created_at timestamp without time zone DEFAULT now() NOT NULL,
  updated_at timestamp without time zone DEFAULT now() NOT NULL
);
CREATE UNIQUE INDEX idx_workflow_name_version ON workflow_definitions (name, version);
CREATE INDEX ix_workflow_definitions_name ON workflow_definitions (name);
CREATE INDEX idx_workflow_name ON workflow_definitions (name);
CREATE INDEX ix_workflow_definitions_version ON workflow_definitions (version);

CREATE TABLE workflow_steps (
  id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY,
  workflow_id uuid NOT NULL REFERENCES workflow_definitions (id) ON DELETE CASCADE, step_id varchar(255) NOT NULL,
  agent_id uuid REFERENCES agents (id), next_step_id varchar(255), input_mapping jsonb, step_order integer,
  created_at timestamp without time zone DEFAULT now() NOT NULL,
  updated_at timestamp without time zone DEFAULT now() NOT NULL, UNIQUE (workflow_id, step_id)
);

CREATE TABLE workflow_runs (
  run_id varchar(255) NOT NULL PRIMARY KEY, workflow_id varchar(255) NOT NULL, workflow_name varchar(255) NOT NULL,
  workflow_definition_id varchar(255), status varchar(50) NOT NULL, input_data jsonb, triggered_by varchar(255),
  created_at timestamp without time zone DEFAULT now() NOT NULL,
  updated_at timestamp without time zone DEFAULT now() NOT NULL, completed_at timestamp without time zone,
  cancelled_at timestamp without time zone, cancelled_by varchar(255), error_message text
);
CREATE INDEX idx_run_status ON workflow_runs (status);
CREATE INDEX idx_run_workflow_definition_id ON workflow_runs (workflow_definition_id);

CREATE TABLE step_executions (
  id varchar(255) NOT NULL PRIMARY KEY, run_id varchar(255) NOT NULL REFERENCES workflow_runs (run_id),
  step_id varchar(255) NOT NULL, step_name varchar(255) NOT NULL, agent_name varchar(255) NOT NULL,
  status varchar(50) NOT NULL, input_data jsonb NOT NULL, output_data jsonb,
  started_at timestamp without time zone DEFAULT now() NOT NULL, completed_at timestamp without time zone,
  error_message text, parent_step_id varchar(255), branch_name varchar(255), join_policy varchar(50)
);
CREATE INDEX idx_step_run_id ON step_executions (run_id);
CREATE INDEX idx_step_status ON step_executions (status);
CREATE INDEX idx_step_branch ON step_executions (run_id, parent_step_id, branch_name);

CREATE TABLE audit_logs (
  id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, entity_type varchar(50) NOT NULL, entity_id uuid NOT NULL,
  action varchar(50) NOT NULL, user_id varchar(255), changes jsonb,
  created_at timestamp without time zone DEFAULT now() NOT NULL,
  updated_at timestamp without time zone DEFAULT now() NOT NULL
);
CREATE INDEX idx_audit_entity ON audit_logs (entity_type, entity_id);
CREATE INDEX ix_audit_logs_entity_id ON audit_logs (entity_id);

CREATE TABLE ai_chat_sessions (
  id uuid NOT NULL PRIMARY KEY, user_id varchar(255), status varchar(50) NOT NULL,
  created_at timestamp without time zone NOT NULL, updated_at timestamp without time zone NOT NULL,
  expires_at timestamp without time zone NOT NULL, current_workflow json, workflow_history json, messages json NOT NULL
);
CREATE INDEX ix_ai_chat_sessions_user_id ON ai_chat_sessions (user_id);

INSERT INTO agents (id, name, url, auth_type, auth_config, retry_config, created_at, updated_at) VALUES
  ('00000000-0000-0000-0000-00000000000a', 'Fetcher', 'http://fetcher:8080/', 'none', 'null',
   '{"max_retries": 3, "initial_delay_ms": 1000, "max_delay_ms": 30000, "backoff_multiplier": 2.0}',
   '2025-06-15 15:06:40.5', '2025-06-15 15:06:40.5'),
  ('00000000-0000-0000-0000-00000000000b', 'Writer', 'http://writer:8080/a', 'apikey',
   '{"key": "k", "header_name": "X-Key"}', NULL, '2025-06-15 15:06:41', '2025-06-15 15:06:41');
INSERT INTO workflow_definitions (id, name, version, workflow_data, status) VALUES
  ('00000000-0000-0000-0000-000000000001', 'report', 1,
   '{"workflow_id": "wf-report-1", "name": "report", "version": "1", "start_step": "a", "steps":
     {"a": {"id": "a", "type": "agent", "agent_name": "Fetcher", "next_step": null, "input_mapping": {}}}}', 'inactive'),
  ('00000000-0000-0000-0000-000000000002', 'report', 2,
   '{"workflow_id": "wf-report-2", "name": "report", "version": "2", "start_step": "a", "steps":
     {"a": {"id": "a", "type": "agent", "agent_name": "Writer", "next_step": null, "input_mapping": {}}}}', 'active');
INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, workflow_definition_id, status, input_data, triggered_by,
                           created_at, updated_at, completed_at) VALUES
  ('run-old', '00000000-0000-0000-0000-000000000002', 'report', '00000000-0000-0000-0000-000000000002', 'COMPLETED',
   '{"b": 1, "a": [1.50]}', 'system', '2025-06-15 15:06:40', '2025-06-15 15:06:50', '2025-06-15 15:06:50'),
  ('test-1', 'wf-report-2', 'report', NULL, 'RUNNING', NULL, NULL, '2025-06-15 15:07:00', '2025-06-15 15:07:00', NULL);
INSERT INTO step_executions (id, run_id, step_id, step_name, agent_name, status, input_data, output_data, started_at,
                             completed_at) VALUES
  ('run-old-a-0123abcd', 'run-old', 'a', 'Writer', 'Writer', 'COMPLETED', '{}', '{"text": "x"}', '2025-06-15 15:06:41',
   '2025-06-15 15:06:50'),
  ('test-1-a-0123abcd', 'test-1', 'a', 'Writer', 'Writer', 'RUNNING', '{}', NULL, '2025-06-15 15:07:01', NULL);
INSERT INTO audit_logs (entity_type, entity_id, action, changes) VALUES
  ('agent', '00000000-0000-0000-0000-00000000000a', 'create', 'null');
INSERT INTO ai_chat_sessions VALUES
  ('00000000-0000-0000-0000-0000000000cc', NULL, 'active', '2025-06-15', '2025-06-15', '2025-06-16', NULL, NULL, '[]');
