//! Keys of removed flags in, the places where code at head still names them out.

use std::collections::BTreeSet;

use serde::Serialize;

use super::is_code;
use crate::change::Snapshot;
use crate::error::ChangeError;
use crate::read;
use crate::source::{Place, Side, SourceMap, Span};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reference {
    pub key: String,
    pub place: Place,
}

/// Shorter keys are words of every language.
const MIN_KEY: usize = 3;

/// Looks for the keys as whole quoted texts or symbols in code files; at most one place a file and key.
pub fn search(head: &Snapshot, keys: &[&str], flag_files: &BTreeSet<&str>, sources: &mut SourceMap) -> Result<Vec<Reference>, ChangeError> {
    let keys: Vec<&str> = keys.iter().map(|key| key.rsplit('/').next().unwrap_or(key)).filter(|key| key.len() >= MIN_KEY).collect();
    let mut found = Vec::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let Ok(finder) = aho_corasick::AhoCorasick::builder().match_kind(aho_corasick::MatchKind::LeftmostLongest).build(&keys) else {
        return Ok(found);
    };
    for entry in head.entries.iter().filter(|entry| is_code(&entry.path) && !flag_files.contains(entry.path.as_str())) {
        let Ok(text) = read::text(head, entry)? else { continue };
        let mut seen = BTreeSet::new();
        let mut file = None;
        for hit in finder.find_iter(text.as_ref()) {
            let quoted = |at: usize| text.as_bytes().get(at).copied();
            let before = hit.start().checked_sub(1).and_then(quoted);
            let literal = match before {
                Some(quote @ (b'"' | b'\'' | b'`')) => quoted(hit.end()) == Some(quote),
                Some(b':') => !quoted(hit.end()).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
                _ => false,
            };
            if literal && seen.insert(hit.pattern()) {
                let id = *file.get_or_insert_with(|| sources.add(entry.path.clone(), Side::Head, text.clone()));
                let place = Place { file: id, span: Span { start: hit.start(), end: hit.end() } };
                found.push(Reference { key: keys[hit.pattern().as_usize()].to_owned(), place });
            }
        }
    }
    Ok(found)
}
