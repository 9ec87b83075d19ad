//! The jobs that collect the results of the others in, what the change takes from them out: branch protection often asks for
//! nothing else, so a check that such a job no longer looks at stops nobody.

use super::pair::new_path;
use crate::detect::Inspection;
use crate::finding::Severity;
use crate::read::pipeline::model::{Job, Pipeline, System};
use crate::source::Span;

/// What a collecting job lost.
pub struct Lost<'a> {
    pub pipeline: &'a Pipeline,
    pub job: &'a Job,
    pub span: Span,
    pub message: String,
    pub most: Severity,
}

/// How a job reads the results of the jobs it needs.
const READS: &[&str] = &["needs.*.result", "tojson(needs)", "alls-green"];
/// Signs that it fails by what it reads; a job that only tells somebody reads them too.
const FAILS: &[&str] = &["exit", "jq-e", "alls-green", "setfailed", "grep-q", "false", "raise", "throw"];

pub fn lost<'a>(inspection: &'a Inspection) -> Vec<Lost<'a>> {
    let mut all = Vec::new();
    let both = &inspection.pipelines;
    for old in both.base.all.iter().filter(|pipeline| pipeline.system == System::GithubActions) {
        let path = new_path(&inspection.change, &old.path);
        let Some(new) = both.head.all.iter().find(|new| new.path == path && inspection.change.file(path).is_some()) else { continue };
        for before in &old.jobs {
            let text = written(inspection, old, before);
            if !READS.iter().any(|part| text.contains(part)) {
                continue;
            }
            let most = if FAILS.iter().any(|part| text.contains(part)) { Severity::Block } else { Severity::Warn };
            match new.job(&before.id.text) {
                Some(after) => all.extend(of_job(inspection, (new, after), (before, &text), most)),
                // Another job may have taken over.
                None if new.jobs.iter().any(|job| READS.iter().any(|part| written(inspection, new, job).contains(part))) => {}
                None => {
                    let message = format!("The job `{}`, which failed when another job did, is gone.", before.id.text);
                    let Some(job) = new.jobs.first() else { continue };
                    all.push(Lost { pipeline: new, job, span: job.id.span, message, most });
                }
            }
        }
    }
    all
}

fn of_job<'a>(inspection: &Inspection, new: (&'a Pipeline, &'a Job), old: (&Job, &str), most: Severity) -> Vec<Lost<'a>> {
    let ((pipeline, job), (before, old_text)) = (new, old);
    let name = &job.id.text;
    let made = |message: String, most: Severity| Lost { pipeline, job, span: job.id.span, message, most };
    let text = written(inspection, pipeline, job);
    if !READS.iter().any(|part| text.contains(part)) {
        let message = format!("The job `{name}` failed when a job that it needs did, and no longer looks at their results.");
        return vec![made(message, most)];
    }
    let mut all = Vec::new();
    let needs = |job: &Job, id: &str| job.needs.iter().any(|need| need.job == id);
    for need in before.needs.iter().filter(|need| !needs(job, &need.job) && pipeline.job(&need.job).is_some()) {
        let message =
            format!("The job `{name}` collects the results of the checks, and `{}` is no longer among them: it may fail.", need.job);
        all.push(made(message, most));
    }
    for (key, most) in [("allowed-failures", most), ("allowed-skips", most.min(Severity::Warn))] {
        if text.contains(key) && !old_text.contains(key) {
            let message = format!("The job `{name}` collects the results of the checks, and now passes with `{key}`.");
            all.push(made(message, most));
        }
    }
    all
}

/// A job as it is written, in lower case and without blanks.
fn written(inspection: &Inspection, pipeline: &Pipeline, job: &Job) -> String {
    let start = job.id.span.start;
    let text = &inspection.sources.get(pipeline.source).text;
    let end = pipeline.jobs.iter().map(|other| other.id.span.start).filter(|other| *other > start).min().unwrap_or(text.len());
    let text = text.get(start..end).unwrap_or("");
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase()
}
