//! One revision's pipelines in, tests whose failure changes nothing out.

use super::deed::{self, Deed};
use super::side::Side;
use super::{Weakness, words};
use crate::finding::Severity;
use crate::read::pipeline::model::{Event, Job, Pipeline, System};
use crate::source::Span;

/// A test that passes whatever happens.
pub fn cannot_fail<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let mut all = Vec::new();
    for doing in side.doings.iter().filter(|doing| matches!(doing.deed, Deed::Test | Deed::Check)) {
        if doing.step.is_some_and(|step| step.afterwards) {
            continue;
        }
        let Some(soft) = doing.soft() else { continue };
        if is_looked_at(doing.job, doing.span) {
            continue;
        }
        let identity = doing.identity();
        let noun = if doing.deed == Deed::Test { "test" } else { "check" };
        let message = format!("The {noun} `{identity}` cannot fail: {}.", soft.text);
        let mut found = Weakness::new(doing.pipeline, doing.span, format!("{identity}\0{}", soft.meant), doing.job.title(), message);
        found.vars = vec![("command", identity)];
        found.label = Some((soft.span, "because of this".to_owned()));
        found.most = if doing.deed == Deed::Check { Severity::Note } else { most(side, doing.pipeline, doing.job, soft.meant) };
        all.push(found);
    }
    all
}

/// A later step runs what failed again, or fails by the outcome of this one.
fn is_looked_at(job: &Job, test: Span) -> bool {
    let again = ["only-failures", "last-failed", "rerun", "retry", "--lf"];
    job.steps.iter().filter(|step| step.span.start > test.start).any(|step| {
        let outcome = step.condition.as_ref().is_some_and(|condition| condition.text.contains("outcome"));
        let fails = step.commands.iter().any(|command| command.words[0].text == "exit" || deed::of_command(command) == Deed::Test);
        let words = step.commands.iter().flat_map(|command| &command.words).map(|word| word.text.as_str()).chain(step.name.as_deref());
        outcome && fails || words.into_iter().any(|word| again.iter().any(|part| word.to_ascii_lowercase().contains(part)))
    })
}

fn most(side: &Side, pipeline: &Pipeline, job: &Job, meant: bool) -> Severity {
    let local = pipeline.system.is_local();
    if local && !side.is_called(pipeline, job) {
        return Severity::Note;
    }
    // An accident of the shell: real, but healthy repositories have it too.
    if !meant || local || pipeline.system == System::AzurePipelines {
        return Severity::Warn;
    }
    let named = |words_of: &str| {
        let known = [
            "experimental",
            "nightly",
            "optional",
            "flaky",
            "allowed",
            "informational",
            "benchmark",
            "bench",
            "canary",
            "future",
            "head",
            "edge",
            "rc",
        ];
        words::words(words_of).iter().any(|word| known.contains(&word.as_str()))
    };
    if named(job.title()) || named(&job.id.text) {
        return Severity::Note;
    }
    let gates = pipeline.triggers.is_empty()
        || pipeline.triggers.iter().any(|trigger| {
            matches!(trigger.event, Event::Push | Event::PullRequest | Event::Called | Event::AfterPipeline | Event::Tag | Event::Release)
        });
    if gates { Severity::Block } else { Severity::Warn }
}
