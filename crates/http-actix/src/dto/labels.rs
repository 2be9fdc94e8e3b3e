//! Labels of runs: as an object in bodies and answers, as a list in queries. Everything that must hold stands in the schemas.

use std::{borrow::Cow, collections::BTreeMap};

use domain::runs::{InvalidLabels, Labels, MAX_LABELS};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

const NAME: &str = "[A-Za-z0-9._/-]{1,63}";
const VALUE: &str = r"[^,\x00-\x1f\x7f-\x9f]{0,128}";

/// Labels as an object.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct LabelsBody(BTreeMap<String, String>);

impl LabelsBody {
    pub(crate) fn labels(self) -> Result<Labels, InvalidLabels> {
        Labels::parse(self.0)
    }
}

impl From<Labels> for LabelsBody {
    fn from(labels: Labels) -> Self {
        Self(labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl JsonSchema for LabelsBody {
    fn schema_name() -> Cow<'static, str> {
        "Labels".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "maxProperties": MAX_LABELS,
            "propertyNames": {"type": "string", "pattern": format!("^{NAME}$")},
            "additionalProperties": {"type": "string", "pattern": format!("^{VALUE}$")},
            "examples": [json!({"team": "blue", "env": "prod"})],
        })
    }
}

/// One label of a query: `team:blue`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct LabelItem(String);

impl JsonSchema for LabelItem {
    fn schema_name() -> Cow<'static, str> {
        "Label".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": format!("^{NAME}:{VALUE}$"), "examples": ["team:blue"]})
    }
}

/// The labels of a query.
pub(crate) fn wanted(items: &[LabelItem]) -> Result<Labels, InvalidLabels> {
    // No name has a colon, so the first one ends it.
    let pairs = items.iter().filter_map(|LabelItem(text)| text.split_once(':'));
    Labels::parse(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}
