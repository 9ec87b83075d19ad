//! GitHub Actions workflows and composite actions in, pipelines out.
//!
//! After "Workflow syntax for GitHub Actions" and "Metadata syntax": `bash -e` unless `shell: bash` is written, which adds
//! `-o pipefail`; a job without `needs` waits for nothing.

use super::model::{Action, Concurrency, Event, Job, Named, Need, Pipeline, Step, System, Trigger};
use super::text::{Joined, named, optional, texts, variables};
use crate::read::shell::Options;
use crate::read::tree::Node;
use crate::source::{FileId, Span};

/// What holds for steps that say nothing else.
#[derive(Clone, Default)]
struct Defaults {
    shell: Option<String>,
    directory: Option<String>,
    windows: bool,
}

/// A workflow, or the steps of a composite action.
pub fn read(path: &str, source: FileId, text: &str, root: &Node) -> Pipeline {
    let mut pipeline = Pipeline::new(source, path, System::GithubActions);
    pipeline.name = root.str_at("name").map(str::to_owned);
    if let Some((key, runs)) = root.entry("runs") {
        if runs.str_at("using") == Some("composite") {
            let mut job = Job::new("runs", key.span);
            job.steps = steps(text, runs.get("steps"), &Defaults::default());
            pipeline.jobs.push(job);
        }
        let name = Named { text: "composite action".to_owned(), span: key.span };
        pipeline.triggers.push(trigger(Event::Called, name, None));
        return pipeline;
    }
    match root.entry("on").or_else(|| root.entry("true")) {
        Some((_, on)) => triggers(&mut pipeline, on),
        None => pipeline.unknown(Span::default(), "the workflow has no `on`"),
    }
    pipeline.concurrency = root.get("concurrency").and_then(concurrency);
    pipeline.env = variables(root.get("env"));
    let defaults = defaults(root, Defaults::default());
    for (key, node) in root.get("jobs").map(Node::entries).unwrap_or_default() {
        let Some(id) = named(key) else { continue };
        let job = job(&mut pipeline, text, root, id, node, &defaults);
        pipeline.jobs.push(job);
    }
    pipeline
}

fn trigger(event: Event, name: Named, node: Option<&Node>) -> Trigger {
    let list = |key: &str| texts(node.and_then(|node| node.get(key)));
    Trigger {
        event,
        name,
        branches: list("branches"),
        branches_ignored: list("branches-ignore"),
        paths: list("paths"),
        paths_ignored: list("paths-ignore"),
        types: list("types"),
        after: list("workflows"),
    }
}

fn triggers(pipeline: &mut Pipeline, on: &Node) {
    let single = named(on).into_iter().chain(on.items().iter().filter_map(named)).map(|name| (name, None));
    let keyed = on.entries().iter().filter_map(|(key, value)| Some((named(key)?, Some(value))));
    for (name, node) in single.chain(keyed) {
        let has = |key: &str| node.is_some_and(|node| node.get(key).is_some());
        let event = match name.text.as_str() {
            "push" if has("tags") && !has("branches") => Event::Tag,
            "push" => Event::Push,
            "pull_request" | "pull_request_target" | "merge_group" => Event::PullRequest,
            "release" | "create" => Event::Release,
            "schedule" => Event::Schedule,
            "workflow_dispatch" | "repository_dispatch" => Event::Manual,
            "workflow_run" => Event::AfterPipeline,
            "workflow_call" => Event::Called,
            _ => Event::Other,
        };
        if name.text == "workflow_dispatch" {
            pipeline.inputs = texts(node.and_then(|node| node.get("inputs")));
        }
        pipeline.triggers.push(trigger(event, name, node));
    }
}

fn concurrency(node: &Node) -> Option<Concurrency> {
    if let Some(group) = node.as_str() {
        return Some(Concurrency { group: Some(group.to_owned()), cancels: Some(false), span: node.span });
    }
    let cancels = node.get("cancel-in-progress");
    Some(Concurrency {
        group: node.str_at("group").map(str::to_owned),
        cancels: match cancels {
            None => Some(false),
            Some(value) if value.as_str() == Some("${{ true }}") => Some(true),
            Some(value) => value.as_bool(),
        },
        span: cancels.map_or(node.span, |value| value.span),
    })
}

fn defaults(node: &Node, outer: Defaults) -> Defaults {
    let run = node.at(&["defaults", "run"]);
    let read = |key: &str| run.and_then(|run| run.str_at(key)).map(str::to_owned);
    Defaults { shell: read("shell").or(outer.shell), directory: read("working-directory").or(outer.directory), windows: outer.windows }
}

fn job(pipeline: &mut Pipeline, text: &str, root: &Node, id: Named, node: &Node, outer: &Defaults) -> Job {
    let mut job = Job::new(id.text, id.span);
    job.name = node.str_at("name").map(str::to_owned);
    job.needs = texts(node.get("needs")).into_iter().map(|job| Need { job, implied: false, optional: false }).collect();
    job.condition = node.get("if").and_then(named);
    job.concurrency = node.get("concurrency").and_then(concurrency);
    job.env = variables(node.get("env"));
    job.optional = optional("continue-on-error", node.get("continue-on-error"));
    let environment = node.get("environment").map(|node| node.get("name").unwrap_or(node));
    job.environment = environment.and_then(named);
    if let Some(environment) = &job.environment {
        job.environments = values(root, node, &environment.text);
    }
    if let Some(uses) = node.get("uses").and_then(named) {
        if !uses.text.starts_with("./") {
            pipeline.unknown(uses.span, format!("the workflow {} is in another repository", uses.text));
        }
        job.calls = Some(Action { uses, with: inputs(node) });
    }
    let mut defaults = defaults(node, outer.clone());
    defaults.windows = texts(node.get("runs-on")).iter().any(|runner| runner.contains("windows"));
    job.steps = steps(text, node.get("steps"), &defaults);
    job
}

/// What an expression can be: itself, the entries of the matrix, the options of an input.
fn values(root: &Node, job: &Node, text: &str) -> Vec<String> {
    let Some(open) = text.find("${{") else { return vec![text.to_owned()] };
    let expression = text[open + 3..].split("}}").next().unwrap_or("").trim();
    let alone = text.trim().starts_with("${{") && text.trim().ends_with("}}") && text.matches("${{").count() == 1;
    if !alone {
        return Vec::new();
    }
    if let Some(key) = expression.strip_prefix("matrix.") {
        let matrix = job.at(&["strategy", "matrix"]);
        let mut found = texts(matrix.and_then(|matrix| matrix.get(key)));
        let included = matrix.and_then(|matrix| matrix.get("include")).map(Node::items).unwrap_or_default();
        found.extend(included.iter().filter_map(|entry| entry.str_at(key)).map(str::to_owned));
        return found;
    }
    for prefix in ["inputs.", "github.event.inputs."] {
        let Some(key) = expression.strip_prefix(prefix) else { continue };
        let input = root.at(&["on", "workflow_dispatch", "inputs", key]);
        let mut found = texts(input.and_then(|input| input.get("options")));
        found.extend(input.and_then(|input| input.str_at("default")).map(str::to_owned));
        return found;
    }
    Vec::new()
}

fn inputs(node: &Node) -> Vec<(String, Named)> {
    let with = node.get("with").map(Node::entries).unwrap_or_default();
    with.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), named(value)?))).collect()
}

fn steps(text: &str, list: Option<&Node>, defaults: &Defaults) -> Vec<Step> {
    let mut all = Vec::new();
    for node in list.map(Node::items).unwrap_or_default() {
        let key = ["name", "uses", "run"].iter().find_map(|key| node.get(key));
        let mut step = Step::at(key.map_or(node.span, |key| key.span));
        step.name = node.str_at("name").map(str::to_owned);
        step.condition = node.get("if").and_then(named);
        step.env = variables(node.get("env"));
        step.optional = optional("continue-on-error", node.get("continue-on-error"));
        step.directory = node.str_at("working-directory").map(str::to_owned).or_else(|| defaults.directory.clone());
        if let Some(uses) = node.get("uses").and_then(named) {
            step.action = Some(Action { uses, with: inputs(node) });
        }
        if let Some(run) = node.get("run") {
            let shell = node.str_at("shell").or(defaults.shell.as_deref());
            step.shell = options(shell, defaults.windows);
            let mut joined = Joined::default();
            joined.add(text, run);
            // What is no POSIX shell is still read for the programs it names; `shell` says that failures are not followed.
            if is_shell(shell) {
                step.commands = joined.commands(step.shell.unwrap_or(Options { errexit: true, pipefail: true }));
            }
        }
        all.push(step);
    }
    all
}

fn is_shell(shell: Option<&str>) -> bool {
    shell.is_none_or(|shell| !shell.contains("python") && !shell.contains("node") && !shell.contains("perl"))
}

/// `None` for PowerShell and cmd, whose failures are another matter.
pub(super) fn options(shell: Option<&str>, windows: bool) -> Option<Options> {
    match shell {
        None if windows => None,
        None => Some(Options { errexit: true, pipefail: false }),
        Some("bash") => Some(Options { errexit: true, pipefail: true }),
        Some("sh") => Some(Options { errexit: true, pipefail: false }),
        Some(custom) if custom.starts_with("bash") || custom.contains("/bash") || custom.starts_with("sh ") => {
            let flags: Vec<&str> = custom.split_whitespace().filter(|word| word.starts_with('-') && !word.starts_with("--")).collect();
            Some(Options { errexit: flags.iter().any(|flag| flag.contains('e')), pipefail: custom.contains("pipefail") })
        }
        Some(_) => None,
    }
}
