INSERT INTO audit_logs (id, entity_type, entity_id, action, user_id, changes, created_at, updated_at, entity_key, entity_name,
                        credential, request_id, address, bulk_id)
SELECT c.id, c.entity_type, c.entity_id, c.action, c.user_id, c.changes::jsonb, c.at AT TIME ZONE 'UTC', c.at AT TIME ZONE 'UTC',
       c.entity_key, c.entity_name, c.credential, c.request_id, c.address, c.bulk_id
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::text[], $13::uuid[])
  AS c (id, entity_type, entity_id, action, user_id, changes, at, entity_key, entity_name, credential, request_id, address,
        bulk_id)
