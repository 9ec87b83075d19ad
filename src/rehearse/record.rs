//! The rehearsal record: an outcome in, an in-toto statement bound to the commit, its tree, the document and the migrations out.
//! `read/evidence/intoto.rs` reads it back.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Outcome, RehearseError, blob};
use crate::change::Revision;
use crate::detect::Inspection;
use crate::read::evidence::{REHEARSAL, STATEMENT};

/// Writes the record of a rehearsal. Only a commit can have one: uncommitted work has no id to bind to.
pub fn record(inspection: &Inspection, outcome: &Outcome, started: Timestamp, finished: Timestamp) -> Result<Value, RehearseError> {
    let Revision::Commit { id, tree, .. } = &inspection.change.head else {
        return Err(no_commit());
    };
    let base = match &inspection.change.base {
        Revision::Commit { id, .. } => json!({"gitCommit": id}),
        _ => json!({}),
    };
    let digest = |path: &str| json!({"path": path, "digest": {"gitBlob": blob(&inspection.change, path)}});
    let document = inspection.rollback.documents.first().map(|document| digest(inspection.sources.path(document.source)));
    let migrations: Vec<Value> = outcome.units.iter().flat_map(|unit| &unit.files).map(|path| digest(path)).collect();
    let sum = |part: fn(&super::UnitOutcome) -> f64| round(outcome.units.iter().map(part).sum());
    Ok(json!({
        "_type": STATEMENT,
        "subject": [{"name": "git+commit", "digest": {"gitCommit": id, "gitTree": tree}}],
        "predicateType": REHEARSAL,
        "predicate": {
            "result": outcome.verdict,
            "reason": outcome.reason,
            "tool": {"name": "holdshort", "version": env!("CARGO_PKG_VERSION")},
            "base": {"digest": base},
            "document": document,
            "migrations": migrations,
            "database": {"server_version": outcome.server_version},
            "started_at": started.to_string(),
            "finished_at": finished.to_string(),
            "durations": {
                "history_seconds": sum(|unit| unit.history_seconds),
                "apply_seconds": sum(super::UnitOutcome::apply_seconds),
                "rollback_seconds": sum(super::UnitOutcome::rollback_seconds),
            },
            "units": outcome.units,
        },
    }))
}

/// Why uncommitted work has no record.
pub fn no_commit() -> RehearseError {
    RehearseError::usage(
        "a record is bound to a commit, and what would be rehearsed is none",
        "commit the work first, or leave it out with --head HEAD",
    )
}

/// To the tenth of a millisecond.
fn round(seconds: f64) -> f64 {
    (seconds * 10_000.0).round() / 10_000.0
}
