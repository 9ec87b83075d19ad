//! The migrations as they run: statements top to bottom, one lane a relation, a lock drawn from where it is taken to the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::finding::anchor;
use super::markup::text;
use crate::detect::step::{StepView, steps};
use crate::finding::Finding;
use crate::report::words::{count, severity};
use crate::schema::effect::{Effect, Lock, LockMode};
use crate::schema::name::QName;
use crate::schema::{Timeline, Transaction, TransactionKind};
use crate::source::Place;
use crate::verdict::Outcome;

/// Relations that get a lane of their own.
const MAX_LANES: usize = 5;
/// Statements that are drawn.
const MAX_ROWS: usize = 300;
/// Findings a statement points to.
const MAX_FINDINGS: usize = 12;
/// Characters of a statement that are shown.
const MAX_SQL: usize = 220;

/// One statement of the rollout.
struct Row<'a> {
    transaction: Transaction,
    path: &'a str,
    place: Place,
    line: usize,
    sql: String,
    /// Strongest mode on each relation that somebody else can be waiting for.
    locks: BTreeMap<&'a QName, LockMode>,
    remarks: Vec<(&'static str, String)>,
    findings: Vec<&'a Finding>,
}

/// `shown` are the findings a row may point to. `None` when the change brings no statement to draw.
pub fn section(outcome: &Outcome, shown: &BTreeSet<&str>) -> Option<String> {
    let views = steps(&outcome.inspection);
    if views.is_empty() {
        return None;
    }
    let mut page = String::from(
        "<section id=\"migrations\" aria-labelledby=\"h-migrations\">\n<h2 id=\"h-migrations\">Migrations and locks</h2>\n\
         <p class=\"quiet\">Each column is a relation. A bar runs from the statement that takes the lock to the end of its transaction.</p>\n\
         <ul class=\"legend\"><li class=\"stops\">stops reads and writes</li><li class=\"writes\">stops writes</li><li class=\"weak\">lets both through</li></ul>\n",
    );
    for timeline in &outcome.inspection.timelines {
        let own: Vec<&StepView> = views.iter().filter(|view| std::ptr::eq(view.timeline, timeline)).collect();
        if own.is_empty() {
            continue;
        }
        heading(outcome, timeline, &mut page);
        let rows = rows(outcome, &own, shown);
        for group in groups(&rows) {
            table(group, &mut page);
        }
        let all = own.chunk_by(|one, next| (one.step.migration, one.step.statement) == (next.step.migration, next.step.statement)).count();
        if all > MAX_ROWS {
            let _ = writeln!(page, "<p class=\"quiet\">and {} more</p>", count(all - MAX_ROWS, "statement"));
        }
    }
    page.push_str("</section>\n");
    Some(page)
}

fn heading(outcome: &Outcome, timeline: &Timeline, page: &mut String) {
    let unit = &outcome.inspection.head_units[timeline.unit];
    let assumed = if timeline.server_assumed { ", assumed" } else { "" };
    let framework = serde_json::to_value(unit.framework).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    let root = if unit.root.is_empty() { "." } else { &unit.root };
    let _ = writeln!(
        page,
        "<h3><code>{}</code> <span class=\"quiet\">{framework}, PostgreSQL {}{assumed}</span></h3>",
        text(root),
        timeline.server.0
    );
}

/// One row a top-level statement, up to a limit; what the ops inside it do is added up.
fn rows<'a>(outcome: &'a Outcome, views: &[&StepView<'a>], shown: &BTreeSet<&str>) -> Vec<Row<'a>> {
    let sources = &outcome.inspection.sources;
    let mut rows: Vec<Row> = Vec::new();
    let mut last = None;
    for view in views {
        let key = (view.step.migration, view.step.statement);
        if last != Some(key) {
            last = Some(key);
            if rows.len() == MAX_ROWS {
                break;
            }
            let place = Place { file: view.file, span: view.statement.span };
            rows.push(Row {
                transaction: view.step.transaction,
                path: sources.path(view.file),
                place,
                line: sources.start(place).line,
                sql: one_statement(sources.snippet(place)),
                locks: BTreeMap::new(),
                remarks: Vec::new(),
                findings: Vec::new(),
            });
        }
        if let Some(row) = rows.last_mut() {
            add(row, view.effect());
        }
    }
    for row in &mut rows {
        let inside = |at: Place| at.file == row.place.file && row.place.span.encloses(at.span);
        let wanted = |found: &&Finding| found.place.is_some_and(inside) && shown.contains(found.fingerprint.as_str());
        row.findings = outcome.findings.iter().filter(wanted).take(MAX_FINDINGS).collect();
    }
    rows
}

/// The statement on one line, clipped.
fn one_statement(sql: &str) -> String {
    let mut words = String::new();
    for word in sql.split_whitespace() {
        if words.chars().count() > MAX_SQL {
            return words.chars().take(MAX_SQL).chain("…".chars()).collect();
        }
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().take(MAX_SQL));
    }
    words
}

fn add<'a>(row: &mut Row<'a>, effect: &'a Effect) {
    for Lock { relation, mode, new, .. } in &effect.locks {
        if !new && *mode > LockMode::AccessShare {
            row.locks.entry(relation).and_modify(|known| *known = (*known).max(*mode)).or_insert(*mode);
        }
    }
    let mut remark = |class, words: String| {
        if !row.remarks.iter().any(|(_, known)| *known == words) {
            row.remarks.push((class, words));
        }
    };
    for work in effect.rewrites.iter().filter(|work| !work.new) {
        remark("bad", format!("rewrites {}", work.relation.short()));
    }
    for work in effect.scans.iter().filter(|work| !work.new) {
        remark("warn", format!("reads all of {}", work.relation.short()));
    }
    for work in effect.index_builds.iter().filter(|work| !work.new) {
        remark("warn", format!("builds an index on {}", work.relation.short()));
    }
    if let Some(write) = effect.writes_rows.as_ref().filter(|write| !write.new) {
        let all = if write.whole_table { "every row" } else { "rows" };
        remark("warn", format!("writes {all} of {}", write.relation.short()));
    }
    for loss in &effect.loses {
        remark("bad", format!("loses {}", loss.what));
    }
    if !effect.breaks_readers.is_empty() {
        remark("bad", "breaks old readers".to_owned());
    }
    if !effect.breaks_writers.is_empty() {
        remark("bad", "breaks old writers".to_owned());
    }
    for abort in &effect.aborts {
        remark("bad", abort.reason.clone());
    }
    if effect.outside_transaction {
        remark("plain", "runs outside a transaction".to_owned());
    }
}

fn commits_alone(kind: TransactionKind) -> bool {
    matches!(kind, TransactionKind::Single | TransactionKind::Unknown)
}

/// Statements of one transaction; those that commit by themselves stand together.
fn groups<'r, 'a>(rows: &'r [Row<'a>]) -> impl Iterator<Item = &'r [Row<'a>]> {
    rows.chunk_by(|one, next| {
        let (one, next) = (one.transaction, next.transaction);
        one.id == next.id || (commits_alone(one.kind) && commits_alone(next.kind))
    })
}

fn table(rows: &[Row], page: &mut String) {
    let Some(first) = rows.first() else { return };
    let lanes = lanes(rows);
    let alone = commits_alone(first.transaction.kind);
    let title = match first.transaction.kind {
        TransactionKind::Explicit => "One transaction, opened by the script",
        TransactionKind::Runner => "One transaction, opened by the runner",
        TransactionKind::Implicit => "One transaction: the statements travel in one message",
        TransactionKind::Single => "Each statement commits by itself",
        TransactionKind::Unknown => "Nothing opens a transaction that is known of: each statement commits by itself",
    };
    let _ = write!(
        page,
        "<div class=\"scroll\" role=\"region\" aria-label=\"Locks\" tabindex=\"0\">\n<table class=\"lanes\">\n<caption>{title}</caption>\n<thead><tr><th scope=\"col\">Line</th><th scope=\"col\">Statement</th>"
    );
    for lane in &lanes {
        let _ = write!(page, "<th scope=\"col\" class=\"lane\"><code>{}</code></th>", text(&lane.short()));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let mut held: BTreeMap<&QName, LockMode> = BTreeMap::new();
    let mut path = "";
    for row in rows {
        if row.path != path {
            path = row.path;
            let _ = writeln!(
                page,
                "<tr class=\"file\"><th scope=\"rowgroup\" colspan=\"{}\"><code>{}</code></th></tr>",
                lanes.len() + 2,
                text(path)
            );
        }
        if alone {
            held.clear();
        }
        statement(row, &lanes, &mut held, page);
    }
    if !alone {
        let _ =
            writeln!(page, "<tr class=\"commit\"><td></td><td>commit: every lock is released</td>{}</tr>", "<td></td>".repeat(lanes.len()));
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
}

/// The relations that are locked strongest, in the order they are first locked.
fn lanes<'a>(rows: &[Row<'a>]) -> Vec<&'a QName> {
    let mut strongest: BTreeMap<&QName, LockMode> = BTreeMap::new();
    let mut order: Vec<&QName> = Vec::new();
    for (relation, mode) in rows.iter().flat_map(|row| &row.locks) {
        strongest.entry(relation).and_modify(|known| *known = (*known).max(*mode)).or_insert_with(|| {
            order.push(relation);
            *mode
        });
    }
    let mut worst = order.clone();
    worst.sort_by_key(|relation| std::cmp::Reverse(strongest[relation]));
    let kept: BTreeSet<&QName> = worst.into_iter().take(MAX_LANES).collect();
    order.retain(|relation| kept.contains(relation));
    order
}

fn statement<'a>(row: &Row<'a>, lanes: &[&'a QName], held: &mut BTreeMap<&'a QName, LockMode>, page: &mut String) {
    let _ = write!(page, "<tr><td class=\"no\">{}</td><td class=\"sql\"><code>{}</code>", row.line, text(&row.sql));
    let mut remarks: Vec<(&str, String)> = row.remarks.iter().map(|(class, words)| (*class, text(words))).collect();
    for (relation, mode) in row.locks.iter().filter(|(relation, _)| !lanes.contains(relation)) {
        remarks.push(("plain", format!("{} on {}", mode.as_str(), text(&relation.short()))));
    }
    remarks.extend(
        row.findings.iter().map(|found| (severity(found.severity), format!("<a href=\"#{}\">{}</a>", anchor(found), text(&found.rule)))),
    );
    let waits = |(relation, mode): (&&QName, &LockMode)| mode.blocks_writes() && held.get(*relation).is_none_or(|known| mode > known);
    if row.transaction.lock_timeout.is_none() && row.locks.iter().any(waits) {
        remarks.push(("plain", "waits for its lock without a limit".to_owned()));
    }
    if !remarks.is_empty() {
        let remarks: String = remarks.iter().map(|(class, words)| format!("<li class=\"{class}\">{words}</li>")).collect();
        let _ = write!(page, "<ul class=\"chips\">{remarks}</ul>");
    }
    page.push_str("</td>");
    for lane in lanes {
        let taken = row.locks.get(lane).copied();
        let before = held.get(lane).copied();
        if let Some(mode) = taken {
            held.insert(lane, before.map_or(mode, |known| known.max(mode)));
        }
        cell(taken.filter(|mode| before.is_none_or(|known| *mode > known)), held.get(lane).copied(), page);
    }
    page.push_str("</tr>\n");
}

/// A lane at one statement: a lock taken here, one still held, or nothing.
fn cell(taken: Option<LockMode>, held: Option<LockMode>, page: &mut String) {
    let Some(mode) = held else {
        page.push_str("<td class=\"lane\"></td>");
        return;
    };
    let class = match mode {
        mode if mode.blocks_reads() => "stops",
        mode if mode.blocks_writes() => "writes",
        _ => "weak",
    };
    let _ = match taken {
        Some(mode) => write!(page, "<td class=\"lane bar start {class}\"><span>{}</span></td>", mode.as_str()),
        None => write!(page, "<td class=\"lane bar {class}\"><span class=\"still\">held</span></td>"),
    };
}
