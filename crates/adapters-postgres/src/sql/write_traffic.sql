-- What does not come back was not stored: somebody else has stored that version. Locked in one order; the lock brings the newest
-- version, and so does the update.
WITH n AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS n (agent_id, version, traffic)),
held AS MATERIALIZED (
  SELECT t.agent_id FROM agent_traffic t JOIN n ON n.agent_id = t.agent_id AND n.version = t.version + 1
  ORDER BY t.agent_id FOR NO KEY UPDATE OF t),
changed AS (
  UPDATE agent_traffic t SET version = n.version, traffic = n.traffic::jsonb
  FROM n JOIN held USING (agent_id)
  WHERE t.agent_id = n.agent_id AND t.version = n.version - 1
  RETURNING t.agent_id),
made AS (
  INSERT INTO agent_traffic (agent_id, version, traffic)
  SELECT agent_id, version, traffic::jsonb FROM n WHERE version = 1 ORDER BY agent_id
  ON CONFLICT DO NOTHING RETURNING agent_id)
SELECT agent_id FROM changed UNION ALL SELECT agent_id FROM made
