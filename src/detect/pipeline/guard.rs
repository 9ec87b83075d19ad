//! A job that deploys in, what stands between a red test and the deployment out.

use std::collections::BTreeSet;

use super::deed::Deed;
use super::side::{Doing, Side};
use crate::read::pipeline::model::{Event, Job, Pipeline};

/// What a deployment waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// A test that can fail runs before it and ends the run; its name.
    Tested(String),
    /// Another pipeline started it; its conclusion is looked at or not, which is another question.
    OtherPipeline,
    /// Something before it cannot be read.
    Unknown(String),
    /// The pipeline has tests, and the deployment does not wait for them; the name of one.
    Beside(String),
    None,
}

const MAX_CALLERS: usize = 4;

pub fn guard(side: &Side, doing: &Doing) -> Guard {
    Walk { side, counts: is_hard_test }.job(doing.pipeline, doing.job, doing.span.start, MAX_CALLERS)
}

/// The same where a test that cannot fail counts too: what the deployment waits for, whatever that is worth.
pub fn order(side: &Side, doing: &Doing) -> Guard {
    Walk { side, counts: |doing| doing.deed == Deed::Test }.job(doing.pipeline, doing.job, doing.span.start, MAX_CALLERS)
}

struct Walk<'s, 'a> {
    side: &'s Side<'a>,
    counts: fn(&Doing) -> bool,
}

impl Walk<'_, '_> {
    fn job(&self, pipeline: &Pipeline, job: &Job, before: usize, depth: usize) -> Guard {
        let side = self.side;
        let mut earlier = side.of(job).filter(|doing| doing.span.start < before);
        if let Some(test) = earlier.find(|doing| (self.counts)(doing)) {
            return Guard::Tested(test.identity());
        }
        let (needed, missing) = ancestors(pipeline, job);
        for job in &needed {
            if let Some(test) = side.of(job).find(|doing| (self.counts)(doing)) {
                return Guard::Tested(format!("{} ({})", job.id.text, test.identity()));
            }
            if let Some(name) = named_test(job) {
                return Guard::Tested(name);
            }
        }
        if pipeline.is_only_called() && depth > 0 {
            return self.callers(pipeline, depth);
        }
        if pipeline.has(Event::AfterPipeline) {
            return Guard::OtherPipeline;
        }
        let opaque = needed.iter().filter_map(|job| job.calls.as_ref()).find(|calls| side.called_pipeline(calls).is_none());
        if let Some(calls) = opaque {
            return Guard::Unknown(format!("{} is in another repository", calls.uses.text));
        }
        if let Some(missing) = missing {
            return Guard::Unknown(format!("the job {missing} that it needs is not in this repository"));
        }
        if !pipeline.unknown.is_empty() && pipeline.jobs.iter().all(|job| job.needs.is_empty()) {
            return Guard::Unknown(pipeline.unknown[0].reason.clone());
        }
        let beside = side.doings.iter().find(|doing| {
            std::ptr::eq(doing.pipeline, pipeline) && doing.span.start != before && doing.deed == Deed::Test && !doing.is_afterwards()
        });
        match beside {
            // A test behind the deployment is a smoke test of it.
            Some(test) if !waits_for(pipeline, test.job, job) && !std::ptr::eq(test.job, job) => Guard::Beside(test.job.id.text.clone()),
            _ => Guard::None,
        }
    }

    /// A pipeline that only others call is as guarded as its least guarded call.
    fn callers(&self, called: &Pipeline, depth: usize) -> Guard {
        let side = self.side;
        let mut worst: Option<Guard> = None;
        for doing in &side.doings {
            let action = doing.step.and_then(|step| step.action.as_ref()).or(doing.job.calls.as_ref());
            let calls = doing.command.is_none()
                && action.and_then(|action| side.called_pipeline(action)).is_some_and(|pipeline| std::ptr::eq(pipeline, called));
            if !calls {
                continue;
            }
            let guard = self.job(doing.pipeline, doing.job, doing.span.start, depth - 1);
            let rank = |guard: &Guard| match guard {
                Guard::Tested(_) => 0,
                Guard::OtherPipeline => 1,
                Guard::Unknown(_) => 2,
                Guard::None => 3,
                Guard::Beside(_) => 4,
            };
            if worst.as_ref().is_none_or(|worst| rank(&guard) > rank(worst)) {
                worst = Some(guard);
            }
        }
        worst.unwrap_or_else(|| Guard::Unknown("nothing in this repository calls it".to_owned()))
    }
}

impl Doing<'_> {
    fn is_afterwards(&self) -> bool {
        self.step.is_some_and(|step| step.afterwards)
    }
}

/// A test whose failure ends the run.
pub fn is_hard_test(doing: &Doing) -> bool {
    doing.deed == Deed::Test && doing.soft().is_none_or(|soft| !soft.meant) && !doing.is_afterwards()
}

/// A job that is called a test, whatever its scripts are called.
fn named_test(job: &Job) -> Option<String> {
    let named = super::words::names_test(job.title()) || super::words::names_test(&job.id.text);
    named.then(|| job.id.text.clone())
}

/// Every job that must pass before this one, and a needed one that is not there.
pub fn ancestors<'a>(pipeline: &'a Pipeline, job: &'a Job) -> (Vec<&'a Job>, Option<String>) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut found: Vec<&Job> = Vec::new();
    let mut missing = None;
    let mut queue: Vec<&str> = job.needs.iter().map(|need| need.job.as_str()).collect();
    while let Some(id) = queue.pop() {
        if !seen.insert(id) {
            continue;
        }
        match pipeline.job(id) {
            Some(needed) => {
                queue.extend(needed.needs.iter().map(|need| need.job.as_str()));
                found.push(needed);
            }
            None => missing = Some(id.to_owned()),
        }
    }
    (found, missing)
}

fn waits_for(pipeline: &Pipeline, job: &Job, other: &Job) -> bool {
    ancestors(pipeline, job).0.iter().any(|needed| std::ptr::eq(*needed, other))
}
