//! What a metric is: its name, kind, labels and meaning, declared once. From the declarations come the help texts of `/metrics`,
//! the reference for people, and the list of names that dashboards and alerts are checked against.
//!
//! Each crate that measures something declares its own; this crate knows none of them, and records nothing.

mod measure;
mod reference;

pub use measure::{Kind, Measure};
pub use reference::{as_json, as_markdown};
