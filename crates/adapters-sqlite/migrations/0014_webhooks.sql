-- Who elsewhere is told what becomes of runs. Secrets are sealed; null in `disabled_why` is a webhook in use.
CREATE TABLE webhooks (
  webhook_id      BLOB PRIMARY KEY,
  name            TEXT NOT NULL UNIQUE,
  url             TEXT NOT NULL,
  description     TEXT,
  statuses        TEXT NOT NULL,
  workflows       TEXT NOT NULL,
  secret          TEXT NOT NULL,
  previous_secret TEXT,
  previous_until  INTEGER,
  disabled_why    TEXT,
  disabled_at     INTEGER,
  since           INTEGER NOT NULL,
  failing_since   INTEGER,
  revision        INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  created_by      TEXT NOT NULL,
  updated_at      INTEGER NOT NULL
) STRICT;

-- One message to one webhook. `due_at` is when it is attempted next; that of an attempt under way lies behind its end.
CREATE TABLE webhook_deliveries (
  delivery_id   BLOB PRIMARY KEY,
  webhook_id    BLOB NOT NULL,
  place         INTEGER NOT NULL,
  run_id        TEXT NOT NULL,
  workflow_id   TEXT NOT NULL,
  workflow_name TEXT NOT NULL,
  status        TEXT NOT NULL,
  at            INTEGER NOT NULL,
  state         TEXT NOT NULL,
  attempts      INTEGER NOT NULL,
  due_at        INTEGER,
  created_at    INTEGER NOT NULL,
  settled_at    INTEGER,
  log           TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX webhook_deliveries_place ON webhook_deliveries (webhook_id, place);
CREATE INDEX webhook_deliveries_at ON webhook_deliveries (webhook_id, at, delivery_id);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (webhook_id, state, at, delivery_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at, place) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (created_at);

-- What has happened before is nobody's news.
INSERT INTO feed_marks (name, place) SELECT 'webhooks', coalesce(max(place), 0) FROM run_changes;
