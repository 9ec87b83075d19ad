//! Parsed manifests in, the objects that a cluster would get out, with who refers to whom.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::atlas::{self, File};
use super::kustomize;
use super::sniff::Format;
use crate::read::flag::of_path;
use crate::read::tree::{Node, NodeKind};
use crate::source::Span;

/// One object of Kubernetes.
#[derive(Debug, Clone)]
pub struct Object {
    pub node: Node,
    /// The file it is written in, or that builds it.
    pub path: Rc<str>,
    /// Objects of one overlay belong together; 0 is everything outside of overlays.
    pub build: usize,
    /// Clauses about what was not applied to it.
    pub open: Vec<(Span, String)>,
}

impl Object {
    pub fn kind(&self) -> &str {
        self.node.str_at("kind").unwrap_or_default()
    }

    /// `argoproj.io` of `argoproj.io/v1alpha1`; empty for the core.
    pub fn group(&self) -> &str {
        let version = self.node.str_at("apiVersion").unwrap_or_default();
        version.split_once('/').map_or("", |(group, _)| group)
    }

    pub fn name(&self) -> &str {
        self.node.at(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default()
    }

    pub fn namespace(&self) -> &str {
        self.node.at(&["metadata", "namespace"]).and_then(Node::as_str).unwrap_or_default()
    }

    /// The name, else the whole object.
    pub fn name_span(&self) -> Span {
        self.node.at(&["metadata", "name"]).map_or(self.node.span, |name| name.span)
    }

    /// The environment that the namespace names, else the path.
    pub fn environment(&self) -> String {
        let of_namespace = of_path(self.namespace());
        if of_namespace.is_empty() { of_path(&self.path) } else { of_namespace }
    }

    pub fn body(&self) -> String {
        let mut out = String::new();
        atlas::plain(&self.node, &mut out);
        out
    }
}

/// All objects of one revision.
#[derive(Debug, Default)]
pub struct Objects {
    pub all: Vec<Object>,
    by_name: HashMap<(String, String), Vec<usize>>,
    /// Hpa and the like, by the kind and name they scale.
    scalers: HashMap<(String, String), Vec<usize>>,
}

impl Objects {
    /// Objects of plain files, and those that overlays build out of them.
    pub fn of(files: &[Rc<File>]) -> Objects {
        let kubernetes: BTreeMap<&str, &Rc<File>> =
            files.iter().filter(|file| file.format == Format::Kubernetes).map(|file| (file.path.as_str(), file)).collect();
        let built = kustomize::build(&kubernetes);
        let mut all = built.objects;
        for (path, file) in &kubernetes {
            if !built.consumed.contains(*path) && !kustomize::is_kustomization(path) {
                all.extend(objects(file, 0));
            }
        }
        Objects::index(all)
    }

    fn index(all: Vec<Object>) -> Objects {
        let mut objects = Objects { all, ..Objects::default() };
        for (at, object) in objects.all.iter().enumerate() {
            objects.by_name.entry((object.kind().to_owned(), object.name().to_owned())).or_default().push(at);
            if matches!(object.kind(), "HorizontalPodAutoscaler" | "ScaledObject")
                && let Some(target) = object.node.at(&["spec", "scaleTargetRef"])
            {
                // KEDA scales a Deployment when it names no kind.
                let kind = target.str_at("kind").unwrap_or("Deployment").to_owned();
                let name = target.str_at("name").unwrap_or_default().to_owned();
                objects.scalers.entry((kind, name)).or_default().push(at);
            }
        }
        objects
    }

    /// The object of that kind and name that belongs to `near`: of its overlay, its namespace, its directory, else any.
    pub fn find(&self, kind: &str, name: &str, near: &Object) -> Option<&Object> {
        self.nearest(self.by_name.get(&(kind.to_owned(), name.to_owned()))?, near)
    }

    pub fn scaler(&self, target: &Object) -> Option<&Object> {
        self.nearest(self.scalers.get(&(target.kind().to_owned(), target.name().to_owned()))?, target)
    }

    fn nearest(&self, found: &[usize], near: &Object) -> Option<&Object> {
        let directory = |object: &Object| object.path.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
        let rank =
            |object: &Object| (object.build == near.build, object.namespace() == near.namespace(), directory(object) == directory(near));
        found.iter().map(|at| &self.all[*at]).max_by_key(|object| rank(object))
    }
}

/// The objects of one file, those inside lists taken out.
pub fn objects(file: &File, build: usize) -> Vec<Object> {
    let mut all = Vec::new();
    let path: Rc<str> = file.path.as_str().into();
    for document in &file.documents {
        if document.str_at("kind").is_some_and(|kind| kind.ends_with("List")) && document.get("items").is_some() {
            let items = document.get("items").map(Node::items).unwrap_or_default();
            all.extend(items.iter().map(|item| Object { node: item.clone(), path: path.clone(), build, open: Vec::new() }));
        } else if document.is_map() && document.get("kind").is_some() {
            all.push(Object { node: document.clone(), path: path.clone(), build, open: Vec::new() });
        }
    }
    all
}

/// `patch` over `base`: maps are merged, everything else is replaced, `null` takes a key away. What is the same stays at its place.
pub fn merge(base: &Node, patch: &Node) -> Node {
    if base.as_str().is_some() && base.as_str() == patch.as_str() {
        return base.clone();
    }
    let (NodeKind::Map(old), NodeKind::Map(new)) = (&base.kind, &patch.kind) else { return patch.clone() };
    let mut entries: Vec<(Node, Node)> = Vec::with_capacity(old.len());
    for (key, value) in old.iter() {
        match key.as_str().and_then(|name| patch.get(name)) {
            Some(over) if over.is_null() => {}
            Some(over) => entries.push((key.clone(), merge(value, over))),
            None => entries.push((key.clone(), value.clone())),
        }
    }
    let added = new.iter().filter(|(key, value)| !value.is_null() && key.as_str().is_some_and(|name| base.get(name).is_none()));
    entries.extend(added.cloned());
    Node::new(base.span, NodeKind::Map(entries.into()))
}

/// The map with one value set along a path of keys.
pub fn with(node: &Node, path: &[&str], value: Option<Node>) -> Node {
    let Some((first, rest)) = path.split_first() else { return value.unwrap_or_else(|| node.clone()) };
    if let Some(items) = node.as_seq() {
        let at = if *first == "-" { items.len() } else { first.parse().unwrap_or(usize::MAX) };
        let mut items = items.to_vec();
        match (items.get(at).cloned(), value) {
            (Some(item), value) if !rest.is_empty() => items[at] = with(&item, rest, value),
            (Some(_), Some(value)) => items[at] = value,
            (Some(_), None) => drop(items.remove(at)),
            (None, Some(value)) if at == items.len() && rest.is_empty() => items.push(value),
            (None, _) => {}
        }
        return Node::new(node.span, NodeKind::Seq(items.into()));
    }
    let mut entries = node.entries().to_vec();
    match entries.iter_mut().rev().find(|(key, _)| key.as_str() == Some(first)) {
        Some((_, old)) if !rest.is_empty() || value.is_some() => *old = with(old, rest, value),
        Some(_) => entries.retain(|(key, _)| key.as_str() != Some(first)),
        None => {
            if let Some(value) = value {
                let key = Node::new(value.span, NodeKind::Scalar { text: (*first).into(), style: crate::read::tree::Style::Plain });
                let empty = Node::new(value.span, NodeKind::Map([].into()));
                entries.push((key, if rest.is_empty() { value } else { with(&empty, rest, Some(value)) }));
            }
        }
    }
    Node::new(node.span, NodeKind::Map(entries.into()))
}
