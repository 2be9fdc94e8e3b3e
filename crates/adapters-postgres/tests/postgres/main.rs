//! The store over a real PostgreSQL, in one program, so that all its tests share a server and a template.

mod adoption;
mod audit;
mod checkup;
mod contracts;
mod differential;
mod explain;
mod external;
mod faults;
mod feed;
mod list_plans;
mod lists;
mod opening;
mod processes;
mod python;
mod secrets;
mod stores;
mod taking_over;
