-- The translation of ExecutableVersion::choose. Three look-ups by id where the newest version is active, as it nearly always
-- is; only without it the chain is searched, from its newest end.
SELECT chosen.id, head.id, chosen.name, chosen.version, chosen.plan_hash, chosen.status, head.status
FROM addressed
JOIN workflow_definitions head ON head.id = addressed.head_id
JOIN workflow_definitions chosen ON chosen.id = CASE
    WHEN head.version = $2::int THEN head.id
    WHEN $2 IS NOT NULL THEN (SELECT other.id FROM workflow_definitions other WHERE other.head_id = head.id AND other.version = $2)
    WHEN addressed.id <> head.id THEN addressed.id
    WHEN head.status = 'active' THEN head.id
    ELSE coalesce(
      (SELECT other.id FROM workflow_definitions other WHERE other.head_id = head.id AND other.status = 'active' ORDER BY other.version DESC LIMIT 1),
      (SELECT other.id FROM workflow_definitions other WHERE other.head_id = head.id AND other.status = 'deprecated' ORDER BY other.version DESC LIMIT 1),
      head.id)
  END
