-- Members in the same snapshot: who is named in a record had joined before it was written.
SELECT agent_id, version, traffic::text, ARRAY(SELECT id FROM fleet)
FROM agent_traffic WHERE agent_id = ANY($1)
