DROP TABLE audit_blocks, audit_marks, audit_chain;
DROP INDEX audit_logs_place, audit_logs_created, audit_logs_entity, audit_logs_user, audit_logs_rare;
CREATE INDEX audit_logs_entity ON audit_logs (entity_type, entity_id, created_at);
CREATE INDEX audit_logs_created ON audit_logs (created_at);
ALTER TABLE audit_logs
  DROP COLUMN place, DROP COLUMN entity_key, DROP COLUMN entity_name, DROP COLUMN credential, DROP COLUMN request_id,
  DROP COLUMN address, DROP COLUMN bulk_id;
