//! The audit log: read, and verified.

mod list_audit_log;
mod verify_audit;

pub use list_audit_log::ListAuditLog;
pub use verify_audit::{Expectations, Verified, VerifyAudit};
