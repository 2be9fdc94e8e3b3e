-- API keys. `workflows` and `agents` are JSON arrays of names, null for any; `networks` is one of networks, empty for any. Of the
-- secret only a keyed digest is here, and for a while after a rotation that of the secret before.
CREATE TABLE access_keys (
  key_id            BLOB PRIMARY KEY,
  name              TEXT NOT NULL,
  keyed_by          TEXT NOT NULL,
  digest            BLOB NOT NULL,
  previous_keyed_by TEXT,
  previous_digest   BLOB,
  previous_until    INTEGER,
  role              TEXT NOT NULL,
  workflows         TEXT,
  agents            TEXT,
  networks          TEXT NOT NULL,
  hides_payloads    INTEGER NOT NULL,
  expires_at        INTEGER,
  revoked_at        INTEGER,
  last_used_at      INTEGER,
  created_at        INTEGER NOT NULL,
  created_by        TEXT NOT NULL,
  revision          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX access_keys_name    ON access_keys (name) WHERE revoked_at IS NULL;
CREATE INDEX        access_keys_created ON access_keys (created_at, key_id);

-- People who log in. `password` is an argon2id hash; `epoch` fences the tokens of their log-ins.
CREATE TABLE access_users (
  user_id        BLOB PRIMARY KEY,
  name           TEXT NOT NULL UNIQUE,
  password       TEXT NOT NULL,
  role           TEXT NOT NULL,
  hides_payloads INTEGER NOT NULL,
  active         INTEGER NOT NULL,
  epoch          INTEGER NOT NULL,
  failed_logins  INTEGER NOT NULL,
  locked_until   INTEGER,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  revision       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Revoked tokens by revocation id, until they would have ended anyway.
CREATE TABLE access_revocations (
  revocation_id TEXT PRIMARY KEY,
  until         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_revocations_until ON access_revocations (until);
