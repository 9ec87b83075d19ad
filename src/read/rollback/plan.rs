//! What a rollback document promises of the rollout: stages, abort thresholds and the unit, from front matter and lists, out.

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use super::{Document, Named, lexicon};
use crate::read::rollout::quantity::{number, percent, seconds};
use crate::read::tree::{self, Node, Syntax};
use crate::source::Span;

/// Stages and thresholds of one document that are looked at.
const MAX_ENTRIES: usize = 100;

/// One stage as the document gives it. The stage at 100 % is kept: it is the end of the ladder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedStage {
    pub span: Span,
    pub percent: f64,
    /// In seconds; nothing when the document does not say.
    pub dwell: Option<u64>,
    /// A person goes on.
    pub manual: bool,
}

/// An abort threshold: `error_rate > 1 %`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limit {
    pub span: Span,
    pub metric: String,
    pub op: String,
    pub value: f64,
    pub unit: String,
}

/// Facts of the YAML block at the head of a document.
pub fn front_matter(text: &str, block: Span, document: &mut Document) {
    let tree = tree::parse_shifted(block.text(text), Syntax::Yaml, block.start);
    let Some(matter) = tree.documents.first() else { return };
    let named = |key: &str| matter.get(key).and_then(|node| Some(Named { span: node.span, text: node.as_str()?.to_owned() }));
    document.unit = named("unit");
    document.mechanism = named("mechanism");
    let list = |key: &str| matter.get(key).map(Node::items).unwrap_or_default().iter().take(MAX_ENTRIES);
    document.stages.extend(list("stages").filter_map(stage));
    document.limits.extend(list("thresholds").filter_map(limit));
}

fn stage(node: &Node) -> Option<PlannedStage> {
    // `- 5%` alone, or a map.
    let share = node.get("weight").or(node.get("percent")).unwrap_or(node);
    let percent = percent(share).filter(|percent| (0.0..=100.0).contains(percent))?;
    let dwell = node.get("dwell").or(node.get("duration")).or(node.get("pause"));
    let manual = dwell.and_then(Node::as_str) == Some("manual");
    let time = dwell.and_then(|dwell| seconds(dwell).or_else(|| lexicon::duration(dwell.as_str()?)));
    Some(PlannedStage { span: node.span, percent, dwell: time, manual })
}

fn limit(node: &Node) -> Option<Limit> {
    let text = |key: &str| node.str_at(key).unwrap_or_default().to_owned();
    Some(Limit { span: node.span, metric: text("metric"), op: text("op"), value: number(node.get("value")?)?, unit: text("unit") })
}

static STAGES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bstag(?:es|ed)\b|roll[- ]?out (?:plan|steps|schedule)|\bcanary\b|\bramp").expect("a constant pattern")
});

/// A heading under which a list of shares is the ladder of the rollout.
pub fn is_about_stages(title: &str) -> bool {
    STAGES.is_match(title)
}

static SHARE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[\s|*+\-]*(?:\d+[.)]\s+)?(?:(?:stage|step|phase)\s*\d*|canary)?[\s|:*–-]*(\d{1,3}(?:\.\d+)?)\s*%")
        .expect("a constant pattern")
});

/// A line of a list or a table that begins with a share.
pub fn stage_of_line(text: &str, line: Span, stages: &mut Vec<PlannedStage>) {
    let words = line.text(text);
    let Some(found) = SHARE.captures(words) else { return };
    let Some(percent) = found[1].parse::<f64>().ok().filter(|percent| *percent <= 100.0) else { return };
    if stages.len() < MAX_ENTRIES && stages.iter().all(|stage| stage.span != line) {
        let manual = words.to_lowercase().contains("manual");
        stages.push(PlannedStage { span: line, percent, dwell: lexicon::duration(words), manual });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_ladder() {
        let ladder = ["- 5 % for 15 minutes", "| 25% | 15 min |", "2. Stage 2: 50 % (manual)", "Error rate above 1 %", "- 100%"];
        let mut stages = Vec::new();
        let text = ladder.join("\n");
        let mut at = 0;
        for line in ladder {
            stage_of_line(&text, Span::new(at, at + line.len()), &mut stages);
            at += line.len() + 1;
        }
        let got: Vec<(f64, Option<u64>, bool)> = stages.iter().map(|stage| (stage.percent, stage.dwell, stage.manual)).collect();
        assert_eq!(got, [(5.0, Some(900), false), (25.0, Some(900), false), (50.0, None, true), (100.0, None, false)]);
    }
}
