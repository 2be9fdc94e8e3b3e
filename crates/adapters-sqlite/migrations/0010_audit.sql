-- Who changed what. `place` rises with each row and is never given twice: the newest rows are never removed.
CREATE TABLE audit_logs (
  place       INTEGER PRIMARY KEY,
  id          BLOB NOT NULL,
  at          INTEGER NOT NULL,
  user_id     TEXT NOT NULL,
  credential  TEXT,
  request_id  TEXT,
  address     TEXT,
  action      TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  entity_id   BLOB NOT NULL,
  entity_key  TEXT NOT NULL,
  entity_name TEXT,
  changes     TEXT NOT NULL,
  bulk_id     BLOB
) STRICT;
CREATE INDEX audit_logs_created ON audit_logs (at);
CREATE INDEX audit_logs_entity  ON audit_logs (entity_id, at);
CREATE INDEX audit_logs_user    ON audit_logs (user_id, at);
-- Nearly all rows are starts of runs; whoever looks for anything else does not look through them.
CREATE INDEX audit_logs_rare    ON audit_logs (at) WHERE action <> 'execute';

-- The seals of rows that were sealed together. `places` are eight bytes for each row, `macs` thirty-two.
CREATE TABLE audit_blocks (
  number     INTEGER PRIMARY KEY,
  first_seal INTEGER NOT NULL,
  sealed_at  INTEGER NOT NULL,
  key_id     TEXT NOT NULL,
  places     BLOB NOT NULL,
  macs       BLOB NOT NULL
) STRICT;
CREATE INDEX audit_blocks_sealed ON audit_blocks (sealed_at);

-- Where the chain begins (`checkpoint`, once something was removed) and ends (`head`), signed.
CREATE TABLE audit_marks (
  kind      TEXT PRIMARY KEY,
  block     INTEGER NOT NULL,
  seals     INTEGER NOT NULL,
  mac       BLOB NOT NULL,
  at        INTEGER NOT NULL,
  key_id    TEXT NOT NULL,
  signature BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Up to which place rows are sealed, and when the head was noted last in the server's log.
CREATE TABLE audit_chain (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  settled  INTEGER NOT NULL,
  noted_at INTEGER
) STRICT;
INSERT INTO audit_chain (id, settled) VALUES (1, 0);
