//! The store over a real PostgreSQL, in one program, so that all its tests share a server and a template.

mod adoption;
mod cluster;
mod contracts;
mod differential;
mod faults;
mod lists;
mod opening;
mod stores;
