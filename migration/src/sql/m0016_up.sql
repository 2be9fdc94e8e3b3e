-- Who elsewhere is told what becomes of runs. Secrets are sealed; null in `disabled_why` is a webhook in use.
CREATE TABLE webhooks (
  webhook_id      uuid PRIMARY KEY,
  name            varchar(100) COLLATE "C" NOT NULL UNIQUE,
  url             varchar(512) NOT NULL,
  description     text,
  statuses        jsonb NOT NULL,
  workflows       jsonb NOT NULL,
  secret          text NOT NULL,
  previous_secret text,
  previous_until  timestamptz,
  disabled_why    varchar(20),
  disabled_at     timestamptz,
  since           timestamptz NOT NULL,
  failing_since   timestamptz,
  revision        bigint NOT NULL,
  created_at      timestamptz NOT NULL,
  created_by      varchar(255) NOT NULL,
  updated_at      timestamptz NOT NULL
);

-- One message to one webhook. `due_at` is when it is attempted next; that of an attempt under way lies behind its end.
CREATE TABLE webhook_deliveries (
  delivery_id   uuid PRIMARY KEY,
  webhook_id    uuid NOT NULL,
  place         bigint NOT NULL,
  run_id        varchar(255) NOT NULL,
  workflow_id   varchar(255) NOT NULL,
  workflow_name varchar(255) NOT NULL,
  status        varchar(20) NOT NULL,
  at            timestamptz NOT NULL,
  state         varchar(20) NOT NULL,
  attempts      integer NOT NULL,
  due_at        timestamptz,
  created_at    timestamptz NOT NULL,
  settled_at    timestamptz,
  log           jsonb NOT NULL
);
CREATE UNIQUE INDEX webhook_deliveries_place ON webhook_deliveries (webhook_id, place);
CREATE INDEX webhook_deliveries_at ON webhook_deliveries (webhook_id, at, delivery_id);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (webhook_id, state, at, delivery_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at, place) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (created_at);

-- What has happened before is nobody's news.
INSERT INTO feed_marks (name, place) SELECT 'webhooks', coalesce(max(place), 0) FROM run_changes;
