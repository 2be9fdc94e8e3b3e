ALTER TABLE agents DROP COLUMN retry_strategy;
