//! The figures as a page for people: tables, what they mean, and how they compare with the aims.

mod aims;
mod parked;
mod section;
mod tables;
mod words;

pub(super) use section::Report;
