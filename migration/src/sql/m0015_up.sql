-- Each change of a run's status, whoever made it: triggers see the old system's too. A place is given when a row is written and is
-- visible when its transaction is over, so rows become visible in another order than that of their places; `run_feed_end` says up
-- to which place all of them are. The places MUST be given one by one: the sequence has no cache.
CREATE TABLE run_changes (
  place         bigserial PRIMARY KEY,
  at            timestamptz NOT NULL,
  run_id        varchar(255) NOT NULL,
  workflow_id   varchar(255) NOT NULL,
  workflow_name varchar(255) NOT NULL,
  status        varchar(50) NOT NULL
);

-- How far somebody has come; `forgotten`: all up to there may have been removed.
CREATE TABLE feed_marks (
  name  varchar(50) PRIMARY KEY,
  place bigint NOT NULL DEFAULT 0
);
INSERT INTO feed_marks (name) VALUES ('forgotten');

-- The last place that was given. What is written there is not rolled back, and seen at once.
CREATE FUNCTION last_feed_place() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM run_changes_place_seq
$$;

-- Before a transaction takes its first place, it says after which its places will lie: by a lock that nobody waits for, and that
-- goes when the transaction is over, however it ends. Its number is the lower half of the place; 1717921124 is "feed" in ASCII.
CREATE FUNCTION enter_run_feed() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  -- Once in a transaction; a savepoint that is rolled back takes back both the lock and the note of it.
  IF coalesce(current_setting('orrery.in_feed', true), '') = '' THEN
    PERFORM pg_advisory_xact_lock_shared(1717921124, last_feed_place()::bit(32)::int);
    PERFORM set_config('orrery.in_feed', 'yes', true);
  END IF;
END $$;

-- All rows up to this place are visible to whoever looks from now on, or will never be. What is given out is read before the locks
-- are: of who has a place up to there, the lock is seen, or all is over.
CREATE FUNCTION run_feed_end() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  given bigint := last_feed_place();
  held  bigint;
BEGIN
  -- How far behind a lock is: it knows only half of its number, and may be a little ahead of what was read before.
  SELECT max((((given - objid::bigint) & 4294967295) + 2147483648) % 4294967296 - 2147483648) INTO held
  FROM pg_locks
  WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = 1717921124 AND objsubid = 2;
  RETURN least(given, given - held);
END $$;

CREATE FUNCTION note_new_runs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM new_rows) THEN
    PERFORM enter_run_feed();
    INSERT INTO run_changes (at, run_id, workflow_id, workflow_name, status)
    SELECT updated_at AT TIME ZONE 'UTC', run_id, workflow_id, workflow_name, status FROM new_rows;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION note_changed_runs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM new_rows) THEN
    PERFORM enter_run_feed();
    -- No join: on the connections for commits it would go through all rows for each row.
    INSERT INTO run_changes (at, run_id, workflow_id, workflow_name, status)
    SELECT updated_at AT TIME ZONE 'UTC', run_id, workflow_id, workflow_name, status FROM new_rows
    WHERE (run_id, status) NOT IN (SELECT run_id, status FROM old_rows);
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER workflow_runs_note_new AFTER INSERT ON workflow_runs REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION note_new_runs();
CREATE TRIGGER workflow_runs_note_changed AFTER UPDATE ON workflow_runs
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION note_changed_runs();
