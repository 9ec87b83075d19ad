//! Source lines for the human report: a text and a span in, a harmless window of it that miette can draw out.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::escape::visible;
use crate::source::{LineIndex, SourceFile, Span};

/// Columns that miette and the report put in front of a source line.
const MARGIN: usize = 12;

/// A file as it may be printed: same byte offsets as the original, nothing in it that a terminal or a CI log obeys.
pub struct Snippet {
    text: String,
    lines: LineIndex,
    /// Longest piece of one line that is shown, in bytes.
    window: usize,
}

impl Snippet {
    /// `width` is that of the terminal.
    pub fn new(file: &SourceFile, width: usize) -> Self {
        Snippet { text: harmless(&file.text), lines: file.lines().clone(), window: width.saturating_sub(MARGIN).max(40) }
    }

    /// The span, cut to its first line: what follows is described in words, not drawn.
    pub fn first_line(&self, span: Span) -> SourceSpan {
        let line = self.lines.line_span(&self.text, self.lines.line_of(span.start));
        let end = span.end.min(line.end).min(span.start + self.window / 2).max(span.start);
        (span.start, floor(&self.text, end) - span.start).into()
    }

    /// Drawn beside these spans, a span makes no line longer than the window.
    pub fn fits(&self, span: Span, beside: &[Span]) -> bool {
        let line = self.lines.line_of(span.start);
        beside.iter().all(|other| self.lines.line_of(other.start) != line || span.start.abs_diff(other.start) < self.window / 2)
    }
}

impl SourceCode for Snippet {
    fn read_span<'a>(&'a self, span: &SourceSpan, _before: usize, _after: usize) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let number = self.lines.line_of(span.offset());
        let line = self.lines.line_span(&self.text, number);
        let near = span.offset() + span.len() <= line.start + self.window;
        let start = if near { line.start } else { floor(&self.text, span.offset().saturating_sub(self.window / 4).max(line.start)) };
        let end = floor(&self.text, line.end.min(start + self.window).max(span.offset() + span.len()));
        let column = self.text.get(line.start..start).map_or(0, |skipped| skipped.chars().count());
        let data = self.text.as_bytes().get(start..end).ok_or(MietteError::OutOfBounds)?;
        Ok(Box::new(MietteSpanContents::new(data, (start, end - start).into(), number, column, 1)))
    }
}

fn floor(text: &str, mut offset: usize) -> usize {
    offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Replaces each dangerous character by a stand-in of the same length in bytes, so that spans stay good.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let shown = if c == '\n' { c } else { visible(c) };
        match (shown == c || c == '\t', c.len_utf8()) {
            (true, _) => out.push(shown),
            (false, 1) => out.push('?'),
            (false, 2) => out.push('\u{bf}'),
            (false, _) => out.push('\u{fffd}'),
        }
    }
    out.replace("##[", "##(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_keep_every_offset() {
        let text = "a\u{1b}b\u{85}c\u{202e}d ##[e\tf\r\n";
        let out = harmless(text);
        assert_eq!(out.len(), text.len());
        assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}') && !out.contains("##["));
        assert_eq!(out.find('d'), text.find('d'));
    }
}
