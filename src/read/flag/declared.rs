//! A document and the policy's words about it in, flags out: for formats that nobody else has.

use super::decide::{Outcome, Serve};
use super::{Draft, Format, Reading, purpose};
use crate::read::tree::Node;
use crate::settings::FlagSource;

pub fn read(reading: &mut Reading<'_>, root: &Node, source: &FlagSource) {
    let at = |node: &'_ Node, path: &str| -> Option<Node> {
        path.split('.').filter(|part| !part.is_empty()).try_fold(node.clone(), |node, key| node.get(key).cloned())
    };
    let Some(flags) = at(root, &source.flags) else {
        return reading.unread(root.span, format!("there is nothing at `{}`, where the policy says the flags are", source.flags));
    };
    let listed = flags.items().iter().map(|body| (at(body, source.name.as_deref().unwrap_or("name")), body));
    let mapped = flags.entries().iter().map(|(name, body)| (Some(name.clone()), body));
    for (name, body) in mapped.chain(listed) {
        let Some(name) = name else {
            reading.unread(body.span, "a flag without the name that the policy describes");
            continue;
        };
        let value = source.default.as_deref().map_or(Some(body.clone()), |path| at(body, path));
        let outcome = match value.as_ref().map(|value| (value.as_bool(), value.span)) {
            Some((Some(on), span)) => Outcome::boolean(on, span, format!("its default is {on}")),
            Some((None, span)) => Outcome::new(Serve::Other, span, "its default"),
            None => Outcome::new(Serve::Off, name.span, "it has no default"),
        };
        let kind = source.kind.as_deref().and_then(|path| at(body, path));
        let purpose = purpose(kind.as_ref().and_then(Node::as_str));
        reading.push(Draft { purpose, ..Draft::new(Format::Declared, &name, body, outcome.decision()) });
    }
}
