//! What decides whether a deploy command of the document has any effect: the manifests of a tree in, controllers that put
//! things back, workloads of a kind of their own and workloads without a history out.

use serde::Serialize;

use crate::change::{Snapshot, Text};
use crate::error::ChangeError;
use crate::read::tree::{Node, Syntax, parse};

/// Manifests past this size are generated.
const MAX_BYTES: usize = 1024 * 1024;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Deploys {
    pub controllers: Vec<Controller>,
    /// Names of Argo Rollouts, which `kubectl rollout` does not know, and their files.
    pub rollouts: Vec<(String, String)>,
    /// Names of Deployments and the like.
    pub deployments: Vec<String>,
    /// Workloads with `revisionHistoryLimit: 0`, and their files.
    pub without_history: Vec<(String, String)>,
}

/// Something in the cluster that makes it what git says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Controller {
    pub kind: ControllerKind,
    pub name: String,
    pub path: String,
    /// It puts back at once what somebody changes beside git.
    pub heals: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControllerKind {
    /// An Argo CD application that syncs by itself.
    ArgoCd,
    /// A Kustomization of Flux.
    FluxKustomization,
    /// A HelmRelease of Flux.
    FluxHelm,
}

impl ControllerKind {
    pub fn name(self) -> &'static str {
        match self {
            ControllerKind::ArgoCd => "Argo CD application",
            ControllerKind::FluxKustomization => "Flux Kustomization",
            ControllerKind::FluxHelm => "Flux HelmRelease",
        }
    }
}

/// Reads the manifests that bear on deploy commands.
pub fn read(tree: &Snapshot) -> Result<Deploys, ChangeError> {
    let mut found = Deploys::default();
    let yaml = tree.entries.iter().filter(|entry| entry.path.ends_with(".yaml") || entry.path.ends_with(".yml"));
    for entry in yaml.filter(|entry| !is_aside(&entry.path)) {
        let Text::Utf8(text) = tree.read(entry)? else { continue };
        if text.len() > MAX_BYTES || !["argoproj.io/", "fluxcd.io/", "apps/v1"].iter().any(|word| text.contains(word)) {
            continue;
        }
        for document in &parse(&text, Syntax::Yaml).documents {
            manifest(document, &entry.path, &mut found);
        }
    }
    Ok(found)
}

/// Directories whose manifests reach no cluster that matters.
fn is_aside(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "test" | "tests" | "testdata" | "fixtures" | "examples" | "example" | "vendor" | "node_modules"))
}

/// Sources: Argo CD's `auto_sync.md`, Flux's API reference, Kubernetes' `apps/v1`.
fn manifest(document: &Node, path: &str, found: &mut Deploys) {
    let (Some(api), Some(kind)) = (document.str_at("apiVersion"), document.str_at("kind")) else { return };
    let Some(name) = document.at(&["metadata", "name"]).and_then(Node::as_str).map(str::to_owned) else { return };
    let group = api.split('/').next().unwrap_or(api);
    let is = |at: &[&str], value: bool| document.at(at).and_then(Node::as_bool) == Some(value);
    // `automated: {}` switches it on as well, unless it says `enabled: false`.
    let sync = document.at(&["spec", "syncPolicy", "automated"]);
    let automated = sync.is_some() && !is(&["spec", "syncPolicy", "automated", "enabled"], false);
    let mut controller = |kind, heals| found.controllers.push(Controller { kind, name: name.clone(), path: path.to_owned(), heals });
    match (group, kind) {
        ("argoproj.io", "Application") if automated => {
            controller(ControllerKind::ArgoCd, is(&["spec", "syncPolicy", "automated", "selfHeal"], true));
        }
        ("kustomize.toolkit.fluxcd.io", "Kustomization") if !is(&["spec", "suspend"], true) => {
            controller(ControllerKind::FluxKustomization, true)
        }
        ("helm.toolkit.fluxcd.io", "HelmRelease") if !is(&["spec", "suspend"], true) => {
            let heals = document.at(&["spec", "driftDetection", "mode"]).and_then(Node::as_str) == Some("enabled");
            controller(ControllerKind::FluxHelm, heals);
        }
        ("argoproj.io", "Rollout") => found.rollouts.push((name.clone(), path.to_owned())),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") => found.deployments.push(name.clone()),
        _ => {}
    }
    let workload = matches!((group, kind), ("argoproj.io", "Rollout") | ("apps", "Deployment" | "StatefulSet" | "DaemonSet"));
    if workload && document.at(&["spec", "revisionHistoryLimit"]).and_then(Node::as_f64) == Some(0.0) {
        found.without_history.push((name, path.to_owned()));
    }
}
