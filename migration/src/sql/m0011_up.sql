-- API keys. `workflows` and `agents` are JSON arrays of names, null for any; `networks` is one of networks, empty for any. Of the
-- secret only a keyed digest is here, and for a while after a rotation that of the secret before.
CREATE TABLE access_keys (
  key_id            uuid PRIMARY KEY,
  name              varchar(100) COLLATE "C" NOT NULL,
  keyed_by          text NOT NULL,
  digest            bytea NOT NULL,
  previous_keyed_by text,
  previous_digest   bytea,
  previous_until    timestamptz,
  role              varchar(20) NOT NULL,
  workflows         jsonb,
  agents            jsonb,
  networks          jsonb NOT NULL,
  hides_payloads    boolean NOT NULL,
  expires_at        timestamptz,
  revoked_at        timestamptz,
  last_used_at      timestamptz,
  created_at        timestamptz NOT NULL,
  created_by        text NOT NULL,
  revision          bigint NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX access_keys_name ON access_keys (name) WHERE revoked_at IS NULL;
CREATE INDEX access_keys_created ON access_keys (created_at, key_id);

-- People who log in. `password` is an argon2id hash; `epoch` fences the tokens of their log-ins.
CREATE TABLE access_users (
  user_id        uuid PRIMARY KEY,
  name           varchar(100) COLLATE "C" NOT NULL,
  password       text NOT NULL,
  role           varchar(20) NOT NULL,
  hides_payloads boolean NOT NULL,
  active         boolean NOT NULL,
  epoch          bigint NOT NULL,
  failed_logins  integer NOT NULL,
  locked_until   timestamptz,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL,
  revision       bigint NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX access_users_name ON access_users (name);

-- Revoked tokens by revocation id, until they would have ended anyway.
CREATE TABLE access_revocations (
  revocation_id text COLLATE "C" PRIMARY KEY,
  until         timestamptz NOT NULL
);
CREATE INDEX access_revocations_until ON access_revocations (until);
