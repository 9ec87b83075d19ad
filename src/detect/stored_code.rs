//! Functions kept in the database that use what a rollout takes away: targets and the catalog after it in, references out.
//! A view needs no look: PostgreSQL refuses to drop what a view reads, or drops the view with it, and the effect says so.

use crate::read::migration::Unit;
use crate::schema::Timeline;
use crate::schema::catalog::{Origin, Routine};
use crate::schema::name::QName;
use crate::schema::op::SchemaOp;
use crate::source::{Place, SourceMap};
use crate::usage::{Access, Grade, Interest, Reference, SourceKind, Target, TargetKind, Usage};

/// Adds what the history's functions name. One that the rollout replaced is judged by its new body, which old code calls too.
pub fn add(usage: &mut Usage, targets: &[Target], timelines: &[Timeline], units: &[Unit], sources: &SourceMap) {
    let mut found = Vec::new();
    for timeline in timelines {
        for (name, routine) in timeline.after.routines.iter().flat_map(|(name, all)| all.iter().map(move |routine| (name, routine))) {
            for target in targets.iter().filter(|target| target.interest == Interest::AnyReference && uses(routine, target)) {
                if timeline.before.routines.contains_key(name)
                    && routine.origin != Origin::Assumed
                    && let Some(place) = definition(units, name)
                {
                    found.push(reference(target, name, place, sources));
                }
            }
        }
    }
    for reference in &found {
        usage.counts.entry(reference.target).or_default().certain += 1;
    }
    found.append(&mut usage.references);
    usage.references = found;
}

fn uses(routine: &Routine, target: &Target) -> bool {
    let relation = |name: &str| routine.relations.iter().any(|relation| relation.name.text == name);
    match target.kind {
        TargetKind::Table | TargetKind::View => relation(&target.name),
        TargetKind::Column => target.table.as_deref().is_some_and(relation) && routine.columns.contains(&target.name),
        TargetKind::EnumValue | TargetKind::Routine | TargetKind::Type | TargetKind::Flag => false,
    }
}

/// The newest place in the history that defines the function.
fn definition(units: &[Unit], name: &QName) -> Option<Place> {
    let scripts = units.iter().flat_map(|unit| unit.migrations.iter().rev().map(|migration| &migration.up));
    scripts.into_iter().find_map(|script| {
        let ops = script.statements.iter().flat_map(|statement| &statement.ops);
        let defines = |op: &SchemaOp| matches!(op, SchemaOp::CreateRoutine(create) if create.routine.name.name.text == name.name);
        ops.into_iter().rev().find(|op| defines(&op.kind)).map(|op| Place { file: script.source, span: op.span })
    })
}

fn reference(target: &Target, name: &QName, place: Place, sources: &SourceMap) -> Reference {
    let start = sources.start(place);
    let line = sources.snippet(place).lines().next().unwrap_or("").trim();
    Reference {
        target: target.id,
        grade: Grade::Certain,
        access: Access::Unknown,
        source_kind: SourceKind::Sql,
        path: sources.path(place.file).to_owned(),
        line: start.line,
        column: start.column,
        text: line.chars().take(200).collect(),
        why: format!("function {} in the database names it, and this rollout keeps it", name.short()),
    }
}
