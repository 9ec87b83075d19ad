//! All integration tests, one binary.

mod agreement;
mod ci;
mod cli;
mod cluster;
mod docs;
mod evidence;
mod flags;
mod hook;
mod layout;
mod oracle;
mod pipelines;
mod policy;
mod postgres_reader;
mod projects;
mod readme;
mod redflag;
mod rehearse;
mod release;
mod repo;
mod reports;
mod rollout;
mod rules;
mod scratch;
mod usage;
mod way;
