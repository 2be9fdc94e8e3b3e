UPDATE access_keys AS k SET last_used_at = greatest(k.last_used_at, u.at)
FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)
WHERE k.key_id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)
