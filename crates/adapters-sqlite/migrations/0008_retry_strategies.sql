-- What follows a failed call of an agent, in more words than its retry_config; null where that counts.
ALTER TABLE agents ADD COLUMN retry_strategy TEXT;
