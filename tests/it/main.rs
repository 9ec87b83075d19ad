//! All integration tests, one binary.

mod flags;
mod layout;
mod postgres_reader;
mod rules;
mod usage;
