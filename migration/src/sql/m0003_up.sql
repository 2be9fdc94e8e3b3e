-- What others tell the owner of a run; an entry goes with the commit that has taken it into account, or with the run's end.
CREATE TABLE run_inbox (
  run_id varchar(255) NOT NULL,
  id     bigint GENERATED ALWAYS AS IDENTITY,
  dedupe varchar(200) NOT NULL,
  body   jsonb NOT NULL,
  at     timestamptz NOT NULL,
  PRIMARY KEY (run_id, id),
  UNIQUE (run_id, dedupe)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

ALTER TABLE workflow_runs ADD COLUMN paused boolean NOT NULL DEFAULT false;
