//! All integration tests, one binary.

mod layout;
mod postgres_reader;
mod rules;
mod usage;
