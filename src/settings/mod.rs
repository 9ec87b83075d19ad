//! Flags, environment and policy file in; everything decided once, as `Settings`, out.

mod policy;

use serde::{Deserialize, Serialize};

use crate::change::{ChangeSet, Snapshot, Text};
use crate::error::{Error, PolicyError};
pub use policy::*;

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

/// Everything a run needs to know, decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub phase: Phase,
    pub policy: Policy,
    /// Whose revision the policy was read from.
    pub policy_origin: PolicyOrigin,
    /// The day the check is made for, `YYYY-MM-DD`: suppressions run out by it. Never printed.
    pub today: String,
    /// The migrations are checked alone: the database has tables they do not show.
    pub history_unknown: bool,
    /// Files given with `--evidence`.
    pub evidence: Vec<crate::read::evidence::Input>,
    /// Files given with `--manifests`: what a template tool made of the repository's manifests.
    pub manifests: Vec<crate::read::evidence::Input>,
    /// Ids of the CI run the check itself runs in: its jobs that are not done are not waited for.
    pub own_runs: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyOrigin {
    /// No policy file there: every default applies.
    BuiltIn,
    /// `holdshort.yaml` at base: a change under inspection cannot clear itself.
    Base,
    /// `holdshort.yaml` at head, in the `push` phase.
    Head,
    /// `--policy FILE`.
    File,
}

impl Settings {
    pub fn builtin(phase: Phase) -> Self {
        let today = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date().to_string();
        Settings {
            phase,
            policy: Policy::default(),
            policy_origin: PolicyOrigin::BuiltIn,
            today,
            history_unknown: false,
            evidence: Vec::new(),
            manifests: Vec::new(),
            own_runs: Vec::new(),
        }
    }
}

/// Settings of one check: the policy is read from base in `merge` and `deploy`, from head in `push`.
pub fn load(change: &ChangeSet, phase: Phase) -> Result<Settings, Error> {
    let (tree, policy_origin): (&Snapshot, _) = match phase {
        Phase::Push => (&change.head_tree, PolicyOrigin::Head),
        Phase::Merge | Phase::Deploy => (&change.base_tree, PolicyOrigin::Base),
    };
    let text = match tree.read_path(POLICY_FILE)? {
        None => return Ok(Settings::builtin(phase)),
        Some(Text::Utf8(text)) => text,
        Some(other) => return Err(unreadable(&other).into()),
    };
    Ok(Settings { policy: parse_policy(POLICY_FILE, &text)?, policy_origin, ..Settings::builtin(phase) })
}

fn unreadable(text: &Text) -> PolicyError {
    PolicyError {
        path: POLICY_FILE.to_owned(),
        position: None,
        message: format!("the policy file cannot be read as text ({text:?})"),
        help: Some("make it a regular UTF-8 file".to_owned()),
    }
}
