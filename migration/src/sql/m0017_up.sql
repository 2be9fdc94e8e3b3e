-- Schedules. `input` is canonical JSON text; `missed_limit` says how many missed ticks are made up for. `next_at` is null where
-- it does not tick; `queued_tick` waits for the end of the run before.
CREATE TABLE schedules (
  schedule_id   uuid PRIMARY KEY,
  name          varchar(100) COLLATE "C" NOT NULL,
  workflow_id   uuid NOT NULL,
  version       integer,
  cron          text NOT NULL,
  time_zone     text NOT NULL,
  starts_at     timestamptz,
  ends_at       timestamptz,
  input         text NOT NULL,
  overlap       varchar(20) NOT NULL,
  missed        varchar(10) NOT NULL,
  missed_limit  integer NOT NULL,
  grace_seconds bigint NOT NULL,
  state         varchar(10) NOT NULL,
  next_at       timestamptz,
  queued_tick   uuid,
  last_tick     uuid,
  last_tick_at  timestamptz,
  last_started  uuid,
  revision      bigint NOT NULL,
  created_at    timestamptz NOT NULL,
  created_by    text NOT NULL,
  updated_at    timestamptz NOT NULL,
  updated_by    text NOT NULL
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX schedules_name ON schedules (name);
CREATE INDEX schedules_workflow ON schedules (workflow_id);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_queued ON schedules (schedule_id) WHERE queued_tick IS NOT NULL;

-- Ticks: what was decided at a time of a schedule, and what became of it. The run of a tick is `run-` and the tick's id. A row may
-- stand for several ticks in a row that were missed.
CREATE TABLE schedule_ticks (
  tick_id     uuid PRIMARY KEY,
  schedule_id uuid NOT NULL REFERENCES schedules ON DELETE CASCADE,
  tick_at     timestamptz NOT NULL,
  tick_until  timestamptz NOT NULL,
  ticks       integer NOT NULL,
  manual      boolean NOT NULL,
  status      varchar(10) NOT NULL,
  reason      varchar(20),
  message     text,
  cancels     varchar(255),
  decided_at  timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX schedule_ticks_of ON schedule_ticks (schedule_id, tick_at, tick_id);
CREATE INDEX schedule_ticks_starting ON schedule_ticks (decided_at) WHERE status = 'starting';
CREATE INDEX schedule_ticks_decided ON schedule_ticks (decided_at);
