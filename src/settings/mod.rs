//! Flags, environment and policy file in; everything decided once, as `Settings`, out.

mod policy;
mod release;
mod schema;
mod shape;
mod text;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change::{ChangeSet, Snapshot, Text, tree};
use crate::error::{Error, PolicyError, UsageError};
use crate::verdict::baseline::Baseline;
pub use policy::*;
pub use release::*;
pub use schema::policy_schema;
pub use text::PolicyText;

/// Where the check runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
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
#[derive(Debug, Clone)]
pub struct Settings {
    pub phase: Phase,
    pub policy: Policy,
    /// Whose revision the policy was read from.
    pub policy_origin: PolicyOrigin,
    /// The file the policy was read from; `None` when every default applies.
    pub policy_text: Option<PolicyText>,
    /// The tree of `--policy-from`: policy, suppressions and baseline come from it instead of base.
    pub policy_tree: Option<Snapshot>,
    /// Findings that were there when holdshort came.
    pub baseline: Option<BaselineFile>,
    /// The day the check is made for, `YYYY-MM-DD`: suppressions run out by it. Never printed.
    pub today: String,
    /// The migrations are checked alone: the database has tables they do not show.
    pub history_unknown: bool,
    /// Files given with `--evidence`.
    pub evidence: Vec<crate::read::evidence::Input>,
    /// Files given with `--manifests`: what a template tool made of the repository's manifests.
    pub manifests: Vec<crate::read::evidence::Input>,
    /// Ids of the CI run the check itself runs in.
    pub own_runs: Vec<String>,
    /// Name of the job the check itself runs in: it is not waited for.
    pub own_job: Option<String>,
    /// Evidence of another commit with the same tree counts.
    pub same_tree: bool,
    /// The moment the rollout is judged for, where one is given.
    pub at: Option<jiff::Timestamp>,
    /// GitLab says that the pipeline runs in a deploy freeze.
    pub deploy_freeze: bool,
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
    /// `--policy-from REV`.
    Revision,
}

/// Where the command line wants the policy from.
#[derive(Debug, Clone, Default)]
pub enum PolicySource {
    /// Base in `merge` and `deploy`, head in `push`.
    #[default]
    ByPhase,
    /// `--policy`.
    File(PathBuf),
    /// `--policy-from`.
    Revision(String),
}

impl Settings {
    pub fn builtin(phase: Phase) -> Self {
        let today = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date().to_string();
        Settings {
            phase,
            policy: Policy::default(),
            policy_origin: PolicyOrigin::BuiltIn,
            policy_text: None,
            policy_tree: None,
            baseline: None,
            today,
            history_unknown: false,
            evidence: Vec::new(),
            manifests: Vec::new(),
            own_runs: Vec::new(),
            own_job: None,
            same_tree: false,
            at: None,
            deploy_freeze: false,
        }
    }

    /// The tree whose policy, suppressions and baseline count: one that the change under inspection did not write.
    pub fn trusted<'a>(&'a self, change: &'a ChangeSet) -> &'a Snapshot {
        match (&self.policy_tree, self.phase) {
            (Some(tree), _) => tree,
            (None, Phase::Push) => &change.head_tree,
            (None, Phase::Merge | Phase::Deploy) => &change.base_tree,
        }
    }

    /// Whether what the change itself says of its risks counts.
    pub fn trusts_head(&self) -> bool {
        self.policy_tree.is_none() && self.phase == Phase::Push
    }
}

/// Settings of one check, with the policy of the tree its phase trusts.
pub fn load(change: &ChangeSet, phase: Phase) -> Result<Settings, Error> {
    load_from(change, phase, &PolicySource::ByPhase)
}

/// Settings of one check. Errors: the policy is wrong, cannot be read, or lies where the change could have written it.
pub fn load_from(change: &ChangeSet, phase: Phase, source: &PolicySource) -> Result<Settings, Error> {
    let mut settings = Settings::builtin(phase);
    let origin = match source {
        PolicySource::File(path) => {
            let text = policy_file(change, phase, path)?;
            let (policy, source) = parse_policy(&path.display().to_string(), &text)?;
            return Ok(Settings { policy, policy_text: Some(source), policy_origin: PolicyOrigin::File, ..settings });
        }
        PolicySource::Revision(revision) => {
            settings.policy_tree = Some(change.snapshot(revision)?);
            PolicyOrigin::Revision
        }
        PolicySource::ByPhase if phase == Phase::Push => PolicyOrigin::Head,
        PolicySource::ByPhase => PolicyOrigin::Base,
    };
    if let Some((policy, source)) = read_policy(settings.trusted(change))? {
        settings = Settings { policy, policy_text: Some(source), policy_origin: origin, ..settings };
    }
    if let Some(path) = settings.policy.baseline.clone() {
        settings.baseline = baseline(change, &settings, &path)?;
    }
    Ok(settings)
}

/// A baseline and its path from the root of the repository.
#[derive(Debug, Clone)]
pub struct BaselineFile {
    pub path: String,
    pub baseline: Baseline,
}

/// The baseline as the trusted tree has it, an empty one when only head has it; `None` when there is none at all.
pub fn baseline(change: &ChangeSet, settings: &Settings, path: &str) -> Result<Option<BaselineFile>, Error> {
    let path = path.trim_start_matches("./");
    let file = |baseline| Some(BaselineFile { path: path.to_owned(), baseline });
    match settings.trusted(change).read_path(path)? {
        Some(Text::Utf8(text)) => Ok(file(Baseline::parse(path, &text)?)),
        Some(other) => Err(unreadable(path, &other).into()),
        None => Ok(file(Baseline::default()).filter(|_| change.head_tree.contains(path))),
    }
}

/// The policy of a tree; `None` when it has none. A file that only looks like the policy is an error: who wrote it believes it counts.
pub fn read_policy(tree: &Snapshot) -> Result<Option<(Policy, PolicyText)>, Error> {
    if let Some(name) = misnamed(tree).next() {
        return Err(PolicyError {
            path: name.to_owned(),
            position: None,
            message: format!("this file is not read: the policy's name is `{POLICY_FILE}`"),
            help: Some(format!("rename it with `git mv {name} {POLICY_FILE}`, or delete it")),
        }
        .into());
    }
    match tree.read_path(POLICY_FILE)? {
        None => Ok(None),
        Some(Text::Utf8(text)) => Ok(Some(parse_policy(POLICY_FILE, &text)?)),
        Some(other) => Err(unreadable(POLICY_FILE, &other).into()),
    }
}

/// Names at the root that a person takes for the policy's and this tool does not.
pub fn misnamed(tree: &Snapshot) -> impl Iterator<Item = &str> {
    let names = tree.entries.iter().map(|entry| entry.path.as_str()).filter(|path| !path.contains('/'));
    names.filter(|name| *name != POLICY_FILE && looks_like_policy(name))
}

/// `HOLDSHORT.YAML`, `holdshort.yml`, `.holdshort.yaml`.
pub fn looks_like_policy(path: &str) -> bool {
    let lower = path.to_lowercase();
    matches!(lower.strip_prefix('.').unwrap_or(&lower), "holdshort.yaml" | "holdshort.yml" | "holdshort.toml")
}

fn unreadable(path: &str, text: &Text) -> PolicyError {
    let found = match text {
        Text::NotAFile(kind) => format!("is a {kind:?}").to_lowercase(),
        Text::TooLarge { bytes } => format!("has {bytes} bytes"),
        Text::InvalidUtf8 { valid_up_to } => format!("is not UTF-8 at byte {valid_up_to}"),
        Text::Binary | Text::Utf8(_) => "is binary".to_owned(),
    };
    PolicyError {
        path: path.to_owned(),
        position: None,
        message: format!("this file cannot be read: it {found}"),
        help: Some("make it a regular UTF-8 file".to_owned()),
    }
}

/// The text of `--policy FILE`. In `merge` and `deploy` it must lie outside of what is inspected.
fn policy_file(change: &ChangeSet, phase: Phase, path: &Path) -> Result<String, Error> {
    let usage = |message: String, help: &str| UsageError { message, help: Some(help.to_owned()) };
    let full = path.canonicalize().map_err(|error| {
        usage(
            format!("cannot read the policy {}: {error}", path.display()),
            "give the path of a policy file; `holdshort.yaml` at the root is found without it",
        )
    })?;
    let inside = change.root().and_then(|root| root.canonicalize().ok()).is_some_and(|root| full.starts_with(root));
    if inside && phase != Phase::Push {
        let message = format!("{} is part of what is inspected, so the change could clear itself", path.display());
        return Err(usage(
            message,
            "add `--phase push` to try a policy out, or take it from a revision you trust with `--policy-from REV`",
        )
        .into());
    }
    let shown = path.display().to_string();
    let bytes = match tree::read_file(&full, crate::change::MAX_FILE_BYTES)? {
        tree::DiskFile::Bytes(bytes) => bytes,
        tree::DiskFile::TooLarge(bytes) => return Err(unreadable(&shown, &Text::TooLarge { bytes }).into()),
    };
    String::from_utf8(bytes)
        .map_err(|error| unreadable(&shown, &Text::InvalidUtf8 { valid_up_to: error.utf8_error().valid_up_to() }).into())
}
