//! OpenFeature CLI manifests in, flags out: `defaultValue` is the fallback that generated code passes.

use super::decide::{Outcome, Serve};
use super::{Draft, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    for (name, body) in root.get("flags").map(Node::entries).unwrap_or_default() {
        let value = body.get("defaultValue");
        let outcome = match (body.str_at("flagType"), value) {
            (Some("boolean"), Some(value)) => match value.as_bool() {
                Some(on) => Outcome::boolean(on, value.span, format!("generated code falls back to `{on}`")),
                None => Outcome::new(Serve::Unknown("it is not a boolean".to_owned()), value.span, "`defaultValue`"),
            },
            (Some(_), Some(value)) => Outcome::new(Serve::Other, value.span, "`defaultValue`"),
            _ => Outcome::new(Serve::Unknown("`flagType` or `defaultValue` is missing".to_owned()), body.span, "the manifest"),
        };
        reading.push(Draft::new(Format::OpenFeatureManifest, name, body, outcome.decision()));
    }
}
