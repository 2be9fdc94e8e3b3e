//! Use cases of access: who is calling, and the keys, people and tokens behind that.

mod session;

pub use session::{Proof, Session};
