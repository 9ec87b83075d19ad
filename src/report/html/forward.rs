//! The way forward: gates of the rollout, its stages, and what the document says of the release around it; an outcome in, one
//! column out.

use std::fmt::Write;

use super::gate_class;
use super::markup::{text, words};
use crate::finding::Gate;
use crate::read::release::Plan;
use crate::read::rollout::model::{Abort, Shift, Threshold, Unit, percent};
use crate::report::words::{question, status};
use crate::verdict::Outcome;

/// Values of one kind that are shown.
const MAX_VALUES: usize = 12;
/// Stages of one unit that are shown.
const MAX_STAGES: usize = 30;

pub fn column(outcome: &Outcome, page: &mut String) {
    page.push_str("<div>\n<h3>Rollout</h3>\n<ul class=\"gates small\">\n");
    let forward = [Gate::StagedRollout, Gate::WindowConfirmed, Gate::StakeholdersNotified, Gate::VerificationPlanned];
    for gate in outcome.gates.iter().filter(|gate| forward.contains(&gate.id)) {
        let _ = writeln!(
            page,
            "<li class=\"{}\"><span class=\"status\">{}</span><div><p>{}</p><p class=\"quiet\">{}</p></div></li>",
            gate_class(gate),
            status(gate),
            text(&gate.reason),
            question(gate.id)
        );
    }
    page.push_str("</ul>\n");
    for rolled in outcome.inspection.rollouts.in_reach().take(MAX_VALUES) {
        unit(&rolled.unit, page);
    }
    for plan in &outcome.inspection.release.plans {
        release(plan, page);
    }
    page.push_str("</div>\n");
}

/// One thing that is rolled out: its stages, what watches it, what stops it.
fn unit(unit: &Unit, page: &mut String) {
    let environment = if unit.environment.is_empty() { "" } else { &unit.environment };
    let _ = writeln!(
        page,
        "<h4>{} <code>{}</code> <span class=\"quiet\">{}</span></h4>",
        unit.system.title(),
        text(&unit.name),
        text(environment)
    );
    if unit.stages.is_empty() {
        let _ = writeln!(page, "<p>{}</p>", text(&without_stages(&unit.shift)));
    } else {
        page.push_str("<ol class=\"stages\">\n");
        for stage in unit.stages.iter().take(MAX_STAGES) {
            let _ = writeln!(page, "<li><strong>{}</strong> {}</li>", percent(stage.percent), text(&stage.dwell.describe()));
        }
        page.push_str("<li><strong>100 %</strong></li>\n</ol>\n");
    }
    let metrics: Vec<String> = unit
        .analysis
        .metrics
        .iter()
        .take(MAX_VALUES)
        .map(|metric| match &metric.threshold {
            Threshold::Fires { condition } => format!("{}: stops when {condition}", metric.name),
            Threshold::Never { why } => format!("{}: never stops it, {why}", metric.name),
            Threshold::Unknown => metric.name.clone(),
        })
        .collect();
    let abort = match &unit.abort {
        Abort::Automatic { how } => how.as_str(),
        Abort::Missing { why, .. } => why.as_str(),
        Abort::Unknown => "not known",
    };
    page.push_str("<dl class=\"plan\">\n<div><dt>Watched by</dt>");
    if metrics.is_empty() {
        page.push_str("<dd class=\"quiet\">nothing that was read</dd>");
    }
    for metric in &metrics {
        let shown: String = metric.chars().take(240).collect();
        let _ = write!(page, "<dd>{}</dd>", text(&shown));
    }
    let _ = writeln!(page, "</div>\n<div><dt>Goes back</dt><dd>{}</dd></div>\n</dl>", text(abort));
}

fn without_stages(shift: &Shift) -> String {
    match shift {
        Shift::Staged | Shift::Unknown => "the manifest leaves its stages open".to_owned(),
        Shift::Rolling { .. } => "instance after instance, without a stop".to_owned(),
        Shift::AllAtOnce { why, .. } => format!("all traffic at once: {why}"),
        Shift::Gated { gate } => format!("all traffic at once, after {gate}"),
        Shift::Split { backends } => {
            let shares: Vec<String> = backends.iter().map(|backend| format!("{} {}", backend.name, percent(backend.percent))).collect();
            shares.join(", ")
        }
    }
}

/// What a document says of its release; what it does not say is up to the gates.
fn release(plan: &Plan, page: &mut String) {
    let names = |named: &[crate::read::rollback::Named]| named.iter().map(|named| named.text.clone()).collect::<Vec<_>>();
    let window = plan.window.as_ref();
    let times = window.map(|window| match &window.times {
        Ok((start, end)) => format!("{start} to {end}"),
        Err(problem) => problem.clone(),
    });
    let told = plan.notified.as_ref().map(|notified| {
        let at = notified.at.as_ref().map_or_else(Clone::clone, ToString::to_string);
        notified.by.as_ref().map_or(at.clone(), |by| format!("{at} by {by}"))
    });
    let rows = [
        ("Window", times.into_iter().collect()),
        ("Approved by", window.and_then(|window| window.approved_by.as_ref()).map(|named| named.text.clone()).into_iter().collect()),
        ("On call", names(&plan.on_call)),
        ("Affected", names(&plan.stakeholders)),
        ("Told", told.into_iter().collect()),
        ("Smoke tests", plan.smoke_tests.iter().map(|test| test.named.text.clone()).collect::<Vec<_>>()),
        ("Dashboards", names(&plan.dashboards)),
    ];
    if rows.iter().all(|(_, values)| values.is_empty()) {
        return;
    }
    page.push_str("<dl class=\"plan\">\n");
    for (name, values) in rows.iter().filter(|(_, values)| !values.is_empty()) {
        let _ = write!(page, "<div><dt>{name}</dt>");
        for value in values.iter().take(MAX_VALUES) {
            let shown: String = value.chars().take(240).collect();
            let _ = write!(page, "<dd>{}</dd>", words(&shown));
        }
        page.push_str("</div>\n");
    }
    page.push_str("</dl>\n");
}
