UPDATE run_heads SET owner = NULL WHERE owner = $1 AND phase <> 0 RETURNING run_id::text, epoch
