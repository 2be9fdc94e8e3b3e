//! Files as values, with the place of each value: what is wrong with a file is told with its line and column.

mod json;
mod located;
mod python;
mod yaml;

pub(crate) use json::json;
pub(crate) use located::{Located, Place, Unreadable, below};
pub(crate) use python::registry;
pub(crate) use yaml::{yaml, yaml_documents};
