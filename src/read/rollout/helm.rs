//! Helm charts, as far as values are plain: values files beside a Chart.yaml in, the Rollouts and Canaries they configure out.
//!
//! What the templates make of the values is not known, so a unit is read only where a value has the shape of a whole strategy.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::atlas::File;
use super::object::{Object, merge};
use super::sniff::Format;
use crate::read::flag::is_production;
use crate::read::tree::{Node, NodeKind, Style};
use crate::source::Span;

const MAX_DEPTH: usize = 6;

/// An object for each strategy in values. `charts` are the directories that hold a Chart.yaml.
pub fn objects(files: &[Rc<File>], charts: &BTreeSet<String>) -> Vec<Object> {
    let mut all = Vec::new();
    for file in files.iter().filter(|file| file.format == Format::Values && !file.template) {
        let Some(chart) = chart_of(&file.path, charts) else { continue };
        let base = files.iter().find(|base| is_base(&base.path, chart) && base.path != file.path);
        for document in &file.documents {
            let values = match base.and_then(|base| base.documents.first()) {
                Some(base) => merge(base, document),
                None => document.clone(),
            };
            let name = chart.rsplit('/').next().unwrap_or(chart).to_owned();
            search(&values, &name, &file.path, 0, &mut all);
        }
    }
    // Values of production stand over the chart's own, which then are nowhere by themselves.
    let over: BTreeSet<String> = all
        .iter()
        .filter(|object| !object.environment().is_empty() && is_production(&object.environment()))
        .filter_map(|object| chart_of(&object.path, charts).map(str::to_owned))
        .collect();
    all.retain(|object| !chart_of(&object.path, charts).is_some_and(|chart| over.contains(chart) && is_base(&object.path, chart)));
    all
}

fn is_base(path: &str, chart: &str) -> bool {
    path.strip_prefix(chart) == Some("/values.yaml")
}

/// The chart a values file belongs to: its directory or one above.
fn chart_of<'p>(path: &'p str, charts: &BTreeSet<String>) -> Option<&'p str> {
    let mut directory = path;
    while let Some((above, _)) = directory.rsplit_once('/') {
        if charts.contains(above) {
            return Some(above);
        }
        directory = above;
    }
    None
}

fn search(node: &Node, name: &str, path: &str, depth: usize, out: &mut Vec<Object>) {
    if depth > MAX_DEPTH {
        return;
    }
    let steps = node.at(&["canary", "steps"]).is_some_and(|steps| steps.items().iter().any(|step| step.get("setWeight").is_some()));
    let blue_green =
        node.at(&["blueGreen"]).is_some_and(|way| way.get("autoPromotionEnabled").is_some() || way.get("activeService").is_some());
    if steps || blue_green {
        let key = if steps { "canary" } else { "blueGreen" };
        let at = node.get(key).map_or(node.span, |node| node.span);
        let only = map(at, node.entries().iter().filter(|(name, _)| name.as_str() == Some(key)).cloned().collect());
        return out.push(object("argoproj.io/v1alpha1", "Rollout", name, path, at, "strategy", only));
    }
    if let Some(analysis) = node.get("analysis").filter(|analysis| {
        ["stepWeight", "stepWeights"].iter().any(|key| analysis.get(key).is_some()) && analysis.get("interval").is_some()
    }) {
        return out.push(object("flagger.app/v1beta1", "Canary", name, path, analysis.span, "analysis", analysis.clone()));
    }
    for (key, value) in node.entries() {
        // The unit of a nested strategy is what the values are nested under.
        let inner = key.as_str().filter(|key| !matches!(*key, "strategy" | "rollout" | "canary" | "deployment" | "flagger"));
        search(value, inner.unwrap_or(name), path, depth + 1, out);
    }
}

fn object(version: &str, kind: &str, name: &str, path: &str, at: Span, key: &str, value: Node) -> Object {
    let text = |text: &str| Node::new(at, NodeKind::Scalar { text: text.into(), style: Style::Plain });
    // The number of replicas is the template's business, so no share is rounded.
    let replicas = Node::new(at, NodeKind::Unresolved);
    let spec = map(at, vec![(text("replicas"), replicas), (text(key), value)]);
    let metadata = map(at, vec![(text("name"), text(name))]);
    let node =
        map(at, vec![(text("apiVersion"), text(version)), (text("kind"), text(kind)), (text("metadata"), metadata), (text("spec"), spec)]);
    Object { node, path: path.into(), build: 0, open: Vec::new() }
}

fn map(at: Span, entries: Vec<(Node, Node)>) -> Node {
    Node::new(at, NodeKind::Map(entries.into()))
}
