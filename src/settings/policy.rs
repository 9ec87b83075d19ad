//! `holdshort.yaml`: text in, `Policy` out. Strict: what it does not know is an error.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Phase, PolicyText, policy_schema, shape};
use crate::error::PolicyError;
use crate::finding::{Gate, Severity};
use crate::read::flag::is_production;
use crate::read::migration::{Dialect, Framework};
use crate::rule::Rule;

/// The name of the policy file, at the root of the repository.
pub const POLICY_FILE: &str = "holdshort.yaml";

/// `holdshort.yaml`. Every key is optional; unknown keys are errors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    pub migrations: Vec<MigrationPolicy>,
    pub rules: BTreeMap<String, RulePolicy>,
    /// Gate id → phase → requirement.
    pub gates: BTreeMap<Gate, BTreeMap<Phase, Requirement>>,
    pub environments: EnvironmentsPolicy,
    pub usage: UsagePolicy,
    pub rollback: RollbackPolicy,
    pub rollout: RolloutPolicy,
    pub rehearse: RehearsePolicy,
    pub evidence: EvidencePolicy,
    pub suppressions: Vec<AcceptedRisk>,
    pub flags: Vec<FlagSource>,
    /// Path of the baseline from the root of the repository.
    pub baseline: Option<String>,
    /// Globs of team rules beside those in `.holdshort/rules`.
    pub team_rules: Vec<String>,
    /// Being there makes the release gates required.
    pub release: Option<super::ReleasePolicy>,
}

/// Which environments serve users, where their names do not say so.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnvironmentsPolicy {
    /// Names of environments, or of directories and files of their own, that are production.
    pub production: Vec<String>,
    /// Names of those that are not.
    pub other: Vec<String>,
}

impl EnvironmentsPolicy {
    /// Whether what belongs to an environment, in a file, serves users: as listed here, else as the environment is called.
    pub fn is_production(&self, environment: &str, path: &str) -> bool {
        let stem = path.rsplit('/').next().and_then(|name| name.split('.').next());
        let names: Vec<&str> = [environment].into_iter().chain(path.split('/')).chain(stem).collect();
        let lists = |list: &[String]| list.iter().any(|listed| names.iter().any(|name| name.eq_ignore_ascii_case(listed)));
        lists(&self.production) || (!lists(&self.other) && is_production(environment))
    }
}

/// Names flags in a format of the repository's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrationPolicy {
    /// Directory from the root of the repository.
    pub path: String,
    #[serde(default)]
    pub layout: Option<Framework>,
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// `14`, `16.2`, `10.11`.
    #[serde(default, deserialize_with = "version")]
    #[schemars(schema_with = "version_schema")]
    pub server_version: Option<String>,
    /// Not migrations of this repository's database: leave the directory out.
    #[serde(default)]
    pub ignore: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RulePolicy {
    pub severity: Option<RuleSeverity>,
    /// By the names that `holdshort explain RULE` lists.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub options: BTreeMap<String, serde_yaml::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    Required,
    Advisory,
    Off,
}

/// Who else uses the database, and where code is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UsagePolicy {
    /// Services outside this repository that use the same database: a drop can then never be proved unused.
    pub other_services: Vec<String>,
    /// Globs of files that are not running code although they look like it.
    pub exclude: Vec<String>,
}

/// Where rollback documents are, and what is asked of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackPolicy {
    /// Globs over paths from the root of the repository; none means the default places.
    pub paths: Vec<String>,
    /// A rehearsal record for the head commit is required.
    pub rehearsal: bool,
}

/// What the rollout manifests do not show.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutPolicy {
    /// Globs of manifests that are not rolled out to production.
    pub ignore: Vec<String>,
    /// Analysis and metric templates that are kept in the cluster.
    pub external_templates: Vec<String>,
    /// Words of the metrics that measure the business.
    pub business_metrics: Vec<String>,
}

/// SQL that a rehearsal runs beside the migrations. Paths from the root of the repository.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsePolicy {
    /// Before the history, with every right, read where the policy is: roles and extensions that production has.
    pub setup: Vec<String>,
    /// After the history, before the change: rows to migrate.
    pub seed: Vec<String>,
    /// After the change: what has to work on the new schema.
    pub smoke: Vec<String>,
}

/// What has to be green on the head commit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvidencePolicy {
    /// Names of checks; none means every check that the evidence has.
    pub required: Vec<String>,
    /// Names of checks that do not count: holdshort's own, for one.
    pub ignore: Vec<String>,
    /// Results that are older than so many days count no more.
    #[schemars(schema_with = "whole_number_schema")]
    pub max_age_days: Option<u32>,
}

/// A version is written with or without quotes.
fn version<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Version {
        Text(String),
        Major(u32),
    }
    Ok(Option::<Version>::deserialize(from)?.map(|version| match version {
        Version::Text(text) => text,
        Version::Major(major) => major.to_string(),
    }))
}

fn whole_number_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "integer"})
}

fn version_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": ["string", "integer"]})
}

/// Reads a policy file. An empty file is a policy without keys.
pub fn parse_policy(path: &str, text: &str) -> Result<(Policy, PolicyText), PolicyError> {
    let source = PolicyText::parse(path, text)?;
    let Some(root) = source.root() else { return Ok((Policy::default(), source)) };
    fits(&source, &policy_schema(&[]))?;
    let policy: Policy = serde_yaml::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        let at = error.location().map_or(root.span, |at| crate::source::Span::at(at.index()));
        source.error(at, error.to_string(), None)
    })?;
    validate(&source, &policy)?;
    Ok((policy, source))
}

/// The first place of the policy that the schema does not allow is its error.
fn fits(source: &PolicyText, schema: &serde_json::Value) -> Result<(), PolicyError> {
    let problems = source.root().map(|root| shape::check(root, schema)).unwrap_or_default();
    match problems.into_iter().next() {
        Some(problem) => Err(source.error(problem.span, problem.message, problem.help)),
        None => Ok(()),
    }
}

/// What the types cannot say: dates are dates, globs are globs, reasons are given. One entry a section.
fn validate(source: &PolicyText, policy: &Policy) -> Result<(), PolicyError> {
    let glob = |keys: &[&str], text: &str| match globset::Glob::new(text) {
        Ok(_) if !text.is_empty() => Ok(()),
        Ok(_) => Err(source.error_at(keys, "a glob cannot be empty", "name files from the root of the repository, `db/**/*.sql`")),
        Err(problem) => Err(source.error_at(keys, problem.to_string(), "name files from the root of the repository, `db/**/*.sql`")),
    };
    for (i, entry) in policy.migrations.iter().enumerate() {
        let i = i.to_string();
        directory(source, &["migrations", &i, "path"], &entry.path)?;
        if entry.server_version.as_deref().is_some_and(|version| major(version).is_none()) {
            let help = "write the version the database runs, `server_version: \"16\"`";
            return Err(source.error_at(&["migrations", &i, "server_version"], "this is not a version", help));
        }
    }
    if let Some(path) = &policy.baseline {
        directory(source, &["baseline"], path)?;
    }
    for (i, accepted) in policy.suppressions.iter().enumerate() {
        let i = i.to_string();
        if accepted.until.as_deref().is_some_and(|until| until.parse::<jiff::civil::Date>().is_err()) {
            return Err(source.error_at(&["suppressions", &i, "until"], "this is not a date", "write the last day as YYYY-MM-DD"));
        }
        if accepted.because.split_whitespace().count() < 2 {
            let help = "say why the risk is accepted, so that the next reader can judge whether it still is";
            return Err(source.error_at(&["suppressions", &i, "because"], "`because` must give a reason", help));
        }
        glob(&["suppressions", &i, "path"], &accepted.path)?;
    }
    for (i, flags) in policy.flags.iter().enumerate() {
        glob(&["flags", &i.to_string(), "path"], &flags.path)?;
    }
    if let Some(release) = &policy.release {
        let help = "write times of day as \"09:00\", days as mon-thu, dates as 2026-12-20, and the zone as an IANA name, `Europe/Berlin`";
        release.calendar().map_err(|problem| source.error_at(&["release"], problem, help))?;
    }
    for (i, path) in policy.rollback.paths.iter().enumerate() {
        glob(&["rollback", "paths", &i.to_string()], path)?;
    }
    for (i, path) in policy.rollout.ignore.iter().enumerate() {
        glob(&["rollout", "ignore", &i.to_string()], path)?;
    }
    for (i, path) in policy.team_rules.iter().enumerate() {
        glob(&["team_rules", &i.to_string()], path)?;
    }
    for (i, path) in policy.usage.exclude.iter().enumerate() {
        glob(&["usage", "exclude", &i.to_string()], path)?;
    }
    Ok(())
}

/// A place in the repository: no way out of it, and not empty.
fn directory(source: &PolicyText, keys: &[&str], path: &str) -> Result<(), PolicyError> {
    let leaves = path.starts_with('/') || path.split('/').any(|part| part == "..");
    if path.trim().is_empty() || leaves || path.contains('\\') {
        let help = "write it from the root of the repository, with `/` between parts: `db/migrations`";
        return Err(source.error_at(keys, format!("`{path}` is not a place in the repository"), help));
    }
    Ok(())
}

fn major(version: &str) -> Option<u32> {
    version.trim().split('.').next()?.parse().ok()
}

/// Every rule the policy names must exist, and every option must be one of its rule's, of its type.
pub fn check_rules(source: Option<&PolicyText>, rules: &[Rule]) -> Result<(), PolicyError> {
    source.map_or(Ok(()), |source| fits(source, &policy_schema(rules)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (String, String) {
        let builtin = crate::rule::load::builtin().expect("built-in rules are checked");
        let read = parse_policy("holdshort.yaml", text).and_then(|(_, source)| check_rules(Some(&source), &builtin));
        let error = read.expect_err(text);
        (error.to_string(), error.help.unwrap_or_default())
    }

    #[test]
    fn whatever_is_wrong_is_an_error_with_its_place_and_what_was_meant() {
        let cases = [
            ("rulez: {}\n", "1:1", "rulez", "did you mean `rules`?"),
            ("rules:\n  lock/no-timeout:\n    severty: off\n", "3:5", "severty", "did you mean `severity`?"),
            ("rules:\n  lock/no-timeot: {severity: off}\n", "2:3", "lock/no-timeot", "did you mean `lock/no-timeout`?"),
            ("rules:\n  lock/no-timeout: {severity: blok}\n", "2:31", "blok", "did you mean `block`?"),
            ("rules:\n  lock/no-timeout: {severity: }\n", "2:29", "has no value", "block"),
            ("rules:\n  rollback/too-slow: {options: {max_minuts: 7}}\n", "2:33", "max_minuts", "did you mean `max_minutes`?"),
            ("rules:\n  rollback/too-slow: {options: {max_minutes: soon}}\n", "2:46", "whole number, not a text", ""),
            ("gates: {rollback-redy: {merge: off}}\n", "1:9", "rollback-redy", "did you mean `rollback-ready`?"),
            ("gates: {rollback-ready: {merg: off}}\n", "1:26", "merg", "did you mean `merge`?"),
            ("gates: {rollback-ready: off}\n", "1:25", "a map of keys, not a text", ""),
            ("migrations:\n  - {path: db, dialect: postgre}\n", "2:25", "postgre", "did you mean `postgres`?"),
            ("migrations:\n  - {path: ../db}\n", "2:12", "../db", "root of the repository"),
            ("migrations:\n  - {path: db, server_version: new}\n", "2:32", "not a version", "16"),
            ("migrations:\n  - {layout: plain}\n", "2:5", "has no `path`", ""),
            ("usage: {other_services: reporting}\n", "1:25", "a list, not a text", "[a, b]"),
            ("evidence: {required: [1]}\n", "1:23", "a text, not a whole number", "quotes"),
            ("suppressions:\n  - {rule: lock/reindex, path: a, because: because}\n", "2:44", "must give a reason", ""),
            ("suppressions:\n  - {rule: lock/reindx, path: a, because: it is small}\n", "2:12", "lock/reindx", "lock/reindex"),
            ("suppressions:\n  - rule: lock/reindex\n    path: a\n    because: it is small\n    until: soon\n", "5:12", "not a date", ""),
            ("rollback: {rehearsal: yes}\n", "1:23", "true or false, not a text", ""),
            ("rules: {}\nrules: {}\n", "2:1", "written twice", ""),
            ("rules: {}\n---\nrules: {}\n", "3:1", "one YAML document", ""),
            ("- rules\n", "1:1", "a map of keys, not a list", ""),
            ("rules: [\n", "1:8", "not YAML", ""),
        ];
        for (text, place, message, help) in cases {
            let (got, got_help) = wrong(text);
            let place = format!("holdshort.yaml:{place}: ");
            assert!(got.starts_with(&place) && got.contains(message), "{text}: wanted {place}{message}, got {got}");
            assert!(got_help.contains(help), "{text}: wanted {help}, got {got_help}");
        }
    }

    #[test]
    fn an_empty_policy_has_every_default() {
        for text in ["", "# nothing\n", "\u{feff}# nothing\n", "---\n"] {
            assert_eq!(parse_policy("p", text).unwrap().0, Policy::default(), "{text:?}");
        }
    }

    #[test]
    fn a_version_is_written_with_or_without_quotes() {
        for text in ["migrations: [{path: db, server_version: 16}]\n", "migrations: [{path: db, server_version: \"16\"}]\n"] {
            assert_eq!(parse_policy("p", text).unwrap().0.migrations[0].server_version.as_deref(), Some("16"));
        }
    }
}
