//! What an agent does with the token that came with a call: it looks at the task that it was given, reports what came of it,
//! and raises events for its run. The grant in the token says which call that is; nothing else can be named.

mod find_task;
mod report_task;

pub use find_task::{FindTask, Task, TaskError};
pub use report_task::{ReportTask, ReportTaskError, TaskReport};
