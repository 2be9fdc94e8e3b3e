-- What agents take and what they give, as JSON Schemas; null where they do not say. The old system never looks at them.
ALTER TABLE agents ADD COLUMN input_schema jsonb, ADD COLUMN output_schema jsonb;
