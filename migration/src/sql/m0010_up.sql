-- What follows a failed call of an agent; null where its retry_config counts. The old system never looks at it.
ALTER TABLE agents ADD COLUMN retry_strategy jsonb;
