//! All integration tests, one binary.

mod cli;
mod evidence;
mod flags;
mod layout;
mod oracle;
mod policy;
mod postgres_reader;
mod projects;
mod readme;
mod rehearse;
mod release;
mod repo;
mod reports;
mod rules;
mod scratch;
mod usage;
mod way;
