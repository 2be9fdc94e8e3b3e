-- Keys of requests that may be sent again. `first` and `at` are of the first attempt, `attempt` and `until` of the last one.
CREATE TABLE idempotency_keys (
  owner       text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  fingerprint bytea NOT NULL,
  first       uuid NOT NULL,
  at          timestamptz NOT NULL,
  attempt     uuid NOT NULL,
  until       timestamptz NOT NULL,
  answer      text,
  PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_keys_at ON idempotency_keys (at);

-- When a run may begin that was started for later.
ALTER TABLE workflow_runs ADD COLUMN starts_at timestamptz;
