//! `.buildkite/*.yml` in, one pipeline out, for what is plain: steps made while the pipeline runs are unknown.
//!
//! After "Step types": commands run under `bash -e`; steps run at once, a `wait` or `block` step holds all behind it.

use super::model::{Action, Concurrency, Event, Job, Named, Need, Pipeline, Step, System, Trigger};
use super::text::{Joined, named, optional, texts};
use crate::read::shell::Options;
use crate::read::tree::Node;
use crate::source::{FileId, Span};

const SHELL: Options = Options { errexit: true, pipefail: false };
const MAX_NESTING: usize = 4;

pub fn read(path: &str, source: FileId, text: &str, root: &Node) -> Pipeline {
    let mut pipeline = Pipeline::new(source, path, System::Buildkite);
    pipeline.triggers.push(Trigger {
        event: Event::Push,
        name: Named { text: "every build".to_owned(), span: Span::default() },
        branches: Vec::new(),
        branches_ignored: Vec::new(),
        paths: Vec::new(),
        paths_ignored: Vec::new(),
        types: Vec::new(),
        after: Vec::new(),
    });
    let steps = root.get("steps").unwrap_or(root);
    let mut walk = Walk { text, pipeline, before: Vec::new(), held: Vec::new(), lenient: None };
    walk.steps(steps, 0);
    walk.pipeline
}

struct Walk<'t> {
    text: &'t str,
    pipeline: Pipeline,
    /// Jobs so far.
    before: Vec<String>,
    /// Jobs that were there at the last `wait`.
    held: Vec<String>,
    /// Where the last `wait` says that what is behind it runs after a failure too.
    lenient: Option<Span>,
}

impl Walk<'_> {
    fn steps(&mut self, list: &Node, depth: usize) {
        for node in list.items() {
            if node.as_str() == Some("wait") || node.get("wait").is_some() || node.entry("wait").is_some() {
                self.held = self.before.clone();
                self.lenient = node.get("continue_on_failure").filter(|node| node.as_bool() == Some(true)).map(|node| node.span);
            } else if let Some(block) = node.get("block").or_else(|| node.get("input")) {
                self.held = self.before.clone();
                let mut job = Job::new(block.as_str().unwrap_or("block"), block.span);
                job.manual = true;
                self.add(job, node);
                self.held = self.before.clone();
            } else if node.get("group").is_some() && depth < MAX_NESTING {
                if let Some(inner) = node.get("steps") {
                    self.steps(inner, depth + 1);
                }
            } else if let Some(trigger) = node.get("trigger").and_then(named) {
                let mut job = Job::new(trigger.text.clone(), trigger.span);
                self.pipeline.unknown(trigger.span, format!("the pipeline {} is not in this file", trigger.text));
                job.calls = Some(Action { uses: trigger, with: Vec::new() });
                self.add(job, node);
            } else {
                self.command(node);
            }
        }
    }

    fn command(&mut self, node: &Node) {
        let Some((_, command)) = node.entry("command").or_else(|| node.entry("commands")) else { return };
        let label = ["label", "name", "key"].iter().find_map(|key| node.get(key)).and_then(named);
        let id = label.unwrap_or(Named { text: "step".to_owned(), span: command.span });
        let mut job = Job::new(node.str_at("key").unwrap_or(&id.text), id.span);
        job.name = Some(id.text);
        let mut joined = Joined::default();
        joined.add(self.text, command);
        command.items().iter().for_each(|item| joined.add(self.text, item));
        let mut step = Step::at(command.span);
        step.shell = Some(SHELL);
        step.commands = joined.commands(SHELL);
        if step.commands.iter().any(|command| command.text().starts_with("buildkite-agent pipeline upload")) {
            self.pipeline.unknown(command.span, "it uploads steps that are made while it runs");
        }
        job.steps.push(step);
        if let Some(group) = node.str_at("concurrency_group") {
            job.concurrency = Some(Concurrency { group: Some(group.to_owned()), cancels: Some(false), span: node.span });
        }
        self.add(job, node);
    }

    fn add(&mut self, mut job: Job, node: &Node) {
        let skip = node.get("skip").filter(|node| node.as_bool() != Some(false)).and_then(named).filter(|skip| !skip.text.is_empty());
        job.condition = match skip {
            Some(skip) => Some(Named { text: format!("skip: {}", skip.text), span: skip.span }),
            None => node.get("if").or_else(|| node.get("branches")).and_then(named),
        };
        if let (Some(span), true, None) = (self.lenient, node.get("depends_on").is_none(), &job.condition) {
            job.condition = Some(Named { text: "continue_on_failure: true".to_owned(), span });
        }
        job.optional = optional("soft_fail", node.get("soft_fail"));
        let own: Vec<String> = match node.get("depends_on") {
            Some(depends) => {
                let steps = depends.items().iter().filter_map(|item| item.str_at("step")).map(str::to_owned);
                texts(Some(depends)).into_iter().chain(steps).collect()
            }
            None => self.held.clone(),
        };
        job.needs = own.into_iter().map(|job| Need { job, implied: node.get("depends_on").is_none(), optional: false }).collect();
        self.before.push(job.id.text.clone());
        self.pipeline.jobs.push(job);
    }
}
