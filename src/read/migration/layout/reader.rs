//! Reads files of one tree once: a path in, its text (and its number in the source map, once it is needed) out.

use std::collections::HashMap;
use std::sync::Arc;

use super::Known;
use crate::change::Snapshot;
use crate::error::ChangeError;
use crate::read::{self, Unread};
use crate::source::{FileId, Side, SourceMap};

pub struct Reader<'a> {
    snapshot: &'a Snapshot,
    side: Side,
    sources: &'a mut SourceMap,
    known: &'a mut Known,
    texts: HashMap<String, Result<Arc<str>, Unread>>,
    ids: HashMap<String, FileId>,
}

impl<'a> Reader<'a> {
    pub fn new(snapshot: &'a Snapshot, side: Side, sources: &'a mut SourceMap, known: &'a mut Known) -> Self {
        Reader { snapshot, side, sources, known, texts: HashMap::new(), ids: HashMap::new() }
    }

    /// The text at `path`; `None` when there is no such file or it is not text.
    pub fn peek(&mut self, path: &str) -> Result<Option<Arc<str>>, ChangeError> {
        Ok(self.text(path)?.ok())
    }

    /// A file that runs: its number in the source map and its text, or why it cannot be read.
    pub fn file(&mut self, path: &str) -> Result<Result<(FileId, Arc<str>), Unread>, ChangeError> {
        let text = match self.text(path)? {
            Ok(text) => text,
            Err(unread) => return Ok(Err(unread)),
        };
        if let Some(id) = self.ids.get(path) {
            return Ok(Ok((*id, text)));
        }
        let id = self.sources.add(path, self.side, text.clone());
        self.ids.insert(path.to_owned(), id);
        Ok(Ok((id, text)))
    }

    fn text(&mut self, path: &str) -> Result<Result<Arc<str>, Unread>, ChangeError> {
        if let Some(text) = self.texts.get(path) {
            return Ok(text.clone());
        }
        let text = match self.snapshot.entry(path) {
            None => Err(Unread { path: path.to_owned(), place: None, reason: "there is no such file".to_owned() }),
            Some(entry) => match self.known.get(path) {
                Some((blob, text)) if *blob == entry.blob => Ok(text.clone()),
                _ => {
                    let text = read::text(self.snapshot, entry)?;
                    if let Ok(text) = &text {
                        self.known.insert(path.to_owned(), (entry.blob.clone(), text.clone()));
                    }
                    text
                }
            },
        };
        self.texts.insert(path.to_owned(), text.clone());
        Ok(text)
    }
}
