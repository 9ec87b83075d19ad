//! The ladder of a unit in, findings about its first step, its stages, their length and the last jump out.

use super::{finding, limit};
use crate::detect::Inspection;
use crate::finding::{Finding, Label, Severity};
use crate::read::rollout::model::{Backend, Shift, Stage, System, Unit, percent, spoken};
use crate::rollout::{Reach, Rolled};
use crate::rule::Rule;

/// Stages as they are felt: a weight that is left at once was none, so the next one counts.
fn felt(unit: &Unit) -> impl Iterator<Item = &Stage> {
    unit.stages.iter().filter(|stage| !stage.dwell.is_under(1))
}

pub fn first_stage_too_large(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let (most, fair) = (limit(inspection, rule, "max_percent"), limit(inspection, rule, "warn_percent"));
    let mut report = |share: f64, place, message: String| {
        if share > fair {
            let mut found = finding(inspection, rule, rolled, place, message);
            if share <= most {
                found.severity = found.severity.min(Severity::Warn);
            }
            out.push(found);
        }
    };
    if let Some(backend) = new_backend(rolled) {
        let message = format!(
            "`{}` gets {} of the traffic of `{}` at once ({}).",
            backend.name,
            percent(backend.percent),
            rolled.unit.name,
            backend.written
        );
        return report(backend.percent, backend.place, message);
    }
    let Some(first) = felt(&rolled.unit).next().or(rolled.unit.stages.first()) else { return };
    let message = match &first.rounded {
        Some(rounded) => format!("The first stage of `{}` reaches {}: {}.", rolled.unit.name, percent(first.percent), rounded.why),
        None => format!("The first stage of `{}` reaches {} of the traffic.", rolled.unit.name, percent(first.percent)),
    };
    report(first.percent, first.place, message);
}

/// A backend that had no traffic at base, where the route was there and another backend keeps some.
fn new_backend(rolled: &Rolled) -> Option<&Backend> {
    let Shift::Split { backends } = &rolled.unit.shift else { return None };
    let Shift::Split { backends: old } = &rolled.before.as_ref()?.shift else { return None };
    let had = |name: &str| old.iter().any(|before| before.name == name && before.percent > 0.0);
    // When all of them are new, the route serves something else now.
    if !backends.iter().any(|backend| had(&backend.name)) {
        return None;
    }
    backends.iter().filter(|backend| !had(&backend.name)).max_by(|a, b| a.percent.total_cmp(&b.percent))
}

pub fn stage_without_pause(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    for stage in rolled.unit.stages.iter().filter(|stage| stage.dwell.is_under(1)) {
        let message = format!(
            "The stage of `{}` at {} ends the moment it is reached: nothing waits before the next step.",
            rolled.unit.name,
            percent(stage.percent)
        );
        out.push(finding(inspection, rule, rolled, stage.place, message));
    }
}

pub fn dwell_too_short(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let least = (limit(inspection, rule, "min_minutes") * 60.0) as u64;
    let short: Vec<&Stage> = felt(&rolled.unit).filter(|stage| stage.dwell.is_under(least)).collect();
    let Some(first) = short.first() else { return };
    let listed: Vec<String> =
        short.iter().take(5).map(|stage| format!("{} for {}", percent(stage.percent), spoken(stage.dwell.seconds))).collect();
    let more = if short.len() > 5 { format!(" and {} more", short.len() - 5) } else { String::new() };
    let message = format!("Stages of `{}` last less than {}: {}{more}.", rolled.unit.name, spoken(least), listed.join(", "));
    out.push(finding(inspection, rule, rolled, first.place, message));
}

/// Whether the first stage is so large that the rest of the ladder is not worth a word.
fn starts_too_high(rolled: &Rolled, most: f64) -> bool {
    felt(&rolled.unit).next().is_some_and(|stage| stage.percent > most)
}

pub fn too_few_stages(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let least = limit(inspection, rule, "min_stages");
    let stages = felt(&rolled.unit).count();
    if rolled.unit.shift != Shift::Staged || stages == 0 || stages as f64 >= least || starts_too_high(rolled, 10.0) {
        return;
    }
    let message = format!(
        "`{}` has {stages} {} before all traffic ({}); {least} are asked for.",
        rolled.unit.name,
        if stages == 1 { "stage" } else { "stages" },
        rolled.unit.ladder()
    );
    out.push(finding(inspection, rule, rolled, rolled.unit.stages[0].place, message));
}

pub fn last_jump_too_large(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let least = limit(inspection, rule, "min_last_percent");
    if let Some((backend, before)) = raised_backend(rolled) {
        if backend.percent - before > 100.0 - least {
            let message = format!(
                "`{}` goes from {} to {} of the traffic of `{}` in one step.",
                backend.name,
                percent(before),
                percent(backend.percent),
                rolled.unit.name
            );
            out.push(finding(inspection, rule, rolled, backend.place, message));
        }
        return;
    }
    let Some(last) = felt(&rolled.unit).last().filter(|last| last.percent < least) else { return };
    // The first stage is the last one too: too few stages says it.
    if felt(&rolled.unit).count() == 1 {
        return;
    }
    let message = format!("`{}` goes from {} to 100 % in one step.", rolled.unit.name, percent(last.percent));
    out.push(finding(inspection, rule, rolled, last.place, message));
}

/// The backend whose share grows most, with what it had.
fn raised_backend(rolled: &Rolled) -> Option<(&Backend, f64)> {
    let Shift::Split { backends } = &rolled.unit.shift else { return None };
    let Shift::Split { backends: old } = &rolled.before.as_ref()?.shift else { return None };
    let before = |backend: &Backend| old.iter().find(|old| old.name == backend.name).map_or(0.0, |old| old.percent);
    let raised =
        backends.iter().map(|backend| (backend, before(backend))).filter(|(backend, before)| *before > 0.0 && backend.percent > *before);
    raised.max_by(|a, b| (a.0.percent - a.1).total_cmp(&(b.0.percent - b.1)))
}

pub fn no_stages(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    if rolled.unit.system.is_progressive() && matches!(rolled.unit.shift, Shift::Rolling { .. }) && rolled.unit.flaws.is_empty() {
        let message = format!(
            "`{}` is a {} without a stage: it is replaced pod by pod until all traffic is on the new version.",
            rolled.unit.name,
            rolled.unit.system.title()
        );
        out.push(finding(inspection, rule, rolled, rolled.unit.strategy, message));
    }
}

pub fn all_at_once(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let Shift::AllAtOnce { why, tolerated } = &rolled.unit.shift else { return };
    let message = format!("`{}` gets all traffic at once: {why}.", rolled.unit.name);
    let mut found = finding(inspection, rule, rolled, rolled.unit.strategy, message);
    if *tolerated {
        // Often the only way: a volume that one pod can mount, an agent on each node.
        found.severity = found.severity.min(Severity::Note);
    }
    out.push(found);
}

/// A controller has nothing to go back to at the first apply, so it skips the steps.
pub fn first_apply(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let skips = matches!(rolled.unit.system, System::ArgoRollouts | System::Flagger);
    if !skips || rolled.reach != Reach::Introduced || rolled.unit.shift != Shift::Staged {
        return;
    }
    let message = match &rolled.before {
        None => format!("`{}` is new: its first rollout skips the stages and puts everything on this version.", rolled.unit.name),
        Some(before) if before.system != rolled.unit.system => {
            format!(
                "`{}` was a {} and becomes a {}: its first rollout skips the stages.",
                rolled.unit.name,
                before.system.title(),
                rolled.unit.system.title()
            )
        }
        Some(_) => return,
    };
    let mut found = finding(inspection, rule, rolled, rolled.unit.place, message);
    found.labels.push(Label { place: rolled.unit.strategy, text: "these stages count from the second rollout on".to_owned() });
    out.push(found);
}
