//! What every CI system's file and every script is lowered to: pipelines of jobs of steps, with the places where they are written.

use serde::Serialize;

use crate::read::shell::{Command, Options};
use crate::source::{FileId, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    GithubActions,
    GitlabCi,
    Circleci,
    AzurePipelines,
    Jenkins,
    Buildkite,
    Make,
    Just,
    PackageScripts,
    Shell,
}

impl System {
    /// Runs wherever somebody calls it, not in CI alone.
    pub fn is_local(self) -> bool {
        matches!(self, System::Make | System::Just | System::PackageScripts | System::Shell)
    }

    pub fn name(self) -> &'static str {
        match self {
            System::GithubActions => "GitHub Actions",
            System::GitlabCi => "GitLab CI",
            System::Circleci => "CircleCI",
            System::AzurePipelines => "Azure Pipelines",
            System::Jenkins => "Jenkins",
            System::Buildkite => "Buildkite",
            System::Make => "Make",
            System::Just => "just",
            System::PackageScripts => "package.json",
            System::Shell => "shell",
        }
    }
}

/// A word of a file, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    pub text: String,
    pub span: Span,
}

/// What starts a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Push,
    PullRequest,
    Tag,
    Release,
    Schedule,
    Manual,
    /// Another pipeline ended (`workflow_run`, `resources.pipelines`).
    AfterPipeline,
    /// Another pipeline calls it.
    Called,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trigger {
    pub event: Event,
    /// The event as it is written.
    pub name: Named,
    /// Only these branches; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches_ignored: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths_ignored: Vec<String>,
    /// Only these activities of it; empty means the usual ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Names of the pipelines whose end starts this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

/// Runs that exclude each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Concurrency {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A newer run ends the one under way; `None` when an expression decides.
    pub cancels: Option<bool>,
    pub span: Span,
}

/// Failures that do not count: `continue-on-error`, `allow_failure`, `soft_fail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Optional {
    pub text: String,
    pub span: Span,
    /// Only some entries of a matrix, or some exit codes.
    pub sometimes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    pub job: String,
    /// `needs:` is not written: the order of stages says so.
    pub implied: bool,
    /// The job may be absent from the run.
    pub optional: bool,
}

/// Something that runs other things: an action, a task, a reusable job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    pub uses: Named,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<(String, Named)>,
}

impl Action {
    pub fn input(&self, key: &str) -> Option<&Named> {
        self.with.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub span: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<Optional>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Command>,
    /// Where the commands run, from the root of the repository, when it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Variables set for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// Runs whatever happened before, and its own failure changes nothing (`after_script`, `post`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub afterwards: bool,
    /// What the shell was started with; `None` for what is no POSIX shell.
    #[serde(skip)]
    pub shell: Option<Options>,
}

impl Step {
    pub fn at(span: Span) -> Step {
        Step {
            name: None,
            span,
            condition: None,
            optional: None,
            action: None,
            commands: Vec::new(),
            directory: None,
            env: Vec::new(),
            afterwards: false,
            shell: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    pub id: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Named>,
    /// The environment as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Named>,
    /// What the environment can be; empty when that is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<Optional>,
    /// Waits for a person.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// A whole pipeline that this job runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<Action>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

impl Job {
    pub fn new(id: impl Into<String>, span: Span) -> Job {
        Job {
            id: Named { text: id.into(), span },
            name: None,
            stage: None,
            needs: Vec::new(),
            condition: None,
            environment: None,
            environments: Vec::new(),
            concurrency: None,
            optional: None,
            manual: false,
            env: Vec::new(),
            calls: None,
            steps: Vec::new(),
        }
    }

    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id.text)
    }
}

/// A part that is not plain: what runs there is decided elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    pub span: Span,
    /// As a clause: `the template jobs.yml is not in this repository`.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pipeline {
    pub source: FileId,
    pub path: String,
    pub system: System,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// Inputs that whoever starts it by hand may give.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    pub jobs: Vec<Job>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<Unknown>,
}

impl Pipeline {
    pub fn new(source: FileId, path: &str, system: System) -> Pipeline {
        Pipeline {
            source,
            path: path.to_owned(),
            system,
            name: None,
            triggers: Vec::new(),
            inputs: Vec::new(),
            concurrency: None,
            env: Vec::new(),
            jobs: Vec::new(),
            unknown: Vec::new(),
        }
    }

    pub fn has(&self, event: Event) -> bool {
        self.triggers.iter().any(|trigger| trigger.event == event)
    }

    /// Started by nothing but another pipeline.
    pub fn is_only_called(&self) -> bool {
        !self.triggers.is_empty() && self.triggers.iter().all(|trigger| trigger.event == Event::Called)
    }

    /// The steps of an action, not a run of its own.
    pub fn is_composite(&self) -> bool {
        self.triggers.iter().any(|trigger| trigger.name.text == "composite action")
    }

    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id.text == id)
    }

    pub fn unknown(&mut self, span: Span, reason: impl Into<String>) {
        self.unknown.push(Unknown { span, reason: reason.into() });
    }
}
