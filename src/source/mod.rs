//! Every text that was read, by number: paths and bytes in, `FileId`s out; a `Place` is a span in one of them.

pub mod comment;
pub mod span;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
pub use span::{LineIndex, Position, Span};

/// Number of a text in the `SourceMap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct FileId(pub u32);

/// Which of the two revisions a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    Base,
    Head,
}

/// A span in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub file: FileId,
    pub span: Span,
}

#[derive(Debug)]
pub struct SourceFile {
    /// Path from the root of the repository, `/` between parts.
    pub path: String,
    pub side: Side,
    pub text: Arc<str>,
    /// Only searched for patterns: comments that speak to holdshort matter where something is found.
    pub searched: bool,
    lines: OnceLock<LineIndex>,
}

impl SourceFile {
    pub fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| LineIndex::new(&self.text))
    }
}

/// All texts of one run. Append-only, so a `FileId` stays good.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
    /// Which texts are there already, by path and revision.
    ids: HashMap<(String, Side), FileId>,
}

impl SourceMap {
    pub fn add(&mut self, path: impl Into<String>, side: Side, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).expect("fewer than 2^32 files"));
        let path = path.into();
        self.ids.entry((path.clone(), side)).or_insert(id);
        self.files.push(SourceFile { path, side, text: text.into(), searched: false, lines: OnceLock::new() });
        id
    }

    /// The number of a text that is only searched for patterns; the one it has when a reader took it already.
    pub fn add_searched(&mut self, path: impl Into<String>, side: Side, text: impl Into<Arc<str>>) -> FileId {
        let (path, text) = (path.into(), text.into());
        if let Some((id, _)) = self.iter().find(|(_, file)| file.side == side && file.path == path && file.text == text) {
            return id;
        }
        let id = self.add(path, side, text);
        self.files[id.0 as usize].searched = true;
        id
    }

    /// The text that was added first under this path.
    pub fn known(&self, path: &str, side: Side) -> Option<FileId> {
        self.ids.get(&(path.to_owned(), side)).copied()
    }

    pub fn get(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// Whether a text has that number.
    pub fn knows(&self, id: FileId) -> bool {
        (id.0 as usize) < self.files.len()
    }

    pub fn path(&self, id: FileId) -> &str {
        &self.get(id).path
    }

    pub fn text(&self, id: FileId) -> &str {
        &self.get(id).text
    }

    pub fn snippet(&self, place: Place) -> &str {
        place.span.text(self.text(place.file))
    }

    pub fn start(&self, place: Place) -> Position {
        let file = self.get(place.file);
        file.lines().position(&file.text, place.span.start)
    }

    pub fn end(&self, place: Place) -> Position {
        let file = self.get(place.file);
        file.lines().position(&file.text, place.span.end)
    }

    /// Shows every text under another path.
    pub fn rename(&mut self, name: impl Fn(&str) -> String) {
        for file in &mut self.files {
            file.path = name(&file.path);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, file)| (FileId(i as u32), file))
    }
}
