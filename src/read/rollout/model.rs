//! What a rollout manifest says, as plain data: a unit that is rolled out, its stages, what watches it, what stops it.

use serde::Serialize;

use crate::source::Place;

/// The tool that shifts traffic or replaces instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    ArgoRollouts,
    Flagger,
    KruiseRollouts,
    Deployment,
    StatefulSet,
    DaemonSet,
    GatewayApi,
    Istio,
    Knative,
    Sam,
    CodeDeploy,
    Ecs,
    LambdaAlias,
    Nomad,
    Swarm,
    CloudRun,
    AppEngine,
    /// Stages that only the rollback document declares.
    Document,
}

impl System {
    /// As a person says it.
    pub fn title(self) -> &'static str {
        match self {
            System::ArgoRollouts => "Argo Rollout",
            System::Flagger => "Flagger canary",
            System::KruiseRollouts => "OpenKruise rollout",
            System::Deployment => "Deployment",
            System::StatefulSet => "StatefulSet",
            System::DaemonSet => "DaemonSet",
            System::GatewayApi => "HTTPRoute",
            System::Istio => "VirtualService",
            System::Knative => "Knative service",
            System::Sam => "SAM function",
            System::CodeDeploy => "CodeDeploy deployment group",
            System::Ecs => "ECS service",
            System::LambdaAlias => "Lambda alias",
            System::Nomad => "Nomad group",
            System::Swarm => "Swarm service",
            System::CloudRun => "Cloud Run service",
            System::AppEngine => "App Engine service",
            System::Document => "rollback document",
        }
    }

    /// Made for staged rollouts: a unit of it without stages is a contradiction, not a default.
    pub fn is_progressive(self) -> bool {
        matches!(self, System::ArgoRollouts | System::Flagger | System::KruiseRollouts)
    }
}

/// One thing that is rolled out by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unit {
    pub system: System,
    pub name: String,
    /// Empty when the manifest names none.
    pub namespace: String,
    /// What path, namespace or overlay say; empty when nothing does, which counts as production.
    pub environment: String,
    /// The unit's name in its manifest.
    pub place: Place,
    /// Where the strategy is written, or the name when it is nowhere.
    pub strategy: Place,
    pub shift: Shift,
    /// Steps before all traffic is on the new version, in order. Steps at 0 % and at 100 % are none.
    pub stages: Vec<Stage>,
    pub analysis: Analysis,
    pub abort: Abort,
    #[serde(skip)]
    pub pace: Pace,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flaws: Vec<Flaw>,
    /// What could not be told of this unit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Remark>,
    /// All texts the unit is made of, to tell whether a change touches it.
    #[serde(skip)]
    pub body: String,
}

/// How the new version takes over.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Shift {
    /// In stages, each a share of the traffic.
    Staged,
    /// Instance after instance without a stop. `first` is the share of the first batch in percent, where it is known.
    Rolling { first: Option<f64> },
    /// All traffic at one moment, and nothing is asked before.
    AllAtOnce {
        why: String,
        /// The platform's plain way, often chosen for a reason (a volume that only one pod can mount).
        tolerated: bool,
    },
    /// All traffic at one moment, after a check or a person's word.
    Gated { gate: String },
    /// Shares of named backends, as this revision sets them.
    Split { backends: Vec<Backend> },
    /// The manifest leaves it open.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backend {
    pub name: String,
    pub percent: f64,
    pub place: Place,
    /// As written: `weight 5`, `no weight`.
    pub written: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// Share of traffic, or of instances where nothing routes, that the new version gets.
    pub percent: f64,
    /// The share as written, when the effective one differs, and why it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounded: Option<Rounded>,
    pub place: Place,
    pub dwell: Dwell,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rounded {
    pub declared: f64,
    pub why: String,
}

/// How long a stage lasts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Dwell {
    /// What is written.
    pub seconds: u64,
    /// A person has to go on.
    pub manual: bool,
    /// A part of it is not written where it can be read.
    pub open: bool,
}

impl Dwell {
    pub fn of(seconds: u64) -> Dwell {
        Dwell { seconds, ..Dwell::default() }
    }

    pub const MANUAL: Dwell = Dwell { seconds: 0, manual: true, open: false };

    /// It surely ends before so many seconds.
    pub fn is_under(self, seconds: u64) -> bool {
        !self.manual && !self.open && self.seconds < seconds
    }

    pub fn describe(self) -> String {
        match self {
            Dwell { manual: true, .. } => "until a person goes on".to_owned(),
            Dwell { open: true, seconds: 0, .. } => "for a time that is not written here".to_owned(),
            Dwell { seconds, .. } => spoken(seconds),
        }
    }
}

/// What watches the new version.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Analysis {
    /// Where an analysis is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    pub metrics: Vec<Metric>,
    /// Analyses that are named and not among the files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Remark>,
    /// Checks that are not metrics: hook functions, webhooks, jobs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
}

impl Analysis {
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty() && self.missing.is_empty() && self.checks.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    pub name: String,
    pub class: Class,
    /// Of a latency: `p99`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentile: Option<String>,
    pub threshold: Threshold,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    ErrorRate,
    Latency,
    Business,
    /// Something else: memory, restarts.
    Other,
    /// What it measures is not written here: a job, a request, a template that is somewhere else.
    Opaque,
}

/// Whether a metric can stop the rollout.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Threshold {
    /// It can; the condition as written.
    Fires { condition: String },
    /// It never does, as a clause.
    Never { why: String },
    /// Written somewhere else.
    Unknown,
}

/// What goes back by itself when the new version fails.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Abort {
    /// As a clause.
    Automatic {
        how: String,
    },
    /// Nothing does; why, as a clause, and where that is written or would be.
    Missing {
        why: String,
        place: Place,
    },
    Unknown,
}

/// How long it looks, where the manifest counts checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Failed checks before it goes back, and the seconds they take at the least.
    pub to_abort: Option<(u64, u64)>,
    /// Checks before its gate opens by itself, and the seconds they take.
    pub gate: Option<(u64, u64)>,
}

/// The least time that going back to the version before takes when its manifest is applied again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rollback {
    /// Nothing when a person has to go on at some stage.
    pub seconds: Option<u64>,
    /// As a clause.
    pub why: String,
    pub place: Place,
}

/// A definition that cannot do what it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flaw {
    pub kind: FlawKind,
    pub place: Place,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlawKind {
    /// The controller refuses it or never gets to the end.
    Invalid,
    /// It is taken, and does something else than it seems to.
    Misleading,
}

/// A place and a clause about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remark {
    pub place: Place,
    pub text: String,
}

impl Unit {
    /// Everything that decides how the unit is rolled out, without places: two revisions of a unit are compared by it.
    pub fn plan(&self) -> String {
        let stages: Vec<String> = self.stages.iter().map(|stage| format!("{:.0} {:?}", stage.percent, stage.dwell)).collect();
        let metrics: Vec<String> =
            self.analysis.metrics.iter().map(|metric| format!("{} {:?} {:?}", metric.name, metric.class, metric.threshold)).collect();
        let missing: Vec<&str> = self.analysis.missing.iter().map(|missing| missing.text.as_str()).collect();
        let shift = match &self.shift {
            Shift::Split { backends } => backends.iter().map(|backend| format!("{} {:.3}, ", backend.name, backend.percent)).collect(),
            Shift::Rolling { .. } => "rolling".to_owned(),
            other => format!("{other:?}"),
        };
        let abort = match &self.abort {
            Abort::Missing { why, .. } => why.as_str(),
            Abort::Automatic { how } => how.as_str(),
            Abort::Unknown => "",
        };
        format!("{shift}|{stages:?}|{metrics:?}|{missing:?}|{:?}|{abort}", self.analysis.checks)
    }

    /// The same unit in another revision.
    pub fn key(&self) -> (System, &str, &str, &str) {
        (self.system, &self.environment, &self.namespace, &self.name)
    }

    /// `5 % → 25 % → 100 %`.
    pub fn ladder(&self) -> String {
        let mut steps: Vec<String> = self.stages.iter().map(|stage| percent(stage.percent)).chain(["100 %".to_owned()]).collect();
        if steps.len() > 7 {
            steps.splice(3..steps.len() - 2, ["…".to_owned()]);
        }
        steps.join(" → ")
    }
}

/// `5 %`, `33.3 %`.
pub fn percent(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    format!("{rounded} %")
}

/// `15 min`, `1 h 30 min`, `40 s`.
pub fn spoken(seconds: u64) -> String {
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let words: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if words.is_empty() { "0 s".to_owned() } else { words.join(" ") }
}
