//! Joins what a rollout takes away with where the deployed code uses it: subjects in, references and what they mean out.

use std::collections::BTreeMap;

use super::Inspection;
use super::step::steps;
use crate::change::{Revision, Snapshot};
use crate::error::{ChangeError, Error, PolicyError};
use crate::finding::{Evidence, EvidenceKind, Finding, Severity, Subject, SubjectKind};
use crate::read::migration::Unit;
use crate::schema::Timeline;
use crate::schema::effect::{Break, Certainty};
use crate::settings::{POLICY_FILE, Settings};
use crate::usage::{self, Grade, Interest, Options, Reference, Target, TargetKind, Usage};

/// Places listed under one finding.
const MAX_LISTED: usize = 8;

/// What the deployed code was searched for, and what was found.
#[derive(Debug, Default)]
pub struct OldCode {
    ids: BTreeMap<Subject, usize>,
    usage: Usage,
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
pub fn search(base: &Snapshot, revision: &Revision, units: &[Unit], timelines: &[Timeline], settings: &Settings) -> Result<OldCode, Error> {
    let mut ids: BTreeMap<Subject, usize> = BTreeMap::new();
    let mut targets = Vec::new();
    let breaks = timelines.iter().flat_map(|timeline| &timeline.steps).flat_map(|step| {
        let writers = step.effect.breaks_writers.iter();
        step.effect
            .breaks_readers
            .iter()
            .map(|broken| (broken, false))
            .chain(writers.map(|broken| (broken, step.effect.breaks_readers.is_empty())))
    });
    for (broken, writers_only) in breaks.filter(|(broken, _)| broken.certainty == Certainty::Always) {
        if !ids.contains_key(&broken.subject)
            && let Some(target) = target(targets.len(), broken, writers_only)
        {
            ids.insert(broken.subject.clone(), target.id);
            targets.push(target);
        }
    }
    if targets.is_empty() {
        return Ok(OldCode::default());
    }
    let roots: Vec<String> = units.iter().map(|unit| unit.root.clone()).collect();
    let options = Options::new(&settings.policy.usage.exclude, &roots).map_err(|problem| PolicyError {
        path: POLICY_FILE.to_owned(),
        position: None,
        message: format!("usage.exclude: {problem}"),
        help: None,
    })?;
    let usage = usage::search(base, &targets, &options).map_err(|error: ChangeError| error)?;
    let blind = blind(revision, &usage, settings);
    Ok(OldCode { ids, usage, blind })
}

fn target(id: usize, broken: &Break, writers_only: bool) -> Option<Target> {
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let subject = &broken.subject;
    let kind = match subject.kind {
        SubjectKind::Column => TargetKind::Column,
        SubjectKind::Table => TargetKind::Table,
        SubjectKind::EnumValue => TargetKind::EnumValue,
        SubjectKind::View => TargetKind::View,
        SubjectKind::Routine | SubjectKind::Type => TargetKind::Routine,
        _ => return None,
    };
    let interest = if writers_only && kind == TargetKind::Column { Interest::WritersOmitting } else { Interest::AnyReference };
    let name = if kind == TargetKind::EnumValue { subject.name.clone() } else { bare(&subject.name) };
    Some(Target { id, kind, table: subject.table.as_deref().map(bare), name, interest })
}

/// Why a search that finds nothing proves nothing.
fn blind(revision: &Revision, usage: &Usage, settings: &Settings) -> Option<String> {
    if !settings.policy.usage.other_services.is_empty() {
        return Some(format!("{} use the same database (holdshort.yaml)", settings.policy.usage.other_services.join(", ")));
    }
    if *revision == Revision::Empty {
        return Some("there is no deployed revision to search".to_owned());
    }
    const NOT_CODE: [&str; 4] = ["SQL", "XML", "Shell", "template"];
    let code = usage.searched.languages.iter().any(|(language, files)| *files > 0 && !NOT_CODE.contains(language));
    (!code).then(|| "this repository has no code that could be searched; whoever uses the database is elsewhere".to_owned())
}

impl OldCode {
    /// Settles a drop or rename by what the deployed code shows: references block, a search without any is a note.
    pub fn settle(&self, finding: &mut Finding) {
        let Some(id) = self.ids.get(&finding.subject) else { return };
        let found: Vec<&Reference> = self.usage.references.iter().filter(|reference| reference.target == *id).collect();
        let strong: Vec<&Reference> = found.iter().copied().filter(|reference| reference.grade >= Grade::Likely).collect();
        if strong.is_empty() {
            match &self.blind {
                Some(reason) => finding.message.push_str(&format!(" Nobody can say from here that it is unused: {reason}.")),
                None => self.unused(finding, &found),
            }
            return;
        }
        let counts = self.usage.counts.get(id).copied().unwrap_or_default();
        let more = (counts.certain + counts.likely).max(strong.len());
        finding.message.push_str(&format!(" The deployed code uses it in {more} {}.", if more == 1 { "place" } else { "places" }));
        finding.evidence.extend(strong.iter().take(MAX_LISTED).map(|reference| evidence(reference)));
    }

    fn unused(&self, finding: &mut Finding, possible: &[&Reference]) {
        finding.severity = finding.severity.min(Severity::Note);
        let searched = &self.usage.searched;
        let languages: Vec<&str> = searched.languages.keys().copied().collect();
        finding.message.push_str(&format!(
            " Nothing in the deployed code refers to it: {} files were searched ({}).",
            searched.files,
            languages.join(", ")
        ));
        if !possible.is_empty() {
            finding.message.push_str(" The bare word does occur; look at these places.");
            finding.evidence.extend(possible.iter().take(MAX_LISTED).map(|reference| evidence(reference)));
        }
    }
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
pub const SETTLED: [&str; 7] = [
    "schema/drop-column",
    "schema/drop-table",
    "schema/rename-column",
    "schema/enum-value-renamed",
    "schema/view-dropped",
    "schema/routine-dropped",
    "schema/type-changed",
];

/// New required columns block in any case; the deployed code's INSERTs are listed as evidence.
pub fn list_writers(inspection: &Inspection, finding: &mut Finding) {
    let Some(id) = inspection.old_code.ids.get(&finding.subject) else { return };
    let references =
        inspection.old_code.usage.references.iter().filter(|reference| reference.target == *id && reference.grade >= Grade::Likely);
    finding.evidence.extend(references.take(MAX_LISTED).map(evidence));
}

/// A renamed table that stays readable under its old name, through a view made in the same transaction.
pub fn old_name_kept(inspection: &Inspection, subject: &Subject) -> bool {
    use crate::schema::op::SchemaOp;
    steps(inspection).iter().any(|view| match view.kind() {
        SchemaOp::CreateView(create) => view.step.before.resolve(&create.view).to_string() == subject.name,
        _ => false,
    })
}
