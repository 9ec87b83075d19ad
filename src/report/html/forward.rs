//! The way forward: gates of the rollout, its stages, and what the document says of the release around it; an outcome in, one
//! column out.

use std::fmt::Write;

use super::gate_class;
use super::markup::{text, words};
use crate::finding::Gate;
use crate::read::release::Plan;
use crate::report::words::{question, status};
use crate::verdict::Outcome;

/// Values of one kind that are shown.
const MAX_VALUES: usize = 12;

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
    for plan in &outcome.inspection.release.plans {
        release(plan, page);
    }
    page.push_str("</div>\n");
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
