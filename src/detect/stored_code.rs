//! Functions kept in the database that use what a rollout takes away: targets and the catalog after it in, references out.
//! A view needs no look: PostgreSQL refuses to drop what a view reads, or drops the view with it, and the effect says so.

use regex::Regex;

use crate::read::Facts;
use crate::read::migration::Unit;
use crate::schema::Timeline;
use crate::schema::catalog::{Catalog, Routine, Table, Trigger};
use crate::schema::name::QName;
use crate::schema::op::SchemaOp;
use crate::source::{LineIndex, Place, SourceMap};
use crate::usage::{self, Access, Grade, Interest, Reference, SourceKind, Target, TargetKind, Usage};

/// Adds what the functions name that are there before and after the rollout. One that it replaces is judged by its new body,
/// which old code calls too.
pub fn add(usage: &mut Usage, targets: &[Target], timelines: &[Timeline], facts: &Facts, sources: &SourceMap) {
    let sought: Vec<Target> = targets
        .iter()
        .filter(|target| {
            target.interest == Interest::AnyReference && matches!(target.kind, TargetKind::Table | TargetKind::View | TargetKind::Column)
        })
        .cloned()
        .collect();
    if sought.is_empty() {
        return;
    }
    let mut found = Vec::new();
    for timeline in timelines {
        let head = &facts.head_units[timeline.unit];
        let base = facts.base_units.iter().find(|base| base.root == head.root && base.framework == head.framework);
        let (before, after) = (&timeline.before, &timeline.after);
        let kept = after.routines.keys().filter(|name| before.routines.contains_key(*name) && may_run(after, name));
        for (name, place) in kept.filter_map(|name| Some((name, definition(head, name).or_else(|| definition(base?, name))?))) {
            found.extend(uses(&sought, name, place, sources));
            found.extend(row_fields(&sought, before, name, place, sources));
        }
    }
    usage.put_first(found);
}

/// `NEW.column` and `OLD.column` in a trigger's function, of the tables it is a trigger of.
fn row_fields(targets: &[Target], catalog: &Catalog, name: &QName, place: Place, sources: &SourceMap) -> Vec<Reference> {
    let runs = |table: &Table| {
        let mut triggers = table.triggers.values();
        triggers.any(|trigger| trigger.routine.as_ref().is_some_and(|routine| catalog.resolve(routine) == *name))
    };
    let tables: Vec<&str> = catalog.tables.iter().filter(|(_, table)| runs(table)).map(|(key, _)| key.name.as_str()).collect();
    let of_row =
        |target: &&Target| target.kind == TargetKind::Column && target.table.as_deref().is_some_and(|table| tables.contains(&table));
    let body = sources.snippet(place);
    let lines = LineIndex::new(body);
    let first = sources.start(place).line;
    let mut found = Vec::new();
    for target in targets.iter().filter(of_row) {
        let Ok(field) = Regex::new(&format!(r#"(?i)\b(?:new|old)\s*\.\s*"?{}\b"#, regex::escape(&target.name))) else { continue };
        found.extend(field.find_iter(body).map(|field| {
            let at = lines.position(body, field.start());
            Reference {
                target: target.id,
                grade: Grade::Certain,
                access: Access::ReadWrite,
                source_kind: SourceKind::Sql,
                path: sources.path(place.file).to_owned(),
                line: first + at.line - 1,
                column: at.column,
                text: lines.line_span(body, at.line - 1).text(body).trim().chars().take(200).collect(),
                why: format!("the row of a trigger that runs function {}", name.short()),
            }
        }));
    }
    found
}

/// A trigger's function runs only through a trigger.
fn may_run(catalog: &Catalog, name: &QName) -> bool {
    let is_triggers = |routine: &Routine| routine.returns.as_deref().is_some_and(|returns| returns.eq_ignore_ascii_case("trigger"));
    let all_triggers = catalog.routines.get(name).is_some_and(|all| all.iter().all(is_triggers));
    let runs = |trigger: &Trigger| trigger.routine.as_ref().is_none_or(|routine| catalog.resolve(routine) == *name);
    !all_triggers || catalog.incomplete || catalog.tables.values().flat_map(|table| table.triggers.values()).any(runs)
}

/// The newest place of a history that defines the function.
fn definition(unit: &Unit, name: &QName) -> Option<Place> {
    let defines = |op: &SchemaOp| matches!(op, SchemaOp::CreateRoutine(create) if create.routine.name.name.text == name.name);
    unit.migrations.iter().rev().map(|migration| &migration.up).find_map(|script| {
        let statement = script.statements.iter().rev().find(|statement| statement.ops.iter().any(|op| defines(&op.kind)))?;
        Some(Place { file: script.source, span: statement.span })
    })
}

fn uses(targets: &[Target], name: &QName, place: Place, sources: &SourceMap) -> Vec<Reference> {
    let first = sources.start(place).line;
    let found = usage::search_sql(targets, sources.path(place.file), sources.snippet(place)).unwrap_or_default();
    let placed = |reference: Reference| Reference {
        line: first + reference.line - 1,
        source_kind: SourceKind::Sql,
        why: format!("in function {} of the database: {}", name.short(), reference.why),
        ..reference
    };
    found.into_iter().map(placed).collect()
}
