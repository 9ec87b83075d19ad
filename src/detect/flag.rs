//! Findings about feature flags: what became of each flag of the change, at production scope.

use crate::detect::step::at;
use crate::detect::{Detector, Inspection};
use crate::finding::{Confidence, Edit, Evidence, EvidenceKind, Finding, Fix, Label, Severity, Subject, SubjectKind};
use crate::flag::compare::FlagChange;
use crate::flag::reference::Reference;
use crate::read::flag::{Flag, Flaw, FlawKind, Format, Purpose, State};
use crate::rule::Rule;
use crate::source::Place;

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("flag.new_default_on", new_default_on),
    ("flag.new_partly_on", new_partly_on),
    ("flag.flipped_on", flipped_on),
    ("flag.targeting_widened", targeting_widened),
    ("flag.percentage_jump", percentage_jump),
    ("flag.targeting_moot", targeting_moot),
    ("flag.off_serves_on", off_serves_on),
    ("flag.invalid_default", invalid_default),
    ("flag.ambiguous_boolean", ambiguous_boolean),
    ("flag.state_unknown", state_unknown),
    ("flag.removed_still_referenced", removed_still_referenced),
];

pub(super) fn finding(inspection: &Inspection, rule: &Rule, name: &str, place: Place, message: String) -> Finding {
    let subject = Subject { kind: SubjectKind::Flag, table: None, name: name.to_owned() };
    Finding {
        place: Some(place),
        path: inspection.sources.path(place.file).to_owned(),
        ..at(rule, subject, message, &[("flag", name.to_owned())])
    }
}

/// An option of the rule, as the policy or the rule itself sets it.
pub(super) fn option<'i>(inspection: &'i Inspection, rule: &'i Rule, name: &str) -> Option<&'i serde_yaml::Value> {
    let policy = inspection.settings.policy.rules.get(&rule.id).and_then(|policy| policy.options.get(name));
    policy.or_else(|| rule.options.get(name).map(|option| &option.default))
}

/// Boolean release flags in production scope; manifests hold fallbacks of code, not states.
pub(super) fn is_release(inspection: &Inspection, flag: &Flag) -> bool {
    let path = inspection.sources.path(flag.place.file);
    let production = inspection.settings.policy.environments.is_production(&flag.environment, path);
    flag.purpose == Purpose::Release && production && flag.format != Format::OpenFeatureManifest
}

fn environment(flag: &Flag) -> String {
    if flag.environment.is_empty() { String::new() } else { format!(" in `{}`", flag.environment) }
}

/// Base state, head state and the path that decides, as the end of a sentence.
fn states(before: Option<&Flag>, flag: &Flag) -> String {
    let was = before.map_or("not there".to_owned(), |before| before.state.describe());
    format!("{was} at base, {} at head, because for a user without attributes {}.", flag.state.describe(), flag.reason)
}

/// A finding at what decides the flag, with the edit that makes it off.
fn at_decision(inspection: &Inspection, rule: &Rule, flag: &Flag, message: String) -> Finding {
    let mut found = finding(inspection, rule, &flag.key, flag.decided_at, message);
    if flag.place != flag.decided_at {
        found.labels.push(Label { place: flag.place, text: format!("the flag `{}` ({})", flag.key, flag.format.title()) });
    }
    if let Some(off) = &flag.off {
        let old = inspection.sources.snippet(flag.decided_at);
        found.remedy = format!("{} Replace `{old}` by `{off}`.", found.remedy.trim_end());
        let edits = vec![Edit::Replace { place: flag.decided_at, with: off.clone() }];
        found.fix = Some(Fix { title: format!("serve off: replace `{old}` by `{off}`"), safe: true, edits });
    }
    found
}

pub fn new_default_on(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let mut imported: Vec<&Flag> = Vec::new();
    for change in &inspection.flags.changes {
        let FlagChange::Added { flag, bulk } = change else { continue };
        if !is_release(inspection, flag) || flag.state != State::On {
            continue;
        }
        if *bulk {
            imported.push(flag);
            continue;
        }
        let message = format!("The new flag `{}` is on for everyone{}: {}", flag.key, environment(flag), states(None, flag));
        out.push(at_decision(inspection, rule, flag, message));
    }
    out.extend(import(inspection, rule, &imported));
}

/// Flags that come on in new files that bring many are one finding: nobody wants it said forty times.
fn import(inspection: &Inspection, rule: &Rule, on: &[&Flag]) -> Option<Finding> {
    let first = on.first()?;
    let names: Vec<String> = on.iter().take(5).map(|flag| format!("`{}`", flag.key)).collect();
    let more = if on.len() > names.len() { format!(" and {} more", on.len() - names.len()) } else { String::new() };
    let verb = if on.len() == 1 { "is" } else { "are" };
    let message = format!("New flag files bring many flags, of which {} {verb} on for everyone: {}{more}.", on.len(), names.join(", "));
    let mut found = finding(inspection, rule, &first.key, first.decided_at, message);
    found.severity = found.severity.min(Severity::Warn);
    let label = |flag: &&Flag| Label { place: flag.decided_at, text: format!("`{}`: {}", flag.key, flag.reason) };
    found.labels = on.iter().skip(1).take(20).map(label).collect();
    Some(found)
}

pub fn new_partly_on(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for flag in inspection.flags.changes.iter().filter_map(FlagChange::added).filter(|flag| is_release(inspection, flag)) {
        if matches!(flag.state, State::Partial { .. } | State::Scheduled { .. }) {
            let message = format!("The new flag `{}` is not off{}: {}", flag.key, environment(flag), states(None, flag));
            out.push(at_decision(inspection, rule, flag, message));
        }
    }
}

/// Pairs of a flag before and after, in production scope.
fn kept(inspection: &Inspection) -> impl Iterator<Item = (&Flag, &Flag)> {
    inspection.flags.changes.iter().filter_map(|change| match change {
        FlagChange::Kept { before, after } if is_release(inspection, after) => Some((&**before, &**after)),
        _ => None,
    })
}

pub fn flipped_on(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (before, after) in kept(inspection) {
        if after.state != State::On || before.state == State::On {
            continue;
        }
        let message = format!("The flag `{}` is turned on for everyone{}: {}", after.key, environment(after), states(Some(before), after));
        let mut found = at_decision(inspection, rule, after, message);
        match inspection.flags.shipped.first() {
            Some(path) => {
                let rest = inspection.flags.shipped.len() - 1;
                let more = if rest > 0 { format!(" and {rest} more files") } else { String::new() };
                found.message.push_str(&format!(" The same change edits {path}{more}, so the flip cannot be taken back alone."));
            }
            None if is_declared(inspection, &after.key) => {
                found.severity = found.severity.min(Severity::Note);
                found.message.push_str(" The change does nothing else and declares it.");
            }
            None => {
                found.severity = found.severity.min(Severity::Warn);
                found.message.push_str(&format!(" Declare it with a line `Flag-Flip: {}` in the commit message.", after.key));
            }
        }
        out.push(found);
    }
}

/// Whether a commit of the change has the line `Flag-Flip: key`.
fn is_declared(inspection: &Inspection, key: &str) -> bool {
    let lines = inspection.change.commits.iter().flat_map(|commit| commit.message.lines());
    let mut named = lines.filter_map(|line| line.trim().strip_prefix("Flag-Flip:"));
    named.any(|keys| keys.split([',', ' ']).any(|word| word.trim() == key))
}

pub fn targeting_widened(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (before, after) in kept(inspection) {
        let off = |flag: &Flag| matches!(flag.state, State::Off | State::OffTargeted);
        if off(before) && off(after) && after.reach.len() > before.reach.len() {
            let path = after.reach.last().cloned().unwrap_or_default();
            let (place, states) = (environment(after), states(Some(before), after));
            let message = format!("The flag `{}` now reaches users that it did not{place}, by {path}: {states}", after.key);
            out.push(at_decision(inspection, rule, after, message));
        }
    }
}

pub fn percentage_jump(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let limit = option(inspection, rule, "max_step").and_then(serde_yaml::Value::as_f64).unwrap_or(50.0);
    let share = |flag: &Flag| match flag.state {
        State::Partial { percent } => Some(percent),
        State::Off | State::OffTargeted => Some(0.0),
        _ => None,
    };
    for (before, after) in kept(inspection) {
        // Full rollout is `flag/flipped-on`.
        let (Some(old), Some(new)) = (share(before), share(after)) else { continue };
        if new - old > limit {
            let states = states(Some(before), after);
            let message = format!("The flag `{}` jumps by {} points, more than {limit}: {states}", after.key, new - old);
            out.push(at_decision(inspection, rule, after, message));
        }
    }
}

pub fn targeting_moot(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for change in &inspection.flags.changes {
        let Some(flag) = change.after().filter(|flag| flag.moot && is_release(inspection, flag)) else { continue };
        if matches!(change, FlagChange::Kept { before, .. } if before.moot) {
            continue;
        }
        let message = format!("The flag `{}` has rules that serve on, but everyone gets on without them: {}.", flag.key, flag.reason);
        out.push(at_decision(inspection, rule, flag, message));
    }
}

/// Flaws that the change brings, of some kinds.
fn flaws(inspection: &Inspection, rule: &Rule, kinds: &[FlawKind], out: &mut Vec<Finding>) {
    for change in &inspection.flags.changes {
        let Some(flag) = change.after() else { continue };
        let old: &[Flaw] = match change {
            FlagChange::Kept { before, .. } => &before.flaws,
            _ => &[],
        };
        for flaw in flag.flaws.iter().filter(|flaw| kinds.contains(&flaw.kind)) {
            if old.iter().any(|known| known.kind == flaw.kind && known.message == flaw.message) {
                continue;
            }
            let message = format!("In the flag `{}`, {}.", flag.key, flaw.message);
            out.push(finding(inspection, rule, &flag.key, flaw.place, message));
        }
    }
}

pub fn off_serves_on(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    flaws(inspection, rule, &[FlawKind::OffServesOn], out);
}

pub fn invalid_default(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    flaws(inspection, rule, &[FlawKind::Undefined, FlawKind::DuplicateKey], out);
}

pub fn ambiguous_boolean(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    flaws(inspection, rule, &[FlawKind::AmbiguousBoolean], out);
}

pub fn state_unknown(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let mut imported: Vec<Finding> = Vec::new();
    for change in &inspection.flags.changes {
        let Some(flag) = change.after().filter(|flag| flag.state == State::Unknown && is_release(inspection, flag)) else { continue };
        // Whoever had it keeps it at most: what is on for everyone cannot be turned on.
        if matches!(change, FlagChange::Kept { before, .. } if before.body == flag.body || before.state == State::On) {
            continue;
        }
        let message = format!("It cannot be told what the flag `{}` serves{}: {}.", flag.key, environment(flag), flag.reason);
        let mut found = finding(inspection, rule, &flag.key, flag.decided_at, message);
        found.confidence = Confidence::Assumed;
        let bulk = matches!(change, FlagChange::Added { bulk: true, .. });
        if bulk { imported.push(found) } else { out.push(found) }
    }
    // As with those that are on, an import is one finding.
    let more: Vec<Label> = imported
        .iter()
        .skip(1)
        .filter_map(|found| Some(Label { place: found.place?, text: format!("`{}`: nor this one", found.subject.name) }))
        .collect();
    if let Some(mut first) = imported.into_iter().next() {
        if !more.is_empty() {
            first.message.push_str(&format!(" So it is with {} more of the new flags.", more.len()));
            first.labels = more.into_iter().take(20).collect();
        }
        out.push(first);
    }
}

pub fn removed_still_referenced(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for flag in inspection.flags.changes.iter().filter_map(FlagChange::removed) {
        let bare = flag.key.rsplit('/').next().unwrap_or(&flag.key);
        let mut named: Vec<&Reference> = inspection.flags.references.iter().filter(|reference| reference.key == bare).collect();
        named.sort_by_key(|reference| !reference.asks);
        let Some(Reference { place: first, asks, .. }) = named.first() else { continue };
        let (path, line) = (inspection.sources.path(first.file), inspection.sources.start(*first).line);
        let message =
            format!("The flag `{}` is removed, but {path}:{line} still {}.", flag.key, if *asks { "asks for it" } else { "has the word" });
        let mut found = finding(inspection, rule, &flag.key, *first, message);
        if !asks {
            found.severity = found.severity.min(Severity::Warn);
            found.confidence = Confidence::Assumed;
        }
        found.labels.push(Label { place: flag.place, text: "its definition at base".to_owned() });
        for place in named.iter().map(|reference| reference.place).take(20) {
            let (path, line) = (inspection.sources.path(place.file).to_owned(), inspection.sources.start(place).line);
            found.evidence.push(Evidence { kind: EvidenceKind::OldCodeReference, path, line, text: flag.key.clone() });
        }
        out.push(found);
    }
}
