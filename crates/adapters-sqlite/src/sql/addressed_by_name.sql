WITH addressed AS (SELECT id, head_id FROM workflow_definitions WHERE name = ?1 AND id = head_id ORDER BY version DESC LIMIT 1)
