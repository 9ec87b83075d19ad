//! The gate `staged-rollout`: rollout facts in, whether the change goes out in stages, and why that is known, out.

use super::own::{Own, PolicyTexts};
use super::{GateStatus, suppress};
use crate::detect::Inspection;
use crate::detect::rollout::latent;
use crate::finding::{Finding, Gate};
use crate::read::rollout::model::Shift;
use crate::rollout::{Rolled, Unread};
use crate::rule::Rule;

/// What the change ships is declared to go out in stages: a manifest of a tool for that, or a document with stages.
pub fn is_declared(inspection: &Inspection) -> bool {
    let was =
        |rolled: &Rolled| rolled.before.as_ref().is_some_and(|before| before.shift == Shift::Staged || before.system.is_progressive());
    inspection.rollouts.in_reach().any(|rolled| rolled.is_declared() || was(rolled))
        || inspection.rollouts.unread.iter().any(|unread| (unread.touched || unread.carries) && unread.what.progressive)
}

/// The status when no finding of the gate blocks.
pub fn decide(inspection: &Inspection, rules: &[Rule]) -> (GateStatus, String) {
    let facts = &inspection.rollouts;
    let certain = |unread: &&Unread| match unread.what.progressive {
        true => unread.touched || unread.carries,
        false => unread.touched && !unread.what.template,
    };
    if let Some(unread) = facts.unread.iter().find(certain) {
        return unread_manifest(unread);
    }
    if let Some(found) = blocked(inspection, rules) {
        return (GateStatus::Unknown, format!("{}, as it was at base: {}", found.path, found.message.trim_end_matches('.')));
    }
    let in_reach: Vec<&Rolled> = facts.in_reach().collect();
    if let Some((rolled, why)) = in_reach.iter().find_map(|rolled| Some((rolled, open(rolled)?))) {
        return (GateStatus::Unknown, format!("{} ({}): {why}", rolled.unit.name, rolled.path));
    }
    if let Some(unread) = facts.unread.iter().find(|unread| unread.touched) {
        return unread_manifest(unread);
    }
    let staged: Vec<String> = in_reach.iter().filter_map(|rolled| passes(rolled)).collect();
    match (staged.first(), in_reach.first()) {
        (Some(first), _) => {
            let more = if staged.len() > 1 { format!(", and {} more", staged.len() - 1) } else { String::new() };
            let plain = in_reach.len() - staged.len();
            let beside = if plain > 0 { format!("; {plain} beside it without stages") } else { String::new() };
            (GateStatus::Pass, format!("{first}{more}{beside}"))
        }
        (None, Some(rolled)) => {
            let told = rolled.unit.open.first().map(|open| format!(": {}", open.text)).unwrap_or_default();
            let unknown = format!("is rolled out in a way that cannot be told here{told}");
            let way = match &rolled.unit.shift {
                Shift::Unknown => unknown.as_str(),
                Shift::Split { .. } => "sets weights, and nothing says how they go on",
                Shift::AllAtOnce { .. } => "is replaced all at once",
                _ => "is replaced instance by instance, without stages",
            };
            let title = rolled.unit.system.title();
            (GateStatus::Unknown, format!("{title} {} {way}; the rollback document can declare stages", rolled.unit.name))
        }
        (None, None) => (GateStatus::Unknown, "no manifest and no rollback document says in which stages this goes out".to_owned()),
    }
}

fn unread_manifest(unread: &Unread) -> (GateStatus, String) {
    let render = if unread.what.template { "; give rendered manifests with --manifests" } else { "" };
    (GateStatus::Unknown, format!("{}: {}{render}", unread.what.path, unread.what.reason))
}

/// What would block if the change had introduced it; accepted risks are none.
fn blocked(inspection: &Inspection, rules: &[Rule]) -> Option<Finding> {
    let mut found = latent(inspection, rules);
    suppress::apply(&mut Own::new(inspection, rules, PolicyTexts::default()), &mut found);
    found.into_iter().find(|finding| finding.gate == Gate::StagedRollout && finding.blocks())
}

/// What of a declared unit could not be told.
fn open(rolled: &Rolled) -> Option<String> {
    if !rolled.is_declared() {
        return None;
    }
    let unit = &rolled.unit;
    let missing = unit.analysis.missing.first().or(unit.open.first()).map(|remark| remark.text.clone());
    missing.or_else(|| (unit.shift == Shift::Unknown).then(|| "its stages could not be read".to_owned()))
}

fn passes(rolled: &Rolled) -> Option<String> {
    match &rolled.unit.shift {
        Shift::Staged => Some(format!("{}: {}", rolled.unit.name, rolled.unit.ladder())),
        Shift::Gated { gate } if rolled.is_declared() => Some(format!("{} switches after {gate}", rolled.unit.name)),
        _ => None,
    }
}
