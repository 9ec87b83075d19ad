//! Weighs every mention of a target in one file: a path and text in, graded references out. Pure.

mod column;
mod mention;
mod other;

use mention::File;

use super::block::{self, Blocks};
use super::language::LANGUAGES;
use super::place::FileClass;
use super::plan::{Plan, Prepared};
use super::scan::{self, Kind, Scan};
use super::sql::{self, Statement};
use super::{Access, Grade, Interest, Reference, SourceKind, Target, TargetKind};
use crate::source::LineIndex;

struct Found {
    grade: Grade,
    access: Access,
    at: usize,
    sql: bool,
    why: String,
}

pub fn references(plan: &Plan, targets: &[Target], path: &str, text: &str, language: usize, class: FileClass) -> Vec<Reference> {
    let mut hits = plan.hits(text);
    if hits.is_empty() {
        return Vec::new();
    }
    let mut seen = vec![false; plan.words.len()];
    hits.iter().for_each(|hit| seen[hit.word] = true);
    let relevant = |target: &Prepared, want: &Target| {
        let table = target.tables.iter().any(|word| seen[*word]);
        seen[target.name] || (table && matches!(want.kind, TargetKind::Column | TargetKind::Table | TargetKind::View))
    };
    if !plan.targets.iter().zip(targets).any(|(target, want)| relevant(target, want)) {
        return Vec::new();
    }
    let scan = scan::scan(text, &LANGUAGES[language]);
    hits.retain(|hit| scan.region(hit.start).is_none_or(|region| region.kind != Kind::Comment));
    let near_table = plan.targets.iter().any(|target| target.tables.iter().any(|word| seen[*word]));
    let blocks = if near_table { block::blocks(&scan, language) } else { Blocks::default() };
    let statements = statements(text, &scan, language);
    let file = File { text, language, scan, hits, blocks, statements }.without_grammar();
    let mut all = Vec::new();
    let lines = LineIndex::new(text);
    for (target, want) in plan.targets.iter().zip(targets).filter(|(target, want)| relevant(target, want)) {
        let mut found = match (want.kind, want.interest) {
            (TargetKind::Column, Interest::WritersOmitting) => column::writers(&file, target, want),
            (TargetKind::Column, Interest::AnyReference) => column::any(&file, target, want),
            (TargetKind::Table | TargetKind::View, _) => other::table(&file, target, want),
            (TargetKind::EnumValue, _) => other::enum_value(&file, target, want),
            (TargetKind::Routine | TargetKind::Type | TargetKind::Flag, _) => other::named(&file, target, want),
        };
        // The strongest of each line.
        found.sort_by_key(|found| (lines.line_of(found.at), std::cmp::Reverse(found.grade), found.at));
        found.dedup_by_key(|found| lines.line_of(found.at));
        all.extend(found.into_iter().map(|found| reference(want.id, path, text, &lines, class, found)));
    }
    all
}

fn reference(target: usize, path: &str, text: &str, lines: &LineIndex, class: FileClass, found: Found) -> Reference {
    let position = lines.position(text, found.at);
    let line = lines.line_span(text, position.line - 1).text(text).trim();
    let (source_kind, grade, why) = match class {
        // A mirror of the database lists every column whether or not anything uses it.
        FileClass::Schema { kind, live: false } => {
            (SourceKind::GeneratedSchema(kind), Grade::Possible, format!("{}; {kind} only mirrors the database", found.why))
        }
        FileClass::Schema { kind, live: true } => (SourceKind::GeneratedSchema(kind), found.grade, found.why),
        _ => (if found.sql { SourceKind::Sql } else { SourceKind::Code }, found.grade, found.why),
    };
    let (line_number, column) = (position.line, position.column);
    let text = line.chars().take(200).collect();
    Reference { target, grade, access: found.access, source_kind, path: path.to_owned(), line: line_number, column, text, why }
}

fn statements(text: &str, scan: &Scan, language: usize) -> Vec<Statement> {
    let groups =
        if LANGUAGES[language].sql { vec![(0, sql::cut_at_names(text, &scan.uncommented))] } else { sql::groups(text, &scan.regions) };
    let mut all = Vec::new();
    for (offset, joined) in groups {
        for mut statement in sql::statements(&joined) {
            statement.start += offset;
            statement.end += offset;
            statement.tables.iter_mut().for_each(|table| table.at += offset);
            statement.stars.iter_mut().for_each(|star| star.at += offset);
            statement.inserts.iter_mut().for_each(|insert| insert.at += offset);
            statement.set = statement.set.map(|(start, end)| (start + offset, end + offset));
            all.push(statement);
        }
    }
    all
}
