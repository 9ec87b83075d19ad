//! Rollback documents in; where one promises stages that no manifest defines, a unit of those stages out.

use super::{Reach, Rolled};
use crate::change::ChangeSet;
use crate::read::rollback::{Document, Limit, Rollback};
use crate::read::rollout::model::{Abort, Dwell, Metric, Shift, Stage, System, Threshold, Unit};
use crate::read::rollout::{classes, classify};
use crate::source::{Place, SourceMap};

/// The unit of head that a document speaks of: the one it names, else the only one in production that is declared.
pub fn unit_of<'u>(document: &Document, text: &str, units: &'u [Rolled]) -> Option<&'u Rolled> {
    let mut candidates = units.iter().filter(|rolled| rolled.unit.system != System::Document && rolled.production);
    if let Some(named) = &document.unit {
        return candidates.find(|rolled| rolled.unit.name == named.text);
    }
    let declared: Vec<&Rolled> = candidates.filter(|rolled| rolled.is_declared()).collect();
    let mut named = declared.iter().filter(|rolled| document.commands.iter().any(|command| names(&command.text, &rolled.unit.name)));
    match (named.next(), named.next(), declared.as_slice()) {
        (Some(one), None, _) => Some(one),
        (None, _, [only]) if text.contains(&only.unit.name) => Some(only),
        _ => None,
    }
}

fn names(command: &str, name: &str) -> bool {
    command.split([' ', '/', '=']).any(|word| word == name)
}

/// Adds a unit for each document that declares stages of something no manifest stages.
pub fn add_declared(change: &ChangeSet, rollback: &Rollback, sources: &SourceMap, units: &mut Vec<Rolled>) {
    let mut declared = Vec::new();
    for document in &rollback.documents {
        let path = sources.path(document.source);
        let staged = unit_of(document, sources.text(document.source), units).is_some_and(Rolled::is_declared);
        if document.stages.is_empty() || staged {
            continue;
        }
        let reach = if change.file(path).is_some() { Reach::Introduced } else { Reach::Carries };
        declared.push(Rolled {
            path: path.to_owned(),
            unit: unit(document, path, sources.text(document.source)),
            before: None,
            reach,
            production: true,
        });
    }
    units.extend(declared);
}

fn unit(document: &Document, path: &str, text: &str) -> Unit {
    let place = |span| Place { file: document.source, span };
    let first = document.stages.first().map_or(document.first, |stage| stage.span);
    let name = document.unit.as_ref().map_or(path, |named| named.text.as_str());
    let mut unit = crate::read::rollout::bare(System::Document, name.to_owned(), place(first));
    unit.stages = document
        .stages
        .iter()
        .filter(|stage| stage.percent > 0.0 && stage.percent < 100.0)
        .map(|stage| {
            let dwell = Dwell { seconds: stage.dwell.unwrap_or(0), manual: stage.manual, open: stage.dwell.is_none() && !stage.manual };
            Stage { percent: stage.percent, rounded: None, place: place(stage.span), dwell }
        })
        .collect();
    unit.shift = match unit.stages.is_empty() {
        true => Shift::AllAtOnce { why: "its only stage is 100 %".to_owned(), tolerated: false },
        false => Shift::Staged,
    };
    unit.analysis.metrics = document.limits.iter().map(|limit| metric(limit, place(limit.span))).collect();
    // Thresholds in sentences: a person watches them.
    let spoken = document.thresholds.iter().filter(|_| document.limits.is_empty());
    unit.analysis.metrics.extend(spoken.flat_map(|span| in_words(document, text, *span)));
    unit.analysis.place = unit.analysis.metrics.first().map(|metric| metric.place);
    unit.abort = Abort::Unknown;
    unit
}

fn metric(limit: &Limit, place: Place) -> Metric {
    let condition = format!("{} {} {}", limit.op, limit.value, limit.unit);
    Metric {
        name: limit.metric.clone(),
        class: classify(&limit.metric, "", &[]),
        percentile: None,
        threshold: Threshold::Fires { condition: condition.trim().to_owned() },
        place,
    }
}

/// A sentence may name several metrics.
fn in_words(document: &Document, text: &str, span: crate::source::Span) -> Vec<Metric> {
    let place = Place { file: document.source, span };
    let condition = span.text(text).trim_matches(['-', '*', '|', ' ']).to_owned();
    let metric = |class| Metric {
        name: condition.clone(),
        class,
        percentile: None,
        threshold: Threshold::Fires { condition: condition.clone() },
        place,
    };
    classes(span.text(text)).into_iter().map(metric).collect()
}
