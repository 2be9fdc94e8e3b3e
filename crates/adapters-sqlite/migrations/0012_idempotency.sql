-- Keys of requests that may be sent again. `first` and `at` are of the first attempt, `attempt` and `until` of the last one.
CREATE TABLE idempotency_keys (
  owner       TEXT NOT NULL,
  key         TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  first       BLOB NOT NULL,
  at          INTEGER NOT NULL,
  attempt     BLOB NOT NULL,
  until       INTEGER NOT NULL,
  answer      TEXT,
  PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_at ON idempotency_keys (at);

-- What has an entry was done, and is not done twice under it.
CREATE UNIQUE INDEX audit_logs_id ON audit_logs (id);

-- When a run may begin that was started for later.
ALTER TABLE workflow_runs ADD COLUMN starts_at INTEGER;
