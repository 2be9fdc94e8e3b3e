DROP TRIGGER workflow_runs_note_new ON workflow_runs;
DROP TRIGGER workflow_runs_note_changed ON workflow_runs;
DROP FUNCTION note_new_runs(), note_changed_runs(), run_feed_end(), enter_run_feed(), last_feed_place();
DROP TABLE feed_marks, run_changes;
