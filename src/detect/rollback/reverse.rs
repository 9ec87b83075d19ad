//! The way back of the migrations: replayed down scripts in, what they leave behind, lose or block out.

use super::{documents, fresh};
use crate::detect::Inspection;
use crate::detect::step::{at, effect_kinds};
use crate::finding::{EffectKind, Finding, Subject, SubjectKind};
use crate::read::migration::{Framework, Migration, Script};
use crate::read::rollback::{Document, names_migration};
use crate::rule::Rule;
use crate::schema::inverse::Inverse;
use crate::source::{Place, Span};

fn report(inspection: &Inspection, rule: &Rule, migration: &Migration, place: Place, subject: Subject, message: String) -> Finding {
    let mut found = at(rule, subject, message, &[("migration", migration.id.clone())]);
    found.path = inspection.sources.path(place.file).to_owned();
    found.place = Some(place);
    found
}

/// The first statement of a script, or the start of its part of the file.
fn start(script: &Script) -> Place {
    let region = script.regions.first().map_or(Span::at(0), |region| Span::at(region.start));
    Place { file: script.source, span: script.statements.first().map_or(region, |statement| statement.span) }
}

/// A document that closes the way back with a reason, or that undoes this migration with SQL of its own.
fn answers(inspection: &Inspection, document: &Document, migration: &Migration) -> bool {
    let forward = document.data.as_ref().is_some_and(|data| data.forward_only && data.reasoned);
    let text = inspection.sources.text(document.source);
    let by_hand = document.commands.iter().any(|command| command.sql) && names_migration(text, &migration.path);
    forward || by_hand
}

pub fn no_way_back(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if inspection.settings.history_unknown {
        return;
    }
    for migration in fresh(inspection).into_iter().filter(|migration| !migration.repeatable) {
        let empty = migration.down.as_ref().is_none_or(|down| down.statements.is_empty());
        if !empty
            || migration.up.statements.is_empty()
            || documents(inspection).iter().any(|document| answers(inspection, document, migration))
        {
            continue;
        }
        let what = if migration.down.is_some() { "its down script is empty" } else { "it has no down script" };
        let message =
            format!("Migration {} has no way back: {what}, and no rollback document says that it is forward-only, and why.", migration.id);
        let place = start(&migration.up);
        let mut found = report(inspection, rule, migration, place, Subject::of(SubjectKind::Migration, migration.id.as_str()), message);
        found.effects = [EffectKind::BlocksRollback].into();
        out.push(found);
    }
}

/// The replayed migrations that have something in their down script, with where it starts.
fn replayed(inspection: &Inspection) -> impl Iterator<Item = (&Inverse, &Migration, Place)> {
    inspection.inverses.iter().filter_map(|inverse| {
        let migration = inspection.head_units.get(inverse.unit)?.migrations.get(inverse.migration)?;
        let down = migration.down.as_ref().filter(|down| !down.statements.is_empty())?;
        Some((inverse, migration, start(down)))
    })
}

pub fn down_incomplete(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (inverse, migration, place) in replayed(inspection) {
        let Some(first) = inverse.differences.first() else { continue };
        let all: Vec<&str> = inverse.differences.iter().map(|difference| difference.text.as_str()).collect();
        let shown = all[..all.len().min(4)].join("; ");
        let more = if all.len() > 4 { format!("; and {} more", all.len() - 4) } else { String::new() };
        let message = format!("The down script of {} does not undo its up script: {shown}{more}.", migration.id);
        out.push(report(inspection, rule, migration, place, first.subject.clone(), message));
    }
}

/// A down script that throws away what was written since; silent where the document says so.
pub fn down_loses_data(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let stated = documents(inspection).iter().any(|document| document.data.as_ref().is_some_and(|data| !data.denies_loss));
    if stated {
        return;
    }
    for (inverse, migration, _) in replayed(inspection) {
        let Some((step, loss)) = inverse.steps.iter().find_map(|step| Some((step, step.effect.loses.first()?))) else { continue };
        let message = format!("Rolling back {} deletes {}: everything written since the rollout is lost.", migration.id, loss.what);
        let mut found = report(inspection, rule, migration, step.place, loss.subject.clone(), message);
        found.effects = [EffectKind::LosesData].into();
        out.push(found);
    }
}

/// A down script that reads, writes or indexes a whole table under a lock that stops its writers.
pub fn down_blocks(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (inverse, migration, _) in replayed(inspection) {
        let blocking = inverse.steps.iter().find_map(|step| {
            let effect = &step.effect;
            let work =
                effect.rewrites.iter().chain(&effect.scans).chain(&effect.index_builds).find(|work| {
                    !work.new && effect.locks.iter().any(|lock| lock.relation == work.relation && lock.mode.blocks_writes())
                })?;
            Some((step, work))
        });
        let Some((step, work)) = blocking else { continue };
        let table = work.relation.short();
        let message = format!(
            "Rolling back {} stops every write to {table} for as long as it works through the table: {}.",
            migration.id, work.because
        );
        let mut found = report(inspection, rule, migration, step.place, Subject::table(&work.relation), message);
        found.effects = effect_kinds(&step.effect).into_iter().filter(|kind| *kind != EffectKind::LosesData).collect();
        out.push(found);
    }
}

/// The new code still runs while the rollback begins.
pub fn down_breaks_new_code(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (inverse, migration, _) in replayed(inspection) {
        // Runners with a single direction are asked for forward fixes anyway.
        let unit = inspection.head_units.get(inverse.unit);
        if unit.is_none_or(|unit| unit.framework == Framework::Liquibase) {
            continue;
        }
        let broken = inverse.steps.iter().find_map(|step| {
            let effect = &step.effect;
            Some((step, effect.breaks_readers.first().or(effect.breaks_writers.first())?))
        });
        let Some((step, broken)) = broken else { continue };
        let message = format!("Rolling back {} before the code breaks the code of this change: {}.", migration.id, broken.how);
        out.push(report(inspection, rule, migration, step.place, broken.subject.clone(), message));
    }
}
