//! All integration tests, one binary.

mod layout;
mod rules;
