//! What a document must not use if the executor of the old system is to run it (contract 5 and 12a).
//!
//! Three degrees: what it would log and drop, so that the run stays PENDING for ever; what it would take and fail at,
//! whatever the agents answer; and what it does otherwise than Orrery does. The first two refuse a start.

mod accepted;
mod doubts;
mod readable;

pub use accepted::dropped_by_external;
pub use doubts::doubtful_for_external;
pub use readable::unfit_for_external;
