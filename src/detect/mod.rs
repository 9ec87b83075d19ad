//! Facts, steps and usage of old code in, findings out, by the enabled rules. One file a family; `DETECTORS` names them.

use crate::change::ChangeSet;
use crate::finding::Finding;
use crate::read::Unread;
use crate::read::migration::Unit;
use crate::rule::Rule;
use crate::schema::Timeline;
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
    /// Parts of the change that could not be read.
    pub unread: Vec<Unread>,
    /// Parts of the change that were left out on purpose.
    pub skipped: Vec<Unread>,
}

/// A detector adds what it finds for one rule. It never decides a severity: it may only lower the rule's own on evidence.
pub type Detector = fn(&Inspection, &Rule, &mut Vec<Finding>);

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[("policy.suppressions", by_verdict)];

/// For rules whose findings the verdict makes, because they depend on all others.
fn by_verdict(_: &Inspection, _: &Rule, _: &mut Vec<Finding>) {}

/// Runs every rule that the policy leaves on, at the severity the policy gives it.
pub fn run(inspection: &Inspection, rules: &[Rule]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules {
        let wanted = inspection.settings.policy.rules.get(&rule.id).and_then(|policy| policy.severity);
        if wanted == Some(RuleSeverity::Off) {
            continue;
        }
        let Some((_, detector)) = DETECTORS.iter().find(|(name, _)| Some(*name) == rule.detector.as_deref()) else {
            continue;
        };
        let first = findings.len();
        detector(inspection, rule, &mut findings);
        if let Some(severity) = wanted.and_then(RuleSeverity::severity) {
            findings[first..].iter_mut().for_each(|finding| finding.severity = severity);
        }
    }
    findings
}
