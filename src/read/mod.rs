//! Texts in, facts out: one module a format. What cannot be read becomes an unread fact, never silence.

pub mod migration;

use std::sync::Arc;

use serde::Serialize;

use crate::change::{Entry, Snapshot, Text};
use crate::error::ChangeError;
use crate::source::{FileId, Place, Side, SourceMap};

/// A file or a part of one that could not be read. It holds the gate it belongs to and counts in the coverage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unread {
    pub path: String,
    pub place: Option<Place>,
    pub reason: String,
}

/// Reads an entry into the source map, or says why that cannot be done.
pub fn load(snapshot: &Snapshot, entry: &Entry, side: Side, sources: &mut SourceMap) -> Result<Result<FileId, Unread>, ChangeError> {
    Ok(text(snapshot, entry)?.map(|text| sources.add(entry.path.clone(), side, text)))
}

/// The text of an entry, or why there is none.
pub fn text(snapshot: &Snapshot, entry: &Entry) -> Result<Result<Arc<str>, Unread>, ChangeError> {
    let reason = match snapshot.read(entry)? {
        Text::Utf8(text) => return Ok(Ok(text)),
        Text::Binary => "it is binary (has NUL bytes)".to_owned(),
        Text::InvalidUtf8 { valid_up_to } => format!("it is not UTF-8 (byte {valid_up_to}); convert it to UTF-8"),
        Text::TooLarge { bytes } => format!("it has {bytes} bytes, more than {} are not read", crate::change::MAX_FILE_BYTES),
        Text::NotAFile(kind) => format!("it is a {kind:?}, which is not followed").to_lowercase(),
    };
    Ok(Err(Unread { path: entry.path.clone(), place: None, reason }))
}
