//! The files of the repository, and the program's own lists.

use std::path::{Path, PathBuf};

use e2e_tests::orrery_command;
use serde_json::Value;

/// Where a file of the repository is.
pub(crate) fn path(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace");
    root.join(name)
}

/// Its text.
pub(crate) fn text(name: &str) -> String {
    let read = std::fs::read_to_string(path(name));
    read.unwrap_or_else(|error| panic!("{name} cannot be read: {error}"))
}

/// A file of JSON.
pub(crate) fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("{name} is not JSON: {error}"))
}

/// A file of YAML, as JSON.
pub(crate) fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap_or_else(|error| panic!("{name} is not YAML: {error}"))
}

/// What the program prints for some arguments.
pub(crate) fn printed(arguments: &[&str]) -> String {
    let output = orrery_command().args(arguments).output().expect("the binary runs");
    assert!(output.status.success(), "orrery {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// The strings of a JSON array.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
