//! Objects of Kubernetes in, the flags they carry out: OpenFeature operator resources and ConfigMaps with flag files.

use super::{Reading, document_flags, flagd};
use crate::read::tree::{self, Node};

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    let group = root.str_at("apiVersion").unwrap_or_default();
    match root.str_at("kind") {
        Some("FeatureFlag" | "FeatureFlagConfiguration") if group.starts_with("core.openfeature.dev/") => {
            for key in ["flagSpec", "featureFlagSpec"] {
                let Some(spec) = root.at(&["spec", key]) else { continue };
                if spec.is_map() {
                    flagd::read(reading, spec);
                } else {
                    // In v1alpha1 the specification is a JSON text.
                    embedded(reading, spec, "spec.json");
                }
            }
        }
        Some("ConfigMap") => {
            for (name, value) in root.get("data").map(Node::entries).unwrap_or_default() {
                let Some(name) = name.as_str() else { continue };
                if value.as_str().is_some_and(|text| super::claims("data.yaml", text)) {
                    embedded(reading, value, name);
                }
            }
        }
        Some("List") => {
            for item in root.get("items").map(Node::items).unwrap_or_default() {
                read(reading, item);
            }
        }
        _ => {}
    }
}

/// The flags of a text inside the file.
pub fn embedded(reading: &mut Reading<'_>, scalar: &Node, name: &str) {
    let tree = tree::parse_embedded(reading.text, scalar, name);
    let flags = reading.file.flags.len();
    for document in tree.documents.iter().filter(|document| document.get("kind").is_none()) {
        document_flags(reading, document);
    }
    let flag_file = reading.file.flags.len() > flags || name.contains("flag");
    for (span, message) in tree.errors.iter().filter(|_| flag_file) {
        reading.unread(*span, format!("`{name}` does not parse: {message}"));
    }
}
