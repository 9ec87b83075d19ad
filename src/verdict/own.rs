//! Findings about the policy itself: what a change does to the rules it is judged by in, findings at the policy's places out.

use crate::change::{ChangedFile, EntryKind, FileStatus, Text};
use crate::detect::Inspection;
use crate::detect::step::at;
use crate::error::{Error, PolicyError};
use crate::finding::{Finding, Subject, SubjectKind};
use crate::rule::Rule;
use crate::rule::team::{is_rule_file, with_builtin};
use crate::settings::{self, POLICY_FILE, looks_like_policy};
use crate::source::{FileId, Place, Side, Span};

pub const CHANGED: &str = "policy/changed-here";
const BROKEN: &str = "policy/broken-here";

/// A place and the path it is shown under.
pub type At<'a> = (Place, &'a str);

/// Collects the findings that the verdict itself makes.
pub struct Own<'a> {
    pub inspection: &'a Inspection,
    pub rules: &'a [Rule],
    pub findings: Vec<Finding>,
    texts: PolicyTexts,
}

/// The policy's texts in the source map.
#[derive(Debug, Clone, Copy, Default)]
pub struct PolicyTexts {
    /// The one that decides.
    used: Option<FileId>,
    /// The one that the change leaves behind.
    head: Option<FileId>,
}

/// Puts the policy that decides, and the one the change leaves behind, where findings can point at them.
pub fn show_policy(inspection: &mut Inspection) -> PolicyTexts {
    let side = if inspection.settings.trusts_head() { Side::Head } else { Side::Base };
    let used = inspection.settings.policy_text.as_ref().map(|policy| (policy.path.clone(), policy.text.clone()));
    let used = used.map(|(path, text)| inspection.sources.add(path, side, text));
    let head = match inspection.change.head_tree.read_path(POLICY_FILE) {
        Ok(Some(Text::Utf8(text))) if touches_policy(inspection) => Some(inspection.sources.add(POLICY_FILE, Side::Head, text)),
        _ => None,
    };
    PolicyTexts { used, head }
}

fn touches_policy(inspection: &Inspection) -> bool {
    !inspection.settings.trusts_head() && inspection.change.files.iter().any(is_policy)
}

fn is_policy(file: &ChangedFile) -> bool {
    looks_like_policy(&file.path) || file.old_path.as_deref().is_some_and(looks_like_policy)
}

impl<'a> Own<'a> {
    pub fn new(inspection: &'a Inspection, rules: &'a [Rule], texts: PolicyTexts) -> Self {
        Own { inspection, rules, findings: Vec::new(), texts }
    }

    /// Where the policy that decides says it.
    pub fn policy_place(&self, keys: &[&str]) -> Option<At<'a>> {
        let (file, text) = (self.texts.used?, self.inspection.settings.policy_text.as_ref()?);
        Some((Place { file, span: text.span(keys) }, &text.path))
    }

    /// A finding of a rule, at the severity that rule and policy give it. Without a place it is about `path`.
    pub fn add(&mut self, id: &str, at_place: Option<At>, path: &str, message: String) {
        let Some(rule) = self.rules.iter().find(|rule| rule.id == id) else { return };
        let chosen = self.inspection.settings.policy.rules.get(id).and_then(|policy| policy.severity);
        let Some(severity) = chosen.map_or(Some(rule.severity), |chosen| chosen.severity()) else { return };
        let path = at_place.map_or(path, |(_, path)| path);
        let found = at(rule, Subject::of(SubjectKind::File, path), message, &[]);
        self.findings.push(Finding { severity, place: at_place.map(|(place, _)| place), path: path.to_owned(), ..found });
    }

    /// What the change does to the policy: it does not decide about itself, and must not leave a broken one behind.
    pub fn policy_changes(&mut self) {
        if !touches_policy(self.inspection) {
            return;
        }
        let change = &self.inspection.change;
        for file in change.files.iter().filter(|file| is_policy(file)) {
            let entry = change.head_tree.entry(&file.path);
            let what = match (file.status, entry.map(|entry| entry.kind)) {
                (FileStatus::Deleted, _) => "deletes the policy",
                (FileStatus::Renamed, _) => "renames the policy",
                (_, Some(EntryKind::Symlink)) => "replaces the policy by a link",
                (_, Some(EntryKind::Submodule)) => "replaces the policy by a submodule",
                (FileStatus::Added, _) => "adds a policy",
                (FileStatus::Modified, _) => "edits the policy",
            };
            let message =
                format!("This change {what}. Until it is merged, the policy at base decides, or the defaults where there is none.");
            self.add(CHANGED, None, &file.path, message);
        }
        let left_behind = settings::read_policy(&change.head_tree).and_then(|found| {
            let Some((policy, source)) = found else { return Ok(()) };
            // A policy may configure the team rules that come with it.
            let rules = with_builtin(&change.head_tree, &policy)?;
            settings::check_rules(Some(&source), &rules).map_err(Error::from)
        });
        if let Err(error) = left_behind {
            self.broken(&error);
        }
    }

    /// What the change does to team rules: those at base decide about it.
    pub fn team_rule_changes(&mut self) {
        let inspection = self.inspection;
        let policy = &inspection.settings.policy;
        for file in inspection.change.files.iter().filter(|file| is_rule_file(&file.path, policy)) {
            let message = "This change edits a team rule. The rules at base decide until the change is merged.".to_owned();
            self.add(CHANGED, None, &file.path, message);
        }
    }

    fn broken(&mut self, error: &Error) {
        let (path, position, problem) = match error {
            Error::Policy(PolicyError { path, position, message, .. }) => (path.as_str(), *position, message.clone()),
            other => (POLICY_FILE, None, other.to_string()),
        };
        let at = position.zip(self.texts.head).map(|(position, file)| (Place { file, span: Span::at(position.offset) }, POLICY_FILE));
        let hint = error.help().map(|help| format!("; {help}")).unwrap_or_default();
        self.add(BROKEN, at, path, format!("Once this is merged, every check ends in an error: {problem}{hint}."));
    }
}
