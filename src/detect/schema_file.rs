//! Schema files beside the migrations: the catalog after the rollout and a tool's copy of it in, findings where they part out.

use super::step::at;
use super::{Detector, Inspection};
use crate::finding::{Finding, Subject, SubjectKind};
use crate::read::schema_file::{Kind, SchemaFile, Table as Copied};
use crate::rule::Rule;
use crate::schema::Timeline;
use crate::schema::catalog::{Origin, Table, TableConstraintKind};
use crate::schema::name::QName;
use crate::source::Place;

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[("schema_file.stale", stale)];

/// Differences that are told one by one.
const MOST: usize = 5;

/// One way in which the file is not the schema: a clause, and where in the file.
struct Difference {
    text: String,
    place: Option<Place>,
}

pub fn stale(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for file in &inspection.schema_files {
        let Some(timeline) = inspection.timelines.iter().find(|timeline| timeline.unit == file.unit) else { continue };
        let found = differences(timeline, file);
        if found.is_empty() {
            continue;
        }
        let told: Vec<&str> = found.iter().take(MOST).map(|difference| difference.text.as_str()).collect();
        let more = if found.len() > MOST { format!(", and {} more", found.len() - MOST) } else { String::new() };
        let message = format!("{} does not show what the migrations of this change do: {}{more}.", file.path, told.join(", "));
        let vars = [("file", file.path.clone()), ("command", file.kind.command().to_owned())];
        let mut finding = at(rule, Subject::of(SubjectKind::File, file.path.clone()), message, &vars);
        finding.place = found.iter().find_map(|difference| difference.place);
        finding.path = finding.place.map_or_else(|| file.path.clone(), |place| inspection.sources.path(place.file).to_owned());
        out.push(finding);
    }
}

/// What the rollout changes and the file has otherwise. What was different before is not this change's.
fn differences(timeline: &Timeline, file: &SchemaFile) -> Vec<Difference> {
    let mut all = Vec::new();
    for key in timeline.changed_tables() {
        let copied = file.tables.iter().find(|table| table.is(&key));
        let (before, after) = (timeline.before.table(&key), timeline.after.table(&key));
        match (before, after, copied) {
            (_, Some(after), Some(copied)) => columns(&key, before, after, copied, &mut all),
            (None, Some(new), None) if is_expected(&key, new, file) => {
                all.push(Difference { text: format!("table {} is missing", key.short()), place: None });
            }
            (Some(old), None, Some(copied)) if old.origin != Origin::Assumed => {
                all.push(Difference { text: format!("table {} is still there", key.short()), place: Some(copied.place) });
            }
            _ => {}
        }
    }
    all
}

/// A new table that the file would have if it were written now.
fn is_expected(key: &QName, table: &Table, file: &SchemaFile) -> bool {
    let has_key = table.constraints.iter().any(|constraint| matches!(constraint.kind, TableConstraintKind::PrimaryKey { .. }));
    let named = match file.kind {
        // Relations of many to many have a table and no model.
        Kind::Prisma => !key.name.starts_with('_'),
        // Tables without a primary key are left out by `diesel print-schema`.
        Kind::Diesel => has_key,
        Kind::Dump | Kind::Drizzle => true,
    };
    named && table.origin == Origin::Rollout && !table.foreign && !file.partial && file.table_count > 0
}

fn columns(key: &QName, before: Option<&Table>, after: &Table, copied: &Copied, all: &mut Vec<Difference>) {
    let mut add = |text: String| all.push(Difference { text: format!("column {}.{text}", key.short()), place: Some(copied.place) });
    for column in &after.columns {
        let old = before.and_then(|before| before.column(&column.name));
        let is_new = old.is_none() && column.origin == Origin::Rollout;
        match copied.column(&column.name) {
            None if is_new => add(format!("{} is missing", column.name)),
            Some(copy) if is_new || old.is_some_and(|old| old.not_null != column.not_null) => match (column.not_null, copy.not_null) {
                (true, Some(false)) => add(format!("{} may be NULL there and is NOT NULL", column.name)),
                (false, Some(true)) => add(format!("{} is NOT NULL there and may be NULL", column.name)),
                _ => {}
            },
            _ => {}
        }
    }
    let gone = before.iter().flat_map(|before| &before.columns).filter(|column| after.column(&column.name).is_none());
    for column in gone.filter(|column| copied.column(&column.name).is_some_and(|copy| copy.sure)) {
        add(format!("{} is still there", column.name));
    }
}
