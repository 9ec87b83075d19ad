//! The pipelines of one revision in, what their steps do out: tests, checks and deployments, each with its place and what
//! stands around it. Scripts of the repository are followed.

use std::cell::RefCell;
use std::collections::HashMap;

use super::deed::{self, Deed};
use super::words::{self, Reach, names_check, names_test};
use crate::read::pipeline::Pipelines;
use crate::read::pipeline::model::{Action, Event, Job, Pipeline, Step, System};
use crate::read::pipeline::script::{FIRST, called, directory};
use crate::read::shell::{Command, Fate, Swallow, argv};
use crate::source::Span;

/// Scripts that run scripts are followed this deep.
const MAX_DEPTH: usize = 4;
/// Scripts and targets that are looked at on the way from one to CI.
const MAX_CALLERS: usize = 50;

/// One thing a job does.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'a> {
    pub pipeline: &'a Pipeline,
    pub job: &'a Job,
    /// `None` when the job as a whole runs another pipeline.
    pub step: Option<&'a Step>,
    pub command: Option<&'a Command>,
    pub deed: Deed,
    pub span: Span,
}

/// A failure that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soft {
    /// As a clause: `|| true` swallows its failure.
    pub text: String,
    pub span: Span,
    /// Written to be so, not an accident of the shell.
    pub meant: bool,
}

/// One revision.
pub struct Side<'a> {
    pub pipelines: &'a Pipelines,
    pub doings: Vec<Doing<'a>>,
    deeds: RefCell<HashMap<(usize, usize), Deed>>,
}

impl<'a> Side<'a> {
    pub fn new(pipelines: &'a Pipelines) -> Side<'a> {
        let mut side = Side { pipelines, doings: Vec::new(), deeds: RefCell::default() };
        let mut doings = Vec::new();
        for pipeline in &pipelines.all {
            for job in &pipeline.jobs {
                side.of_job(pipeline, job, &mut doings);
            }
        }
        side.doings = doings;
        side
    }

    fn of_job(&self, pipeline: &'a Pipeline, job: &'a Job, out: &mut Vec<Doing<'a>>) {
        let doing = |step, command, deed, span| Doing { pipeline, job, step, command, deed, span };
        if let Some(calls) = &job.calls {
            out.push(doing(None, None, self.of_call(job, calls), calls.uses.span));
        }
        for step in &job.steps {
            if let Some(action) = &step.action {
                let known = deed::of_action(action);
                let deed = if action.uses.text.starts_with("./") { self.local_action(action, known) } else { known };
                // A task that holds a script does what the commands do, which come next.
                let inside = step.commands.iter().map(|command| self.of_command(pipeline, step, command, 0));
                let deed = if deed != Deed::Other && deed == deed::weightiest(inside) { Deed::Other } else { deed };
                out.push(doing(Some(step), None, deed, action.uses.span));
            }
            for command in &step.commands {
                let deed = self.of_command(pipeline, step, command, 0);
                out.push(doing(Some(step), Some(command), deed, command.span));
            }
        }
    }

    /// What a reusable pipeline does: what it holds when it is here, else what names say.
    fn of_call(&self, job: &Job, calls: &Action) -> Deed {
        if let Some(pipeline) = self.called_pipeline(calls) {
            let inside = deed::weightiest(pipeline.jobs.iter().map(|job| self.job_deed(pipeline, job, 1)));
            let named = names_test(&job.id.text) || pipeline.name.as_deref().is_some_and(names_test);
            return deed::weightiest([inside, if named { Deed::Test } else { Deed::Other }]);
        }
        match deed::of_action(calls) {
            Deed::Other if names_test(&job.id.text) => Deed::Test,
            Deed::Other if names_check(&job.id.text) => Deed::Check,
            Deed::Other if words::names_deploy(&job.id.text) => Deed::Deploy { assumed: true },
            deed => deed,
        }
    }

    /// The pipeline of this repository that an action or call names.
    pub fn called_pipeline(&self, calls: &Action) -> Option<&'a Pipeline> {
        let path = calls.uses.text.strip_prefix("./")?;
        let path = path.split('@').next().unwrap_or(path).trim_end_matches('/');
        let inside = |known: &str| known.strip_prefix(path).is_some_and(|rest| matches!(rest, "" | "/action.yml" | "/action.yaml"));
        self.pipelines.all.iter().find(|pipeline| inside(&pipeline.path))
    }

    fn local_action(&self, action: &Action, by_name: Deed) -> Deed {
        let Some(pipeline) = self.called_pipeline(action) else { return by_name };
        let inside = deed::weightiest(pipeline.jobs.iter().map(|job| self.job_deed(pipeline, job, 1)));
        deed::weightiest([inside, by_name])
    }

    fn of_command(&self, pipeline: &'a Pipeline, step: &'a Step, command: &'a Command, depth: usize) -> Deed {
        let known = deed::of_command(command);
        if depth >= MAX_DEPTH || matches!(known, Deed::Test | Deed::Deploy { assumed: false }) {
            return known;
        }
        let mut found = vec![known];
        for script in called(command, directory(pipeline, step)) {
            for (callee, job) in self.jobs_at(&script.path, script.job.as_deref()) {
                found.push(self.job_deed(callee, job, depth + 1));
            }
        }
        deed::weightiest(found)
    }

    fn jobs_at(&self, path: &str, name: Option<&str>) -> Vec<(&'a Pipeline, &'a Job)> {
        let same = |known: &str| known == path || known.eq_ignore_ascii_case(path) || known.replace("GNUmakefile", "Makefile") == path;
        let mut found = Vec::new();
        for pipeline in self.pipelines.all.iter().filter(|pipeline| same(&pipeline.path)) {
            let jobs = pipeline.jobs.iter().filter(|job| name.is_none_or(|name| name == FIRST || job.id.text == name));
            let count = if name == Some(FIRST) { 1 } else { usize::MAX };
            found.extend(jobs.take(count).map(|job| (pipeline, job)));
        }
        found
    }

    /// The weightiest thing a job does, with what it needs when it is a target.
    pub fn job_deed(&self, pipeline: &'a Pipeline, job: &'a Job, depth: usize) -> Deed {
        let key = (std::ptr::from_ref(pipeline).addr(), std::ptr::from_ref(job).addr());
        if let Some(known) = self.deeds.borrow().get(&key) {
            return *known;
        }
        // Targets that need each other end here.
        self.deeds.borrow_mut().insert(key, Deed::Other);
        let mut found = Vec::new();
        for step in &job.steps {
            found.extend(step.action.as_ref().map(deed::of_action));
            found.extend(step.commands.iter().map(|command| self.of_command(pipeline, step, command, depth)));
        }
        if pipeline.system.is_local() && depth < MAX_DEPTH {
            let needed = job.needs.iter().filter_map(|need| pipeline.job(&need.job));
            found.extend(needed.map(|job| self.job_deed(pipeline, job, depth + 1)));
        }
        let deed = deed::weightiest(found);
        self.deeds.borrow_mut().insert(key, deed);
        deed
    }

    pub fn of(&self, job: &Job) -> impl Iterator<Item = &Doing<'a>> {
        self.doings.iter().filter(move |doing| std::ptr::eq(doing.job, job))
    }

    /// Deployments of CI, pages left out.
    pub fn deploys(&self) -> impl Iterator<Item = &Doing<'a>> {
        // What a composite action deploys is the deployment of the job that uses it.
        let own = |doing: &&Doing| !doing.pipeline.system.is_local() && !doing.pipeline.is_composite();
        self.doings.iter().filter(|doing| doing.is_deploy()).filter(own).filter(|doing| !is_throwaway(doing.job))
    }

    /// Whether a pipeline of CI runs this script or target, directly, through another or as what another needs.
    pub fn is_called(&self, pipeline: &'a Pipeline, job: &'a Job) -> bool {
        let mut reached = vec![(pipeline, job)];
        let mut at = 0;
        while at < reached.len() && at < MAX_CALLERS {
            let (pipeline, job) = reached[at];
            at += 1;
            let needed_by = pipeline.jobs.iter().filter(|other| other.needs.iter().any(|need| need.job == job.id.text));
            let mut next: Vec<(&Pipeline, &Job)> = needed_by.map(|other| (pipeline, other)).collect();
            for doing in self.doings.iter().filter(|doing| runs(doing, pipeline, job)) {
                if !doing.pipeline.system.is_local() {
                    return true;
                }
                next.push((doing.pipeline, doing.job));
            }
            next.retain(|(_, job)| !reached.iter().any(|(_, known)| std::ptr::eq(*known, *job)));
            reached.extend(next);
        }
        false
    }
}

/// Whether a command names this script or target.
fn runs(doing: &Doing, pipeline: &Pipeline, job: &Job) -> bool {
    let (Some(command), Some(step)) = (doing.command, doing.step) else { return false };
    called(command, directory(doing.pipeline, step)).iter().any(|script| {
        let named = match script.job.as_deref() {
            None => true,
            Some(FIRST) => pipeline.jobs.first().is_some_and(|first| std::ptr::eq(first, job)),
            Some(name) => name == job.id.text,
        };
        named && script.path.eq_ignore_ascii_case(&pipeline.path)
    })
}

/// Sets up a cluster of its own, which is gone when it ends.
fn is_throwaway(job: &Job) -> bool {
    let actions = job.steps.iter().filter_map(|step| step.action.as_ref()).map(|action| action.uses.text.as_str());
    let commands = job.steps.iter().flat_map(|step| &step.commands).map(|command| command.words[0].text.as_str());
    actions.chain(commands).any(|name| {
        let words = words::words(name);
        words
            .iter()
            .any(|word| matches!(word.as_str(), "kind" | "minikube" | "k3d" | "k3s" | "microk8s" | "localstack" | "kwok" | "setupkind"))
    })
}

impl<'a> Doing<'a> {
    pub fn is_deploy(&self) -> bool {
        matches!(self.deed, Deed::Deploy { .. })
    }

    /// What is shown and compared: the command as it runs, the action without its version.
    pub fn identity(&self) -> String {
        if let Some(command) = self.command {
            return argv(command).join(" ");
        }
        let action = self.step.and_then(|step| step.action.as_ref()).or(self.job.calls.as_ref());
        action.map_or_else(String::new, |action| action.uses.text.split('@').next().unwrap_or("").to_owned())
    }

    /// Program and verb, or the action: what stays when arguments change.
    pub fn tool(&self) -> String {
        match self.command {
            Some(command) => {
                let words = argv(command);
                let plain: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('-')).take(2).collect();
                plain.first().map_or_else(String::new, |first| first.rsplit('/').next().unwrap_or(first).to_owned())
            }
            None => self.identity(),
        }
    }

    /// Why its failure does not fail the pipeline, if it does not.
    pub fn soft(&self) -> Option<Soft> {
        let step = self.step;
        if let (Some(command), Some(_)) = (self.command, step.and_then(|step| step.shell))
            && let Fate::Swallowed { how, by } = &command.fate
        {
            let (text, meant) = match how {
                Swallow::OrTrue => ("what stands behind it swallows its failure", true),
                Swallow::Pipe => ("the pipe passes when its last command does, and `pipefail` is not set", false),
                Swallow::NoErrexit => ("the shell goes on after a failure, and only the last command counts", false),
                Swallow::AndList => ("`set -e` does not look at a command before `&&`, and more commands follow", false),
                Swallow::Rescue => ("what runs in its place is not known to fail the script", false),
                Swallow::Substitution => ("the status of the command around `$(…)` counts, not its own", false),
                Swallow::NeverRuns => ("it does not run any more, since the script never comes to it", true),
                Swallow::Background => ("it runs in the background and nothing waits for it", false),
            };
            return Some(Soft { text: text.to_owned(), span: *by, meant });
        }
        let step_optional = step.and_then(|step| step.optional.as_ref());
        let optional = step_optional.or(self.job.optional.as_ref()).filter(|optional| !optional.sometimes)?;
        // A manual job is optional because it waits for a person.
        if self.job.manual {
            return None;
        }
        // What an expression decides is not always so.
        let meant = !optional.text.contains("${{") && !optional.text.contains("<<");
        Some(Soft { text: format!("`{}` lets the run pass all the same", optional.text), span: optional.span, meant })
    }

    /// Where a deployment goes, by the environment, the command, the step and the job.
    pub fn reach(&self) -> Option<Reach> {
        let job = self.job;
        if self.is_deploy() && self.command.is_some_and(|command| aims_at_production(&argv(command))) {
            return Some(Reach::Production);
        }
        if !job.environments.is_empty() {
            let reaches: Vec<Option<Reach>> = job.environments.iter().map(|name| words::reach([name.as_str()])).collect();
            if reaches.contains(&Some(Reach::Production)) {
                return Some(Reach::Production);
            }
            if let Some(found) = reaches.into_iter().flatten().next() {
                return Some(found);
            }
        }
        let mut names: Vec<String> = Vec::new();
        if let Some(command) = self.command {
            names.push(command.text());
            names.extend(command.assigned.iter().cloned());
        }
        if let Some(action) = self.step.and_then(|step| step.action.as_ref()).or(job.calls.as_ref()) {
            names.extend(
                action
                    .with
                    .iter()
                    .filter(|(key, _)| key.contains("env") || key.contains("args") || key.contains("stage") || key.contains("name"))
                    .map(|(_, value)| value.text.clone()),
            );
        }
        let speaks = |(key, _): &&(String, String)| {
            words::words(key)
                .iter()
                .any(|word| matches!(word.as_str(), "env" | "environment" | "cluster" | "stage" | "namespace" | "target"))
        };
        let step = self.step.map(|step| step.env.as_slice()).unwrap_or_default();
        names.extend(step.iter().filter(speaks).map(|(_, value)| value.clone()));
        names.extend(self.step.and_then(|step| step.name.clone()));
        names.push(job.id.text.clone());
        names.extend(job.name.clone());
        names.extend(job.env.iter().chain(&self.pipeline.env).filter(speaks).map(|(_, value)| value.clone()));
        names.extend(self.pipeline.name.clone());
        names.push(self.pipeline.path.rsplit('/').next().unwrap_or("").to_owned());
        let found = words::reach(names.iter().map(String::as_str));
        // Only pull requests start it: a preview, whatever it is called.
        if found != Some(Reach::Production)
            && !self.pipeline.triggers.is_empty()
            && self.pipeline.triggers.iter().all(|trigger| trigger.event == Event::PullRequest)
        {
            return Some(Reach::Elsewhere);
        }
        found
    }

    /// Bound to an environment, and not to another one than it deploys to.
    pub fn is_protected(&self) -> bool {
        let named: Vec<Option<Reach>> = self.job.environments.iter().map(|name| words::reach([name.as_str()])).collect();
        let other = !named.is_empty() && named.iter().all(|reach| *reach == Some(Reach::Elsewhere));
        self.has_environment() && !(other && self.reach() == Some(Reach::Production))
    }

    /// The environment the job is bound to, where the system has such a thing.
    pub fn has_environment(&self) -> bool {
        self.job.environment.is_some()
            || matches!(self.pipeline.system, System::Circleci | System::Buildkite | System::Jenkins)
            || self.pipeline.system.is_local()
    }
}

/// A namespace, context or cluster that a command is given names production, whatever the environment of its job is called.
fn aims_at_production(words: &[&str]) -> bool {
    let options = ["-n", "--namespace", "--context", "--kube-context", "--cluster", "--stage", "--env", "--environment"];
    let spaced = words.windows(2).filter(|pair| options.contains(&pair[0])).map(|pair| pair[1]);
    let joined =
        words.iter().filter_map(|word| word.split_once('=')).filter(|(option, _)| options.contains(option)).map(|(_, value)| value);
    spaced.chain(joined).any(|value| words::reach([value]) == Some(Reach::Production))
}
