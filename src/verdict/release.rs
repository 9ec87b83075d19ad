//! The three release gates where no finding blocks: an inspection in, a status and its reason out.

use super::GateStatus;
use crate::detect::Inspection;
use crate::detect::release::{dashboards, declared, on_call, smoke_tests, stakeholders};
use crate::finding::Finding;
use crate::settings::Phase;

type Judgement = (GateStatus, String);

fn unknown(reason: impl Into<String>) -> Judgement {
    (GateStatus::Unknown, reason.into())
}

pub fn window(inspection: &Inspection) -> Judgement {
    if !declared(inspection) {
        return unknown("no release window is declared");
    }
    let planned = inspection.release.plans.iter().filter_map(|plan| plan.window.as_ref()?.stretch()).next();
    let by_policy = inspection.settings.policy.release.as_ref().is_some_and(|release| release.has_times());
    if planned.is_none() && !by_policy {
        return unknown(
            "a release is declared, but no window: neither `release.windows` in the policy nor `window` in the rollback document",
        );
    }
    let people = on_call(inspection).join(", ");
    match (inspection.release.judged(&inspection.settings), planned) {
        (Some(moment), _) => (GateStatus::Pass, format!("{} is within the window; on call: {people}", moment.spoken())),
        (None, Some(window)) => (GateStatus::Pass, format!("planned for {} to {}; on call: {people}", window.start, window.end)),
        (None, None) if inspection.settings.phase == Phase::Deploy => {
            unknown("there is no moment to judge: head is no commit; give it with --at")
        }
        (None, None) => {
            unknown("the moment of the rollout is not known yet; plan a `window` in the rollback document, or give it with --at")
        }
    }
}

pub fn notified(inspection: &Inspection, own: &[&Finding]) -> Judgement {
    if !declared(inspection) {
        return unknown("nobody to notify is declared");
    }
    if let Some(open) = own.iter().find(|finding| finding.rule == "release/not-notified") {
        return unknown(open.message.trim_end_matches('.').to_owned());
    }
    let told = inspection.release.plans.iter().find_map(|plan| {
        let notified = plan.notified.as_ref()?;
        Some((notified.at.as_ref().ok()?, notified.by.as_deref()?))
    });
    match told {
        Some((at, by)) => (GateStatus::Pass, format!("{} were told by {by} at {at}", stakeholders(inspection).join(", "))),
        None => unknown("nothing says that the stakeholders were told"),
    }
}

pub fn verification(inspection: &Inspection) -> Judgement {
    if !declared(inspection) {
        return unknown("no post-deploy check is declared");
    }
    let (tests, boards) = (smoke_tests(inspection), dashboards(inspection));
    match (tests.first(), boards.first()) {
        (Some(_), Some(_)) => {
            let count = |count: usize, word: &str| format!("{count} {}", super::gates::plural(count, word));
            (GateStatus::Pass, format!("{} and {} are named", count(tests.len(), "smoke test"), count(boards.len(), "dashboard")))
        }
        (Some(_), None) => unknown("smoke tests are named, dashboards are not"),
        (None, _) => unknown("no smoke test is named"),
    }
}
