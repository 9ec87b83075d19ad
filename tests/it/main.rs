//! All integration tests, one binary.

mod cli;
mod flags;
mod layout;
mod oracle;
mod pipelines;
mod postgres_reader;
mod projects;
mod readme;
mod rules;
mod usage;
