INSERT INTO idempotency_keys AS k (owner, key, fingerprint, first, at, attempt, until)
VALUES ($1, $2, $3, $4, $5, $4, $6)
ON CONFLICT (owner, key) DO UPDATE
SET attempt = excluded.attempt, until = excluded.until, fingerprint = excluded.fingerprint, answer = NULL,
    first = CASE WHEN k.at < $7 THEN excluded.first ELSE k.first END,
    at = CASE WHEN k.at < $7 THEN excluded.at ELSE k.at END
WHERE k.at < $7 OR (k.answer IS NULL AND k.until <= $5 AND k.fingerprint = excluded.fingerprint)
RETURNING first, at
