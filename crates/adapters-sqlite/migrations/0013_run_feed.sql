-- Each change of a run's status. The last row is never removed, so places are never given again.
CREATE TABLE run_changes (
  place         INTEGER PRIMARY KEY,
  at            INTEGER NOT NULL,
  run_id        TEXT NOT NULL,
  workflow_id   BLOB NOT NULL,
  workflow_name TEXT NOT NULL,
  status        TEXT NOT NULL
) STRICT;

-- How far somebody has come; `forgotten`: all up to there may have been removed.
CREATE TABLE feed_marks (
  name  TEXT PRIMARY KEY,
  place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO feed_marks (name, place) VALUES ('forgotten', 0);

CREATE TRIGGER workflow_runs_note_new AFTER INSERT ON workflow_runs BEGIN
  INSERT INTO run_changes (at, run_id, workflow_id, workflow_name, status)
  VALUES (NEW.updated_at, NEW.run_id, NEW.workflow_id, NEW.workflow_name, NEW.status);
END;
CREATE TRIGGER workflow_runs_note_changed AFTER UPDATE OF status ON workflow_runs WHEN OLD.status <> NEW.status BEGIN
  INSERT INTO run_changes (at, run_id, workflow_id, workflow_name, status)
  VALUES (NEW.updated_at, NEW.run_id, NEW.workflow_id, NEW.workflow_name, NEW.status);
END;
