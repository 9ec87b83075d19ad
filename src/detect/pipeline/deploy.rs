//! One revision's pipelines in, deployments that run too early, too often or all at once out.

use super::Weakness;
use super::deed::{Deed, verbs};
use super::guard::{Guard, ancestors, order};
use super::side::{Doing, Side};
use super::words::{Reach, names_rollback};
use crate::finding::{Confidence, Severity};
use crate::read::pipeline::model::{Event, Job};
use crate::read::shell::argv;

/// One deployment a job: the first, in written order.
fn jobs<'a, 's>(side: &'s Side<'a>) -> Vec<&'s Doing<'a>> {
    let mut all: Vec<&Doing> = Vec::new();
    for doing in side.deploys() {
        if !all.iter().any(|known| std::ptr::eq(known.job, doing.job)) {
            all.push(doing);
        }
    }
    all
}

pub(super) fn confidence(doing: &Doing) -> Confidence {
    match doing.deed {
        Deed::Deploy { assumed: true } => Confidence::Assumed,
        _ => Confidence::Proved,
    }
}

/// Everything but production is somebody's sandbox.
fn weigh(doing: &Doing, production: Severity, unknown: Severity) -> Option<Severity> {
    match doing.reach() {
        Some(Reach::Production) if confidence(doing) == Confidence::Assumed => Some(production.min(Severity::Warn)),
        Some(Reach::Production) => Some(production),
        None => Some(unknown),
        Some(Reach::Elsewhere) => None,
    }
}

fn weakness<'a>(doing: &Doing<'a>, span: crate::source::Span, message: String) -> Weakness<'a> {
    let mut found = Weakness::new(doing.pipeline, span, doing.identity(), doing.job.title(), message);
    found.confidence = confidence(doing);
    found.production = doing.reach() == Some(Reach::Production);
    found.vars = vec![("job", doing.job.id.text.clone()), ("command", doing.identity())];
    found
}

fn is_rollback(doing: &Doing) -> bool {
    let file = doing.pipeline.path.rsplit('/').next().unwrap_or("");
    [file, &doing.job.id.text, doing.job.title(), doing.pipeline.name.as_deref().unwrap_or("")].iter().any(|name| names_rollback(name))
}

/// A deployment that no test stands before.
pub fn untested<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let tests_elsewhere = side.doings.iter().any(|doing| {
        doing.deed == Deed::Test
            && (doing.pipeline.has(Event::PullRequest) || doing.pipeline.has(Event::Push) || doing.pipeline.is_only_called())
    });
    let mut all = Vec::new();
    for doing in jobs(side).into_iter().filter(|doing| !is_rollback(doing)) {
        let automatic = doing.pipeline.has(Event::Push) || doing.pipeline.has(Event::Called);
        // A test that cannot fail is another finding.
        let (message, production, unknown) = match order(side, doing) {
            Guard::Tested(_) | Guard::OtherPipeline | Guard::Unknown(_) => continue,
            Guard::Beside(test) if automatic && !doing.job.manual => {
                let message = format!(
                    "`{}` deploys without waiting for `{test}`, which runs beside it: a red test does not stop it.",
                    doing.job.id.text
                );
                (message, Severity::Block, Severity::Warn)
            }
            _ if tests_elsewhere || !automatic => {
                let message =
                    format!("No test runs before `{}` deploys; only branch protection can keep an untested commit out.", doing.job.id.text);
                (message, Severity::Note, Severity::Note)
            }
            _ => (
                format!("No test runs before `{}` deploys, and nothing in this repository tests it elsewhere.", doing.job.id.text),
                Severity::Warn,
                Severity::Note,
            ),
        };
        let Some(most) = weigh(doing, production, unknown) else { continue };
        let mut found = weakness(doing, doing.job.id.span, message);
        found.most = most;
        found.label = Some((doing.span, "deploys here".to_owned()));
        all.push(found);
    }
    all
}

/// The part of a condition that lets the job run after a failure.
fn ignores_failure(condition: &str) -> Option<&'static str> {
    let text = condition.replace(' ', "");
    let calls = [
        ("always()", "always()"),
        ("!cancelled()", "!cancelled()"),
        ("succeededOrFailed()", "succeededOrFailed()"),
        ("when:always", "when: always"),
        ("when:on_failure", "when: on_failure"),
        ("continue_on_failure:true", "continue_on_failure: true"),
        ("requires:failed", "requires: failed"),
    ];
    let said = calls.into_iter().find(|(call, _)| text.contains(call)).map(|(_, shown)| shown);
    said.or_else(|| text.replace("!failure()", "").contains("failure()").then_some("failure()"))
}

/// Whether the condition asks for the success of every test that the deployment is behind. A needed job that must have succeeded
/// speaks for those that it needs itself: they would have had it skipped.
fn holds(side: &Side, doing: &Doing, condition: &str) -> bool {
    let text = condition.replace([' ', '(', ')', '"'], "").replace("['", ".").replace("']", "");
    let all = ["!failure", "needs.*.result", "toJSONneeds", "outcome=='success'", "outcome!='failure'", "conclusion=='success'"];
    let azure = text.contains("dependencies.") && text.contains("Succeeded");
    if azure || all.iter().any(|part| text.contains(part)) || text.contains("success") && !text.contains(".result") && !text.contains("||")
    {
        return true;
    }
    let pipeline = doing.pipeline;
    let is_test = |job: &Job| side.of(job).any(|doing| doing.deed == Deed::Test);
    let asked = |job: &Job| {
        let result = format!("needs.{}.result", job.id.text);
        [format!("{result}=='success'"), format!("{result}!='failure'"), format!("'success'=={result}")]
            .iter()
            .any(|part| text.contains(part))
    };
    let (needed, _) = ancestors(pipeline, doing.job);
    let held: Vec<&Job> = needed.iter().copied().filter(|job| asked(job)).collect();
    let behind = |test: &Job| {
        held.iter().any(|job| std::ptr::eq(*job, test) || ancestors(pipeline, job).0.iter().any(|needed| std::ptr::eq(*needed, test)))
    };
    let mut tests = needed.iter().filter(|job| is_test(job)).peekable();
    match tests.peek() {
        Some(_) => tests.all(|test| behind(test)),
        None => !held.is_empty(),
    }
}

/// A deployment that runs although what it needs failed.
pub fn after_failure<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let mut all = Vec::new();
    for doing in jobs(side).into_iter().filter(|doing| !is_rollback(doing)) {
        let step = doing.step.and_then(|step| step.condition.as_ref());
        for condition in [step, doing.job.condition.as_ref().filter(|_| !doing.job.needs.is_empty())].into_iter().flatten() {
            let Some(call) = ignores_failure(&condition.text) else { continue };
            if holds(side, doing, &condition.text) {
                continue;
            }
            let message = format!(
                "`{}` deploys even when what it needs has failed: its condition is `{call}` and holds no test to its success.",
                doing.job.id.text
            );
            let Some(most) = weigh(doing, Severity::Block, Severity::Warn) else { continue };
            let mut found = weakness(doing, condition.span, message);
            found.most = most;
            found.label = Some((doing.span, "deploys here".to_owned()));
            all.push(found);
        }
    }
    all
}

/// A deployment that the next run stops half way.
pub fn cancelled<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let mut all = Vec::new();
    for doing in jobs(side) {
        let concurrency = [doing.job.concurrency.as_ref(), doing.pipeline.concurrency.as_ref()];
        let Some(cancels) = concurrency.into_iter().flatten().find(|concurrency| concurrency.cancels == Some(true)) else { continue };
        let group = cancels.group.as_deref().unwrap_or("");
        // One group a commit or pull request: nothing else is in it.
        let own = ["sha", "run_id", "run_number", "pull_request", "head_ref", "issue.number"].iter().any(|part| group.contains(part));
        if own {
            continue;
        }
        let Some(most) = weigh(doing, Severity::Block, Severity::Warn) else { continue };
        let left = if doing.reach() == Some(Reach::Production) { "production" } else { "what it deploys to" };
        let message = format!("The next run cancels `{}` while it deploys, and leaves {left} half changed.", doing.job.id.text);
        let mut found = weakness(doing, cancels.span, message);
        found.most = most;
        found.label = Some((doing.span, "deploys here".to_owned()));
        all.push(found);
    }
    all
}

/// A production deployment whose job names no environment.
pub fn no_environment<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let mut all = Vec::new();
    for doing in jobs(side).into_iter().filter(|doing| !doing.is_protected() && doing.job.calls.is_none()) {
        if doing.reach() != Some(Reach::Production) {
            continue;
        }
        let message = format!(
            "`{}` deploys to production outside of any environment: no approval, branch limit or protected secret stands before it.",
            doing.job.id.text
        );
        let mut found = weakness(doing, doing.job.id.span, message);
        found.label = Some((doing.span, "deploys here".to_owned()));
        all.push(found);
    }
    all
}

/// A command that gives the new version all of the traffic.
pub fn promoted_at_once<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let mut all = Vec::new();
    for doing in &side.doings {
        let Some(command) = doing.command.filter(|_| !is_rollback(doing)) else { continue };
        let words = argv(command);
        let Some(how) = at_once(&words) else { continue };
        // The last of several shares in one pipeline.
        let part =
            |other: &Doing| std::ptr::eq(other.pipeline, doing.pipeline) && other.command.is_some_and(|command| gives_part(&argv(command)));
        if side.doings.iter().any(part) {
            continue;
        }
        if doing.reach() == Some(Reach::Elsewhere) {
            continue;
        }
        let message = format!("`{how}` gives the new version all of the traffic in one step.");
        let mut found = weakness(doing, command.span, message);
        found.most = if doing.reach() == Some(Reach::Production) { Severity::Block } else { Severity::Warn };
        all.push(found);
    }
    all
}

/// The verbs of a command, options and where they stand taken out, a plug-in's own program written as its command.
fn told<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let Some((program, rest)) = words.split_first() else { return Vec::new() };
    let program = program.rsplit('/').next().unwrap_or(program);
    let before: &[&str] = if program == "kubectl-argo-rollouts" { &["kubectl", "argo", "rollouts"] } else { &[program] };
    let rest = verbs(program, rest);
    let skipped = usize::from(program == "gcloud" && matches!(rest.first(), Some(&"beta" | &"alpha")));
    before.iter().copied().chain(rest.into_iter().skip(skipped)).collect()
}

/// Shares of the traffic that a command of Cloud Run sets, in percent: `--to-revisions LATEST=100`, `--to-tags=next=5`.
fn shares(words: &[&str]) -> Vec<f64> {
    let wanted = |word: &str| word.starts_with("--to-revisions") || word.starts_with("--to-tags");
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate().filter(|(_, word)| wanted(word)) {
        let list = word.split_once('=').map(|(_, list)| list).or_else(|| words.get(at + 1).copied()).unwrap_or_default();
        found.extend(list.split(',').filter_map(|part| part.rsplit_once('=')?.1.parse::<f64>().ok()));
    }
    found
}

fn gives_part(words: &[&str]) -> bool {
    told(words).starts_with(&["gcloud", "run", "services", "update-traffic"])
        && shares(words).iter().any(|share| *share > 0.0 && *share < 100.0)
}

/// The part of a command that skips the stages.
fn at_once(words: &[&str]) -> Option<String> {
    let told = told(words);
    let has = |flag: &str| words.iter().any(|word| *word == flag || word.strip_prefix(flag) == Some("=true"));
    if told.starts_with(&["kubectl", "argo", "rollouts", "promote"]) && has("--full") {
        return Some("promote --full".to_owned());
    }
    if told.starts_with(&["gcloud", "run", "services", "update-traffic"]) {
        if has("--to-latest") {
            return Some("update-traffic --to-latest".to_owned());
        }
        return shares(words).contains(&100.0).then(|| "update-traffic to 100 %".to_owned());
    }
    if told.starts_with(&["gcloud", "app", "services", "set-traffic"]) {
        return words.iter().find(|word| word.ends_with("=1") || word.ends_with("=100")).map(|word| format!("set-traffic {word}"));
    }
    words.iter().find(|word| word.contains("AllAtOnce")).map(|word| (*word).to_owned())
}
