//! What every machine format says of a finding, worked out once: an outcome in, flat rows out, active ones only, worst first.

use crate::finding::Finding;
use crate::source::Position;
use crate::verdict::Outcome;

/// One active finding with its place resolved. A finding about something missing points at line 1 of the path it names.
pub struct Row<'a> {
    pub finding: &'a Finding,
    pub start: Position,
    pub end: Position,
}

/// Active findings in the order of the report: by path, offset, rule.
pub fn rows(outcome: &Outcome) -> Vec<Row<'_>> {
    let sources = &outcome.inspection.sources;
    let first = Position { line: 1, column: 1, offset: 0 };
    outcome
        .findings
        .iter()
        .filter(|finding| finding.is_active())
        .map(|finding| Row {
            finding,
            start: finding.place.map_or(first, |place| sources.start(place)),
            end: finding.place.map_or(first, |place| sources.end(place)),
        })
        .collect()
}

/// The same, most severe first, for readers that cut the list off.
pub fn worst_first(outcome: &Outcome) -> Vec<Row<'_>> {
    let mut rows = rows(outcome);
    rows.sort_by_key(|row| std::cmp::Reverse(row.finding.severity));
    rows
}
