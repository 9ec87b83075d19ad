//! The migration history in git: merged migrations that were edited, deleted, reordered or numbered twice in, findings out.

use super::step::at;
use super::{Detector, Inspection};
use crate::finding::{EffectKind, Finding, Subject, SubjectKind};
use crate::read::migration::{Framework, Migration, Unit};
use crate::rule::Rule;
use crate::schema::timeline::script_text;
use crate::source::{Place, Span};

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("history.edited", edited),
    ("history.deleted", deleted),
    ("history.out_of_order", out_of_order),
    ("history.duplicate_version", duplicate_version),
];

/// Units at head with the same unit at base.
fn pairs(inspection: &Inspection) -> impl Iterator<Item = (&Unit, &Unit)> {
    inspection.head_units.iter().filter_map(|head| {
        let base = inspection.base_units.iter().find(|base| base.root == head.root && base.framework == head.framework)?;
        Some((base, head))
    })
}

fn report(inspection: &Inspection, rule: &Rule, migration: &Migration, message: String) -> Finding {
    let file = migration.up.source;
    let path = inspection.sources.path(file).to_owned();
    let first = migration.up.statements.first().map_or(Span::at(0), |statement| statement.span);
    let mut found = at(rule, Subject::of(SubjectKind::Migration, migration.id.clone()), message, &[("migration", migration.id.clone())]);
    found.path = path;
    found.place = Some(Place { file, span: first });
    found
}

/// The words a script runs, without comments' and blanks' effect: its statements' texts.
fn meaning(inspection: &Inspection, migration: &Migration) -> Vec<String> {
    let text = inspection.sources.text(migration.up.source);
    let squeeze = |span: Span| span.text(text).split_whitespace().collect::<Vec<_>>().join(" ");
    migration.up.statements.iter().map(|statement| squeeze(statement.span)).collect()
}

pub fn edited(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (base, head) in pairs(inspection) {
        let merged = base.counterparts(head);
        for migration in head.migrations.iter().filter(|migration| !migration.repeatable) {
            let Some(old) = merged.get(migration) else { continue };
            let same_text = script_text(&old.up, &inspection.sources) == script_text(&migration.up, &inspection.sources);
            if same_text || meaning(inspection, old) == meaning(inspection, migration) {
                continue;
            }
            let message = format!(
                "Migration {} was merged before and is edited here. Databases that have applied it do not run it again: they and new ones differ from now on.",
                migration.id
            );
            out.push(report(inspection, rule, migration, message));
        }
    }
}

pub fn deleted(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (base, head) in pairs(inspection) {
        let kept = head.counterparts(base);
        // Squashing replaces the whole beginning of the history: one finding tells it.
        let gone: Vec<&Migration> = base.migrations.iter().filter(|old| kept.get(old).is_none()).collect();
        let Some(first) = gone.first() else { continue };
        let more = if gone.len() > 1 { format!(" and {} more", gone.len() - 1) } else { String::new() };
        let message = match renamed(inspection, first, base, head) {
            Some(new) => format!(
                "Migration {}{more} was merged before and is called {} here: databases that have applied it run it a second time, or stop because the version they know is gone.",
                first.id, new.id
            ),
            None => format!(
                "Migration {}{more} was merged before and is gone here: databases that have applied it know a version the repository does not have.",
                first.id
            ),
        };
        let mut found = at(rule, Subject::of(SubjectKind::Migration, first.id.clone()), message, &[("migration", first.id.clone())]);
        found.path = first.path.clone();
        found.effects = [EffectKind::AbortsRollout].into();
        out.push(found);
    }
}

/// The new migration that says the same as one that is gone.
fn renamed<'a>(inspection: &Inspection, gone: &Migration, base: &Unit, head: &'a Unit) -> Option<&'a Migration> {
    let words = meaning(inspection, gone);
    let merged = base.counterparts(head);
    let new = |migration: &&Migration| merged.get(migration).is_none();
    head.migrations.iter().filter(new).find(|migration| !words.is_empty() && meaning(inspection, migration) == words)
}

/// A new migration that sorts before one that is merged, or merged ones that changed places.
pub fn out_of_order(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (base, head) in pairs(inspection) {
        // Liquibase runs whatever has not run, wherever it stands.
        if head.framework == Framework::Liquibase {
            continue;
        }
        let known = base.counterparts(head);
        let merged: Vec<(&Migration, &Migration)> = head
            .migrations
            .iter()
            .filter(|migration| !migration.repeatable)
            .filter_map(|migration| Some((known.get(migration)?, migration)))
            .collect();
        let Some((_, last)) = merged.last() else { continue };
        let new = head.migrations.iter().take_while(|migration| !std::ptr::eq(*migration, *last)).filter(|migration| !migration.repeatable);
        for migration in new.filter(|migration| known.get(migration).is_none()) {
            let message = format!(
                "Migration {} is new and sorts before {}, which is merged. Runners that go by the highest version applied skip it, others run it out of order.",
                migration.id, last.id
            );
            out.push(report(inspection, rule, migration, message));
        }
        let place = |old: &Migration| base.migrations.iter().position(|known| std::ptr::eq(known, old));
        for pair in merged.windows(2).filter(|pair| place(pair[0].0) > place(pair[1].0)) {
            let message = format!(
                "Migration {} now comes before {}, which it followed when both were merged: existing databases ran them the other way round, new ones get another schema or stop.",
                pair[0].1.id, pair[1].1.id
            );
            out.push(report(inspection, rule, pair[0].1, message));
        }
    }
}

pub fn duplicate_version(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let changed = |path: &str| inspection.change.file(path).is_some();
    for unit in &inspection.head_units {
        for (at_index, migration) in unit.migrations.iter().enumerate().filter(|(_, migration)| !migration.repeatable) {
            let twin = unit.migrations[..at_index].iter().find(|earlier| earlier.id == migration.id && !earlier.repeatable);
            let Some(twin) = twin else { continue };
            let (new, old) = if changed(&migration.path) { (migration, twin) } else { (twin, migration) };
            if !changed(&new.path) {
                continue;
            }
            let message =
                format!("Version {} is used twice: here and in {}. The runner refuses both or applies only one.", new.id, old.path);
            let mut found = report(inspection, rule, new, message);
            found.effects = [EffectKind::AbortsRollout].into();
            out.push(found);
        }
    }
}
