//! Use cases of schedules: what people do with them, and what is done when they tick.

mod change_state;
mod content;
mod create_schedule;
mod delete_schedule;
mod fire_schedule;
mod get_schedule;
mod list_schedules;
mod list_ticks;
mod preview_schedule;
mod trigger_schedule;
mod update_schedule;

pub use change_state::{ChangeScheduleState, ChangeScheduleStateError};
pub use content::{RefusedSchedule, ScheduleContent, ScheduleMistake};
pub use create_schedule::{CreateSchedule, CreateScheduleError, NewSchedule};
pub use delete_schedule::{DeleteSchedule, DeleteScheduleError};
pub use fire_schedule::{FireSchedule, Fired};
pub use get_schedule::{GetSchedule, GetScheduleError, ScheduleDetails};
pub use list_schedules::ListSchedules;
pub use list_ticks::ListTicks;
pub use preview_schedule::{Preview, PreviewSchedule, PreviewScheduleError};
pub use trigger_schedule::{TriggerSchedule, TriggerScheduleError};
pub use update_schedule::{ScheduleChanges, UpdateSchedule, UpdateScheduleError};
