//! holdshort: one change in, CLEARED or HOLD out, with the evidence for it. The seven hops of the data are `check` below.

pub mod change;
pub mod cli;
pub mod collect;
pub mod command;
pub mod detect;
pub mod error;
pub mod facts;
pub mod finding;
pub mod fix;
pub mod flag;
pub mod init;
pub mod read;
pub mod rehearse;
pub mod report;
pub mod rollout;
pub mod rule;
pub mod schema;
pub mod settings;
pub mod source;
pub mod usage;
pub mod verdict;

use change::ChangeSet;
use detect::Inspection;
use error::Error;
use rule::Rule;
use settings::Settings;
use source::SourceMap;
use verdict::Outcome;

/// One change, judged: facts, then steps, then findings, then gates.
pub fn inspect(change: ChangeSet, settings: Settings, rules: &[Rule]) -> Result<Outcome, Error> {
    let inspection = gather(change, settings)?;
    let mut findings = detect::run(&inspection, rules);
    findings.extend(detect::team::run(&inspection, rules)?);
    fix::propose(&inspection, &mut findings);
    Ok(verdict::judge(inspection, findings, rules))
}

/// Everything that is read of a change before any rule looks at it.
pub fn gather(mut change: ChangeSet, settings: Settings) -> Result<Inspection, Error> {
    let mut sources = SourceMap::default();
    let facts = read::change(&change, &settings, &mut sources)?;
    let timelines = schema::timeline::build(&facts.base_units, &facts.head_units, &settings, &sources);
    let old_code = detect::old_code::search(&change.base_tree, &change.base, &facts, &timelines, &settings, &sources)?;
    let flags = flag::inspect(&change, &mut sources, &settings)?;
    let fresh = detect::new_paths(&facts.base_units, &facts.head_units, &sources);
    let rollback = read::rollback::read(&change, &settings, &fresh, &mut sources)?;
    let rollouts = rollout::inspect(&change, &rollback, &mut sources, &settings)?;
    let release = read::release::read(&change, &settings, &rollback.documents, &sources);
    change.notices.extend(release.notice(&settings));
    let inverses = schema::inverse::inverses(&facts.base_units, &facts.head_units, &timelines, &sources);
    let evidence = read::evidence::read(&settings.evidence);
    let pipelines = read::pipeline::read(&change, &mut sources)?;
    let (schema_files, mut uncompared) = read::schema_file::read(&change.head_tree, &facts.head_units, &timelines, &mut sources)?;
    let mut added = read::added::read(&change, &mut sources)?;
    let mut skipped = facts.skipped;
    skipped.append(&mut added.unread);
    skipped.append(&mut uncompared);
    Ok(Inspection {
        settings,
        change,
        sources,
        base_units: facts.base_units,
        head_units: facts.head_units,
        timelines,
        old_code,
        schema_files,
        flags,
        rollback,
        rollouts,
        release,
        inverses,
        evidence,
        pipelines,
        added,
        unread: facts.unread,
        skipped,
    })
}
