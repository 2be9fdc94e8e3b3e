//! Rehearsals of workflows over the memory store: what each step type gives, and what mocks mean.

mod golden;
mod mocks;
mod theatre;
