-- What agents take and what they give, as JSON Schemas; NULL where they do not say.
ALTER TABLE agents ADD COLUMN input_schema TEXT;
ALTER TABLE agents ADD COLUMN output_schema TEXT;
