//! What CI says of commits: files in any known format in, plain records out. A format is recognised by its content.

mod github;
mod gitlab;
mod intoto;
mod junit;
pub mod snapshot;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

pub use intoto::{REHEARSAL, STATEMENT};

use super::Unread;
use crate::change::tree::{DiskFile, read_file};
use crate::error::ChangeError;

/// Larger evidence files are not read.
pub const MAX_EVIDENCE_BYTES: u64 = 50 * 1024 * 1024;

/// One file of evidence as it was given: its text, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub path: String,
    pub text: Result<Arc<str>, String>,
}

/// What one record says of one check on one commit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    pub provider: Provider,
    /// The file it was read from.
    pub path: String,
    /// 40 or 64 lower-case hex digits; `None` when the record does not say, or says less than a full id.
    pub commit: Option<String>,
    pub tree: Option<String>,
    pub check: String,
    pub status: Status,
    /// The provider's own word: `timed_out`, `2 of 14 tests failed`.
    pub detail: String,
    /// Id of the run it belongs to.
    pub run: Option<String>,
    /// Who reports it, where several may use one name: an app, a workflow and its event, a pipeline's source.
    pub source: String,
    /// The provider's number of it. Newer records of the same check replace older ones: number, then attempt, then time.
    pub id: u64,
    pub attempt: u64,
    /// RFC 3339 as written.
    pub completed_at: Option<String>,
    /// Only of rehearsals.
    pub rehearsal: Option<Rehearsal>,
}

/// What a rehearsal record says beside its result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rehearsal {
    /// Git blob of the document that was rehearsed.
    pub document: Option<String>,
    pub seconds: Option<f64>,
    /// Migrations that were rehearsed: path and git blob.
    pub migrations: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    GithubCheckRun,
    GithubWorkflowRun,
    GithubStatus,
    GitlabPipeline,
    GitlabJob,
    GitlabStatus,
    Junit,
    InTotoTestResult,
    Rehearsal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Passed,
    Failed,
    /// Queued, running, or waiting for somebody.
    Pending,
    /// Skipped or neutral: says nothing either way.
    Skipped,
    /// It ran no test.
    Empty,
    /// Given up by the provider, or from before the commit: it says nothing of it any more.
    Stale,
    /// The provider's word is not known.
    Unknown,
}

/// Everything that was read of the evidence.
#[derive(Debug, Default, Serialize)]
pub struct Evidence {
    pub records: Vec<Record>,
    pub unread: Vec<Unread>,
}

/// Reads the files, and the files of the directories, that were given.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Input>, ChangeError> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.is_dir() {
            let walk = walkdir::WalkDir::new(path).max_depth(16).sort_by_file_name();
            for found in walk {
                let found =
                    found.map_err(|error| ChangeError::new(format!("cannot list the evidence: {error}"), "check that you may read it"))?;
                if found.file_type().is_file() {
                    inputs.push(input(found.path())?);
                }
            }
        } else {
            inputs.push(input(path)?);
        }
    }
    Ok(inputs)
}

fn input(path: &Path) -> Result<Input, ChangeError> {
    let text = match read_file(path, MAX_EVIDENCE_BYTES)? {
        DiskFile::TooLarge(size) => Err(format!("it has {size} bytes, more than {MAX_EVIDENCE_BYTES} are not read")),
        DiskFile::Bytes(bytes) => String::from_utf8(bytes).map(Arc::from).map_err(|error| format!("it is not UTF-8: {error}")),
    };
    Ok(Input { path: path.display().to_string(), text })
}

/// Reads every input. What is not understood is said, never passed over.
pub fn read(inputs: &[Input]) -> Evidence {
    let mut evidence = Evidence::default();
    for input in inputs {
        let parsed = input.text.as_deref().map_err(Clone::clone).and_then(|text| parse(&input.path, text));
        match parsed {
            Ok(records) => evidence.records.extend(records),
            Err(reason) => evidence.unread.push(Unread { path: input.path.clone(), place: None, reason }),
        }
    }
    evidence
}

/// Recognises the format of one text and reads it.
pub fn parse(path: &str, text: &str) -> Result<Vec<Record>, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.len() as u64 > MAX_EVIDENCE_BYTES {
        return Err(format!("it has more than {MAX_EVIDENCE_BYTES} bytes"));
    }
    if text.starts_with('<') {
        return junit::read(path, text);
    }
    let value: Value = serde_json::from_str(text).map_err(|error| format!("it is neither XML nor JSON: {error}"))?;
    let mut totals = BTreeMap::new();
    pages(&value, 0, &mut totals);
    if let Some((key, (all, here))) = totals.iter().find(|(_, (all, here))| here < all) {
        return Err(format!(
            "it has {here} of {all} `{key}`: give all pages (`gh api --paginate --slurp`, or `holdshort evidence collect`)"
        ));
    }
    let mut records = Vec::new();
    json(path, &value, 0, &mut records)?;
    Ok(records)
}

/// Adds up what the pages of each list say there is, and what there is. A check on a page that is missing may be the red one.
fn pages(value: &Value, depth: usize, totals: &mut BTreeMap<&'static str, (u64, u64)>) {
    match value {
        Value::Array(items) if depth <= 2 => items.iter().for_each(|item| pages(item, depth + 1, totals)),
        Value::Object(_) => match (github::counts(value), value.get("pages")) {
            (Some((key, all, here)), _) => {
                let total = totals.entry(key).or_insert((0, 0));
                *total = (total.0.max(all), total.1 + here);
            }
            (None, Some(inner)) => pages(inner, depth, totals),
            (None, None) => {}
        },
        _ => {}
    }
}

/// One document of an API, or a list of such (pages, `gh api --slurp`).
fn json(path: &str, value: &Value, depth: usize, out: &mut Vec<Record>) -> Result<(), String> {
    if let Value::Array(items) = value {
        if depth > 2 {
            return Err("lists are nested too deep".to_owned());
        }
        return items.iter().try_for_each(|item| json(path, item, depth + 1, out));
    }
    let read = if value.get("kind").is_some() && value.get("pages").is_some() {
        snapshot::read
    } else if value.get("_type").is_some() || value.get("payloadType").is_some() {
        intoto::read
    } else if value.get("check_runs").is_some() || value.get("workflow_runs").is_some() || value.get("statuses").is_some() {
        github::read_page
    } else if value.get("head_sha").is_some() || value.get("headSha").is_some() {
        github::read_one
    } else if value.get("sha").is_some() && value.get("status").is_some() || value.get("pipeline").is_some() {
        gitlab::read
    } else {
        return Err("no known format of evidence: JUnit XML, GitHub check runs, workflow runs or statuses, GitLab pipelines or jobs, in-toto statements".to_owned());
    };
    out.extend(read(path, value)?);
    Ok(())
}

/// A full commit id; anything shorter or other names no commit.
fn full_id(value: Option<&Value>) -> Option<String> {
    let id = value?.as_str()?;
    (matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))).then(|| id.to_owned())
}

/// A string field that must be there.
fn word<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value.get(key).and_then(Value::as_str).ok_or_else(|| format!("`{key}` is missing or is not a string"))
}

fn optional(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn record(path: &str, provider: Provider, check: &str, status: Status, detail: impl Into<String>) -> Record {
    Record {
        provider,
        path: path.to_owned(),
        commit: None,
        tree: None,
        check: check.to_owned(),
        status,
        detail: detail.into(),
        run: None,
        source: String::new(),
        id: 0,
        attempt: 0,
        completed_at: None,
        rehearsal: None,
    }
}
