//! A rule that fired at a place: what every detector hands out and every report takes in.

use std::collections::BTreeSet;

use serde::Serialize;

pub use crate::schema::effect::{Subject, SubjectKind};
use crate::source::{Place, Span};

#[derive(Debug, Clone)]
pub struct Finding {
    /// Id of the rule, `family/name`.
    pub rule: String,
    pub gate: Gate,
    pub severity: Severity,
    /// One or two sentences that stand alone: the object, what happens to it, why it matters here.
    pub message: String,
    pub why: String,
    /// What to do instead, with the change's own names filled in.
    pub remedy: String,
    /// `None` only for findings about something that is not there (no rollback document); `path` then says where it belongs.
    pub place: Option<Place>,
    pub path: String,
    pub subject: Subject,
    pub effects: BTreeSet<EffectKind>,
    pub confidence: Confidence,
    pub labels: Vec<Label>,
    pub evidence: Vec<Evidence>,
    pub fix: Option<Fix>,
    pub status: Status,
    /// Stable over line moves; set by `verdict`.
    pub fingerprint: String,
}

/// How bad a finding is. `Block` fails its gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Note,
    Warn,
    Block,
}

/// One item of the go/no-go checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    TestsGreen,
    MigrationsCompatible,
    FlagsOff,
    RollbackReady,
    StagedRollout,
    PipelineOnly,
    WindowConfirmed,
    StakeholdersNotified,
    VerificationPlanned,
}

impl Gate {
    pub const ALL: [Gate; 9] = [
        Gate::TestsGreen,
        Gate::MigrationsCompatible,
        Gate::FlagsOff,
        Gate::RollbackReady,
        Gate::StagedRollout,
        Gate::PipelineOnly,
        Gate::WindowConfirmed,
        Gate::StakeholdersNotified,
        Gate::VerificationPlanned,
    ];

    pub fn id(self) -> &'static str {
        match self {
            Gate::TestsGreen => "tests-green",
            Gate::MigrationsCompatible => "migrations-compatible",
            Gate::FlagsOff => "flags-off",
            Gate::RollbackReady => "rollback-ready",
            Gate::StagedRollout => "staged-rollout",
            Gate::PipelineOnly => "pipeline-only",
            Gate::WindowConfirmed => "window-confirmed",
            Gate::StakeholdersNotified => "stakeholders-notified",
            Gate::VerificationPlanned => "verification-planned",
        }
    }
}

/// What a finding does to production, in the words of the JSON report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    BreaksOldReaders,
    BreaksOldWriters,
    BlocksReads,
    BlocksWrites,
    RewritesTable,
    ScansTable,
    AbortsRollout,
    LosesData,
    BlocksRollback,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Something the history does not show was assumed; the message says what.
    Assumed,
    /// Follows from the texts that were read.
    Proved,
}

/// A second place that explains the first: where the table was created, where the transaction begins.
#[derive(Debug, Clone)]
pub struct Label {
    pub place: Place,
    pub text: String,
}

/// What a finding rests on beside its own place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    pub kind: EvidenceKind,
    pub path: String,
    pub line: usize,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    OldCodeReference,
    Searched,
    Migration,
    Policy,
    Record,
    /// A key of a manifest or of configuration.
    Manifest,
}

/// An edit that removes the cause. `safe` fixes are written by `check --fix`.
#[derive(Debug, Clone)]
pub struct Fix {
    pub title: String,
    pub safe: bool,
    pub edits: Vec<Edit>,
}

#[derive(Debug, Clone)]
pub enum Edit {
    Replace { place: Place, with: String },
    Create { path: String, text: String },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum Status {
    Active,
    Suppressed { reason: String, until: Option<String>, path: String, line: usize },
    Baselined,
}

impl Finding {
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    pub fn blocks(&self) -> bool {
        self.is_active() && self.severity == Severity::Block
    }

    pub fn span(&self) -> Span {
        self.place.map(|p| p.span).unwrap_or_default()
    }
}
