//! What a repository has that a scaffold has to fit: its trees in, CI system, checks, workloads and owners out.

use crate::change::{Entry, Text};
use crate::detect::Inspection;
use crate::error::Error;
use crate::read::tree::{Node, Syntax, parse};

/// Manifests past this size are generated.
const MAX_BYTES: usize = 1024 * 1024;

/// Directories whose manifests deploy nothing.
const ASIDE: [&str; 9] = ["test", "tests", "testdata", "fixtures", "examples", "example", "vendor", "node_modules", "docs"];

#[derive(Debug, Default)]
pub struct Found {
    pub github: bool,
    pub gitlab: bool,
    /// Names of checks that run on every change.
    pub checks: Vec<String>,
    pub workloads: Vec<Workload>,
    /// Who CODEOWNERS names for everything.
    pub owner: Option<String>,
}

/// Something that is deployed, and what takes it back.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    pub path: String,
    pub name: String,
    pub command: String,
}

pub fn look(inspection: &Inspection, remote: Option<&str>) -> Result<Found, Error> {
    let tree = &inspection.change.head_tree;
    let remote = remote.unwrap_or("");
    let mut found = Found {
        github: remote.contains("github.") || tree.under(".github").next().is_some(),
        gitlab: remote.contains("gitlab") || tree.contains(".gitlab-ci.yml"),
        ..Found::default()
    };
    let mut git_ops = false;
    for entry in tree.entries.iter().filter(|entry| is_yaml(&entry.path)) {
        let workflow = entry.path.starts_with(".github/workflows/");
        if !workflow && entry.path.split('/').any(|part| ASIDE.contains(&part)) {
            continue;
        }
        let Some(text) = text(inspection, entry)? else { continue };
        if workflow {
            for document in &parse(&text, Syntax::Yaml).documents {
                checks(document, &entry.path, &mut found.checks);
            }
        } else if text.contains("kind:") {
            for document in &parse(&text, Syntax::Yaml).documents {
                git_ops |= is_git_ops(document);
                found.workloads.extend(workload(document, &entry.path));
            }
        }
    }
    // A controller puts back what is undone beside it: only git undoes.
    if git_ops {
        found.workloads.clear();
    }
    found.owner = owner(inspection)?;
    found.checks.sort();
    found.checks.dedup();
    Ok(found)
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yml") || path.ends_with(".yaml")
}

fn text(inspection: &Inspection, entry: &Entry) -> Result<Option<String>, Error> {
    Ok(match inspection.change.head_tree.read(entry)? {
        Text::Utf8(text) if text.len() <= MAX_BYTES => Some(text.to_string()),
        _ => None,
    })
}

/// Names of the jobs that report on every pull request: those of a matrix, a condition or another workflow have names that
/// only the run knows.
fn checks(workflow: &Node, path: &str, out: &mut Vec<String>) {
    let on = workflow.get("on").or_else(|| workflow.get("true"));
    let Some(on) = on else { return };
    let triggers = |word: &str| {
        on.as_str() == Some(word)
            || on.items().iter().any(|item| item.as_str() == Some(word))
            || on.entry(word).is_some_and(|(_, filter)| filter.get("paths").is_none() && filter.get("paths-ignore").is_none())
    };
    if !triggers("pull_request") || path.contains("holdshort") {
        return;
    }
    for (key, job) in workflow.get("jobs").into_iter().flat_map(|jobs| jobs.entries()) {
        let plain = ["strategy", "if", "uses"].iter().all(|word| job.get(word).is_none());
        let name = job.str_at("name").or(key.as_str()).filter(|name| plain && !name.contains("${{"));
        out.extend(name.map(str::to_owned));
    }
}

/// An Argo CD application that syncs by itself, or one of Flux.
fn is_git_ops(document: &Node) -> bool {
    let api = document.str_at("apiVersion").unwrap_or("");
    let flux = api.starts_with("kustomize.toolkit.fluxcd.io/") || api.starts_with("helm.toolkit.fluxcd.io/");
    let argo = api.starts_with("argoproj.io/") && matches!(document.str_at("kind"), Some("Application" | "ApplicationSet"));
    flux || argo && (document.at(&["spec", "syncPolicy", "automated"]).is_some() || document.str_at("kind") == Some("ApplicationSet"))
}

fn workload(document: &Node, path: &str) -> Option<Workload> {
    let api = document.str_at("apiVersion")?;
    let name = document.at(&["metadata", "name"])?.as_str()?;
    // Only a plain name can stand in a command.
    let plain =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    let namespace = document.at(&["metadata", "namespace"]).and_then(Node::as_str).filter(|namespace| plain(namespace));
    let place = namespace.map_or(String::new(), |namespace| format!(" -n {namespace}"));
    let command = match (api.split('/').next()?, document.str_at("kind")?) {
        ("argoproj.io", "Rollout") => format!("kubectl argo rollouts undo {name}{place}"),
        ("apps", "Deployment") => format!("kubectl rollout undo deployment/{name}{place}"),
        ("apps", "StatefulSet") => format!("kubectl rollout undo statefulset/{name}{place}"),
        _ => return None,
    };
    plain(name).then(|| Workload { path: path.to_owned(), name: name.to_owned(), command })
}

/// The owner of `*` in CODEOWNERS; the last line wins.
fn owner(inspection: &Inspection) -> Result<Option<String>, Error> {
    let tree = &inspection.change.head_tree;
    for path in [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"] {
        let Some(Text::Utf8(text)) = tree.read_path(path)? else { continue };
        let everything = text.lines().rev().find_map(|line| line.trim().strip_prefix("* "));
        let plain = |word: &str| word.starts_with('@') && word.bytes().skip(1).all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        return Ok(everything.and_then(|owners| owners.split_whitespace().find(|word| plain(word))).map(str::to_owned));
    }
    Ok(None)
}
