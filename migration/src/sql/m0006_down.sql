ALTER TABLE fleet DROP COLUMN requests;
