//! Joins what a rollout takes away with where the deployed code uses it: subjects in, references and what they mean out.

use std::collections::BTreeMap;

use super::Inspection;
use super::renames::Names;
use super::step::{op_of, steps};
use super::stored_code;
use crate::change::{Revision, Snapshot};
use crate::error::{Error, PolicyError};
use crate::finding::{Evidence, EvidenceKind, Finding, Severity, Subject, SubjectKind};
use crate::read::Facts;
use crate::report::escape::one_line;
use crate::schema::Timeline;
use crate::schema::effect::{Break, Certainty, Effect};
use crate::settings::{POLICY_FILE, Settings};
use crate::source::SourceMap;
use crate::usage::{self, Grade, Interest, Options, Reference, Target, TargetKind, Usage};

/// Places listed under one finding.
const MAX_LISTED: usize = 8;

/// What the deployed code was searched for, and what was found.
#[derive(Debug, Default)]
pub struct OldCode {
    ids: BTreeMap<(Subject, Interest), usize>,
    usage: Usage,
    /// Why the code could not settle the question, if it could not.
    blind: Option<String>,
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
    let mut ids: BTreeMap<(Subject, Interest), usize> = BTreeMap::new();
    let mut targets: Vec<Target> = Vec::new();
    for timeline in timelines {
        let mut names = Names::default();
        for step in &timeline.steps {
            for (broken, interest) in breaks(&step.effect) {
                let key = (broken.subject.clone(), interest);
                if !ids.contains_key(&key)
                    && let Some(target) = target(targets.len(), &names.at_base(&broken.subject), interest)
                {
                    ids.insert(key, target.id);
                    targets.push(target);
                }
            }
            if let Some(op) = op_of(&facts.head_units[timeline.unit], step) {
                names.follow(&op.kind, &step.before);
            }
        }
    }
    if targets.is_empty() {
        return Ok(OldCode::default());
    }
    let roots: Vec<String> = facts.base_units.iter().map(|unit| unit.root.clone()).collect();
    let options = Options::new(&settings.policy.usage.exclude, &roots).map_err(|problem| PolicyError {
        path: POLICY_FILE.to_owned(),
        position: None,
        message: format!("usage.exclude: {problem}"),
        help: None,
    })?;
    let mut usage = usage::search(base, &targets, &options)?;
    stored_code::add(&mut usage, &targets, timelines, &facts.base_units, sources);
    let blind = blind(revision, &usage, settings);
    Ok(OldCode { ids, usage, blind })
}

/// What an op breaks that code can be searched for, and which code it breaks. What may break only for some columns counts: the code tells.
fn breaks(effect: &Effect) -> impl Iterator<Item = (&Break, Interest)> {
    let sought = |broken: &&Break| broken.certainty == Certainty::Always || broken.subject.kind == SubjectKind::Column;
    let readers = effect.breaks_readers.iter().map(|broken| (broken, Interest::AnyReference));
    let interest = if effect.breaks_readers.is_empty() { Interest::WritersOmitting } else { Interest::AnyReference };
    readers.chain(effect.breaks_writers.iter().map(move |broken| (broken, interest))).filter(move |(broken, _)| sought(broken))
}

fn target(id: usize, subject: &Subject, interest: Interest) -> Option<Target> {
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let kind = match subject.kind {
        SubjectKind::Column => TargetKind::Column,
        SubjectKind::Table => TargetKind::Table,
        SubjectKind::EnumValue => TargetKind::EnumValue,
        SubjectKind::View => TargetKind::View,
        SubjectKind::Routine => TargetKind::Routine,
        SubjectKind::Type => TargetKind::Type,
        _ => return None,
    };
    let interest = if kind == TargetKind::Column { interest } else { Interest::AnyReference };
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

    /// Settles a drop, rename or change of type by what the deployed code shows: references keep it, a search without any makes it a note.
    pub fn settle(&self, finding: &mut Finding) {
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
    pub fn settle_writers(&self, finding: &mut Finding) -> bool {
        let Some((_, found)) = self.found(&finding.subject, Interest::WritersOmitting) else { return false };
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
            " Nothing in the deployed code refers to it: {} files were searched ({}).",
            searched.files,
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

/// A renamed table that stays readable under its old name, through a view made in the same transaction.
pub fn old_name_kept(inspection: &Inspection, subject: &Subject) -> bool {
    use crate::schema::op::SchemaOp;
    steps(inspection).iter().any(|view| match view.kind() {
        SchemaOp::CreateView(create) => view.step.before.resolve(&create.view).to_string() == subject.name,
        _ => false,
    })
}
