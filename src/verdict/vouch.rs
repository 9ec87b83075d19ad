//! Whether a suppression in head was there before the change: two texts and the lines it speaks for in, yes or no out.
//!
//! The comment alone is not enough: moved over another statement, or left where what it speaks for was edited, it would let
//! through what nobody has looked at. So the lines it speaks for and the block around them have to be the same as well.

use std::collections::BTreeMap;

use crate::source::comment::{Suppression, suppressions};
use crate::source::{LineIndex, Span};

/// The trusted text of one file, and which of its suppressions have vouched for one in head already.
pub struct Witness<'a> {
    lines: Vec<&'a str>,
    suppressions: Vec<Suppression>,
    /// A migration does not change once it is merged, so nothing in an edited one is trusted.
    whole: bool,
    text: &'a str,
    /// Line of a suppression in head → line of the one that vouched for it.
    pairs: BTreeMap<usize, usize>,
}

impl<'a> Witness<'a> {
    pub fn new(path: &str, text: &'a str, is_migration: bool) -> Self {
        let index = LineIndex::new(text);
        let (suppressions, _) = suppressions(path, text, &index);
        Witness { lines: split(text), suppressions, whole: is_migration, text, pairs: BTreeMap::new() }
    }

    /// Whether the trusted text says the same of the same lines. Each of its suppressions vouches for one.
    pub fn vouches(&mut self, head: &str, said: &Suppression, lines: (usize, usize)) -> bool {
        if self.whole {
            return self.text == head;
        }
        let head = split(head);
        let (first, last) = (lines.0.min(said.line), lines.1.max(said.line));
        let wanted = block(&head, first, last);
        let same = |known: &&Suppression| {
            let (Some(from), to) = ((known.line + first).checked_sub(said.line), known.line + last - said.line) else { return false };
            let words = (&known.rules, &known.until, &known.reason) == (&said.rules, &said.until, &said.reason);
            words && to < self.lines.len() && block(&self.lines, from, to) == wanted
        };
        let free = |known: &&Suppression| match self.pairs.get(&said.line) {
            Some(line) => *line == known.line,
            None => !self.pairs.values().any(|line| *line == known.line),
        };
        let found = self.suppressions.iter().filter(free).find(same).map(|known| known.line);
        found.is_some_and(|line| {
            self.pairs.insert(said.line, line);
            true
        })
    }
}

fn split(text: &str) -> Vec<&str> {
    let index = LineIndex::new(text);
    (0..index.line_count()).map(|line| Span::text(index.line_span(text, line), text)).collect()
}

/// The lines from `first` to `last` with the block they are in, by indentation, and the headers of the blocks around it.
fn block<'a>(lines: &[&'a str], first: usize, last: usize) -> Vec<&'a str> {
    let mut headers = Vec::new();
    let mut inner = depth(lines[first]);
    for line in (0..first).rev().filter(|line| !lines[*line].trim().is_empty()) {
        let (outer, item) = depth(lines[line]);
        // `- x` stands at its key's own depth in YAML.
        if outer < inner.0 || (outer == inner.0 && inner.1 && !item && lines[line].trim_end().ends_with(':')) {
            headers.push(line);
            inner = (outer, item);
        }
    }
    let Some(parent) = headers.first().copied() else {
        let end = (last + 1..lines.len()).find(|line| !lines[*line].starts_with(char::is_whitespace)).unwrap_or(lines.len());
        return lines[first..end].to_vec();
    };
    let outer = depth(lines[parent]);
    let ends = |line: &usize| {
        let (here, item) = depth(lines[*line]);
        !lines[*line].trim().is_empty() && (here < outer.0 || (here == outer.0 && (outer.1 || !item)))
    };
    let end = (last + 1..lines.len()).find(ends).unwrap_or(lines.len());
    let around = headers.iter().rev().map(|line| lines[*line]);
    around.chain(lines[parent..end].iter().copied()).collect()
}

/// Blanks before a line's text, and whether it is an item of a YAML list.
fn depth(line: &str) -> (usize, bool) {
    let bare = line.trim_start();
    (line.len() - bare.len(), bare.starts_with("- "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &str = "\
flags:
  beta:
    state: ENABLED
    # holdshort: allow flag/new-default-on because it is a kill switch
    default: true
  other:
    state: ENABLED
    default: false
";

    fn vouched(base: &str, head: &str) -> bool {
        let (said, _) = suppressions("a.yaml", head, &LineIndex::new(head));
        Witness::new("a.yaml", base, false).vouches(head, &said[0], (said[0].line + 1, said[0].line + 1))
    }

    #[test]
    fn what_was_there_before_counts_wherever_it_moved() {
        assert!(vouched(FLAGS, FLAGS));
        assert!(vouched(FLAGS, &FLAGS.replace("flags:\n", "# new words above\nflags:\n  first:\n    default: false\n")));
        assert!(vouched(FLAGS, &FLAGS.replace("    default: false\n", "    default: true\n")));
    }

    #[test]
    fn what_it_speaks_for_has_to_be_the_same() {
        for (old, new) in [
            ("    default: true", "    default: [a, b]"),
            ("  beta:", "  checkout:"),
            ("flags:", "live_flags:"),
            ("    state: ENABLED\n    #", "    state: DISABLED\n    #"),
            ("kill switch", "great idea"),
            ("because", "until 2999-01-01, because"),
            ("flag/new-default-on", "flag/new-default-on, flag/flipped-on"),
        ] {
            let head = FLAGS.replacen(old, new, 1);
            assert!(head != FLAGS && !vouched(FLAGS, &head), "{old} → {new}");
        }
        let moved = FLAGS.replace("    # holdshort: allow flag/new-default-on because it is a kill switch\n", "");
        let moved = moved
            .replace("    default: false", "    # holdshort: allow flag/new-default-on because it is a kill switch\n    default: true");
        assert!(!vouched(FLAGS, &moved), "moved to the next flag");
    }

    #[test]
    fn one_suppression_does_not_vouch_for_a_copy() {
        let base = "# holdshort: allow lock/a because tiny table\nrun: x\n";
        let head = format!("{base}{base}");
        let (said, _) = suppressions("a.yaml", &head, &LineIndex::new(&head));
        let mut witness = Witness::new("a.yaml", base, false);
        let counts: Vec<bool> = said.iter().map(|said| witness.vouches(&head, said, (said.line + 1, said.line + 1))).collect();
        assert_eq!(counts, [true, false]);
    }

    #[test]
    fn nothing_in_an_edited_migration_is_trusted() {
        let base = "-- holdshort: allow schema/drop-table because it is empty\nDROP TABLE a;\n";
        let head = format!("{base}SELECT 1;\n");
        let (said, _) = suppressions("a.sql", &head, &LineIndex::new(&head));
        assert!(!Witness::new("a.sql", base, true).vouches(&head, &said[0], (1, 1)));
        assert!(Witness::new("a.sql", base, true).vouches(base, &said[0], (1, 1)));
    }
}
