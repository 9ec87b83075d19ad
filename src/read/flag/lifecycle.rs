//! Versioned feature lists with stages in (Kubernetes, OpenTelemetry collector), flags out.

use super::decide::{Outcome, Serve};
use super::{Draft, Format, Purpose, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    for item in root.items() {
        let (Some(name), Some(specs)) = (item.get("name"), item.get("versionedSpecs")) else { continue };
        // The last specification is the newest.
        let Some(last) = specs.items().last() else { continue };
        let stage = last.str_at("preRelease").unwrap_or("Alpha");
        let outcome = match last.get("default").map(|node| (node.as_bool(), node.span)) {
            Some((Some(on), span)) => Outcome::boolean(on, span, format!("the newest specification says `default: {on}`")),
            _ => Outcome::new(Serve::Unknown("`default` is not a boolean".to_owned()), last.span, "the newest specification"),
        };
        reading.push(Draft { purpose: stage_purpose(stage), ..Draft::new(Format::LifecycleList, name, item, outcome.decision()) });
    }
    for gate in root.get("feature_gates").map(Node::items).unwrap_or_default() {
        let (Some(name), Some(stage)) = (gate.get("id"), gate.get("stage")) else {
            reading.unread(gate.span, "a feature gate without an id or a stage");
            continue;
        };
        let word = stage.as_str().unwrap_or_default().to_ascii_lowercase();
        let serve = match word.as_str() {
            "alpha" => Serve::Off,
            "beta" | "stable" => Serve::On,
            "deprecated" => Serve::Off,
            _ => Serve::Unknown("its stage is not known".to_owned()),
        };
        let outcome = Outcome::new(serve, stage.span, format!("its stage is {word}"));
        reading.push(Draft { purpose: stage_purpose(&word), ..Draft::new(Format::LifecycleList, name, gate, outcome.decision()) });
    }
}

/// An alpha feature is a release flag: nothing lets it be on by default.
pub(super) fn stage_purpose(stage: &str) -> Purpose {
    match stage.to_ascii_lowercase().as_str() {
        "alpha" | "experimental" | "" => Purpose::Release,
        other => Purpose::Lifecycle(other.to_owned()),
    }
}
