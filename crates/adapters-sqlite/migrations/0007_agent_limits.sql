-- How many calls an agent takes at once, and what becomes of calls that its circuit breaker does not let through.
ALTER TABLE agents ADD COLUMN max_concurrent_calls INTEGER;
ALTER TABLE agents ADD COLUMN breaker_on_open TEXT;
