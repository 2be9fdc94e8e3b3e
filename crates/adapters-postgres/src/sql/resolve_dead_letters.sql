DELETE FROM dlq_entries d USING unnest($1::uuid[]) AS c (dlq_id) WHERE d.dlq_id = c.dlq_id
