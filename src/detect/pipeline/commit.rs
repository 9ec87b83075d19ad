//! One revision's pipelines in, deployments of another commit than the tested one out.

use super::Weakness;
use super::deploy::confidence;
use super::side::{Doing, Side};
use super::words::Reach;
use crate::finding::Severity;
use crate::read::pipeline::model::{Event, Job, Pipeline, Step};
use crate::source::Span;

/// Deployments that the end of another pipeline starts, one a job.
fn after_pipeline<'a, 's>(side: &'s Side<'a>) -> Vec<&'s Doing<'a>> {
    let mut all: Vec<&Doing> = Vec::new();
    for doing in side.deploys().filter(|doing| doing.pipeline.triggers.iter().any(|trigger| trigger.name.text == "workflow_run")) {
        if !all.iter().any(|known| std::ptr::eq(known.job, doing.job)) && doing.reach() != Some(Reach::Elsewhere) {
            all.push(doing);
        }
    }
    all
}

fn made<'a>(doing: &Doing<'a>, span: Span, message: String) -> Weakness<'a> {
    let mut found = Weakness::new(doing.pipeline, span, doing.identity(), doing.job.title(), message);
    found.confidence = confidence(doing);
    found.production = doing.reach() == Some(Reach::Production);
    found.vars = vec![("job", doing.job.id.text.clone())];
    found.label = Some((doing.span, "deploys here".to_owned()));
    found
}

/// Conditions of a job, of what it needs and of its steps.
fn conditions<'a>(pipeline: &'a Pipeline, job: &'a Job) -> impl Iterator<Item = &'a str> {
    let (needed, _) = super::guard::ancestors(pipeline, job);
    let jobs = needed.into_iter().chain([job]);
    jobs.flat_map(|job| job.condition.iter().chain(job.steps.iter().filter_map(|step| step.condition.as_ref())))
        .map(|condition| condition.text.as_str())
}

/// `workflow_run` fires for red runs too.
pub fn conclusion_unchecked<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let mut all = Vec::new();
    for doing in after_pipeline(side) {
        let looked = conditions(doing.pipeline, doing.job).any(|text| text.contains("conclusion"));
        // A script may look at the event itself.
        let scripted = doing.job.steps.iter().flat_map(|step| &step.commands).any(|command| command.text().contains("conclusion"));
        let trigger = doing.pipeline.triggers.iter().find(|trigger| trigger.event == Event::AfterPipeline);
        let (false, false, Some(trigger)) = (looked, scripted, trigger) else { continue };
        let message = format!(
            "`{}` deploys after the run of {} whatever its outcome: `workflow_run` fires for failed runs too.",
            doing.job.id.text,
            if trigger.after.is_empty() { "another workflow".to_owned() } else { trigger.after.join(", ") }
        );
        let mut found = made(doing, doing.job.id.span, message);
        found.most = if doing.pipeline.has(Event::Push) { Severity::Warn } else { Severity::Block };
        all.push(found);
    }
    all
}

fn checkouts(job: &Job) -> impl Iterator<Item = &Step> {
    job.steps.iter().filter(|step| step.action.as_ref().is_some_and(|action| action.uses.text.starts_with("actions/checkout")))
}

/// What is checked out is not what was tested.
pub fn other_commit<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let mut all = Vec::new();
    let after = after_pipeline(side);
    for doing in &after {
        // Only a checkout of the default, in a workflow that nothing else starts.
        let step = checkouts(doing.job).find(|step| own(step) && step.action.as_ref().is_some_and(|action| action.input("ref").is_none()));
        let Some(step) = step.filter(|_| doing.pipeline.triggers.iter().all(|trigger| trigger.event == Event::AfterPipeline)) else {
            continue;
        };
        let message = format!(
            "`{}` checks out the tip of the default branch, which may be newer than the commit that was tested.",
            doing.job.id.text
        );
        let mut found = made(doing, step.span, message);
        found.most = Severity::Warn;
        all.push(found);
    }
    for doing in side.deploys().filter(|doing| doing.reach() != Some(Reach::Elsewhere)) {
        let automatic = doing.pipeline.has(Event::Push) || doing.pipeline.has(Event::AfterPipeline);
        let before = checkouts(doing.job).filter(|step| step.span.start < doing.span.start && own(step));
        for step in before {
            let reference = step.action.as_ref().and_then(|action| action.input("ref"));
            let Some(reference) = reference.filter(|reference| is_branch(&reference.text)) else { continue };
            if all.iter().any(|known: &Weakness| known.pipeline.source == doing.pipeline.source && known.span == reference.span) {
                continue;
            }
            let message =
                format!("`{}` deploys the tip of `{}` at that moment, not the commit that was tested.", doing.job.id.text, reference.text);
            let mut found = made(doing, reference.span, message);
            found.most = if automatic && doing.reach() == Some(Reach::Production) { Severity::Block } else { Severity::Warn };
            // On a push to that very branch it is nearly always the same commit.
            let same =
                doing.pipeline.triggers.iter().any(|trigger| trigger.event == Event::Push && trigger.branches == [reference.text.clone()]);
            if same {
                found.most = found.most.min(Severity::Warn);
            }
            all.push(found);
        }
    }
    all
}

/// A checkout of this repository, into the working directory itself.
fn own(step: &Step) -> bool {
    step.action.as_ref().is_some_and(|action| action.input("repository").is_none() && action.input("path").is_none())
}

fn is_branch(reference: &str) -> bool {
    let name = reference.strip_prefix("refs/heads/").unwrap_or(reference);
    matches!(name, "main" | "master" | "develop" | "trunk" | "production" | "prod" | "release" | "live")
}
