//! Flags, environment and policy file in; everything decided once, as `Settings`, out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::{Gate, Severity};
use crate::read::migration::{Dialect, Framework};

/// Where the check runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The git hook of the author.
    Push,
    /// Pre-merge CI.
    Merge,
    /// Just before the rollout.
    Deploy,
}

/// The name of the policy file, at the root of the repository.
pub const POLICY_FILE: &str = "holdshort.yaml";

/// `holdshort.yaml`. Every key is optional; unknown keys are errors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    pub migrations: Vec<MigrationPolicy>,
    pub rules: BTreeMap<String, RulePolicy>,
    /// Gate id → phase → requirement.
    pub gates: BTreeMap<Gate, BTreeMap<Phase, Requirement>>,
    pub usage: UsagePolicy,
}

/// Names migrations that would not be found or would be read wrongly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationPolicy {
    /// Directory from the root of the repository.
    pub path: String,
    #[serde(default)]
    pub layout: Option<Framework>,
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// `14`, `16.2`, `10.11`.
    #[serde(default)]
    pub server_version: Option<String>,
    /// Not migrations of this repository's database: leave the directory out.
    #[serde(default)]
    pub ignore: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulePolicy {
    pub severity: Option<RuleSeverity>,
    pub options: BTreeMap<String, serde_yaml::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleSeverity {
    Block,
    Warn,
    Note,
    Off,
}

impl RuleSeverity {
    pub fn severity(self) -> Option<Severity> {
        match self {
            RuleSeverity::Block => Some(Severity::Block),
            RuleSeverity::Warn => Some(Severity::Warn),
            RuleSeverity::Note => Some(Severity::Note),
            RuleSeverity::Off => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    Required,
    Advisory,
    Off,
}

/// Who else uses the database, and where code is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UsagePolicy {
    /// Services outside this repository that use the same database: a drop can then never be proved unused.
    pub other_services: Vec<String>,
    /// Globs of files that are not running code although they look like it.
    pub exclude: Vec<String>,
}

/// Everything a run needs to know, decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub phase: Phase,
    pub policy: Policy,
    /// Whose revision the policy was read from: `base`, `head`, `--policy FILE`, `built in`.
    pub policy_origin: String,
}

impl Settings {
    pub fn builtin(phase: Phase) -> Self {
        Settings { phase, policy: Policy::default(), policy_origin: "built in".to_owned() }
    }
}
