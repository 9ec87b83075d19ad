//! Files that hold both directions: a text in, the bytes of each direction and the transaction opt-out out.

use std::sync::LazyLock;

use regex::Regex;

use super::whole;
use crate::source::Span;

/// How one file is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub up: Span,
    pub down: Option<Span>,
    pub no_transaction: bool,
    pub down_no_transaction: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Goose,
    Dbmate,
    NodePg,
    SqlMigrate,
    Tern,
    Play,
    MyBatis,
}

struct Marks {
    style: Style,
    up: Option<Regex>,
    down: Regex,
    opt_out: Option<Regex>,
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

// Classes of ASCII, which compile fast.
static MARKS: LazyLock<Vec<Marks>> = LazyLock::new(|| {
    let marks = |style, up: &str, down: &str, opt_out: &str| Marks {
        style,
        up: (!up.is_empty()).then(|| regex(up)),
        down: regex(down),
        opt_out: (!opt_out.is_empty()).then(|| regex(opt_out)),
    };
    vec![
        marks(
            Style::Goose,
            r"(?mi-u)^[ \t]*--[ \t]*\+goose[ \t]+up\b(?u:.*)$",
            r"(?mi-u)^[ \t]*--[ \t]*\+goose[ \t]+down\b(?u:.*)$",
            r"(?mi-u)^[ \t]*--[ \t]*\+goose[ \t]+no[ \t]+transaction\b",
        ),
        marks(Style::Dbmate, r"(?m-u)^--[ \t]*migrate:up\b(?u:.*)$", r"(?m-u)^--[ \t]*migrate:down\b(?u:.*)$", r"transaction:[ \t]*false"),
        marks(Style::NodePg, r"(?mi-u)^\s*--[\s-]*up\s+migration(?u:.*)$", r"(?mi-u)^\s*--[\s-]*down\s+migration(?u:.*)$", ""),
        marks(
            Style::SqlMigrate,
            r"(?m-u)^--[ \t]*\+migrate[ \t]+Up\b(?u:.*)$",
            r"(?m-u)^--[ \t]*\+migrate[ \t]+Down\b(?u:.*)$",
            r"(?-u)\bnotransaction\b",
        ),
        marks(Style::Play, r"(?m-u)^(?:#|--)(?u:.*)!Ups(?u:.*)$", r"(?m-u)^(?:#|--)(?u:.*)!Downs(?u:.*)$", ""),
        marks(Style::Tern, "", r"(?m-u)^---- create above / drop below ----(?u:.*)$", ""),
        marks(Style::MyBatis, "", r"(?mi-u)^--[ \t]*//[ \t]*@UNDO(?u:.*)$", ""),
    ]
});

/// The style whose markers are in the text.
pub fn style(text: &str) -> Option<Style> {
    let marks = MARKS.iter().find(|marks| marks.up.as_ref().unwrap_or(&marks.down).is_match(text))?;
    Some(marks.style)
}

/// Divides a text; `None` when the markers the style needs are not there.
pub fn split(style: Style, text: &str) -> Option<Split> {
    let marks = MARKS.iter().find(|marks| marks.style == style)?;
    let all = whole(text);
    let down = marks.down.find(text);
    let up = match &marks.up {
        Some(up) => Some(up.find(text)?),
        None => None,
    };
    let up_start = up.map_or(all.start, |up| up.end());
    let up_end = down.map(|down| down.start()).filter(|start| *start >= up_start).unwrap_or(all.end);
    let down_span = down.map(|down| {
        let end = up.map(|up| up.start()).filter(|start| *start >= down.end()).unwrap_or(all.end);
        Span::new(down.end(), end)
    });
    let opts_out = |text: &str| marks.opt_out.as_ref().is_some_and(|opt_out| opt_out.is_match(text));
    // Goose says it once for the file; the others on the line of each direction.
    let (no_transaction, down_no_transaction) = match style {
        Style::Goose => (opts_out(text), opts_out(text)),
        _ => (up.is_some_and(|up| opts_out(up.as_str())), down.is_some_and(|down| opts_out(down.as_str()))),
    };
    Some(Split { up: Span::new(up_start, up_end), down: down_span, no_transaction, down_no_transaction })
}

static SECTION: LazyLock<Regex> = LazyLock::new(|| regex(r"(?m)^-- ([\w./-]+) --[ \t]*\r?$"));
static TXTAR: LazyLock<Regex> = LazyLock::new(|| regex(r"(?m)\A\u{feff}?(?:--.*\r?\n|\s)*?--[ \t]*atlas:txtar\b"));
static TXMODE_NONE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?m)^--[ \t]*atlas:txmode[ \t]+none\b"));
static CHECKPOINT: LazyLock<Regex> = LazyLock::new(|| regex(r"(?m)^--[ \t]*atlas:checkpoint\b"));

/// Atlas: a plain file, or a txtar archive of `checks.sql`, `migration.sql` and `down.sql`.
pub fn atlas(text: &str) -> Split {
    let no_transaction = TXMODE_NONE.is_match(text);
    let mut split = Split { up: whole(text), down: None, no_transaction, down_no_transaction: no_transaction };
    if !TXTAR.is_match(text) {
        return split;
    }
    let sections: Vec<(&str, usize, usize)> = SECTION
        .captures_iter(text)
        .filter_map(|found| Some((found.get(1)?.as_str(), found.get(0)?.start(), found.get(0)?.end())))
        .collect();
    for (i, (name, _, start)) in sections.iter().enumerate() {
        let end = sections.get(i + 1).map_or(text.len(), |next| next.1);
        match *name {
            "migration.sql" => split.up = Span::new(*start, end),
            "down.sql" => split.down = Some(Span::new(*start, end)),
            _ => {}
        }
    }
    split
}

/// An Atlas checkpoint is a snapshot of the schema, for empty databases only.
pub fn atlas_checkpoint(text: &str) -> bool {
    CHECKPOINT.is_match(text)
}
