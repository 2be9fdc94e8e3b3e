//! What lies in `deploy/` fits the program: its dashboard and alerts name what is measured, its files name settings that exist.
//! The reference of metrics fits what a server tells. None of it needs Docker, Grafana or Prometheus.

mod alerts;
mod dashboard;
mod exposition;
mod measured;
mod promql;
mod repository;
mod settings;
