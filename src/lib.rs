//! holdshort: one change in, CLEARED or HOLD out, with the evidence for it.

pub mod change;
pub mod detect;
pub mod error;
pub mod finding;
pub mod read;
pub mod rule;
pub mod schema;
pub mod settings;
pub mod source;
pub mod usage;
