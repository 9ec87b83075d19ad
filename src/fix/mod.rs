//! Findings in, the same findings out, with an edit where the safe form is mechanical. Nothing is written here.

pub mod apply;
mod constraint;
mod index;
mod next;
pub mod settle;
mod write;

use crate::change::FileStatus;
use crate::detect::Inspection;
use crate::detect::step::{StepView, steps};
use crate::finding::{Edit, Finding, Fix};
use crate::schema::op::SchemaOp;
use crate::source::{FileId, Place, Span};

pub use write::{atomically, write};

/// A fixer looks at the op that a finding is about and proposes edits.
type Fixer = fn(&Inspection, &StepView) -> Option<Fix>;

/// Fixers by the rule whose findings they mend. Flags bring their own edits: their readers know what off looks like.
const FIXERS: &[(&str, Fixer)] = &[
    ("lock/index-not-concurrent", index::concurrently),
    ("lock/index-drop-not-concurrent", index::concurrently),
    ("migration/concurrently-in-transaction", index::outside_transaction),
    ("lock/constraint-builds-index", index::before_unique),
    ("lock/table-scan", constraint::not_valid),
    ("lock/validate-in-same-transaction", constraint::validate_later),
    ("schema/default-dropped", constraint::keep_default),
];

/// Proposes fixes for findings in migrations that the change adds. One that is merged stays as it is.
pub fn propose(inspection: &Inspection, findings: &mut [Finding]) {
    // Of files that are checked alone it is not known which runner they belong to.
    if inspection.settings.history_unknown {
        return;
    }
    let views = steps(inspection);
    for finding in findings.iter_mut().filter(|finding| finding.fix.is_none()) {
        let Some((_, fixer)) = FIXERS.iter().find(|(rule, _)| *rule == finding.rule) else { continue };
        let new = is_new(inspection, &finding.path);
        let view =
            views.iter().find(|view| Some(view.place()) == finding.place && view.statement.ops.iter().any(|op| std::ptr::eq(op, view.op)));
        if let (true, Some(view)) = (new, view) {
            finding.fix = fixer(inspection, view);
        }
    }
}

/// The change adds this file. What is merged has run somewhere.
fn is_new(inspection: &Inspection, path: &str) -> bool {
    inspection.change.file(path).is_some_and(|file| file.status == FileStatus::Added)
}

/// Text put in at a byte of a file.
fn insert(file: FileId, at: usize, text: impl Into<String>) -> Edit {
    replace(file, Span::at(at), text)
}

fn replace(file: FileId, span: Span, text: impl Into<String>) -> Edit {
    Edit::Replace { place: Place { file, span }, with: text.into() }
}

/// The statement with its semicolon, and its line when nothing else is on it; of two blank lines around it, one.
fn with_line(text: &str, span: Span) -> Span {
    let rest = &text[span.end..];
    let end = span.end + rest.find(|c: char| !c.is_whitespace()).filter(|at| rest[*at..].starts_with(';')).map_or(0, |at| at + 1);
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    let bare = text[line_start..span.start].trim().is_empty() && text[end..line_end].trim().is_empty();
    if !bare {
        return Span { start: span.start, end };
    }
    let blank_before = text[..line_start].trim_end_matches([' ', '\t', '\r', '\n']).len() + 1 < line_start || line_start == 0;
    let after = text[line_end..].find('\n').map_or(text.len(), |at| line_end + at + 1);
    let blank_after = text[line_end..after].trim().is_empty();
    Span { start: line_start, end: if blank_before && blank_after { after } else { line_end } }
}

/// The script opens or ends transactions itself, so where one begins is not the runner's to say.
fn has_own_transaction(view: &StepView) -> bool {
    let ops = view.migration.up.statements.iter().flat_map(|statement| &statement.ops);
    ops.into_iter().any(|op| matches!(op.kind, SchemaOp::Transaction(_)))
}

/// An identifier that needs no quotes.
fn is_plain(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && name.chars().all(rest)
}
