-- How many calls an agent takes at once; NULL where there is no limit.
ALTER TABLE agents ADD COLUMN max_concurrent_calls integer;

-- What executors tell each other of the calls to an agent: its circuit breaker, and who holds how much of its limit. One row
-- for each agent with either that has been called, replaced about twice a second while it is, by whoever has read the
-- version before. Nothing but the key is indexed, so a change is HOT.
CREATE TABLE agent_traffic (
  agent_id uuid PRIMARY KEY REFERENCES agents (id) ON DELETE CASCADE,
  version  bigint NOT NULL,
  traffic  jsonb NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
