//! `holdshort facts`: a range in, everything that was read of it as one JSON document out.

use serde_json::json;

use super::check::open;
use super::print;
use crate::cli::RangeArgs;
use crate::error::{Error, ExitCode};
use crate::report::json_text;
use crate::rule;

pub fn run(args: &RangeArgs) -> Result<ExitCode, Error> {
    let (change, settings) = open(args, &rule::load::builtin()?)?;
    let inspection = crate::gather(change, settings)?;
    let sources: Vec<_> = inspection.sources.iter().map(|(id, file)| json!({"file": id, "path": file.path, "side": file.side})).collect();
    let facts = json!({
        "schema_version": 1,
        "base": inspection.change.base,
        "head": inspection.change.head,
        "range": inspection.change.origin,
        "files": inspection.change.files,
        "commits": inspection.change.commits,
        "sources": sources,
        "migrations": inspection.head_units,
        "timelines": inspection.timelines,
        "unread": inspection.unread,
    });
    print(|out| json_text::write(&facts, out))?;
    Ok(ExitCode::Cleared)
}
