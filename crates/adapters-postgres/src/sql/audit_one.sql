INSERT INTO audit_logs (id, entity_type, entity_id, action, user_id, changes, created_at, updated_at, entity_key, entity_name,
                        credential, request_id, address, bulk_id)
VALUES ($1::uuid, $2::text, $3::uuid, $4::text, $5::text, ($6::text)::jsonb, $7::timestamptz AT TIME ZONE 'UTC',
        $7::timestamptz AT TIME ZONE 'UTC', $8::text, $9::text, $10::text, $11::text, $12::text, $13::uuid)
