UPDATE webhook_deliveries SET state = 'pending', attempts = 0, due_at = $2, settled_at = NULL WHERE delivery_id = $1
