//! Calls of pipelines in both revisions in, inputs by which the change switches the tests off out: `run_tests: false`.

use super::deed::Deed;
use super::pair::new_path;
use super::side::Side;
use super::words::{names_test, words};
use crate::detect::Inspection;
use crate::finding::Severity;
use crate::read::pipeline::model::{Action, Job, Named, Pipeline};

/// An input that a call did not give before, or gave otherwise.
pub struct Off<'a> {
    pub pipeline: &'a Pipeline,
    pub job: &'a Job,
    pub key: String,
    pub value: &'a Named,
    pub most: Severity,
}

pub fn off<'a>(inspection: &'a Inspection, head: &Side<'a>) -> Vec<Off<'a>> {
    let mut all = Vec::new();
    for new in head.pipelines.all.iter().filter(|new| inspection.change.file(&new.path).is_some()) {
        let old = inspection.pipelines.base.all.iter().find(|old| new_path(&inspection.change, &old.path) == new.path);
        for job in &new.jobs {
            let Some(before) = old.and_then(|old| old.job(&job.id.text)) else { continue };
            for (was, now) in calls(before).into_iter().zip(calls(job)).filter(|(was, now)| same(was, now)) {
                for (key, value) in &now.with {
                    let unchanged = was.input(key).is_some_and(|old| old.text == value.text);
                    if let (false, Some(most)) = (unchanged, weight(head, now, key, &value.text)) {
                        all.push(Off { pipeline: new, job, key: key.clone(), value, most });
                    }
                }
            }
        }
    }
    all
}

fn calls(job: &Job) -> Vec<&Action> {
    job.calls.iter().chain(job.steps.iter().filter_map(|step| step.action.as_ref())).collect()
}

fn same(was: &Action, now: &Action) -> bool {
    was.uses.text.split('@').next() == now.uses.text.split('@').next()
}

/// How much it is that this input has this value: certain where what is called is here and asks for it.
fn weight(head: &Side, call: &Action, key: &str, value: &str) -> Option<Severity> {
    let skips = words(key).iter().any(|word| matches!(word.as_str(), "skip" | "no" | "disable" | "without"));
    match value {
        "false" if !skips => {}
        "true" if skips => {}
        _ => return None,
    }
    match head.called_pipeline(call) {
        Some(callee) => {
            let asks = |condition: Option<&Named>| condition.is_some_and(|condition| condition.text.contains(&format!("inputs.{key}")));
            let tests = head.doings.iter().filter(|doing| std::ptr::eq(doing.pipeline, callee) && doing.deed == Deed::Test);
            let mut tests =
                tests.filter(|doing| asks(doing.job.condition.as_ref()) || asks(doing.step.and_then(|step| step.condition.as_ref())));
            tests.next().map(|_| Severity::Block)
        }
        None => names_test(key).then_some(Severity::Warn),
    }
}
