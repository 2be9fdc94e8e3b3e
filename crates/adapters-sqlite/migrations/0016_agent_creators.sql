-- Who registered an agent; null for those that were there before anybody was asked.
ALTER TABLE agents ADD COLUMN created_by TEXT;
