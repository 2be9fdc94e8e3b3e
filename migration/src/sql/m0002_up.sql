-- The processes that are alive. A beat changes no indexed column, so it is HOT.
CREATE TABLE fleet (
  id        uuid PRIMARY KEY,
  executes  boolean NOT NULL,
  relays    boolean NOT NULL,
  beat      bigint NOT NULL DEFAULT 0,
  beat_at   timestamptz NOT NULL DEFAULT clock_timestamp(),  -- for people; nothing is decided by it
  joined_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- Messages to others, deleted when they are delivered. A queue's statistics are always wrong: it is vacuumed by what has
-- gone through it and not by its size.
CREATE TABLE outbox (
  id      bigint GENERATED ALWAYS AS IDENTITY,
  shard   smallint NOT NULL,
  kind    text NOT NULL,
  key     text NOT NULL,
  payload text NOT NULL,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (shard, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_scale_factor = 0,
        autovacuum_vacuum_insert_threshold = 20000, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0,
        autovacuum_analyze_threshold = 5000);

-- Who relays which part of the outbox; the last one is the external executor.
CREATE TABLE relay_shards (
  shard smallint PRIMARY KEY,
  owner uuid,
  epoch bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO relay_shards (shard) SELECT generate_series(0, 16);

-- What the external executor is to be told. A row goes when there is nothing more to be sent.
CREATE TABLE external_requests (
  run_id     varchar(255) PRIMARY KEY,
  wants      varchar(10) NOT NULL,             -- 'start' or 'cancel'
  wanted_at  timestamptz NOT NULL,
  wanted_by  varchar(255),
  reason     text,
  plan_hash  bytea,                            -- what a start executes; or, where no plan is kept of it,
  document   text,                             -- the document itself
  due_at     timestamptz NOT NULL,             -- when it is to be sent, or to be looked at again
  sent_at    timestamptz,                      -- marked before it is sent
  told_at    timestamptz,                      -- when the bus had taken it
  times_sent integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX external_requests_due ON external_requests (due_at, run_id);

-- Cancellations of runs that have not arrived yet.
CREATE TABLE early_cancellations (
  run_id       varchar(255) PRIMARY KEY,
  commit_id    uuid NOT NULL,
  cancelled_by varchar(255) NOT NULL,
  reason       text,
  at           timestamptz NOT NULL
);

-- Those of the old executor that are under way, for whoever looks for silent ones; our own are never in it.
CREATE INDEX workflow_runs_external ON workflow_runs (updated_at)
  WHERE status = 'RUNNING' AND engine IS DISTINCT FROM 'orrery';

-- The old executor writes its status whatever is there (contract D-5). The old row instead of nothing: an update that
-- changes no row makes it fail.
CREATE FUNCTION keep_cancelled() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
CREATE TRIGGER workflow_runs_keep_cancelled BEFORE UPDATE ON workflow_runs FOR EACH ROW
  WHEN (OLD.status = 'CANCELLED' AND NEW.status NOT IN ('CANCELLED', 'PENDING'))
  EXECUTE FUNCTION keep_cancelled();
