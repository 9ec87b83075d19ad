//! The source lines behind a finding: a file and the spans to mark in, lines with their marks out, clipped so that none is endless.

use std::collections::BTreeMap;

use crate::source::{SourceFile, Span};

/// Longest piece of one line that is shown, in bytes.
const WINDOW: usize = 180;
/// Lines of one marked span that are shown.
const MAX_LINES: usize = 6;

/// One line of an excerpt.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// 1-based.
    pub number: usize,
    /// Lines were left out before this one.
    pub gap: bool,
    /// Text in order, and whether it is marked.
    pub pieces: Vec<(&'a str, bool)>,
    /// What the labels that begin on this line say.
    pub notes: Vec<&'a str>,
}

/// The lines of `marks` with one line of context around each; a mark's note is shown under its first line.
pub fn excerpt<'a>(file: &'a SourceFile, marks: &[(Span, Option<&'a str>)]) -> Vec<Line<'a>> {
    let lines = file.lines();
    let last = lines.line_of(file.text.len());
    let mut wanted: BTreeMap<usize, (Vec<Span>, Vec<&'a str>)> = BTreeMap::new();
    for (span, note) in marks {
        let first = lines.line_of(span.start);
        let end = lines.line_of(span.end.max(span.start + 1).min(file.text.len()).saturating_sub(1)).max(first);
        let end = end.min(first + MAX_LINES - 1);
        for number in first.saturating_sub(1)..=(end + 1).min(last) {
            wanted.entry(number).or_default();
        }
        for number in first..=end {
            wanted.entry(number).or_default().0.push(*span);
        }
        wanted.entry(first).or_default().1.extend(*note);
    }
    let mut shown: Vec<Line> = Vec::new();
    let mut before = None;
    for (number, (spans, notes)) in wanted {
        let line = lines.line_span(&file.text, number);
        if spans.is_empty() && line.text(&file.text).trim().is_empty() {
            continue;
        }
        let gap = before.is_some_and(|before| number > before + 1);
        before = Some(number);
        shown.push(Line { number: number + 1, gap, pieces: pieces(&file.text, line, spans), notes });
    }
    shown
}

/// Cuts a line at the ends of its marks, and to a window around the first one.
fn pieces(text: &str, line: Span, mut spans: Vec<Span>) -> Vec<(&str, bool)> {
    spans.sort();
    let anchor = spans.first().map_or(line.start, |span| span.start.clamp(line.start, line.end));
    let (from, to) = if line.len() <= WINDOW {
        (line.start, line.end)
    } else {
        let from = floor(text, anchor.saturating_sub(WINDOW / 3).max(line.start));
        (from, floor(text, (from + WINDOW).min(line.end)))
    };
    let mut pieces = Vec::new();
    if from > line.start {
        pieces.push(("…", false));
    }
    let mut at = from;
    for span in spans {
        let (start, end) = (floor(text, span.start.clamp(at, to)), floor(text, span.end.clamp(at, to)));
        pieces.push((&text[at..start], false));
        pieces.push((&text[start..end], true));
        at = end;
    }
    pieces.push((&text[at..to], false));
    if to < line.end {
        pieces.push(("…", false));
    }
    pieces.retain(|(piece, _)| !piece.is_empty());
    pieces
}

fn floor(text: &str, mut offset: usize) -> usize {
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Side, SourceMap};

    #[test]
    fn marks_are_cut_out_of_their_lines_with_one_line_around() {
        let mut sources = SourceMap::default();
        let id = sources.add("a.sql", Side::Head, "one\ntwo three\n\nfour\nfive\nsix seven\n");
        let file = sources.get(id);
        let lines = excerpt(file, &[(Span::new(8, 13), None), (Span::new(29, 34), Some("here"))]);
        let numbers: Vec<(usize, bool)> = lines.iter().map(|line| (line.number, line.gap)).collect();
        assert_eq!(numbers, [(1, false), (2, false), (5, true), (6, false)]);
        assert_eq!(lines[1].pieces, [("two ", false), ("three", true)]);
        assert_eq!(lines[3].pieces, [("six ", false), ("seven", true)]);
        assert_eq!(lines[3].notes, ["here"]);
    }

    #[test]
    fn long_lines_are_windowed_at_character_boundaries() {
        let mut sources = SourceMap::default();
        let text = format!("{}MARK{}", "é".repeat(500), "é".repeat(500));
        let id = sources.add("a.sql", Side::Head, text);
        let lines = excerpt(sources.get(id), &[(Span::new(1000, 1004), None)]);
        let shown: usize = lines[0].pieces.iter().map(|(piece, _)| piece.len()).sum();
        assert!(lines[0].pieces.contains(&("MARK", true)) && shown < WINDOW + 10, "{lines:?}");
    }
}
