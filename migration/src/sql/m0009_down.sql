DROP TABLE agent_traffic;
ALTER TABLE agents DROP COLUMN max_concurrent_calls;
