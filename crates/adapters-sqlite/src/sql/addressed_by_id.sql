WITH addressed AS (SELECT id, head_id FROM workflow_definitions WHERE id = ?1)
