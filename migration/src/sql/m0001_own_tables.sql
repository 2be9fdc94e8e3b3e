-- Text and not jsonb: the hash is that of the text.
CREATE TABLE plans (
  hash     bytea PRIMARY KEY,
  document text NOT NULL
);

-- What decides about a commit or a claim; the only row that every commit changes. A step changes only `seq`, which no
-- index holds, so nearly every update is HOT if its page has room.
CREATE TABLE run_heads (
  run_id  varchar(255) PRIMARY KEY,
  seq     bigint NOT NULL,    -- the number of the last event
  epoch   bigint NOT NULL,
  owner   uuid,
  phase   smallint NOT NULL,  -- 0 live, 1 completed, 2 failed or cancelled
  wake_at timestamptz         -- when a run without owner wants one
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX run_heads_ready ON run_heads (wake_at, run_id COLLATE "C")
  WHERE owner IS NULL AND phase = 0 AND wake_at IS NOT NULL;
CREATE INDEX run_heads_owned ON run_heads (owner) WHERE owner IS NOT NULL;
CREATE INDEX run_heads_ended ON run_heads (owner) WHERE owner IS NOT NULL AND phase <> 0;

-- One row for each commit that has events; they are payload-free.
CREATE TABLE run_events (
  run_id    varchar(255) NOT NULL,
  first_seq bigint NOT NULL,
  commit_id uuid NOT NULL,
  at        timestamptz NOT NULL,
  events    jsonb NOT NULL,
  PRIMARY KEY (run_id, first_seq)
);
