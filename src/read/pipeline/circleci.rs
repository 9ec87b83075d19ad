//! `.circleci/config.yml` in, one pipeline a workflow out. Orbs are named, not read.
//!
//! After the "Configuration reference": commands run under `bash -eo pipefail`; a job of a workflow waits for what `requires` names.

use super::github;
use super::model::{Action, Event, Job, Named, Need, Pipeline, Step, System, Trigger};
use super::text::{Joined, named, texts};
use crate::read::shell::Options;
use crate::read::tree::Node;
use crate::source::{FileId, Span};

const SHELL: Options = Options { errexit: true, pipefail: true };
const MAX_NESTING: usize = 10;

pub fn read(path: &str, source: FileId, text: &str, root: &Node) -> Vec<Pipeline> {
    let mut all = Vec::new();
    let reader = Reader { text, root };
    if let Some(setup) = root.get("setup").filter(|node| node.as_bool() == Some(true)) {
        let mut pipeline = Pipeline::new(source, path, System::Circleci);
        pipeline.unknown(setup.span, "it is a setup configuration: what follows is made while it runs");
        all.push(pipeline);
    }
    let workflows = root.get("workflows").map(Node::entries).unwrap_or_default();
    for (key, node) in workflows {
        let (Some(name), true) = (named(key), node.is_map()) else { continue };
        all.push(reader.workflow(path, source, name, node));
    }
    if workflows.is_empty() {
        // Without workflows the job `build` runs.
        let mut pipeline = Pipeline::new(source, path, System::Circleci);
        pipeline.triggers.push(every_push(Span::default()));
        for (key, _) in root.get("jobs").map(Node::entries).unwrap_or_default() {
            let Some(id) = named(key) else { continue };
            let mut job = Job::new(id.text.clone(), id.span);
            reader.steps(&mut pipeline, &mut job, &id.text);
            pipeline.jobs.push(job);
        }
        all.push(pipeline);
    }
    all
}

fn every_push(span: Span) -> Trigger {
    Trigger {
        event: Event::Push,
        name: Named { text: "every push".to_owned(), span },
        branches: Vec::new(),
        branches_ignored: Vec::new(),
        paths: Vec::new(),
        paths_ignored: Vec::new(),
        types: Vec::new(),
        after: Vec::new(),
    }
}

/// A shell that is named replaces the whole default, `-eo pipefail` included.
fn started(shell: &str) -> Option<Options> {
    match shell {
        "bash" | "sh" => Some(Options { errexit: false, pipefail: false }),
        _ => github::options(Some(shell), false),
    }
}

struct Reader<'t> {
    text: &'t str,
    root: &'t Node,
}

impl Reader<'_> {
    fn workflow(&self, path: &str, source: FileId, name: Named, node: &Node) -> Pipeline {
        let mut pipeline = Pipeline::new(source, path, System::Circleci);
        let scheduled = node.get("triggers").is_some();
        let mut trigger = every_push(name.span);
        if scheduled {
            trigger.event = Event::Schedule;
            trigger.name.text = "schedule".to_owned();
        }
        pipeline.triggers.push(trigger);
        pipeline.name = Some(name.text);
        for item in node.get("jobs").map(Node::items).unwrap_or_default() {
            let (base, given) = match (named(item), item.entries().first()) {
                (Some(name), _) => (name, None),
                (None, Some((key, value))) => match named(key) {
                    Some(name) => (name, Some(value)),
                    None => continue,
                },
                _ => continue,
            };
            let mut job = self.job(&mut pipeline, base, given);
            // `when: false` on the workflow holds for all of its jobs.
            let constant = |key: &str| node.get(key).filter(|node| node.as_bool().is_some());
            if let Some((key, value)) = ["when", "unless"].iter().find_map(|key| Some((*key, constant(key)?))) {
                job.condition = Some(Named { text: format!("{key}: {}", value.as_bool().unwrap_or(true)), span: value.span });
            }
            pipeline.jobs.push(job);
        }
        pipeline
    }

    fn job(&self, pipeline: &mut Pipeline, base: Named, given: Option<&Node>) -> Job {
        let at = |key: &str| given.and_then(|given| given.get(key));
        let id = at("name").and_then(Node::as_str).unwrap_or(&base.text).to_owned();
        let mut job = Job::new(id, base.span);
        let requires = at("requires").map(Node::items).unwrap_or_default();
        let required = requires.iter().filter_map(|node| node.as_str().or_else(|| node.entries().first()?.0.as_str()));
        job.needs = required.map(|job| Need { job: job.to_owned(), implied: false, optional: false }).collect();
        job.manual = at("type").and_then(Node::as_str) == Some("approval");
        if let Some(filters) = at("filters") {
            let words: Vec<&str> = filters.span.text(self.text).split_whitespace().collect();
            job.condition = Some(Named { text: format!("filters: {}", words.join(" ")), span: filters.span });
        }
        // `requires: [{test: [success, failed]}]`
        let lenient = requires.iter().flat_map(Node::entries).find(|(_, value)| texts(Some(value)).iter().any(|status| status == "failed"));
        if let Some((_, value)) = lenient {
            let before = job.condition.take().map(|named| format!("{}; ", named.text)).unwrap_or_default();
            job.condition = Some(Named { text: format!("{before}requires: failed"), span: value.span });
        }
        let mut with: Vec<(String, Named)> = Vec::new();
        for (key, value) in given.map(Node::entries).unwrap_or_default() {
            if let (Some(key), Some(value)) = (key.as_str(), named(value)) {
                with.push((key.to_owned(), value));
            }
        }
        // A context holds the credentials of what it is named after.
        let contexts = texts(at("context"));
        let words = with.iter().filter(|(key, _)| key.contains("env")).map(|(_, value)| value.text.clone());
        job.environments = words.chain(contexts).collect();
        if job.manual {
            return job;
        }
        if base.text.contains('/') {
            job.calls = Some(Action { uses: base, with });
        } else {
            self.steps(pipeline, &mut job, &base.text);
        }
        job
    }

    fn steps(&self, pipeline: &mut Pipeline, job: &mut Job, name: &str) {
        let Some(node) = self.root.at(&["jobs", name]) else {
            pipeline.unknown(job.id.span, format!("the job {name} is not defined in this file"));
            return;
        };
        if node.get("type").and_then(Node::as_str) == Some("approval") {
            job.manual = true;
        }
        for step in node.get("steps").map(Node::items).unwrap_or_default() {
            self.step(job, step, node.str_at("shell"), None, 0);
        }
        // A step that does nothing but end the job well.
        let halts = |step: &Step| matches!(step.commands.as_slice(), [only] if only.text() == "circleci-agent step halt");
        if let Some(at) = job.steps.iter().position(|step| step.condition.is_none() && halts(step)) {
            let condition = Named { text: "circleci-agent step halt".to_owned(), span: job.steps[at].span };
            job.steps[at + 1..].iter_mut().for_each(|step| step.condition = Some(condition.clone()));
        }
    }

    fn step(&self, job: &mut Job, node: &Node, shell: Option<&str>, condition: Option<&Named>, depth: usize) {
        let (name, body) = match (named(node), node.entries().first()) {
            (Some(name), _) => (name, None),
            (None, Some((key, value))) => match named(key) {
                Some(name) => (name, Some(value)),
                None => return,
            },
            _ => return,
        };
        let mut step = Step::at(name.span);
        step.condition = condition.cloned();
        match name.text.as_str() {
            "run" => {
                let Some(body) = body else { return };
                let command = body.get("command").unwrap_or(body);
                step.span = command.span;
                step.name = body.str_at("name").map(str::to_owned);
                step.directory = body.str_at("working_directory").map(str::to_owned);
                step.afterwards = body.str_at("when") == Some("always");
                if let Some(when) = body.get("when").filter(|node| node.as_str() == Some("on_fail")) {
                    step.condition = Some(Named { text: "when: on_fail".to_owned(), span: when.span });
                }
                let shell = body.str_at("shell").or(shell);
                step.shell = shell.map_or(Some(SHELL), started);
                let mut joined = Joined::default();
                joined.add(self.text, command);
                step.commands = joined.commands(step.shell.unwrap_or(SHELL));
                job.steps.push(step);
            }
            "when" | "unless" => {
                let Some(body) = body else { return };
                let condition = body.entry("condition").map(|(_, value)| Named {
                    text: format!("{}: {}", name.text, value.span.text(self.text).split_whitespace().collect::<Vec<_>>().join(" ")),
                    span: value.span,
                });
                for inner in body.get("steps").map(Node::items).unwrap_or_default() {
                    if depth < MAX_NESTING {
                        self.step(job, inner, shell, condition.as_ref(), depth + 1);
                    }
                }
            }
            _ => {
                if let Some(command) = self.root.at(&["commands", &name.text]) {
                    for inner in command.get("steps").map(Node::items).unwrap_or_default() {
                        if depth < MAX_NESTING {
                            self.step(job, inner, shell, condition, depth + 1);
                        }
                    }
                    return;
                }
                let given = body.map(Node::entries).unwrap_or_default();
                let with = given.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), named(value)?))).collect();
                step.action = Some(Action { uses: name, with });
                job.steps.push(step);
            }
        }
    }
}
