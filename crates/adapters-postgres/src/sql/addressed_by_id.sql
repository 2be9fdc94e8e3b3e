-- A row that the old system has made since its tables were adopted belongs to no chain; it is its own head.
WITH addressed AS (SELECT id, coalesce(head_id, id) AS head_id FROM workflow_definitions WHERE id = $1)
