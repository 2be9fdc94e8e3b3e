//! The check of the schemas that an agent is registered or changed with.

use domain::{
    agents::AgentSchemas,
    ports::{InvalidSchema, Schemas},
};

/// What an agent declares and what is no schema; never empty.
#[derive(Debug)]
pub struct InvalidSchemas(pub Vec<(&'static str, InvalidSchema)>);

impl InvalidSchemas {
    /// All of it in one sentence.
    pub(super) fn sentence(&self) -> String {
        let told = self.0.iter().map(|(member, invalid)| format!("{member} is no JSON Schema: {invalid}"));
        told.collect::<Vec<_>>().join("; ")
    }
}

/// Compiles both, and says of each that does not compile why.
pub(super) fn check(schemas: &dyn Schemas, declared: &AgentSchemas) -> Result<(), InvalidSchemas> {
    let both = [("input_schema", &declared.input), ("output_schema", &declared.output)];
    let invalid = both.into_iter().filter_map(|(member, schema)| {
        let refused = schemas.compile(schema.as_ref()?).err()?;
        Some((member, refused))
    });
    let invalid: Vec<_> = invalid.collect();
    if invalid.is_empty() { Ok(()) } else { Err(InvalidSchemas(invalid)) }
}
