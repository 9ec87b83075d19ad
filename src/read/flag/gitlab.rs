//! One-file-per-flag YAML in the style of GitLab in, its flag out.

use super::decide::{Outcome, Serve};
use super::{Draft, Format, Purpose, Reading, purpose};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    let (Some(name), Some(value)) = (root.get("name"), root.get("default_enabled")) else { return };
    let outcome = match value.as_bool() {
        Some(on) => Outcome::boolean(on, value.span, format!("`default_enabled` is {on}")),
        None => Outcome::new(Serve::Unknown("`default_enabled` is not a boolean".to_owned()), value.span, "the flag"),
    };
    // GitLab lets these types be on by default (`can_be_default_enabled`).
    let purpose = match root.str_at("type") {
        Some(kind @ ("beta" | "ops")) => match purpose(Some(kind)) {
            Purpose::Release => Purpose::Lifecycle(kind.to_owned()),
            other => other,
        },
        other => purpose(other),
    };
    reading.push(Draft { purpose, ..Draft::new(Format::GitLab, name, root, outcome.decision()) });
}
