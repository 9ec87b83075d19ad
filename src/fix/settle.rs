//! A change in, the texts that its fixes make of it out. Each fix is tried on its own and read again: it stays only when its
//! finding is gone and nothing new blocks.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::{Overlay, edit, with};
use crate::change::{ChangeSet, Text};
use crate::error::Error;
use crate::finding::Finding;
use crate::rule::Rule;
use crate::settings::Settings;
use crate::verdict::Outcome;

/// Most fixes of one run; what is left is for the next.
const MAX_FIXES: usize = 200;

/// One file that fixes change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// `None` for a new file.
    pub before: Option<String>,
    pub after: String,
}

/// What became of one fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub rule: String,
    pub path: String,
    /// 1-based; 0 when the finding has no line.
    pub line: usize,
    /// The fix's title, or why it was left out.
    pub text: String,
}

#[derive(Debug)]
pub struct Settled {
    pub files: BTreeMap<String, Changed>,
    pub done: Vec<Tried>,
    pub left: Vec<Tried>,
    /// The verdict on the change as it was.
    pub before: Outcome,
    /// And with the fixes.
    pub after: Option<Outcome>,
}

/// Tries every fix; those that are not safe only when asked.
pub fn settle(change: &ChangeSet, settings: &Settings, rules: &[Rule], unsafe_too: bool) -> Result<Settled, Error> {
    let mut overlay = Overlay::new();
    let mut settled = Settled {
        files: BTreeMap::new(),
        done: Vec::new(),
        left: Vec::new(),
        before: crate::inspect(with(change, &overlay), settings.clone(), rules)?,
        after: None,
    };
    let mut refused: BTreeSet<String> = BTreeSet::new();
    while settled.done.len() < MAX_FIXES {
        let now = settled.after.as_ref().unwrap_or(&settled.before);
        let wanted = |finding: &&Finding| {
            finding.is_active() && !refused.contains(&finding.fingerprint) && finding.fix.as_ref().is_some_and(|fix| fix.safe || unsafe_too)
        };
        let Some(finding) = now.findings.iter().find(wanted) else { break };
        let Some(fix) = &finding.fix else { break };
        let line = finding.place.map_or(0, |place| now.inspection.sources.start(place).line);
        let mut tried = Tried { rule: finding.rule.clone(), path: finding.path.clone(), line, text: fix.title.clone() };
        let next = edit(&now.inspection, fix).and_then(|edits| {
            let mut next = overlay.clone();
            next.extend(edits);
            let outcome = crate::inspect(with(change, &next), settings.clone(), rules).map_err(|error| error.to_string())?;
            worse(now, &outcome, finding).map_or(Ok((next, outcome)), Err)
        });
        match next {
            Ok((next, outcome)) => {
                overlay = next;
                settled.after = Some(outcome);
                settled.done.push(tried);
            }
            Err(reason) => {
                refused.insert(finding.fingerprint.clone());
                tried.text = reason;
                settled.left.push(tried);
            }
        }
    }
    for (path, after) in overlay {
        let before = match change.head_tree.read_path(&path)? {
            Some(Text::Utf8(text)) => Some(text.to_string()),
            _ => None,
        };
        settled.files.insert(path, Changed { before, after });
    }
    Ok(settled)
}

/// Why the second outcome is no better than the first: the finding is still there, or something new blocks. A fix that splits a
/// migration may repeat in the new file what already blocked the old one (no way back, say).
fn worse(before: &Outcome, after: &Outcome, mended: &Finding) -> Option<String> {
    let count = |outcome: &Outcome| outcome.findings.iter().filter(|finding| finding.is_active() && finding.rule == mended.rule).count();
    if count(after) >= count(before) {
        return Some("its finding would stay".to_owned());
    }
    let blocking = |outcome: &Outcome, rule: &str, wanted: &dyn Fn(&str) -> bool| {
        outcome.findings.iter().filter(|finding| finding.blocks() && finding.rule == rule && wanted(&finding.path)).count()
    };
    let rules: BTreeSet<&str> = after.findings.iter().filter(|finding| finding.blocks()).map(|finding| finding.rule.as_str()).collect();
    let brings = |rule: &&str| {
        let repeats = blocking(before, rule, &|path| path == mended.path) > 0;
        let counted = |path: &str| !repeats || before.inspection.change.head_tree.contains(path);
        blocking(after, rule, &counted) > blocking(before, rule, &|_| true)
    };
    if let Some(rule) = rules.into_iter().find(brings) {
        return Some(format!("it would bring {rule}"));
    }
    let unread = |outcome: &Outcome| outcome.coverage.opaque + outcome.inspection.unread.len();
    (unread(after) > unread(before)).then(|| "what it writes could not be read".to_owned())
}
