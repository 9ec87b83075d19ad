//! Joins what a rollout takes away with where the deployed code uses it: subjects in, references and what they mean out.

use std::collections::BTreeMap;

use super::Inspection;
use super::sought::{self, Sought};
use super::stored_code;
use crate::change::{Revision, Snapshot};
use crate::error::{Error, PolicyError};
use crate::finding::{Evidence, EvidenceKind, Finding, Severity, Subject};
use crate::read::Facts;
use crate::report::escape::one_line;
use crate::schema::Timeline;
use crate::settings::{POLICY_FILE, Settings};
use crate::source::SourceMap;
use crate::usage::{self, Grade, Interest, Options, Reference, Usage};

/// Places listed under one finding.
const MAX_LISTED: usize = 8;

/// What the deployed code was searched for, and what was found.
#[derive(Debug, Default)]
pub struct OldCode {
    ids: BTreeMap<(Subject, Interest), usize>,
    usage: Usage,
    /// Tables under a name the deployed code does not know, because another table has taken theirs: that name.
    replaced: BTreeMap<Subject, String>,
    /// Why the code could not settle the question, if it could not.
    blind: Option<String>,
}

impl OldCode {
    /// Where the deployed code uses what the rollout takes away.
    pub fn references(&self) -> &[Reference] {
        &self.usage.references
    }
}

/// Searches the tree at base for everything the rollout drops, renames or requires. Nothing is read when it does none of that.
pub fn search(
    base: &Snapshot,
    revision: &Revision,
    facts: &Facts,
    timelines: &[Timeline],
    settings: &Settings,
    sources: &SourceMap,
) -> Result<OldCode, Error> {
    let Sought { ids, targets, replaced } = sought::collect(facts, timelines);
    if targets.is_empty() {
        return Ok(OldCode { replaced, ..OldCode::default() });
    }
    let roots: Vec<String> = facts.base_units.iter().map(|unit| unit.moved_from.as_ref().unwrap_or(&unit.root).clone()).collect();
    let options = Options::new(&settings.policy.usage.exclude, &roots).map_err(|problem| PolicyError {
        path: POLICY_FILE.to_owned(),
        position: None,
        message: format!("usage.exclude: {problem}"),
        help: None,
    })?;
    let mut usage = usage::search(base, &targets, &options)?;
    stored_code::add(&mut usage, &targets, timelines, facts, sources);
    let blind = blind(revision, &usage, settings);
    Ok(OldCode { ids, usage, replaced, blind })
}

/// Why a search that finds nothing proves nothing.
fn blind(revision: &Revision, usage: &Usage, settings: &Settings) -> Option<String> {
    if !settings.policy.usage.other_services.is_empty() {
        let services = &settings.policy.usage.other_services;
        let verb = if services.len() == 1 { "uses" } else { "use" };
        return Some(format!("{} {verb} the same database ({POLICY_FILE})", services.join(", ")));
    }
    if *revision == Revision::Empty {
        return Some("there is no deployed revision to search".to_owned());
    }
    if let [first, rest @ ..] = usage.searched.unread.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        let path = one_line(&first.path);
        return Some(format!(
            "{path}{more} could not be read ({}); name what does not use the database under `usage: exclude:` in {POLICY_FILE}",
            first.reason
        ));
    }
    (!usage.searched.has_code())
        .then(|| "this repository has no code that could be searched; whoever uses the database is elsewhere".to_owned())
}

impl OldCode {
    fn found(&self, subject: &Subject, interest: Interest) -> Option<(usize, Vec<&Reference>)> {
        let id = *self.ids.get(&(subject.clone(), interest))?;
        Some((id, self.usage.references.iter().filter(|reference| reference.target == id).collect()))
    }

    /// The deployed code uses it, or nobody can say from here that it does not.
    pub fn may_use(&self, subject: &Subject) -> bool {
        let strong = |found: Vec<&Reference>| found.iter().any(|reference| reference.grade >= Grade::Likely);
        self.found(subject, Interest::AnyReference).is_some_and(|(_, found)| strong(found) || self.blind.is_some())
    }

    /// Settles a drop, rename or change of type by what the deployed code shows: references keep it, a search without any makes it a note.
    pub fn settle(&self, finding: &mut Finding) {
        if let Some(name) = self.replaced.get(&finding.subject) {
            finding.severity = finding.severity.min(Severity::Warn);
            finding.message.push_str(&format!(
                " The deployed code called it {name}, which is another table by now: what that one does not have is lost."
            ));
            return;
        }
        let Some((id, found)) = self.found(&finding.subject, Interest::AnyReference) else { return };
        let strong: Vec<&Reference> = found.iter().copied().filter(|reference| reference.grade >= Grade::Likely).collect();
        if strong.is_empty() {
            match &self.blind {
                Some(reason) => finding.message.push_str(&format!(" Nobody can say from here that it is unused: {reason}.")),
                None => self.unused(finding, &found),
            }
            return;
        }
        let counts = self.usage.counts.get(&id).copied().unwrap_or_default();
        let more = (counts.certain + counts.likely).max(strong.len());
        finding.message.push_str(&format!(" The deployed code uses it in {more} {}.", if more == 1 { "place" } else { "places" }));
        list(finding, &strong);
    }

    /// Lists the deployed code's writers of a column that became required, and says whether one leaves it out.
    pub fn settle_writers(&self, finding: &mut Finding, column: &Subject) -> bool {
        let Some((_, found)) = self.found(column, Interest::WritersOmitting) else { return false };
        let (omit, fill): (Vec<&Reference>, Vec<&Reference>) = found.into_iter().partition(|reference| reference.grade >= Grade::Likely);
        if !omit.is_empty() {
            finding.message.push_str(&format!(" The deployed code leaves it out in {}.", places(omit.len())));
            list(finding, &omit);
        } else if !fill.is_empty() {
            let message = format!(" The writers that were found name it, in {}; look whether they can store NULL.", places(fill.len()));
            finding.message.push_str(&message);
            list(finding, &fill);
        }
        !omit.is_empty()
    }

    fn unused(&self, finding: &mut Finding, possible: &[&Reference]) {
        finding.severity = finding.severity.min(Severity::Note);
        let searched = &self.usage.searched;
        let languages: Vec<&str> = searched.languages.keys().copied().collect();
        finding.message.push_str(&format!(
            " Nothing in the deployed code refers to it: {} searched ({}).",
            if searched.files == 1 { "one file was".to_owned() } else { format!("{} files were", searched.files) },
            languages.join(", ")
        ));
        if !possible.is_empty() {
            finding.message.push_str(" The bare word does occur; look at these places.");
            list(finding, possible);
        }
    }
}

fn places(count: usize) -> String {
    if count == 1 { "one place".to_owned() } else { format!("{count} places") }
}

/// The strongest places, first one of each file.
fn list(finding: &mut Finding, references: &[&Reference]) {
    let mut shown: Vec<&Reference> = Vec::new();
    for again in [false, true] {
        for reference in references {
            let known = shown.iter().any(|other| other.path == reference.path);
            let listed = shown.iter().any(|other| std::ptr::eq(*other, *reference));
            if shown.len() < MAX_LISTED && known == again && !listed {
                shown.push(reference);
            }
        }
    }
    finding.evidence.extend(shown.into_iter().map(evidence));
}

fn evidence(reference: &Reference) -> Evidence {
    Evidence {
        kind: EvidenceKind::OldCodeReference,
        path: reference.path.clone(),
        line: reference.line,
        text: format!("{}  ({})", reference.text, reference.why),
    }
}

/// Findings whose severity the deployed code settles.
pub const SETTLED: [&str; 8] = [
    "schema/drop-column",
    "schema/drop-table",
    "schema/rename-column",
    "schema/column-type-changed",
    "schema/enum-value-renamed",
    "schema/view-dropped",
    "schema/routine-dropped",
    "schema/type-changed",
];

/// New required columns block in any case; the deployed code's writers are listed as evidence.
pub fn list_writers(inspection: &Inspection, finding: &mut Finding) {
    let Some((_, found)) = inspection.old_code.found(&finding.subject, Interest::WritersOmitting) else { return };
    let omit: Vec<&Reference> = found.into_iter().filter(|reference| reference.grade >= Grade::Likely).collect();
    list(finding, &omit);
}
