//! Facts, steps and usage of old code in, findings out, by the enabled rules. One file a family; `FAMILIES` names them.

pub mod evidence;
pub mod flag;
mod flag_code;
mod history;
mod index;
mod lock;
mod migration;
pub mod old_code;
mod phases;
pub mod pipeline;
mod recipe;
pub mod redflag;
pub mod release;
mod renames;
pub mod rollback;
pub mod rollout;
mod schema;
mod schema_file;
mod sought;
pub mod step;
mod stored_code;
mod taken;
pub mod team;

use crate::change::ChangeSet;
use crate::finding::Finding;
use crate::flag::FlagFacts;
use crate::read::Unread;
use crate::read::added::Added;
use crate::read::evidence::Evidence;
use crate::read::migration::Unit;
use crate::read::release::Release;
use crate::read::rollback::Rollback;
use crate::rollout::RolloutFacts;
use crate::rule::Rule;
use crate::schema::Timeline;
use crate::schema::inverse::Inverse;
use crate::schema::timeline::new_migrations;
use crate::settings::{RuleSeverity, Settings};
use crate::source::SourceMap;

/// Everything that was read of one change; what detectors look at.
#[derive(Debug)]
pub struct Inspection {
    pub settings: Settings,
    pub change: ChangeSet,
    pub sources: SourceMap,
    pub base_units: Vec<Unit>,
    pub head_units: Vec<Unit>,
    pub timelines: Vec<Timeline>,
    /// Where the code at base uses what the rollout takes away.
    pub old_code: old_code::OldCode,
    /// Copies of the schema that tools keep in the repository.
    pub schema_files: Vec<crate::read::schema_file::SchemaFile>,
    /// Flag definitions of the change, compared.
    pub flags: FlagFacts,
    pub rollback: Rollback,
    /// Units that are rolled out, compared with base.
    pub rollouts: RolloutFacts,
    pub release: Release,
    /// New migrations with a down script, replayed up and down.
    pub inverses: Vec<Inverse>,
    pub evidence: Evidence,
    pub pipelines: crate::read::pipeline::Both,
    /// The words the change adds.
    pub added: Added,
    /// Parts of the change that could not be read.
    pub unread: Vec<Unread>,
    /// Parts of the change that were left out on purpose.
    pub skipped: Vec<Unread>,
}

/// A detector adds what it finds for one rule. It never decides a severity: it may only lower the rule's own on evidence.
pub type Detector = fn(&Inspection, &Rule, &mut Vec<Finding>);

/// Detectors by the name a rule file gives, a table a family.
pub const FAMILIES: &[&[(&str, Detector)]] = &[
    flag::DETECTORS,
    flag_code::DETECTORS,
    schema::DETECTORS,
    lock::DETECTORS,
    index::DETECTORS,
    migration::DETECTORS,
    phases::DETECTORS,
    history::DETECTORS,
    schema_file::DETECTORS,
    rollback::DETECTORS,
    rollout::DETECTORS,
    evidence::DETECTORS,
    pipeline::DETECTORS,
    release::DETECTORS,
    redflag::DETECTORS,
    &[("policy.suppressions", by_verdict)],
];

/// The detector of that name.
pub fn detector(name: &str) -> Option<Detector> {
    FAMILIES.iter().copied().flatten().find(|(known, _)| *known == name).map(|(_, detector)| *detector)
}

/// For rules whose findings the verdict makes, because they depend on all others.
fn by_verdict(_: &Inspection, _: &Rule, _: &mut Vec<Finding>) {}

/// Paths of the migrations that head adds, of all units.
pub fn new_paths(base: &[Unit], head: &[Unit], sources: &SourceMap) -> Vec<String> {
    let old = |unit: &Unit| base.iter().find(|old| old.root == unit.root && old.framework == unit.framework);
    head.iter().flat_map(|unit| new_migrations(old(unit), unit, sources).map(|(_, migration)| migration.path.clone())).collect()
}

/// Runs every rule that the policy leaves on, at the severity the policy gives it.
pub fn run(inspection: &Inspection, rules: &[Rule]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules {
        let wanted = inspection.settings.policy.rules.get(&rule.id).and_then(|policy| policy.severity);
        if wanted == Some(RuleSeverity::Off) {
            continue;
        }
        let Some(detector) = rule.detector.as_deref().and_then(detector) else {
            continue;
        };
        let first = findings.len();
        detector(inspection, rule, &mut findings);
        if old_code::SETTLED.contains(&rule.id.as_str()) {
            findings[first..].iter_mut().for_each(|finding| inspection.old_code.settle(finding));
        }
        if let Some(severity) = wanted.and_then(RuleSeverity::severity) {
            findings[first..].iter_mut().for_each(|finding| finding.severity = severity);
        }
    }
    findings
}
