//! `holdshort.yaml`: text in, `Policy` out. Strict: what it does not know is an error.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Phase;
use crate::error::PolicyError;
use crate::finding::{Gate, Severity};
use crate::read::migration::{Dialect, Framework};
use crate::source::LineIndex;

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
    pub rollback: RollbackPolicy,
    pub rehearse: RehearsePolicy,
    pub evidence: EvidencePolicy,
    pub suppressions: Vec<AcceptedRisk>,
    pub flags: Vec<FlagSource>,
}

/// Names flags in a format of the repository's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagSource {
    /// Glob over paths from the root of the repository.
    pub path: String,
    /// Keys to the map or list of flags, with dots between; empty for the whole document.
    #[serde(default)]
    pub flags: String,
    /// Keys to the name, in a list.
    #[serde(default)]
    pub name: Option<String>,
    /// Keys to the default in one flag; without it the flag itself is the default.
    #[serde(default)]
    pub default: Option<String>,
    /// Keys to the type in one flag: `operational`, `kill-switch`, `permission` may be on.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

impl FlagSource {
    pub fn matches(&self, path: &str) -> bool {
        globset::GlobBuilder::new(&self.path).literal_separator(true).build().is_ok_and(|glob| glob.compile_matcher().is_match(path))
    }
}

/// A risk that was accepted in writing: findings of one rule in some files do not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedRisk {
    pub rule: String,
    /// Glob over paths from the root of the repository.
    pub path: String,
    pub because: String,
    /// The last day it counts, `YYYY-MM-DD`.
    #[serde(default)]
    pub until: Option<String>,
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

/// Where rollback documents are, and what is asked of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackPolicy {
    /// Globs over paths from the root of the repository; none means the default places.
    pub paths: Vec<String>,
    /// A rehearsal record for the head commit is required.
    pub rehearsal: bool,
}

/// SQL that a rehearsal runs beside the migrations. Paths from the root of the repository.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsePolicy {
    /// Before the history, with every right, read from base: roles and extensions that production has.
    pub setup: Vec<String>,
    /// After the history, before the change: rows to migrate.
    pub seed: Vec<String>,
    /// After the change: what has to work on the new schema.
    pub smoke: Vec<String>,
}

/// What has to be green on the head commit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidencePolicy {
    /// Names of checks; none means every check that the evidence has.
    pub required: Vec<String>,
    /// Names of checks that do not count: holdshort's own, for one.
    pub ignore: Vec<String>,
}

/// Reads a policy file. An empty file is a policy without keys.
pub fn parse_policy(path: &str, text: &str) -> Result<Policy, PolicyError> {
    let bare = text.trim_start_matches('\u{feff}');
    if bare.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Policy::default());
    }
    let policy: Policy = serde_yaml::from_str(bare).map_err(|error| {
        let position = error.location().map(|at| LineIndex::new(text).position(text, at.index() + text.len() - bare.len()));
        let message = error.to_string();
        let help = message
            .contains("unknown field")
            .then(|| "keys that are not known are errors, so that a misspelt one is not passed over".to_owned());
        PolicyError { path: path.to_owned(), position, message, help }
    })?;
    validate(path, &policy)?;
    Ok(policy)
}

/// What the types cannot say: dates are dates, globs are globs, reasons are given.
fn validate(path: &str, policy: &Policy) -> Result<(), PolicyError> {
    let error = |message: String| PolicyError { path: path.to_owned(), position: None, message, help: None };
    for accepted in &policy.suppressions {
        if let Some(until) = accepted.until.as_deref().filter(|until| until.parse::<jiff::civil::Date>().is_err()) {
            return Err(error(format!("suppression of {}: `{until}` is not a date, write YYYY-MM-DD", accepted.rule)));
        }
        globset::Glob::new(&accepted.path).map_err(|problem| error(format!("suppression of {}: {problem}", accepted.rule)))?;
        if accepted.because.split_whitespace().count() < 2 {
            return Err(error(format!("suppression of {}: `because` must give a reason", accepted.rule)));
        }
    }
    for source in &policy.flags {
        globset::Glob::new(&source.path).map_err(|problem| error(format!("flags: {problem}")))?;
    }
    for glob in &policy.rollback.paths {
        globset::Glob::new(glob).map_err(|problem| error(format!("rollback.paths: {problem}")))?;
    }
    for glob in &policy.usage.exclude {
        globset::Glob::new(glob).map_err(|problem| error(format!("usage.exclude: {problem}")))?;
    }
    Ok(())
}

/// Every rule the policy names must exist.
pub fn check_rule_ids(policy: &Policy, rules: &[crate::rule::Rule]) -> Result<(), PolicyError> {
    let named = policy.rules.keys().chain(policy.suppressions.iter().map(|accepted| &accepted.rule));
    for id in named {
        if !rules.iter().any(|rule| rule.id == *id) {
            let close = crate::rule::load::suggest(id, rules.iter().map(|rule| rule.id.as_str()));
            return Err(PolicyError {
                path: POLICY_FILE.to_owned(),
                position: None,
                message: format!("there is no rule `{id}`"),
                help: Some(close.map_or("`holdshort rules` lists all".to_owned(), |close| format!("did you mean `{close}`?"))),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_an_error_with_its_place() {
        let error = parse_policy("holdshort.yaml", "rules:\n  lock/x:\n    severty: off\n").unwrap_err();
        assert!(error.message.contains("severty"), "{error}");
        assert_eq!(error.position.map(|p| p.line), Some(3));
    }

    #[test]
    fn an_empty_policy_has_every_default() {
        assert_eq!(parse_policy("p", "# nothing\n").unwrap(), Policy::default());
    }
}
