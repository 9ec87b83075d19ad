//! Everything that was read of a change as one JSON document: an inspection in, what `holdshort facts` prints and team rules ask out.
//!
//! Places are resolved: wherever a fact has bytes in a file, it has `{path, side, line, end_line, start, end}`, lines counted from
//! 1, `start` and `end` in bytes.

use serde_json::{Map, Value, json};

use crate::detect::Inspection;
use crate::source::{FileId, Place, SourceMap, Span};

/// Schema version 1. Sections are added, not renamed.
pub fn document(inspection: &Inspection) -> Value {
    let change = &inspection.change;
    let mut facts = json!({
        "schema_version": 1,
        "base": change.base,
        "head": change.head,
        "range": change.origin,
        "phase": inspection.settings.phase,
        "files": change.files,
        "commits": change.commits,
        "migrations": inspection.head_units,
        "timelines": inspection.timelines,
        "inverses": inspection.inverses,
        "schema_files": inspection.schema_files,
        "old_code": inspection.old_code.references(),
        "flags": inspection.flags,
        "rollouts": inspection.rollouts,
        "pipelines": inspection.pipelines,
        "rollback": inspection.rollback,
        "release": inspection.release,
        "evidence": inspection.evidence,
        "added": added(inspection),
        "unread": inspection.unread,
        "skipped": inspection.skipped,
    });
    resolve(&mut facts, None, &inspection.sources);
    facts
}

/// Lines that the change adds to the texts people write.
fn added(inspection: &Inspection) -> Vec<Value> {
    let files = inspection.added.files.iter();
    files
        .map(|file| {
            let line = |span: &Span| json!({"text": span.text(&file.text), "place": Place { file: file.source, span: *span }});
            json!({"path": file.path, "lines": file.lines.iter().map(line).collect::<Vec<_>>()})
        })
        .collect()
}

/// Replaces spans by places and numbers of files by their paths. A span belongs to the file of the nearest object around it.
fn resolve(value: &mut Value, around: Option<FileId>, sources: &SourceMap) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, around, sources)),
        Value::Object(map) => {
            let number = |key: &str| map.get(key).and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
            let own = ["file", "source"].into_iter().find_map(|key| Some((key, number(key).map(FileId).filter(|id| sources.knows(*id))?)));
            let file = own.map(|(_, file)| file).or(around);
            let inner = map.get("span").and_then(Value::as_object).filter(|_| map.len() == 2 && own.is_some());
            if let (Some(file), Some(span)) = (file, inner.and_then(bytes).or_else(|| bytes(map))) {
                *value = place(Place { file, span }, sources);
                return;
            }
            if let Some((key, file)) = own {
                map.insert(key.to_owned(), json!(sources.path(file)));
            }
            map.values_mut().for_each(|below| resolve(below, file, sources));
        }
        _ => {}
    }
}

/// The span that an object of nothing but a start and an end is.
fn bytes(map: &Map<String, Value>) -> Option<Span> {
    let at = |key: &str| map.get(key)?.as_u64().and_then(|at| usize::try_from(at).ok());
    (map.len() == 2).then_some(Span { start: at("start")?, end: at("end")? })
}

fn place(place: Place, sources: &SourceMap) -> Value {
    let file = sources.get(place.file);
    // Columns are left out: counting them on a line of megabytes for each of its facts would never end.
    let line = |offset: usize| file.lines().line_of(offset.min(file.text.len())) + 1;
    json!({
        "path": file.path,
        "side": file.side,
        "line": line(place.span.start),
        "end_line": line(place.span.end.max(place.span.start + 1) - 1),
        "start": place.span.start,
        "end": place.span.end,
    })
}
