//! What the deployed code is searched for: a rollout's steps in, the subjects that break as targets out.

use std::collections::BTreeMap;

use super::renames::Names;
use super::step::op_of;
use crate::finding::{Subject, SubjectKind};
use crate::read::Facts;
use crate::schema::Timeline;
use crate::schema::catalog::{Catalog, Origin};
use crate::schema::effect::{Break, Certainty, Effect};
use crate::schema::name::QName;
use crate::schema::op::{ConstraintKind, SchemaOp, TableAction};
use crate::usage::{Interest, Target, TargetKind};

/// Targets by what a finding calls its subject; the target carries the name that it has at base.
#[derive(Debug, Default)]
pub struct Sought {
    pub ids: BTreeMap<(Subject, Interest), usize>,
    pub targets: Vec<Target>,
    /// Renamed tables whose name at base another table has when they break: no code can mean them.
    pub replaced: BTreeMap<Subject, String>,
}

pub fn collect(facts: &Facts, timelines: &[Timeline]) -> Sought {
    let mut sought = Sought::default();
    for timeline in timelines {
        let mut names = Names::default();
        for step in &timeline.steps {
            for (broken, interest) in breaks(&step.effect) {
                match replaced(&broken.subject, &names, &step.before) {
                    Some(name) => drop(sought.replaced.insert(broken.subject.clone(), name)),
                    None => sought.add(&broken.subject, interest, &names),
                }
            }
            let Some(op) = op_of(&facts.head_units[timeline.unit], step) else { continue };
            for subject in required_by_check(&op.kind, &step.before) {
                sought.add(&subject, Interest::WritersOmitting, &names);
            }
            names.follow(&op.kind, &step.before);
        }
    }
    sought
}

/// The name at base of a renamed table, if another table has it now.
fn replaced(subject: &Subject, names: &Names, now: &Catalog) -> Option<String> {
    let base = names.at_base(subject);
    let taken = subject.kind == SubjectKind::Table && base.name != subject.name;
    let key = base.name.split_once('.').map(|(schema, name)| QName::new(schema, name)).filter(|key| taken && now.table(key).is_some())?;
    Some(key.short())
}

/// What an op breaks that code can be searched for, and which code it breaks. What may break only for some columns counts: the code tells.
fn breaks(effect: &Effect) -> impl Iterator<Item = (&Break, Interest)> {
    let sought = |broken: &&Break| broken.certainty == Certainty::Always || broken.subject.kind == SubjectKind::Column;
    let readers = effect.breaks_readers.iter().map(|broken| (broken, Interest::AnyReference));
    let interest = if effect.breaks_readers.is_empty() { Interest::WritersOmitting } else { Interest::AnyReference };
    readers.chain(effect.breaks_writers.iter().map(move |broken| (broken, interest))).filter(move |(broken, _)| sought(broken))
}

/// Columns that a new CHECK requires of every row written from now on, validated or not.
pub fn required_by_check(op: &SchemaOp, before: &Catalog) -> Vec<Subject> {
    let SchemaOp::AlterTable(alter) = op else { return Vec::new() };
    let TableAction::AddConstraint { constraint } = &alter.action else { return Vec::new() };
    let ConstraintKind::Check { expr, .. } = &constraint.kind else { return Vec::new() };
    let table = before.resolve(&alter.table);
    let old = before.table(&table).is_none_or(|table| table.origin != Origin::Rollout);
    let columns = expr.proves_not_null.iter().filter(|_| old && !constraint.not_enforced);
    columns.map(|column| Subject::column(&table, column)).collect()
}

impl Sought {
    fn add(&mut self, subject: &Subject, interest: Interest, names: &Names) {
        let key = (subject.clone(), interest);
        if self.ids.contains_key(&key) {
            return;
        }
        if let Some(target) = target(self.targets.len(), &names.at_base(subject), interest) {
            self.ids.insert(key, target.id);
            self.targets.push(target);
        }
    }
}

fn target(id: usize, subject: &Subject, interest: Interest) -> Option<Target> {
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let kind = match subject.kind {
        SubjectKind::Column => TargetKind::Column,
        SubjectKind::Table => TargetKind::Table,
        SubjectKind::EnumValue => TargetKind::EnumValue,
        SubjectKind::View => TargetKind::View,
        SubjectKind::Routine => TargetKind::Routine,
        SubjectKind::Type => TargetKind::Type,
        _ => return None,
    };
    let interest = if kind == TargetKind::Column { interest } else { Interest::AnyReference };
    let name = if kind == TargetKind::EnumValue { subject.name.clone() } else { bare(&subject.name) };
    Some(Target { id, kind, table: subject.table.as_deref().map(bare), name, interest })
}
