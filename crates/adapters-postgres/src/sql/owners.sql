-- Walks from one owner to the next, because there are few of them and each may own many runs.
WITH RECURSIVE owners AS (
  (SELECT owner FROM run_heads WHERE owner IS NOT NULL ORDER BY owner LIMIT 1)
  UNION ALL
  SELECT (SELECT h.owner FROM run_heads h WHERE h.owner > owners.owner ORDER BY h.owner LIMIT 1)
  FROM owners WHERE owners.owner IS NOT NULL
)
SELECT owner FROM owners WHERE owner IS NOT NULL
