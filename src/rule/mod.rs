//! A rule as data: what it means, how bad it is, what to do. Rule files in, `Rule`s out; detectors do the finding.

pub mod cel;
pub mod docs;
pub mod load;
pub mod team;
pub mod verify;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::finding::{Gate, Severity};

/// One file of `rules/`. Unknown keys are errors.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `family/name`: the file's own path, never reused.
    pub id: String,
    pub title: String,
    pub gate: Gate,
    pub severity: Severity,
    /// A function in `detect/`, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    /// In a team rule, instead of a detector: where in the facts it looks, keys with dots between, `*` for every item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// CEL over `fact` and `facts`: true where the rule fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What a team rule says; `{fact.name}` is filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What breaks, in production terms.
    pub why: String,
    /// What to do instead. `{table}`, `{column}` … are filled in by the detector.
    pub remedy: String,
    /// The expand/contract deploys, where that is the remedy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, RuleOption>,
    /// Data for detectors that are pure patterns (`rules/redflag/`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_yaml::Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    #[serde(default)]
    pub examples: Vec<Example>,
    /// The file of a team rule.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

/// Where a team rule was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    pub path: String,
    /// Of its condition.
    pub when: Option<crate::source::Position>,
}

/// An option's meaning and default; a policy sets it under `rules: <id>: options:`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleOption {
    pub about: String,
    pub default: serde_yaml::Value,
}

/// A change, written out, and what the rule must say of it: the `-- expect: rule` markers in its files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub name: String,
    #[serde(default)]
    pub base: BTreeMap<String, String>,
    #[serde(default)]
    pub head: BTreeMap<String, String>,
    /// Files that head no longer has. Everything else of base is kept in head.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<String>,
    /// Severity expected of the finding, where evidence changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Expected although no line can carry a marker (something is missing): the path the finding names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<crate::settings::Phase>,
    /// The moment the rollout is judged for, as `--at` gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<jiff::Timestamp>,
    /// Files given with `--evidence`, by name. Head is then the commit `000…0`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, String>,
    /// Commit messages of the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<String>,
}
