//! Kustomize overlays, as far as they are plain: kustomizations and the files they name in, built objects out.
//!
//! Resources, components, strategic-merge and JSON patches, replica counts and namespaces are applied. What is not is said on
//! the objects it could have changed.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::atlas::{File, respan};
use super::object::{Object, merge, objects, with};
use crate::read::tree::{self, Node, NodeKind, Syntax};
use crate::source::Span;

/// Overlays nest so deep at most.
const MAX_DEPTH: usize = 12;
/// Kustomizations that one overlay takes in, counted as often as it does.
const MAX_TAKEN: usize = 2_000;
/// Objects that overlays may build in all; a base may be built many times.
const MAX_OBJECTS: usize = 50_000;

#[derive(Debug, Default)]
pub struct Built {
    pub objects: Vec<Object>,
    /// Paths that some kustomization takes in: they are no manifests of their own.
    pub consumed: BTreeSet<String>,
}

type Files<'a> = BTreeMap<&'a str, &'a Rc<File>>;

pub fn is_kustomization(path: &str) -> bool {
    matches!(path.rsplit('/').next().unwrap_or(path), "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

/// Builds every kustomization that no other one takes in.
pub fn build(files: &Files) -> Built {
    let directories: BTreeMap<&str, &Rc<File>> =
        files.iter().filter(|(path, _)| is_kustomization(path)).map(|(path, file)| (directory(path), *file)).collect();
    let mut built = Built::default();
    let mut inner = BTreeSet::new();
    for (from, file) in &directories {
        for (_, named) in file.documents.iter().flat_map(references) {
            if let Some(path) = resolve(from, &named) {
                if directories.contains_key(path.as_str()) {
                    inner.insert(path);
                } else if files.contains_key(path.as_str()) {
                    built.consumed.insert(path);
                }
            }
        }
    }
    let roots = directories.keys().filter(|from| !inner.contains(**from));
    for (number, from) in (1..).zip(roots) {
        let mut open = Vec::new();
        let all = Kustomization { files, directories: &directories, build: number, taken: Cell::new(0) }.build(from, &mut open, 0);
        let path: Rc<str> = directories[from].path.as_str().into();
        let room = MAX_OBJECTS.saturating_sub(built.objects.len());
        built.objects.extend(all.into_iter().take(room).map(|object| Object {
            // An overlay is named by its own directory; a base's object stands in it.
            path: path.clone(),
            open: object.open.iter().cloned().chain(open.iter().cloned()).collect(),
            ..object
        }));
    }
    built
}

/// What a kustomization takes in: its key and the path as written.
fn references(document: &Node) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for key in ["resources", "bases", "components", "patchesStrategicMerge", "patches", "patchesJson6902"] {
        for item in document.get(key).map(Node::items).unwrap_or_default() {
            let path = item.as_str().or_else(|| item.str_at("path"));
            found.extend(path.filter(|path| !path.contains('\n')).map(|path| (key, path.to_owned())));
        }
    }
    found
}

struct Kustomization<'a> {
    files: &'a Files<'a>,
    directories: &'a BTreeMap<&'a str, &'a Rc<File>>,
    build: usize,
    taken: Cell<usize>,
}

impl Kustomization<'_> {
    fn build(&self, from: &str, open: &mut Vec<(Span, String)>, depth: usize) -> Vec<Object> {
        let mut all = Vec::new();
        self.add(from, &mut all, open, depth);
        all
    }

    /// Adds what a kustomization takes in to `all`, and works on all of it: a component patches what its parent has so far.
    fn add(&self, from: &str, all: &mut Vec<Object>, open: &mut Vec<(Span, String)>, depth: usize) {
        let Some(file) = self.directories.get(from).filter(|_| depth < MAX_DEPTH) else { return };
        if self.taken.replace(self.taken.get() + 1) >= MAX_TAKEN {
            let cut = (file.span, format!("it takes in more than {MAX_TAKEN} kustomizations, and not all of them were applied"));
            return if open.is_empty() {
                open.push(cut)
            };
        }
        for document in &file.documents {
            for key in ["resources", "bases", "components"] {
                for item in document.get(key).map(Node::items).unwrap_or_default() {
                    let Some(named) = item.as_str() else { continue };
                    match resolve(from, named).map(|path| (self.files.get(path.as_str()), path)) {
                        Some((Some(file), _)) => all.extend(objects(file, self.build)),
                        Some((None, path)) if self.directories.contains_key(path.as_str()) => match key {
                            "components" => self.add(&path, all, open, depth + 1),
                            _ => all.extend(self.build(&path, open, depth + 1)),
                        },
                        // A remote base, or a file without objects of a rollout.
                        _ => {}
                    }
                }
            }
            self.patch(from, document, all, open);
            settings(document, all);
        }
    }

    fn patch(&self, from: &str, document: &Node, all: &mut Vec<Object>, open: &mut Vec<(Span, String)>) {
        for key in ["patchesStrategicMerge", "patches", "patchesJson6902"] {
            for item in document.get(key).map(Node::items).unwrap_or_default() {
                let inline = item.get("patch").or(Some(item)).filter(|node| node.as_str().is_some_and(|text| text.contains('\n')));
                let path = item.as_str().filter(|_| inline.is_none()).or_else(|| item.str_at("path"));
                let documents: Vec<Node> = match (inline, path.and_then(|path| resolve(from, path))) {
                    (Some(text), _) => inner(text),
                    (None, Some(path)) => match self.files.get(path.as_str()) {
                        Some(file) => file.documents.clone(),
                        // Not a file that speaks of a rollout by kind: a JSON patch, or one that is not there.
                        None if item.get("target").is_some() => {
                            open.push((item.span, format!("the patch {path} was not applied")));
                            continue;
                        }
                        None => continue,
                    },
                    _ => continue,
                };
                for patch in &documents {
                    apply(patch, item.get("target"), all);
                }
            }
        }
    }
}

/// The documents of an inline patch; every span is the patch's.
fn inner(text: &Node) -> Vec<Node> {
    let tree = tree::parse(text.as_str().unwrap_or_default(), Syntax::Yaml);
    tree.documents.iter().map(|node| respan(node, &|_| text.span)).collect()
}

fn apply(patch: &Node, target: Option<&Node>, all: &mut Vec<Object>) {
    let wanted = |object: &Object| match target {
        Some(target) => {
            let fits = |key: &str, value: &str| target.str_at(key).is_none_or(|wanted| matches(wanted, value));
            fits("kind", object.kind()) && fits("name", object.name()) && fits("group", object.group())
        }
        None => {
            patch.str_at("kind") == Some(object.kind()) && patch.at(&["metadata", "name"]).and_then(Node::as_str) == Some(object.name())
        }
    };
    if patch.str_at("$patch") == Some("delete") {
        return all.retain(|object| !wanted(object));
    }
    for object in all.iter_mut().filter(|object| wanted(object)) {
        match &patch.kind {
            NodeKind::Map(_) => {
                let name = object.node.get("metadata").cloned();
                object.node = merge(&object.node, patch);
                // A patch with a target may go by another name.
                if let (Some(_), Some(name)) = (target, name) {
                    object.node = with(&object.node, &["metadata"], Some(name));
                }
            }
            NodeKind::Seq(operations) => operations.iter().for_each(|operation| json_patch(operation, object)),
            _ => {}
        }
    }
}

/// Names of a target are anchored patterns; only plain ones and `.*` are followed.
fn matches(pattern: &str, value: &str) -> bool {
    pattern == value || matches!(pattern, ".*" | "*") || pattern.strip_suffix(".*").is_some_and(|start| value.starts_with(start))
}

fn json_patch(operation: &Node, object: &mut Object) {
    let keys: Vec<String> =
        operation.str_at("path").unwrap_or_default().split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    let path: Vec<&str> = keys.iter().map(String::as_str).collect();
    match (operation.str_at("op"), operation.get("value")) {
        (Some("add" | "replace"), Some(value)) if !path.is_empty() => object.node = with(&object.node, &path, Some(value.clone())),
        (Some("remove"), _) if !path.is_empty() => object.node = with(&object.node, &path, None),
        (Some("test"), _) => {}
        (operator, _) => {
            let operator = operator.unwrap_or("without an operator");
            object.open.push((operation.span, format!("the JSON patch `{operator}` was not applied")));
        }
    }
}

/// Replica counts, the namespace and affixes of names.
fn settings(document: &Node, all: &mut [Object]) {
    for replicas in document.get("replicas").map(Node::items).unwrap_or_default() {
        let (Some(name), Some(count)) = (replicas.str_at("name"), replicas.get("count")) else { continue };
        let scales = |object: &Object| object.name() == name && ["Deployment", "StatefulSet", "Rollout"].contains(&object.kind());
        for object in all.iter_mut().filter(|object| scales(object)) {
            object.node = with(&object.node, &["spec", "replicas"], Some(count.clone()));
        }
    }
    if let Some(namespace) = document.get("namespace").filter(|namespace| namespace.as_str().is_some()) {
        for object in all.iter_mut().filter(|object| object.node.get("metadata").is_some()) {
            object.node = with(&object.node, &["metadata", "namespace"], Some(namespace.clone()));
        }
    }
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// A path from a directory, inside the repository.
fn resolve(from: &str, named: &str) -> Option<String> {
    if named.contains("://") || named.starts_with('/') || named.contains('?') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    for part in named.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(resolve("deploy/overlays/prod", "../../base").as_deref(), Some("deploy/base"));
        assert_eq!(resolve("deploy", "../../x"), None);
        assert_eq!(resolve("deploy", "https://github.com/x/y?ref=1"), None);
        assert_eq!(resolve("", "./a.yaml").as_deref(), Some("a.yaml"));
    }
}
