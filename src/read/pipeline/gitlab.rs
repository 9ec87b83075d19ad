//! `.gitlab-ci.yml` with the local files it includes in, one pipeline out.
//!
//! After the "CI/CD YAML syntax reference": the runner starts `set -eo pipefail`; a job without `needs` waits for every job of the
//! stages before its own; `when: manual` in `rules` fails the pipeline only with `allow_failure: false`.

use std::collections::BTreeMap;

use super::model::{Action, Concurrency, Event, Job, Named, Need, Optional, Pipeline, Step, System, Trigger};
use super::text::{Joined, named, optional, texts, variables};
use crate::read::shell::Options;
use crate::read::tree::Node;
use crate::source::{FileId, Span};

const SHELL: Options = Options { errexit: true, pipefail: true };
/// GitLab's own limit of `extends`.
const MAX_EXTENDS: usize = 11;
const MAX_NESTING: usize = 10;
const RESERVED: &[&str] = &[
    "stages",
    "default",
    "workflow",
    "include",
    "variables",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "spec",
    "types",
];
const STAGES: &[&str] = &[".pre", "build", "test", "deploy", ".post"];

/// One file of the pipeline: the root's, then those it includes.
pub struct Part<'t> {
    pub source: FileId,
    pub text: &'t str,
    pub root: Node,
}

/// What `include` names: local paths, and what lies elsewhere.
pub fn includes(root: &Node) -> (Vec<Named>, Vec<Named>) {
    let (mut local, mut elsewhere) = (Vec::new(), Vec::new());
    let Some(include) = root.get("include") else { return (local, elsewhere) };
    let single = std::slice::from_ref(include);
    for node in include.as_seq().unwrap_or(single) {
        if let Some(text) = named(node) {
            if text.text.starts_with("http") { elsewhere.push(text) } else { local.push(text) }
        } else if let Some(text) = node.get("local").and_then(named) {
            local.push(text);
        } else {
            let key = ["project", "remote", "template", "component", "artifact"].iter().find_map(|key| node.get(key)).and_then(named);
            elsewhere.push(key.unwrap_or(Named { text: "something".to_owned(), span: node.span }));
        }
    }
    (local, elsewhere)
}

/// Where a part's keys are from, so that places are in the right text. Jobs of included files are pipelines of their own file.
pub fn read(path: &str, parts: &[Part], index: usize) -> Pipeline {
    let part = &parts[index];
    let mut pipeline = Pipeline::new(part.source, path, System::GitlabCi);
    let all = merged(parts);
    let reader = Reader { text: part.text, all: &all };
    pipeline.triggers = reader.triggers();
    for named in includes(&part.root).1 {
        pipeline.unknown(named.span, format!("the include {} is not in this repository", named.text));
    }
    for (key, node) in part.root.entries() {
        let Some(id) = named(key) else { continue };
        if RESERVED.contains(&id.text.as_str()) || id.text.starts_with('.') || !node.is_map() {
            continue;
        }
        let job = reader.job(&mut pipeline, id, node);
        pipeline.jobs.push(job);
    }
    pipeline
}

/// All keys of all parts; a later file is overruled by an earlier one, since the root comes first.
fn merged(parts: &[Part]) -> BTreeMap<String, Node> {
    let mut all: BTreeMap<String, Node> = BTreeMap::new();
    for (key, node) in parts.iter().flat_map(|part| part.root.entries()) {
        let Some(key) = key.as_str() else { continue };
        match all.get(key) {
            Some(over) if over.is_map() && node.is_map() => {
                let merged = over.overlaid(node);
                all.insert(key.to_owned(), merged);
            }
            Some(_) => {}
            None => {
                all.insert(key.to_owned(), node.clone());
            }
        }
    }
    all
}

/// Fills the needs that the order of stages implies, over all parts of one pipeline.
pub fn order(pipelines: &mut [Pipeline], parts: &[Part]) {
    let all = merged(parts);
    let mut stages: Vec<String> = texts(all.get("stages"));
    if stages.is_empty() {
        stages = STAGES.iter().map(|stage| (*stage).to_owned()).collect();
    }
    let rank = |job: &Job| {
        let stage = job.stage.as_deref().unwrap_or("test");
        match stage {
            ".pre" => 0,
            ".post" => usize::MAX,
            _ => stages.iter().position(|known| known == stage).map_or(1, |at| at + 1),
        }
    };
    let jobs: Vec<(String, usize)> =
        pipelines.iter().flat_map(|pipeline| &pipeline.jobs).map(|job| (job.id.text.clone(), rank(job))).collect();
    for job in pipelines.iter_mut().flat_map(|pipeline| &mut pipeline.jobs) {
        if job.needs.iter().any(|need| need.job == NO_NEEDS) {
            job.needs.clear();
        } else if job.needs.is_empty() {
            let own = rank(job);
            let before = jobs.iter().filter(|(_, rank)| *rank < own);
            job.needs = before.map(|(id, _)| Need { job: id.clone(), implied: true, optional: false }).collect();
        }
    }
}

/// Stands for `needs: []` until the order is filled in.
const NO_NEEDS: &str = "";

struct Reader<'t> {
    text: &'t str,
    all: &'t BTreeMap<String, Node>,
}

impl Reader<'_> {
    fn triggers(&self) -> Vec<Trigger> {
        let rules = self.all.get("workflow").and_then(|workflow| workflow.get("rules"));
        let made = |event, text: &str, span| Trigger {
            event,
            name: Named { text: text.to_owned(), span },
            branches: Vec::new(),
            branches_ignored: Vec::new(),
            paths: Vec::new(),
            paths_ignored: Vec::new(),
            types: Vec::new(),
            after: Vec::new(),
        };
        let Some(rules) = rules else {
            return vec![made(Event::Push, "every push", Span::default()), made(Event::PullRequest, "merge requests", Span::default())];
        };
        let mut triggers = Vec::new();
        for rule in rules.items() {
            let condition = rule.get("if").and_then(Node::as_str).unwrap_or("");
            if rule.str_at("when") == Some("never") {
                continue;
            }
            let event = match condition {
                text if text.contains("merge_request") || text.contains("CI_MERGE_REQUEST") => Event::PullRequest,
                text if text.contains("schedule") => Event::Schedule,
                text if text.contains("CI_COMMIT_TAG") => Event::Tag,
                _ => Event::Push,
            };
            triggers.push(made(event, condition, rule.span));
        }
        triggers
    }

    /// The job with what it extends below it.
    fn resolved(&self, pipeline: &mut Pipeline, node: &Node, depth: usize) -> Node {
        let mut whole = node.clone();
        let bases = texts(node.get("extends"));
        for base in bases.iter().rev() {
            match self.all.get(base) {
                Some(base) if depth < MAX_EXTENDS => {
                    let below = self.resolved(pipeline, base, depth + 1);
                    whole = whole.overlaid(&below);
                }
                _ => {
                    let span = node.get("extends").map_or(node.span, |node| node.span);
                    pipeline.unknown(span, format!("the job template {base} is not in this repository"));
                }
            }
        }
        whole
    }

    fn job(&self, pipeline: &mut Pipeline, id: Named, node: &Node) -> Job {
        let whole = self.resolved(pipeline, node, 0);
        let inherited = |key: &str| {
            let default = || self.all.get("default").and_then(|default| default.get(key)).or_else(|| self.all.get(key));
            whole.get(key).or_else(default).cloned()
        };
        let mut job = Job::new(id.text, id.span);
        job.stage = whole.str_at("stage").map(str::to_owned);
        job.needs = self.needs(whole.get("needs"));
        job.optional = optional("allow_failure", whole.get("allow_failure"));
        job.env = variables(whole.get("variables"));
        self.environment(&mut job, whole.get("environment"));
        self.conditions(&mut job, &whole);
        let interruptible = inherited("interruptible");
        let group = whole.get("resource_group").and_then(named);
        if interruptible.is_some() || group.is_some() {
            let span = interruptible.as_ref().map_or_else(|| group.as_ref().map_or(node.span, |group| group.span), |node| node.span);
            let cancels = interruptible.as_ref().map_or(Some(false), Node::as_bool);
            job.concurrency = Some(Concurrency { group: group.map(|group| group.text), cancels, span });
        }
        if let Some(trigger) = whole.get("trigger") {
            let named = named(trigger).or_else(|| ["project", "include"].iter().find_map(|key| trigger.get(key)).and_then(named));
            let uses = named.unwrap_or(Named { text: "a child pipeline".to_owned(), span: trigger.span });
            let elsewhere = trigger.get("project").is_some()
                || trigger.as_str().is_some()
                || trigger.at(&["include"]).is_some_and(|node| node.as_str().is_none());
            if elsewhere {
                pipeline.unknown(uses.span, format!("the child pipeline {} is not read", uses.text));
            }
            job.calls = Some(Action { uses, with: Vec::new() });
        }
        // A job that triggers a pipeline has no shell.
        if job.calls.is_none() {
            let before = inherited("before_script");
            self.script(pipeline, &mut job, &[before.as_ref(), whole.get("script")], false);
            self.script(pipeline, &mut job, &[inherited("after_script").as_ref()], true);
        }
        job
    }

    fn needs(&self, node: Option<&Node>) -> Vec<Need> {
        let Some(node) = node else { return Vec::new() };
        let mut needs: Vec<Need> = Vec::new();
        for item in node.items() {
            let optional = item.get("optional").and_then(Node::as_bool) == Some(true);
            let job =
                item.as_str().or_else(|| item.str_at("job").filter(|_| item.get("pipeline").is_none() && item.get("project").is_none()));
            needs.extend(job.map(|job| Need { job: job.to_owned(), implied: false, optional }));
        }
        if needs.is_empty() {
            needs.push(Need { job: NO_NEEDS.to_owned(), implied: false, optional: false });
        }
        needs
    }

    fn environment(&self, job: &mut Job, node: Option<&Node>) {
        let Some(node) = node else { return };
        // `stop`, `prepare` and `verify` do not change what runs there.
        if node.str_at("action").is_some_and(|action| !matches!(action, "start" | "access")) {
            return;
        }
        job.environment = named(node.get("name").unwrap_or(node));
        if let Some(environment) = &job.environment {
            let tier = node.str_at("deployment_tier").map(str::to_owned);
            job.environments = match environment.text.contains('$') {
                false => vec![environment.text.clone()],
                true => tier.into_iter().collect(),
            };
        }
    }

    fn conditions(&self, job: &mut Job, whole: &Node) {
        let rules = whole.get("rules");
        let shown = ["rules", "only", "except"].iter().filter_map(|key| whole.entry(key));
        let text: Vec<String> =
            shown.clone().map(|(key, value)| format!("{}: {}", key.as_str().unwrap_or(""), one_line(value.span.text(self.text)))).collect();
        if let Some((_, first)) = shown.clone().next() {
            job.condition = Some(Named { text: text.join("; "), span: first.span });
        }
        let when = |node: &Node| node.str_at("when").map(str::to_owned);
        let own = when(whole);
        let each: Vec<String> =
            rules.map(Node::items).unwrap_or_default().iter().filter_map(|rule| when(rule).or_else(|| own.clone())).collect();
        let decided: Vec<&str> = each.iter().map(String::as_str).filter(|when| *when != "never").collect();
        let runs = rules.map(Node::items).unwrap_or_default().iter().filter(|rule| rule.str_at("when") != Some("never")).count();
        job.manual = match rules {
            Some(_) => runs > 0 && decided.len() == runs && decided.iter().all(|when| *when == "manual"),
            None => own.as_deref() == Some("manual"),
        };
        if own.as_deref() == Some("never") || rules.is_some_and(|rules| !rules.items().is_empty() && runs == 0) {
            let span = rules.or_else(|| whole.get("when")).map_or(whole.span, |node| node.span);
            job.condition = Some(Named { text: "never".to_owned(), span });
        }
        if let Some(own) = own.as_deref().filter(|when| rules.is_none() && matches!(*when, "always" | "on_failure")) {
            let span = whole.get("when").map_or(whole.span, |node| node.span);
            let before = job.condition.take().map(|named| format!("{}; ", named.text)).unwrap_or_default();
            job.condition = Some(Named { text: format!("{before}when: {own}"), span });
        }
        if let (true, None, None) = (job.manual, &job.optional, whole.get("allow_failure")) {
            let soft = rules.is_none_or(|rules| !rules.items().iter().any(|rule| rule.get("allow_failure").is_some()));
            let span = whole.get("when").or(rules).map_or(whole.span, |node| node.span);
            job.optional = soft.then(|| Optional { text: "when: manual".to_owned(), span, sometimes: false });
        }
        let allowed =
            rules.map(Node::items).unwrap_or_default().iter().find_map(|rule| optional("allow_failure", rule.get("allow_failure")));
        if let (None, Some(allowed)) = (&job.optional, allowed) {
            job.optional = Some(Optional { sometimes: rules.is_some_and(|rules| rules.items().len() > 1), ..allowed });
        }
    }

    fn script(&self, pipeline: &mut Pipeline, job: &mut Job, nodes: &[Option<&Node>], afterwards: bool) {
        let mut joined = Joined::default();
        let mut span = None;
        for node in nodes.iter().flatten() {
            span = span.or(Some(node.span));
            self.lines(pipeline, &mut joined, node, 0);
        }
        let Some(span) = span.filter(|_| !joined.text.is_empty()) else { return };
        let mut step = Step::at(span);
        step.shell = Some(SHELL);
        step.afterwards = afterwards;
        step.commands = joined.commands(SHELL);
        job.steps.push(step);
    }

    fn lines(&self, pipeline: &mut Pipeline, joined: &mut Joined, node: &Node, depth: usize) {
        if node.tag.as_deref() == Some("!reference") {
            let keys: Vec<&str> = node.items().iter().filter_map(Node::as_str).collect();
            let target = keys.split_first().and_then(|(first, rest)| self.all.get(*first)?.at(rest));
            match target {
                Some(target) if depth < MAX_NESTING => self.lines(pipeline, joined, target, depth + 1),
                _ => pipeline.unknown(node.span, format!("!reference [{}] names nothing in this repository", keys.join(", "))),
            }
            return;
        }
        // Text of another file of the pipeline: no place in this one, so it is shown where it is brought in.
        match node.span.text(self.text).is_empty() {
            true => {
                if let Some(text) = node.as_str() {
                    joined.add_text(self.text, text, Span::default());
                }
            }
            false => joined.add(self.text, node),
        }
        if depth < MAX_NESTING {
            node.items().iter().for_each(|item| self.lines(pipeline, joined, item, depth + 1));
        }
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
