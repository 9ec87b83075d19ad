//! What the commands of a rollback document name: scripts, targets, workflows and files that do not exist in, findings out.

use super::{documents, report};
use crate::change::{Blob, EntryKind, Snapshot};
use crate::detect::Inspection;
use crate::finding::{Finding, Severity};
use crate::read::pipeline::single;
use crate::read::rollback::Command;
use crate::read::shell::{self, Options, argv};
use crate::rule::Rule;

pub fn command_not_found(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let tree = &inspection.change.head_tree;
    for document in documents(inspection) {
        let mut left = None;
        for command in document.commands.iter().filter(|command| !command.sql) {
            let first = command.text.split_whitespace().next().unwrap_or("");
            // After `cd` or a clone the paths are not this tree's any more.
            if matches!(first, "cd" | "pushd" | "ssh") || command.text.starts_with("git clone") {
                left = Some(command.block);
            }
            if left == Some(command.block) {
                continue;
            }
            if let Some(problem) = first_problem(tree, &command.text) {
                out.push(report(inspection, rule, document, command.span, name(command), problem));
            }
        }
    }
}

fn name(command: &Command) -> &str {
    command.text.split_whitespace().next().unwrap_or("command")
}

pub fn config_not_found(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let tree = &inspection.change.head_tree;
    for document in documents(inspection) {
        for (named, declared) in &document.config {
            if exists(tree, &named.text) {
                continue;
            }
            let message = format!("The document names the configuration {}, which this revision does not have.", named.text);
            let mut found = report(inspection, rule, document, named.span, &named.text, message);
            if !declared {
                // In running text it may be a file of another repository.
                found.severity = Severity::Warn;
            }
            out.push(found);
        }
    }
}

fn exists(tree: &Snapshot, path: &str) -> bool {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    tree.contains(path) || tree.under(path).next().is_some()
}

/// What is wrong with a command line, as a sentence: a path of the tree alone is a script, too.
pub fn unresolved(tree: &Snapshot, command: &str) -> Option<String> {
    let alone = !command.trim().contains(char::is_whitespace) && command.contains('/') && is_lookup(command.trim());
    if alone {
        return script_missing(tree, command.trim());
    }
    first_problem(tree, command)
}

/// What is wrong with the first command of a line that cannot be run.
fn first_problem(tree: &Snapshot, line: &str) -> Option<String> {
    let script = shell::read(line, Options { errexit: true, pipefail: false });
    script.commands.iter().find_map(|command| problem(tree, &argv(command)))
}

/// What is wrong with one simple command, as a sentence.
fn problem(tree: &Snapshot, words: &[&str]) -> Option<String> {
    let (program, rest) = words.split_first()?;
    match *program {
        "bash" | "sh" | "zsh" | "source" | "." | "python" | "python3" | "node" => {
            let script = rest.iter().find(|word| !word.starts_with('-')).filter(|_| !rest.contains(&"-c") && !rest.contains(&"-m"))?;
            script_missing(tree, script)
        }
        "make" => target_missing(tree, rest, &["GNUmakefile", "makefile", "Makefile"]),
        "just" => target_missing(tree, rest, &["justfile", "Justfile", ".justfile"]),
        "npm" | "yarn" | "pnpm" if rest.first() == Some(&"run") => package_script_missing(tree, rest.get(1)?),
        "gh" if rest.starts_with(&["workflow", "run"]) => workflow_missing(tree, rest.get(2)?, &rest[3..]),
        _ if program.starts_with("./") || is_script(program) => script_missing(tree, program).or_else(|| not_executable(tree, program)),
        _ => None,
    }
}

fn is_script(program: &str) -> bool {
    program.contains('/') && [".sh", ".py", ".rb", ".bash", ".ps1"].iter().any(|end| program.ends_with(end))
}

/// Only a plain path of this tree can be looked up.
fn is_lookup(path: &str) -> bool {
    !path.starts_with(['/', '~', '-']) && !path.contains("..") && !path.contains(|c: char| "$<>*{}\"'`@:".contains(c))
}

fn script_missing(tree: &Snapshot, path: &str) -> Option<String> {
    (is_lookup(path) && path.contains(['/', '.']) && !exists(tree, path))
        .then(|| format!("The script {path} does not exist at this revision."))
}

fn not_executable(tree: &Snapshot, path: &str) -> Option<String> {
    let entry = tree.entry(path.trim_start_matches("./"))?;
    // Trees in memory have no modes.
    let known = match entry.blob {
        Blob::Git(_) => true,
        Blob::Disk(_) => cfg!(unix),
        Blob::Memory(_) => false,
    };
    (known && entry.kind == EntryKind::File).then(|| format!("The script {path} is not executable."))
}

/// A target that none of the files at the root defines, read as make and just do.
fn target_missing(tree: &Snapshot, words: &[&str], files: &[&str]) -> Option<String> {
    if words.iter().any(|word| word.starts_with("-C") || word.starts_with("-f") || word.starts_with("--")) {
        return None;
    }
    let target = words.iter().find(|word| !word.starts_with('-') && !word.contains('='))?;
    let Some(file) = files.iter().find(|path| tree.contains(path)) else {
        let usual = files.last().copied().filter(|name| *name == "Makefile").unwrap_or("justfile");
        return Some(format!("The target {target} cannot run: there is no {usual} at the root."));
    };
    let pipeline = single(tree, file)?;
    // What is included, matched by a pattern or made by a variable may define it.
    let open = !pipeline.unknown.is_empty() || pipeline.jobs.iter().any(|job| job.id.text.contains(['%', '$']));
    (!open && is_lookup(target) && pipeline.job(target).is_none()).then(|| format!("The {file} has no target {target}."))
}

fn package_script_missing(tree: &Snapshot, script: &str) -> Option<String> {
    if !tree.contains("package.json") {
        return Some(format!("The package script {script} cannot run: there is no package.json at the root."));
    }
    let package = single(tree, "package.json")?;
    (package.job(script).is_none() && !script.contains(['$', '<'])).then(|| format!("package.json has no script {script}."))
}

/// A workflow that is not there, that nobody can start, or that does not know an input it is given.
fn workflow_missing(tree: &Snapshot, workflow: &str, options: &[&str]) -> Option<String> {
    if !(workflow.ends_with(".yml") || workflow.ends_with(".yaml")) || !is_lookup(workflow) {
        return None;
    }
    let file = workflow.rsplit('/').next().unwrap_or(workflow);
    let path = format!(".github/workflows/{file}");
    if !tree.contains(&path) {
        return Some(format!("The workflow {file} does not exist at this revision."));
    }
    let pipeline = single(tree, &path)?;
    if !pipeline.triggers.iter().any(|trigger| trigger.name.text == "workflow_dispatch") {
        return Some(format!("The workflow {file} cannot be started by hand: it has no `workflow_dispatch`."));
    }
    let given = options
        .windows(2)
        .filter(|pair| matches!(pair[0], "-f" | "-F" | "--field" | "--raw-field"))
        .filter_map(|pair| pair[1].split_once('='));
    let unknown = given.map(|(name, _)| name).find(|name| !pipeline.inputs.iter().any(|input| input == name))?;
    Some(format!("The workflow {file} has no input `{unknown}`, and a start with one it does not know is refused."))
}
