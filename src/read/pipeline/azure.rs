//! `azure-pipelines.yml` in, one pipeline out. Templates are named, not read.
//!
//! After the "YAML schema reference": `script` and `bash` run without `-e`, so only the last command's status counts; stages wait for
//! the one before, jobs of one stage for nothing, unless `dependsOn` says otherwise.

use super::model::{Action, Event, Job, Named, Need, Pipeline, Step, System, Trigger};
use super::text::{Joined, named, optional, texts};
use crate::read::shell::Options;
use crate::read::tree::Node;
use crate::source::{FileId, Span};

const SHELL: Options = Options { errexit: false, pipefail: false };
const MAX_NESTING: usize = 10;

pub fn read(path: &str, source: FileId, text: &str, root: &Node) -> Pipeline {
    let mut pipeline = Pipeline::new(source, path, System::AzurePipelines);
    pipeline.name = root.str_at("name").map(str::to_owned);
    triggers(&mut pipeline, root);
    pipeline.inputs = root
        .get("parameters")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|node| node.str_at("name"))
        .map(str::to_owned)
        .collect();
    let mut reader = Reader { text, pipeline };
    if let Some(extends) = root.get("extends") {
        reader.pipeline.unknown(extends.span, "it extends a template, which decides what runs");
    }
    let mut before: Vec<String> = Vec::new();
    for stage in root.get("stages").map(Node::items).unwrap_or_default() {
        reader.stage(stage, &mut before);
    }
    reader.jobs(root, None, &[]);
    if root.get("steps").is_some() {
        let mut job = Job::new("job", root.span);
        reader.steps(&mut job, root.get("steps"), 0);
        reader.pipeline.jobs.push(job);
    }
    reader.pipeline
}

fn triggers(pipeline: &mut Pipeline, root: &Node) {
    let off = |node: &Node| node.as_str() == Some("none");
    let mut add = |event, key: &str, node: Option<&Node>| {
        let span = node.map_or(Span::default(), |node| node.span);
        let list = |keys: &[&str]| texts(node.and_then(|node| node.at(keys)));
        let mut branches = list(&["branches", "include"]);
        if branches.is_empty() {
            branches = node.map(|node| texts(Some(node))).filter(|_| node.is_some_and(|node| node.as_seq().is_some())).unwrap_or_default();
        }
        pipeline.triggers.push(Trigger {
            event,
            name: Named { text: key.to_owned(), span },
            branches,
            branches_ignored: list(&["branches", "exclude"]),
            paths: list(&["paths", "include"]),
            paths_ignored: list(&["paths", "exclude"]),
            types: Vec::new(),
            after: Vec::new(),
        });
    };
    // Both start it when nothing is written.
    for (event, key) in [(Event::Push, "trigger"), (Event::PullRequest, "pr")] {
        match root.get(key) {
            Some(node) if off(node) => {}
            node => add(event, key, node),
        }
    }
    if let Some(node) = root.get("schedules") {
        add(Event::Schedule, "schedules", Some(node));
    }
    for resource in root.at(&["resources", "pipelines"]).map(Node::items).unwrap_or_default() {
        if resource.get("trigger").is_some_and(|node| !off(node)) {
            add(Event::AfterPipeline, "resources.pipelines", Some(resource));
        }
    }
}

/// `enabled: false`, or an expression that may say so.
fn disabled(node: &Node) -> Option<Named> {
    let enabled = node.get("enabled").filter(|node| node.as_bool() != Some(true))?;
    enabled.as_str().map(|text| Named { text: format!("enabled: {text}"), span: enabled.span })
}

struct Reader<'t> {
    text: &'t str,
    pipeline: Pipeline,
}

impl Reader<'_> {
    fn template(&mut self, node: &Node) -> bool {
        if let Some(template) = node.get("template").and_then(named) {
            self.pipeline.unknown(template.span, format!("the template {} is not read", template.text));
            return true;
        }
        let key = node.entries().first().and_then(|(key, _)| named(key)).filter(|key| key.text.starts_with("${{"));
        if let Some(key) = key {
            self.pipeline.unknown(key.span, format!("`{}` decides what runs", key.text));
            return true;
        }
        false
    }

    fn stage(&mut self, node: &Node, before: &mut Vec<String>) {
        if self.template(node) {
            return;
        }
        let stage = node.str_at("stage").unwrap_or("").to_owned();
        let depends: Vec<String> = match node.get("dependsOn") {
            Some(depends) => texts(Some(depends)),
            None => before.last().cloned().into_iter().collect(),
        };
        before.push(stage.clone());
        // The jobs of the stages that this one waits for.
        let waits: Vec<String> = self
            .pipeline
            .jobs
            .iter()
            .filter(|job| job.stage.as_ref().is_some_and(|stage| depends.contains(stage)))
            .map(|job| job.id.text.clone())
            .collect();
        let first = self.pipeline.jobs.len();
        self.jobs(node, Some(&stage), &waits);
        if let Some(condition) = node.get("condition").and_then(named) {
            self.pipeline.jobs[first..].iter_mut().for_each(|job| job.condition = job.condition.take().or_else(|| Some(condition.clone())));
        }
    }

    fn jobs(&mut self, holder: &Node, stage: Option<&str>, waits: &[String]) {
        for node in holder.get("jobs").map(Node::items).unwrap_or_default() {
            if self.template(node) {
                continue;
            }
            let Some(id) = ["deployment", "job"].iter().find_map(|key| node.get(key)) else { continue };
            let local = id.as_str().unwrap_or("job");
            let full = |name: &str| stage.map_or_else(|| name.to_owned(), |stage| format!("{stage}.{name}"));
            let mut job = Job::new(full(local), id.span);
            job.name = node.str_at("displayName").map(str::to_owned);
            job.stage = stage.map(str::to_owned);
            let own = texts(node.get("dependsOn")).into_iter().map(|job| Need { job: full(&job), implied: false, optional: false });
            let implied = waits.iter().map(|job| Need { job: job.clone(), implied: true, optional: false });
            job.needs = own.chain(implied).collect();
            job.condition = node.get("condition").and_then(named);
            job.optional = optional("continueOnError", node.get("continueOnError"));
            let environment = node.get("environment").map(|node| node.get("name").unwrap_or(node));
            job.environment = environment.and_then(named);
            job.environments = job.environment.iter().map(|named| named.text.clone()).filter(|text| !text.contains('$')).collect();
            self.steps(&mut job, node.get("steps"), 0);
            if let Some(strategy) = node.get("strategy") {
                self.strategy(&mut job, strategy);
            }
            self.pipeline.jobs.push(job);
        }
    }

    /// The steps of the hooks of a deployment job.
    fn strategy(&mut self, job: &mut Job, strategy: &Node) {
        for (_, kind) in strategy.entries() {
            for hook in ["preDeploy", "deploy", "routeTraffic", "postRouteTraffic"] {
                self.steps(job, kind.at(&[hook, "steps"]), 0);
            }
        }
    }

    fn steps(&mut self, job: &mut Job, list: Option<&Node>, depth: usize) {
        for node in list.map(Node::items).unwrap_or_default() {
            if depth > MAX_NESTING || self.template(node) {
                continue;
            }
            let kinds = ["script", "bash", "pwsh", "powershell", "task"];
            let Some((kind, body)) = kinds.iter().find_map(|kind| Some((*kind, node.get(kind)?))) else { continue };
            let mut step = Step::at(body.span);
            step.name = node.str_at("displayName").map(str::to_owned);
            step.condition = disabled(node).or_else(|| node.get("condition").and_then(named));
            step.optional = optional("continueOnError", node.get("continueOnError"));
            step.directory = node.str_at("workingDirectory").map(str::to_owned);
            if kind == "task" {
                let Some(uses) = named(body) else { continue };
                let inputs = node.get("inputs").map(Node::entries).unwrap_or_default();
                let with = inputs.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), named(value)?))).collect();
                let inline = node.at(&["inputs", "script"]).or_else(|| node.at(&["inputs", "inlineScript"]));
                let task = uses.text.split('@').next().unwrap_or("").to_ascii_lowercase();
                match (task.as_str(), inline) {
                    ("bash" | "azurecli" | "cmdline", Some(inline)) => self.script(&mut step, inline, Some(SHELL)),
                    ("powershell" | "pwsh" | "azurepowershell", Some(inline)) => self.script(&mut step, inline, None),
                    _ => {}
                }
                step.action = Some(Action { uses, with });
            } else {
                self.script(&mut step, body, matches!(kind, "script" | "bash").then_some(SHELL));
            }
            job.steps.push(step);
        }
    }

    fn script(&self, step: &mut Step, node: &Node, shell: Option<Options>) {
        let mut joined = Joined::default();
        joined.add(self.text, node);
        step.shell = shell;
        step.commands = joined.commands(SHELL);
    }
}
