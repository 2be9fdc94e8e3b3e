-- Steps that have failed for good. `run_id` is the run that failed first, `last_run_id` the one that failed last: what follows
-- it up to `failure_reason` is about that failure. Runs are never waited for here, so there are no foreign keys.
CREATE TABLE dlq_entries (
  dlq_id           uuid PRIMARY KEY,
  run_id           varchar(255) NOT NULL,
  workflow_id      varchar(255) NOT NULL,
  workflow_name    varchar(255) NOT NULL,
  workflow_version integer,
  last_run_id      varchar(255) NOT NULL,
  step_id          varchar(255) NOT NULL,
  path             varchar(1024) NOT NULL,
  agent_name       varchar(255) NOT NULL,
  execution        bigint NOT NULL,
  generation       integer NOT NULL,
  round            integer NOT NULL,
  attempts         integer NOT NULL,
  failure_reason   text NOT NULL,
  first_failed_at  timestamptz NOT NULL,
  last_failed_at   timestamptz NOT NULL,
  failure_count    integer NOT NULL,
  status           varchar(20) NOT NULL,
  replayed_run_id  varchar(255),
  replayed_at      timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX dlq_entries_failed ON dlq_entries (last_failed_at, dlq_id);
CREATE INDEX dlq_entries_status ON dlq_entries (status, last_failed_at, dlq_id);
CREATE INDEX dlq_entries_workflow ON dlq_entries (workflow_id, last_failed_at, dlq_id);
CREATE INDEX dlq_entries_agent ON dlq_entries (agent_name, last_failed_at, dlq_id);
CREATE INDEX dlq_entries_run ON dlq_entries (run_id, last_failed_at, dlq_id);
