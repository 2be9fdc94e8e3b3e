//! The real schemas, each compiled once: generated documents name a handful of them thousands of times.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use adapters_schema::JsonSchemas;
use domain::ports::{InvalidSchema, Schema, Schemas};
use serde_json::Value;

static COMPILED: LazyLock<Mutex<HashMap<String, Arc<dyn Schema>>>> = LazyLock::new(Mutex::default);

pub(crate) struct KnownSchemas;

impl Schemas for KnownSchemas {
    fn compile(&self, schema: &Value) -> Result<Arc<dyn Schema>, InvalidSchema> {
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        let text = schema.to_string();
        if let Some(known) = compiled.get(&text) {
            return Ok(Arc::clone(known));
        }
        let new = JsonSchemas.compile(schema)?;
        compiled.insert(text, Arc::clone(&new));
        Ok(new)
    }
}
