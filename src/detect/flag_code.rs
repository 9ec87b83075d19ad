//! Findings about fallbacks that code passes, about definitions that disagree, and about expired flags.

use super::flag::{finding, is_release, option};
use crate::detect::{Detector, Inspection};
use crate::finding::{Edit, Finding, Fix, Label};
use crate::flag::compare::FlagChange;
use crate::read::flag::{Flag, Format, State};
use crate::rule::Rule;

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("flag.code_fallback_on", code_fallback_on),
    ("flag.switched_on_in_code", switched_on_in_code),
    ("flag.default_mismatch", default_mismatch),
    ("flag.expired_or_ownerless", expired_or_ownerless),
];

pub fn code_fallback_on(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for fallback in inspection.flags.fallbacks.iter().filter(|fallback| fallback.on) {
        let name = fallback.key.as_deref().unwrap_or("(a flag named by a constant)");
        let message =
            format!("This {} call falls back to `true` for `{name}`: on for everyone when the flag service does not answer.", fallback.sdk);
        let mut found = finding(inspection, rule, name, fallback.place, message);
        let old = inspection.sources.snippet(fallback.place);
        let off = old.replace("true", "false").replace("True", "False");
        found.fix = Some(Fix {
            title: "fall back to off".to_owned(),
            safe: false,
            edits: vec![Edit::Replace { place: fallback.place, with: off }],
        });
        out.push(found);
    }
    // A manifest's default is the fallback that generated code passes.
    for change in &inspection.flags.changes {
        let Some(flag) = change.after().filter(|flag| flag.format == Format::OpenFeatureManifest && flag.state == State::On) else {
            continue;
        };
        if matches!(change, FlagChange::Kept { before, .. } if before.state == State::On) {
            continue;
        }
        let message = format!("The manifest makes generated code fall back to `true` for `{}`.", flag.key);
        out.push(finding(inspection, rule, &flag.key, flag.decided_at, message));
    }
}

/// On or off, where the state says so for everyone.
fn settled(flag: &Flag) -> Option<bool> {
    match flag.state {
        State::On => Some(true),
        State::Off | State::OffTargeted => Some(false),
        _ => None,
    }
}

pub fn default_mismatch(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let word = |on: bool| if on { "on" } else { "off" };
    let definitions: Vec<&Flag> = inspection.flags.head.iter().filter(|flag| is_release(inspection, flag)).collect();
    let manifests = inspection.flags.head.iter().filter(|flag| flag.format == Format::OpenFeatureManifest);
    for (manifest, flag) in
        manifests.flat_map(|manifest| definitions.iter().filter(|flag| flag.key == manifest.key).map(move |flag| (manifest, flag)))
    {
        let (Some(fallback), Some(defined)) = (settled(manifest), settled(flag)) else { continue };
        if fallback != defined {
            let message = format!(
                "The manifest says {} for `{}`, its {} definition says {}.",
                word(fallback),
                flag.key,
                flag.format.title(),
                word(defined)
            );
            let mut found = finding(inspection, rule, &flag.key, manifest.decided_at, message);
            found.labels.push(Label { place: flag.decided_at, text: flag.reason.clone() });
            out.push(found);
        }
    }
    for fallback in &inspection.flags.fallbacks {
        let Some(flag) = definitions.iter().find(|flag| fallback.key.as_deref() == Some(&flag.key)) else { continue };
        if let Some(defined) = settled(flag).filter(|defined| *defined != fallback.on) {
            let message =
                format!("The code falls back to {} for `{}`, its definition says {}.", word(fallback.on), flag.key, word(defined));
            let mut found = finding(inspection, rule, &flag.key, fallback.place, message);
            found.labels.push(Label { place: flag.decided_at, text: flag.reason.clone() });
            out.push(found);
        }
    }
}

/// Only where the policy names the fields.
pub fn expired_or_ownerless(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let field = |name: &str| option(inspection, rule, name).and_then(serde_yaml::Value::as_str).filter(|field| !field.is_empty());
    let (expiry, owner) = (field("expiry_field"), field("owner_field"));
    for change in &inspection.flags.changes {
        let Some(flag) = change.after() else { continue };
        if let Some(day) = expiry.and_then(|field| flag.fields.get(field)) {
            match day.get(..10).filter(|day| day.parse::<jiff::civil::Date>().is_ok()) {
                Some(date) if date < inspection.settings.today.as_str() => {
                    out.push(finding(inspection, rule, &flag.key, flag.place, format!("The flag `{}` expired on {date}.", flag.key)));
                }
                Some(_) => {}
                None => out.push(finding(
                    inspection,
                    rule,
                    &flag.key,
                    flag.place,
                    format!("The expiry `{day}` of the flag `{}` is not a date.", flag.key),
                )),
            }
        }
        let new = matches!(change, FlagChange::Added { .. });
        if let Some(field) = owner.filter(|field| new && flag.fields.get(*field).is_none_or(|owner| owner.trim().is_empty())) {
            out.push(finding(inspection, rule, &flag.key, flag.place, format!("The new flag `{}` has no `{field}`.", flag.key)));
        }
    }
}

pub fn switched_on_in_code(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for switch in &inspection.flags.switches {
        let message = format!("This {} line turns `{}` on for everyone when it runs.", switch.library, switch.name);
        out.push(finding(inspection, rule, &switch.name, switch.place, message));
    }
}
