//! Keys of YAML and JSON: a pattern and the trees of a change in, the values on added lines that match out.

use super::data::{Given, Search};
use super::{found, report};
use crate::change::Text;
use crate::detect::Inspection;
use crate::finding::{Evidence, EvidenceKind, Finding};
use crate::read::tree::{Node, NodeKind, Syntax, parse};
use crate::rule::Rule;
use crate::source::{LineIndex, Span};

/// Manifests are looked at one by one; past this many the search for a `given` object ends.
const MAX_MANIFESTS: usize = 20_000;

pub fn added(inspection: &Inspection, rule: &Rule, search: &Search, out: &mut Vec<Finding>) {
    let Some(at) = &search.data.at else { return };
    let keys: Vec<&str> = at.split('.').collect();
    let last = keys.iter().rev().find(|key| **key != "*").copied().unwrap_or_default();
    for file in inspection.added.files.iter().filter(|file| is_manifest(&file.path) && search.wants(&file.path)) {
        if !file.text.contains(last) {
            continue;
        }
        let tree = parse(&file.text, Syntax::of(&file.path, &file.text));
        let mut hits: Vec<Span> = Vec::new();
        for object in tree.documents.iter().flat_map(objects).filter(|object| is_of(object, &search.data.kinds)) {
            if search.data.unless_at.as_deref().is_some_and(|unless| !values(object, &unless.split('.').collect::<Vec<_>>()).is_empty()) {
                continue;
            }
            let fits = |node: &&Node| file.is_added(node.span.start) && node.as_str().is_some_and(|text| found(search, text).is_some());
            hits.extend(values(object, &keys).into_iter().filter(fits).map(|node| node.span));
        }
        report(inspection, rule, search, file.source, &hits, out);
    }
}

fn is_manifest(path: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| path.to_lowercase().ends_with(end))
}

/// The object, or those of a Kubernetes list.
fn objects(document: &Node) -> Vec<&Node> {
    match document.get("items").and_then(Node::as_seq) {
        Some(items) if document.str_at("kind").is_some_and(|kind| kind.ends_with("List")) => items.iter().collect(),
        _ => vec![document],
    }
}

fn is_of(object: &Node, kinds: &[String]) -> bool {
    kinds.is_empty() || object.str_at("kind").is_some_and(|kind| kinds.iter().any(|wanted| wanted == kind))
}

/// The scalars at the end of a path of keys.
fn values<'a>(node: &'a Node, keys: &[&str]) -> Vec<&'a Node> {
    let Some((key, rest)) = keys.split_first() else {
        return if matches!(node.kind, NodeKind::Scalar { .. }) { vec![node] } else { Vec::new() };
    };
    if *key == "*" {
        let below = node.items().iter().chain(node.entries().iter().map(|(_, value)| value));
        return below.flat_map(|node| values(node, rest)).collect();
    }
    node.get(key).map(|node| values(node, rest)).unwrap_or_default()
}

/// The object at head that a pattern depends on, as evidence; `None` when it is wanted and not there.
pub fn given(inspection: &Inspection, search: &Search) -> Option<Vec<Evidence>> {
    let Some(given) = &search.data.given else { return Some(Vec::new()) };
    let tree = &inspection.change.head_tree;
    let manifests = tree.entries.iter().filter(|entry| is_manifest(&entry.path)).take(MAX_MANIFESTS);
    for entry in manifests {
        let Ok(Text::Utf8(text)) = tree.read(entry) else { continue };
        if let Some(span) = place(given, &entry.path, &text) {
            let line = LineIndex::new(&text).position(&text, span.start).line;
            return Some(vec![Evidence { kind: EvidenceKind::Manifest, path: entry.path.clone(), line, text: given.what.clone() }]);
        }
    }
    None
}

fn place(given: &Given, path: &str, text: &str) -> Option<Span> {
    let keys: Vec<&str> = given.at.split('.').collect();
    if !given.kinds.iter().any(|kind| text.contains(kind.as_str())) || !text.contains(keys.last()?) {
        return None;
    }
    let pattern = super::data::regex(&given.pattern).ok()?;
    let tree = parse(text, Syntax::of(path, text));
    let objects = tree.documents.iter().flat_map(objects).filter(|object| is_of(object, &given.kinds));
    let mut values = objects.flat_map(|object| values(object, &keys));
    values.find(|value| value.as_str().is_some_and(|text| pattern.is_match(text))).map(|value| value.span)
}
