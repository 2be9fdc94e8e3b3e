-- What a version changes against the one before, in its author's words.
ALTER TABLE workflow_definitions ADD COLUMN change_summary TEXT;
