ALTER TABLE agents DROP COLUMN input_schema, DROP COLUMN output_schema;
