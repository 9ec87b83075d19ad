//! Rollout manifests: the files of one revision in; its units, how each is rolled out, and what could not be read, out.
//!
//! Recognised by structure: kinds of Kubernetes objects, types of CloudFormation and Terraform resources, blocks of Nomad jobs.

mod argo;
mod atlas;
mod aws;
mod flagger;
mod helm;
mod kruise;
mod kustomize;
mod metric;
pub mod model;
mod nomad;
mod object;
pub mod quantity;
pub mod sniff;
mod swarm;
mod traffic;
mod workload;

use std::collections::BTreeSet;
use std::rc::Rc;

use serde::Serialize;

use crate::read::tree::Node;
use crate::source::Place;
pub use atlas::{Atlas, File};
pub use metric::{classes, classify};
use model::{Abort, Analysis, Remark, Shift, System, Unit};
use object::{Object, Objects};
use sniff::Format;

/// What the policy says of rollouts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Words of metrics that measure the business.
    pub business: Vec<String>,
    /// Analysis and metric templates that live in the cluster, not in the repository.
    pub external_templates: Vec<String>,
}

/// What one revision says.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Manifests {
    pub units: Vec<Unit>,
    pub unread: Vec<Unreadable>,
}

/// A manifest, or part of one, that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unreadable {
    pub path: String,
    pub place: Option<Place>,
    /// As a clause.
    pub reason: String,
    /// A tool fills it in first.
    pub template: bool,
    /// It certainly defines a staged rollout.
    pub progressive: bool,
}

/// Reads the manifests of one revision. `charts` are the directories that hold a Helm chart.
pub fn read(files: &[Rc<File>], charts: &BTreeSet<String>, atlas: &Atlas, options: &Options) -> Manifests {
    let mut objects = Objects::of(files);
    let from_values = helm::objects(files, charts);
    objects.all.extend(from_values.iter().cloned());
    let mut units = kubernetes(&objects, atlas, options);
    for file in files {
        units.extend(match file.format {
            Format::CloudFormation => aws::cloudformation::read(file, atlas, options),
            Format::Terraform => aws::terraform::read(file, atlas, options),
            Format::Nomad => nomad::read(file, atlas),
            Format::Compose => swarm::read(file, atlas),
            Format::Kubernetes | Format::Values => Vec::new(),
        });
    }
    let configured: BTreeSet<&str> = from_values.iter().map(|object| &*object.path).filter_map(chart_directory).collect();
    let unread = files.iter().filter_map(|file| unreadable(file, &configured, atlas)).collect();
    Manifests { units, unread }
}

fn kubernetes(objects: &Objects, atlas: &Atlas, options: &Options) -> Vec<Unit> {
    let managed = managed(objects);
    let mut units = Vec::new();
    for object in &objects.all {
        if managed.contains(&(object.kind().to_owned(), object.name().to_owned(), object.build)) {
            continue;
        }
        let mut read = match (object.group(), object.kind()) {
            (argo::GROUP, "Rollout") => vec![argo::read(object, objects, atlas, options)],
            (flagger::GROUP, "Canary") => vec![flagger::read(object, objects, atlas, options)],
            (kruise::GROUP, "Rollout") => vec![kruise::read(object, atlas)],
            ("apps", _) => workload::read(object, objects, atlas).into_iter().collect(),
            _ => traffic::read(object, atlas),
        };
        for unit in &mut read {
            unit.open.extend(object.open.iter().map(|(span, text)| Remark { place: atlas.place(*span), text: text.clone() }));
        }
        units.extend(read);
    }
    units
}

/// Workloads and routes that a rollout controller drives: what their own manifests say of strategy and weight does not count.
fn managed(objects: &Objects) -> BTreeSet<(String, String, usize)> {
    let mut found = BTreeSet::new();
    for object in &objects.all {
        let mut claim = |kind: Option<&'static str>, name: Option<&Node>| {
            if let (Some(kind), Some(name)) = (kind, name.and_then(Node::as_str)) {
                found.insert((kind.to_owned(), name.to_owned(), object.build));
            }
        };
        let spec = |path: &[&str]| object.node.get("spec").and_then(|spec| spec.at(path));
        match (object.group(), object.kind()) {
            (argo::GROUP, "Rollout") => {
                claim(workload_kind(spec(&["workloadRef", "kind"])), spec(&["workloadRef", "name"]));
                let routing = spec(&["strategy", "canary", "trafficRouting"]);
                let istio = routing.and_then(|routing| routing.get("istio"));
                claim(Some("VirtualService"), istio.and_then(|istio| istio.at(&["virtualService", "name"])));
                for service in istio.and_then(|istio| istio.get("virtualServices")).map(Node::items).unwrap_or_default() {
                    claim(Some("VirtualService"), service.get("name"));
                }
                let gateway = routing.and_then(|routing| routing.at(&["plugins", "argoproj-labs/gatewayAPI"]));
                claim(Some("HTTPRoute"), gateway.and_then(|gateway| gateway.get("httpRoute")));
                for route in gateway.and_then(|gateway| gateway.get("httpRoutes")).map(Node::items).unwrap_or_default() {
                    claim(Some("HTTPRoute"), route.get("name"));
                }
            }
            (flagger::GROUP, "Canary") => claim(workload_kind(spec(&["targetRef", "kind"])), spec(&["targetRef", "name"])),
            (kruise::GROUP, "Rollout") => {
                claim(workload_kind(spec(&["workloadRef", "kind"])), spec(&["workloadRef", "name"]));
                let old = |key| spec(&["objectRef", "workloadRef", key]);
                claim(workload_kind(old("kind")), old("name"));
            }
            _ => {}
        }
    }
    found
}

fn workload_kind(kind: Option<&Node>) -> Option<&'static str> {
    ["Deployment", "StatefulSet", "DaemonSet"].into_iter().find(|known| kind.and_then(Node::as_str) == Some(known))
}

/// Why a file could not be read, if it speaks of a rollout at all.
fn unreadable(file: &File, configured: &BTreeSet<&str>, atlas: &Atlas) -> Option<Unreadable> {
    let progressive = file.template_kinds.iter().any(|kind| matches!(kind.as_str(), "Rollout" | "Canary"));
    let found = |place, reason: String, progressive| {
        Some(Unreadable { path: file.path.clone(), place: Some(place), reason, template: file.template, progressive })
    };
    if file.template {
        let workload = file.template_kinds.iter().find(|kind| {
            matches!(kind.as_str(), "Rollout" | "Canary" | "Deployment" | "StatefulSet" | "DaemonSet" | "HTTPRoute" | "VirtualService")
        })?;
        // Plain values of the same chart say what the template leaves open.
        if chart_directory(&file.path).is_some_and(|chart| configured.contains(chart)) {
            return None;
        }
        let place = atlas.place(crate::source::Span::at(file.span.start));
        return found(place, format!("its {workload} is a template, which is not filled in here"), progressive);
    }
    let (span, why) = file.errors.first()?;
    found(atlas.place(*span), format!("it does not parse: {why}"), false)
}

/// `charts/shop` of `charts/shop/templates/rollout.yaml` and of `charts/shop/values.yaml`.
fn chart_directory(path: &str) -> Option<&str> {
    match path.split_once("/templates/") {
        Some((chart, _)) => Some(chart),
        None => path.rsplit_once('/').map(|(directory, _)| directory),
    }
}

/// A unit of an object of Kubernetes, before its strategy is read.
fn unit(system: System, object: &Object, atlas: &Atlas) -> Unit {
    Unit {
        namespace: object.namespace().to_owned(),
        environment: object.environment(),
        body: object.body(),
        ..bare(system, object.name().to_owned(), atlas.place(object.name_span()))
    }
}

/// A unit with a name and nothing else.
pub(crate) fn bare(system: System, name: String, place: Place) -> Unit {
    Unit {
        system,
        name,
        namespace: String::new(),
        environment: String::new(),
        place,
        strategy: place,
        shift: Shift::Unknown,
        stages: Vec::new(),
        analysis: Analysis::default(),
        abort: Abort::Unknown,
        pace: model::Pace::default(),
        rollback: None,
        flaws: Vec::new(),
        open: Vec::new(),
        body: String::new(),
    }
}
