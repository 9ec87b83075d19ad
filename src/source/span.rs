//! Byte spans and the one place where bytes become lines: a text and an offset in, a 1-based line and column out.

use serde::Serialize;

/// A half-open range of bytes in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end, "a span cannot end before it starts");
        Span { start, end }
    }

    /// The empty span at `offset`.
    pub fn at(offset: usize) -> Self {
        Span { start: offset, end: offset }
    }

    pub fn len(self) -> usize {
        self.end - self.start
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    pub fn contains(self, offset: usize) -> bool {
        self.start <= offset && offset < self.end
    }

    pub fn encloses(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest span that covers both.
    pub fn cover(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The same span in a text that starts `by` bytes later.
    pub fn shift(self, by: usize) -> Span {
        Span { start: self.start + by, end: self.end + by }
    }

    /// The text under the span; empty when the span does not fit the text.
    pub fn text(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or("")
    }
}

/// A place a person can go to. Line and column are 1-based, the column counts characters, the offset bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
    pub offset: usize,
}

/// Where each line of a text starts. `\n` and `\r\n` end a line.
#[derive(Debug, Clone)]
pub struct LineIndex {
    starts: Vec<usize>,
    len: usize,
    /// Characters before each block of `BLOCK` bytes, so that a column in a line of megabytes is found at once.
    characters: Vec<usize>,
}

const BLOCK: usize = 4096;

/// Characters that begin in these bytes.
fn begin(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

impl LineIndex {
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        let mut characters = vec![0];
        for block in text.as_bytes().chunks(BLOCK) {
            characters.push(characters[characters.len() - 1] + begin(block));
        }
        LineIndex { starts, len: text.len(), characters }
    }

    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// 0-based line that holds `offset`.
    pub fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The bytes of a 0-based line, its line ending left out.
    pub fn line_span(&self, text: &str, line: usize) -> Span {
        let start = self.starts.get(line).copied().unwrap_or(self.len);
        let mut end = self.starts.get(line + 1).copied().unwrap_or(self.len);
        let bytes = text.as_bytes();
        while end > start && matches!(bytes[end - 1], b'\n' | b'\r') {
            end -= 1;
        }
        Span { start, end }
    }

    pub fn position(&self, text: &str, offset: usize) -> Position {
        let mut offset = offset.min(self.len);
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_of(offset);
        let before = |at: usize| self.characters[at / BLOCK] + begin(&text.as_bytes()[at / BLOCK * BLOCK..at]);
        let column = before(offset) - before(self.starts[line]) + 1;
        Position { line: line + 1, column, offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_lines_end_at_crlf() {
        let text = "é one\r\ntwo\n";
        let index = LineIndex::new(text);
        assert_eq!(index.position(text, 3), Position { line: 1, column: 3, offset: 3 });
        assert_eq!(index.line_span(text, 0).text(text), "é one");
        assert_eq!(index.position(text, 8), Position { line: 2, column: 1, offset: 8 });
        assert_eq!(index.position(text, 999).offset, text.len());
        // An offset inside a character is moved back to its start.
        assert_eq!(index.position(text, 1).column, 1);
        let long = format!("\n{}x", "é".repeat(10_000));
        assert_eq!(LineIndex::new(&long).position(&long, 20_001), Position { line: 2, column: 10_001, offset: 20_001 });
    }
}
