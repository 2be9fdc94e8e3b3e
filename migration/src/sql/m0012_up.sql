-- Rows of the old system stay as they are and get their places in the order in which they lie; what it writes from now on gets
-- the next ones. `entity_id` stays the UUID, that of a run without its `run-`; `entity_key` is the id as the API spells it,
-- where that does not follow from it.
ALTER TABLE audit_logs
  ADD COLUMN place       bigserial,
  ADD COLUMN entity_key  varchar(255),
  ADD COLUMN entity_name varchar(255),
  ADD COLUMN credential  varchar(255),
  ADD COLUMN request_id  varchar(255),
  ADD COLUMN address     varchar(64),
  ADD COLUMN bulk_id     uuid;

DROP INDEX audit_logs_entity, audit_logs_created;
CREATE UNIQUE INDEX audit_logs_place ON audit_logs (place);
CREATE INDEX audit_logs_created ON audit_logs (created_at, place);
CREATE INDEX audit_logs_entity ON audit_logs (entity_id);
-- By its bytes: comparing in the order of a language costs more than all the other indexes together.
CREATE INDEX audit_logs_user ON audit_logs (user_id COLLATE "C", created_at, place);
-- Nearly all rows are starts of runs; whoever looks for anything else does not look through them.
CREATE INDEX audit_logs_rare ON audit_logs (created_at, place) WHERE action <> 'execute';

-- The seals of rows that were sealed together: their places, and thirty-two bytes for each.
CREATE TABLE audit_blocks (
  number     bigint PRIMARY KEY,
  first_seal bigint NOT NULL,
  sealed_at  timestamptz NOT NULL,
  key_id     text NOT NULL,
  places     bigint[] NOT NULL,
  macs       bytea NOT NULL
);
-- Random bytes cannot be compressed.
ALTER TABLE audit_blocks ALTER COLUMN macs SET STORAGE EXTERNAL;
CREATE INDEX audit_blocks_sealed ON audit_blocks (sealed_at);

-- Where the chain begins (`checkpoint`, once something was removed) and ends (`head`), signed.
CREATE TABLE audit_marks (
  kind      text PRIMARY KEY,
  block     bigint NOT NULL,
  seals     bigint NOT NULL,
  mac       bytea NOT NULL,
  at        timestamptz NOT NULL,
  key_id    text NOT NULL,
  signature bytea NOT NULL
);

-- One row, which whoever seals keeps locked. All rows up to `settled` are sealed but for those in `open`: ranges of places whose
-- transactions were not over, with the transaction after all that may have them, and when they were found.
CREATE TABLE audit_chain (
  id       smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  settled  bigint NOT NULL DEFAULT 0,
  open     jsonb NOT NULL DEFAULT '[]',
  noted_at timestamptz
);
INSERT INTO audit_chain DEFAULT VALUES;
