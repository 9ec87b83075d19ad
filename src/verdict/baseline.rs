//! Findings that were there when holdshort came: a baseline file and this run's findings in, which of them do not hold and which
//! entries are stale out. An entry is a finding's fingerprint, so it follows the text and not the line.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::own::{CHANGED, Own};
use crate::change::{ChangeSet, Text};
use crate::error::PolicyError;
use crate::finding::{Finding, Severity, Status};

const STALE: &str = "policy/baseline-stale";
/// Stale entries that are named; the rest are counted.
const NAMED: usize = 3;

/// A baseline file. Unknown keys are errors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    pub schema_version: u32,
    /// Sorted by path, rule, fingerprint.
    pub findings: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub path: String,
    pub rule: String,
    pub fingerprint: String,
    /// For the reader; not compared.
    #[serde(default)]
    pub message: String,
}

impl Baseline {
    pub fn parse(path: &str, text: &str) -> Result<Baseline, PolicyError> {
        let error = |line: usize, column: usize, message: String| PolicyError {
            path: path.to_owned(),
            position: Some(crate::source::Position { line: line.max(1), column: column.max(1), offset: 0 }),
            message,
            help: Some("`holdshort baseline write` writes it anew".to_owned()),
        };
        let baseline: Baseline = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|problem| error(problem.line(), problem.column(), problem.to_string()))?;
        match baseline.schema_version {
            1 => Ok(baseline),
            other => Err(error(1, 1, format!("schema_version {other} is not known to this version, 1 is"))),
        }
    }

    /// Everything of a run that would fail a gate or warn.
    pub fn of(findings: &[Finding]) -> Baseline {
        let wanted = findings.iter().filter(|finding| finding.is_active() && finding.severity > Severity::Note && !is_own(finding));
        let mut entries: Vec<Entry> = wanted
            .map(|finding| Entry {
                path: finding.path.clone(),
                rule: finding.rule.clone(),
                fingerprint: finding.fingerprint.clone(),
                message: finding.message.clone(),
            })
            .collect();
        entries.sort();
        Baseline { schema_version: 1, findings: entries }
    }

    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings can be written") + "\n"
    }

    /// Entries that match no finding although their file was looked at, or is gone.
    pub fn stale<'a>(&'a self, change: &ChangeSet, findings: &[Finding]) -> Vec<&'a Entry> {
        let found: BTreeSet<&str> = findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
        let seen: BTreeSet<&str> =
            change.files.iter().flat_map(|file| [Some(file.path.as_str()), file.old_path.as_deref()]).flatten().collect();
        let looked_at = |entry: &&Entry| seen.contains(entry.path.as_str()) || !change.head_tree.contains(&entry.path);
        self.findings.iter().filter(|entry| !found.contains(entry.fingerprint.as_str())).filter(looked_at).collect()
    }
}

/// What is said about the policy is never accepted by a baseline.
fn is_own(finding: &Finding) -> bool {
    finding.rule.starts_with("policy/")
}

/// Marks what the baseline has, and tells of entries that are stale and of a change that edits the baseline it is judged by.
/// Fingerprints are set before.
pub fn apply(own: &mut Own, findings: &mut [Finding]) {
    let inspection = own.inspection;
    let Some(file) = &inspection.settings.baseline else { return };
    let known: BTreeSet<(&str, &str)> =
        file.baseline.findings.iter().map(|entry| (entry.rule.as_str(), entry.fingerprint.as_str())).collect();
    for finding in findings.iter_mut().filter(|finding| finding.is_active() && !is_own(finding)) {
        if known.contains(&(finding.rule.as_str(), finding.fingerprint.as_str())) {
            finding.status = Status::Baselined;
        }
    }
    let stale = file.baseline.stale(&inspection.change, findings);
    if !stale.is_empty() {
        let names: Vec<String> = stale.iter().take(NAMED).map(|entry| format!("{} in {}", entry.rule, entry.path)).collect();
        let more = if stale.len() > NAMED { format!(" and {} more", stale.len() - NAMED) } else { String::new() };
        own.add(STALE, None, &file.path, format!("The baseline still has what is gone: {}{more}.", names.join(", ")));
    }
    if !inspection.settings.trusts_head() {
        edited(own, &file.path, &file.baseline);
    }
}

fn edited(own: &mut Own, path: &str, trusted: &Baseline) {
    let change = &own.inspection.change;
    if !change.files.iter().any(|file| file.path == path || file.old_path.as_deref() == Some(path)) {
        return;
    }
    let new = match change.head_tree.read_path(path) {
        // Without a baseline nothing is let through: it has shrunk to nothing.
        Ok(None) => return,
        Ok(Some(Text::Utf8(text))) => Baseline::parse(path, &text).ok(),
        _ => None,
    };
    let added =
        new.map(|new| new.findings.iter().filter(|entry| !trusted.findings.iter().any(|old| old.fingerprint == entry.fingerprint)).count());
    let message = match added {
        Some(0) => return,
        Some(count) => format!("This change adds {count} to the baseline, which may only shrink. They do not count here."),
        None => "This change leaves a baseline behind that cannot be read. The one at base decides.".to_owned(),
    };
    own.add(CHANGED, None, path, message);
}
