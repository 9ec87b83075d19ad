//! All integration tests, one binary.

mod agreement;
mod cli;
mod cluster;
mod flags;
mod layout;
mod oracle;
mod postgres_reader;
mod projects;
mod readme;
mod rules;
mod usage;
