//! Deploy commands of the rollback document that have no effect: commands and manifests in, findings out.

use super::{documents, report};
use crate::detect::Inspection;
use crate::finding::{Finding, Severity};
use crate::read::rollback::{Command, Controller, ControllerKind, Deploys, Document};
use crate::rule::Rule;

pub fn void_command(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let deploys = &inspection.rollback.deploys;
    for document in documents(inspection) {
        let mut suspended = false;
        for command in document.commands.iter().filter(|command| !command.sql) {
            suspended |= suspends(&command.text);
            if let Some((message, severity)) = problem(deploys, command, suspended) {
                out.push(finding(inspection, rule, document, command, message, severity));
            }
        }
    }
}

fn finding(
    inspection: &Inspection,
    rule: &Rule,
    document: &Document,
    command: &Command,
    message: String,
    severity: Option<Severity>,
) -> Finding {
    let name = command.text.split_whitespace().next().unwrap_or("command");
    let mut found = report(inspection, rule, document, command.span, name, message);
    if let Some(severity) = severity {
        found.severity = severity;
    }
    found
}

/// The document first takes the controller's hands off.
fn suspends(command: &str) -> bool {
    let has = |words: &[&str]| words.iter().all(|word| command.contains(word));
    has(&["flux", "suspend"]) || has(&["argocd", "app", "set", "--sync-policy", "none"]) || has(&["kubectl", "patch", "syncPolicy"])
}

/// What makes a command void, as a sentence; with a severity where it is less than the rule's own.
fn problem(deploys: &Deploys, command: &Command, suspended: bool) -> Option<(String, Option<Severity>)> {
    for part in command.text.split("&&").flat_map(|part| part.split(';')) {
        let verbs = verbs(part);
        let found = match verbs.as_slice() {
            ["kubectl", "rollout", "undo", target, ..] => {
                workload(deploys, target).or_else(|| undone(deploys, "kubectl rollout undo", suspended))
            }
            ["kubectl", "argo", "rollouts", "undo", ..] => undone(deploys, "kubectl argo rollouts undo", suspended),
            ["kubectl", "set", "image", ..] => undone(deploys, "kubectl set image", suspended),
            ["kubectl", verb @ ("apply" | "patch" | "replace" | "scale"), ..] => undone(deploys, &format!("kubectl {verb}"), suspended),
            ["helm", "rollback", ..] => helm(deploys, suspended),
            ["argocd", "app", "rollback", name, ..] if !suspended => refused(deploys, name),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Options of kubectl, helm and argocd whose value is the next word.
const VALUED: [&str; 9] = ["-n", "--namespace", "--context", "--kube-context", "--kubeconfig", "-l", "--selector", "-f", "--filename"];

/// The words of a command without its options.
fn verbs(part: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut skip = false;
    for word in part.split_whitespace() {
        let value = std::mem::replace(&mut skip, VALUED.contains(&word));
        let before = found.is_empty() && (word == "sudo" || word.contains('='));
        if !value && !before && !word.starts_with('-') {
            found.push(word);
        }
    }
    found
}

/// `deployment/shop` of a workload that has no such kind, or nothing to go back to.
fn workload(deploys: &Deploys, target: &str) -> Option<(String, Option<Severity>)> {
    let name = target.rsplit('/').next().unwrap_or(target);
    if let Some((_, path)) =
        deploys.rollouts.iter().find(|(known, _)| known == name).filter(|_| !deploys.deployments.iter().any(|known| known == name))
    {
        return Some((
            format!(
                "{name} is an Argo Rollout ({path}), which `kubectl rollout undo` does not know: use `kubectl argo rollouts undo {name}`."
            ),
            None,
        ));
    }
    let (_, path) = deploys.without_history.iter().find(|(known, _)| known == name)?;
    Some((format!("{name} keeps no earlier revision (`revisionHistoryLimit: 0` in {path}): there is nothing to undo to."), None))
}

/// Something puts back what the command changes.
fn undone(deploys: &Deploys, command: &str, suspended: bool) -> Option<(String, Option<Severity>)> {
    let controller = strongest(deploys).filter(|_| !suspended)?;
    let (name, path) = (described(controller), &controller.path);
    Some(match controller.heals {
        true => (format!("{name} ({path}) keeps the cluster as git has it: what `{command}` changes is put back at once."), None),
        false => (format!("{name} ({path}) syncs by itself: what `{command}` changes lasts until the next sync."), Some(Severity::Warn)),
    })
}

fn helm(deploys: &Deploys, suspended: bool) -> Option<(String, Option<Severity>)> {
    if let Some(argo) = deploys.controllers.iter().find(|known| known.kind == ControllerKind::ArgoCd) {
        let message = format!(
            "{} ({}) renders charts itself, so there is no Helm release that `helm rollback` could roll back.",
            described(argo),
            argo.path
        );
        // Whether this application or another one deploys the chart is not known.
        return Some((message, Some(Severity::Warn)));
    }
    undone(deploys, "helm rollback", suspended)
}

/// Argo CD: "Rollback cannot be performed against an application with automated sync enabled".
fn refused(deploys: &Deploys, name: &str) -> Option<(String, Option<Severity>)> {
    let argo = deploys.controllers.iter().find(|known| known.kind == ControllerKind::ArgoCd && known.name == name)?;
    Some((format!("Argo CD refuses to roll back {name}: it syncs by itself ({}).", argo.path), None))
}

fn strongest(deploys: &Deploys) -> Option<&Controller> {
    deploys.controllers.iter().find(|known| known.heals).or(deploys.controllers.first())
}

fn described(controller: &Controller) -> String {
    format!("The {} {}", controller.kind.name(), controller.name)
}
