//! The pipelines of both revisions in, what the change takes away from CI out: removed, optional, skipped, started less often.

use std::collections::BTreeSet;

use super::changed_unknowns;
use super::deed::{self, Deed};
use super::guard::{Guard, guard, order};
use super::pair::{Became, Pair, is_deleted, new_path, pairs};
use super::side::{Doing, Side};
use super::words::Reach;
use super::{gather, switch};
use crate::detect::Inspection;
use crate::detect::step::at;
use crate::finding::{Finding, Label, Severity, Subject, SubjectKind};
use crate::read::pipeline::model::{Event, Job, Pipeline, Trigger};
use crate::read::pipeline::script::{called, directory};
use crate::rule::Rule;
use crate::source::{Place, Span};

/// Both revisions; `None` when nothing of the kind changed, or when base has no pipeline to compare with.
fn sides(inspection: &Inspection) -> Option<(Side<'_>, Side<'_>)> {
    let both = &inspection.pipelines;
    (!both.base.all.is_empty()).then(|| (Side::new(&both.base), Side::new(&both.head)))
}

fn all_pairs(inspection: &Inspection) -> Vec<Pair<'_>> {
    let Some((base, head)) = sides(inspection) else { return Vec::new() };
    pairs(&inspection.change, &base, &head)
}

fn noun(doing: &Doing) -> &'static str {
    if doing.deed == Deed::Test { "test" } else { "check" }
}

/// Could stop something at base: an optional check that goes is no loss, one that only runs at night stops nobody.
fn gated(doing: &Doing) -> bool {
    doing.soft().is_none_or(|soft| !soft.meant) && !never(doing)
}

fn stops_changes(pipeline: &Pipeline) -> bool {
    pipeline.triggers.is_empty()
        || pipeline
            .triggers
            .iter()
            .any(|trigger| matches!(trigger.event, Event::Push | Event::PullRequest | Event::Called | Event::AfterPipeline | Event::Tag))
}

fn finding(rule: &Rule, pipeline: &Pipeline, span: Span, subject: &str, message: String, vars: &[(&str, String)]) -> Finding {
    let mut found = at(rule, Subject::of(SubjectKind::Job, subject), message, vars);
    found.path = pipeline.path.clone();
    found.place = Some(Place { file: pipeline.source, span });
    found
}

fn label(found: &mut Finding, doing: &Doing, text: &str) {
    found.labels.push(Label { place: Place { file: doing.pipeline.source, span: doing.span }, text: text.to_owned() });
}

pub fn check_removed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let mut seen: Vec<(String, String)> = Vec::new();
    for pair in all_pairs(inspection) {
        let base = pair.base;
        let merged = matches!(pair.fate, Became::Merged);
        if !merged && !matches!(pair.fate, Became::Removed) || !gated(&base) {
            continue;
        }
        // A target that several commands make up is named once.
        let key = (base.identity(), base.pipeline.path.clone());
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let identity = base.identity();
        let path = new_path(&inspection.change, &base.pipeline.path);
        let head = inspection.pipelines.head.all.iter().find(|pipeline| pipeline.path == path);
        let head_job = head.and_then(|pipeline| pipeline.job(&base.job.id.text));
        // A file that cannot be read says nothing: `pipeline/unreadable` speaks of it.
        let unread = unread_reason(inspection, path);
        let message = removal(&base, head, head_job, merged, unread);
        let vars = [("command", identity), ("job", base.job.id.text.clone())];
        let span = head_job.map_or(Span::default(), |job| job.id.span);
        let mut found = match head {
            Some(pipeline) => finding(rule, pipeline, span, base.job.title(), message, &vars),
            None => {
                let mut found = at(rule, Subject::of(SubjectKind::Job, base.job.title()), message, &vars);
                found.path = base.pipeline.path.clone();
                found
            }
        };
        if base.deed == Deed::Check || !stops_changes(base.pipeline) {
            found.severity = found.severity.min(Severity::Warn);
        }
        if merged {
            found.severity = Severity::Note;
        }
        let moved = changed_unknowns(inspection).iter().any(|(pipeline, unknown)| pipeline.path == path && !unknown.span.is_empty());
        if moved || unread.is_some() {
            found.severity = found.severity.min(Severity::Warn);
        }
        if let Some(unknown) = head.zip(head_job).and_then(|(pipeline, job)| unknown_instead(inspection, &base, pipeline, job)) {
            found.severity = found.severity.min(Severity::Warn);
            let text = "what this does is not known; if it runs the same tests, nothing is lost".to_owned();
            found.labels.push(Label { place: Place { file: head.map_or(base.pipeline.source, |head| head.source), span: unknown }, text });
        }
        // The whole of CI may have moved to where holdshort does not look.
        if is_deleted(&inspection.change, &base.pipeline.path)
            && !inspection.pipelines.head.all.iter().any(|pipeline| !pipeline.system.is_local())
        {
            found.severity = found.severity.min(Severity::Warn);
        }
        label(&mut found, &base, "at base");
        out.push(found);
    }
    no_longer_collected(inspection, rule, out);
}

/// Why the file at head cannot be read; one that is emptied can, and runs nothing.
fn unread_reason<'a>(inspection: &'a Inspection, path: &str) -> Option<&'a str> {
    let unread = inspection.pipelines.head.unread.iter().find(|unread| unread.path == path)?;
    let emptied = unread.place.is_some_and(|place| inspection.sources.get(place.file).text.trim().is_empty());
    (!emptied).then_some(unread.reason.as_str())
}

/// What is said of a check that is gone, or that may be.
fn removal(base: &Doing, head: Option<&Pipeline>, head_job: Option<&Job>, merged: bool, unread: Option<&str>) -> String {
    let (kind, identity, job) = (noun(base), base.identity(), &base.job.id.text);
    let path = head.map_or(&base.pipeline.path, |head| &head.path);
    if let Some(reason) = unread {
        return format!("Whether the {kind} `{identity}` still runs cannot be told, since {path} cannot be read: {reason}.");
    }
    if merged {
        return format!("The {kind} `{identity}` is no longer named in the job `{job}`; others there were replaced.");
    }
    let what = match (head, head_job) {
        (None, _) => format!("with the file {}", base.pipeline.path),
        (_, None) => format!("with the job `{job}`"),
        (_, Some(_)) => format!("from the job `{job}`"),
    };
    format!("The {kind} `{identity}` is removed {what}: nothing in this repository runs it any more.")
}

fn no_longer_collected(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for lost in gather::lost(inspection) {
        let vars = [("command", lost.job.id.text.clone()), ("job", lost.job.id.text.clone())];
        let mut found = finding(rule, lost.pipeline, lost.span, lost.job.title(), lost.message, &vars);
        found.severity = found.severity.min(lost.most);
        out.push(found);
    }
}

/// A command or action that is new in the job and that nothing is known of: perhaps it does what was removed.
fn unknown_instead(inspection: &Inspection, base: &Doing, pipeline: &Pipeline, job: &Job) -> Option<Span> {
    let before: Vec<&str> = base.job.steps.iter().flat_map(|step| &step.commands).map(|command| command.words[0].text.as_str()).collect();
    let tree = &inspection.change.head_tree;
    let commands =
        job.steps.iter().filter(|step| !step.afterwards).flat_map(|step| step.commands.iter().map(move |command| (step, command)));
    let mut new = commands.filter(|(_, command)| !before.contains(&command.words[0].text.as_str()));
    let unknown = new.find(|(step, command)| {
        // A script of this repository was read, and tests nothing.
        let here = called(command, directory(pipeline, step)).iter().any(|script| tree.contains(&script.path));
        !here && deed::is_unknown(command)
    });
    unknown.map(|(_, command)| command.span)
}

/// A check that could fail and now cannot, with where that is written.
pub fn made_optional(inspection: &Inspection) -> Vec<(Doing<'_>, Doing<'_>, super::side::Soft)> {
    let optional = all_pairs(inspection).into_iter().filter_map(|pair| {
        let Became::Still(head) = pair.fate else { return None };
        let soft = head.soft()?;
        let before = pair.base.soft();
        (before.is_none() || !before.is_some_and(|before| before.meant) && soft.meant).then_some((pair.base, head, soft))
    });
    optional.collect()
}

pub fn check_made_optional(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (base, head, soft) in made_optional(inspection) {
        let identity = head.identity();
        let message = format!("The {} `{identity}` could stop this pipeline and no longer can: {}.", noun(&head), soft.text);
        let vars = [("command", identity), ("job", head.job.id.text.clone())];
        let mut found = finding(rule, head.pipeline, head.span, head.job.title(), message, &vars);
        if head.deed == Deed::Check || !soft.meant || !stops_changes(head.pipeline) {
            found.severity = found.severity.min(Severity::Warn);
        }
        found.labels.push(Label { place: Place { file: head.pipeline.source, span: soft.span }, text: "because of this".to_owned() });
        label(&mut found, &base, "at base");
        out.push(found);
    }
}

/// Conditions of the step and of the job around it.
fn conditions<'a>(doing: &Doing<'a>) -> Vec<&'a crate::read::pipeline::model::Named> {
    doing.job.condition.iter().chain(doing.step.and_then(|step| step.condition.as_ref())).collect()
}

fn is_never(text: &str) -> bool {
    let bare = text.trim().trim_start_matches("${{").trim_end_matches("}}").replace(|c: char| c.is_whitespace(), "");
    let whole = [
        "false",
        "never",
        "'false'",
        "0",
        "enabled:false",
        "when:false",
        "unless:true",
        "when:on_fail",
        "when{expression{false}}",
        "when{expression{returnfalse}}",
        "circleci-agentstephalt",
    ];
    whole.contains(&bare.as_str()) || bare.starts_with("false&&") || bare.starts_with("skip:")
}

fn never(doing: &Doing) -> bool {
    conditions(doing).iter().any(|condition| is_never(&condition.text))
}

/// Runs no less often than without a condition.
fn is_no_limit(text: &str) -> bool {
    let bare = text.trim().trim_start_matches("${{").trim_end_matches("}}").replace(' ', "");
    let whole = ["always()", "!cancelled()", "success()", "true", "succeeded()", "success()||failure()", "failure()||success()"];
    whole.contains(&bare.as_str()) || ["succeededOrFailed()", "when:always", "continue_on_failure:true"].contains(&bare.as_str())
}

pub fn check_skipped(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let mut seen: Vec<(String, Span)> = Vec::new();
    for pair in all_pairs(inspection) {
        let Became::Still(head) = pair.fate else { continue };
        let base = pair.base;
        if !gated(&base) {
            continue;
        }
        let identity = head.identity();
        let kind = noun(&head);
        let (span, message, most) = if let Some(condition) = conditions(&head).into_iter().find(|condition| is_never(&condition.text)) {
            (
                condition.span,
                format!("The {kind} `{identity}` never runs any more: its condition is `{}`.", condition.text),
                Severity::Block,
            )
        } else if head.job.manual && !base.job.manual {
            (
                head.job.id.span,
                format!("The {kind} `{identity}` now waits for a person, and the pipeline passes without it."),
                Severity::Block,
            )
        } else if let Some(condition) = new_limit(&base, &head) {
            (
                condition.span,
                match conditions(&base).iter().find(|condition| !is_no_limit(&condition.text)) {
                    Some(before) => format!(
                        "The {kind} `{identity}` ran when `{}` and now runs only when `{}`.",
                        short(&before.text),
                        short(&condition.text)
                    ),
                    None => format!("The {kind} `{identity}` ran always and now runs only when `{}`.", short(&condition.text)),
                },
                Severity::Warn,
            )
        } else {
            continue;
        };
        if seen.contains(&(head.pipeline.path.clone(), span)) {
            continue;
        }
        seen.push((head.pipeline.path.clone(), span));
        let vars = [("command", identity), ("job", head.job.id.text.clone())];
        let mut found = finding(rule, head.pipeline, span, head.job.title(), message, &vars);
        let most = if head.deed == Deed::Check || !stops_changes(head.pipeline) { most.min(Severity::Warn) } else { most };
        found.severity = found.severity.min(most);
        label(&mut found, &base, "at base");
        out.push(found);
    }
    switched_off(inspection, rule, out);
}

fn switched_off(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let Some((_, head)) = sides(inspection) else { return };
    for off in switch::off(inspection, &head) {
        let message =
            format!("The job `{}` now calls with `{}: {}`, which leaves the tests out.", off.job.id.text, off.key, off.value.text);
        let vars = [("command", off.job.id.text.clone()), ("job", off.job.id.text.clone())];
        let mut found = finding(rule, off.pipeline, off.value.span, off.job.title(), message, &vars);
        found.severity = found.severity.min(if stops_changes(off.pipeline) { off.most } else { Severity::Warn });
        out.push(found);
    }
}

fn new_limit<'a>(base: &Doing, head: &Doing<'a>) -> Option<&'a crate::read::pipeline::model::Named> {
    let before = conditions(base);
    // Fewer parts than before are no limit; nor is what goes without saying.
    let known = |text: &str| {
        let wanted = parts(text);
        wanted.is_empty() || before.iter().any(|condition| wanted.is_subset(&parts(&condition.text)))
    };
    conditions(head).into_iter().find(|condition| !is_no_limit(&condition.text) && !known(&condition.text))
}

/// What all has to be true; a text with a choice in it is one part.
fn parts(text: &str) -> BTreeSet<String> {
    let bare = text.trim().trim_start_matches("${{").trim_end_matches("}}").split_whitespace().collect::<String>();
    let list: Vec<&str> = if bare.contains("||") { vec![bare.as_str()] } else { bare.split("&&").collect() };
    list.into_iter().filter(|part| !is_no_limit(part) && *part != "!failure()").map(str::to_owned).collect()
}

fn short(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

pub fn trigger_narrowed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let Some((base, head)) = sides(inspection) else { return };
    for old in &base.pipelines.all {
        let path = new_path(&inspection.change, &old.path);
        let same = |new: &&Pipeline| {
            new.path == path
                && new.system == old.system
                && (new.name == old.name || old.jobs.iter().any(|job| new.job(&job.id.text).is_some()))
        };
        let Some(new) = head.pipelines.all.iter().find(same) else { continue };
        if inspection.change.file(path).is_none() || old.triggers == new.triggers {
            continue;
        }
        let tests: Vec<&Doing> = head.doings.iter().filter(|doing| std::ptr::eq(doing.pipeline, new) && doing.deed == Deed::Test).collect();
        let Some(test) = tests.first() else { continue };
        for (span, what, most) in narrowed(old, new) {
            // Another pipeline that runs the same on pull requests keeps them tested.
            let elsewhere = head.doings.iter().any(|doing| {
                !std::ptr::eq(doing.pipeline, new)
                    && doing.identity() == test.identity()
                    && (doing.pipeline.has(Event::PullRequest) || doing.pipeline.is_only_called())
            });
            if elsewhere {
                continue;
            }
            let message = format!("{what}; its test `{}` runs on fewer changes than before.", test.identity());
            let mut found = finding(rule, new, span, new.name.as_deref().unwrap_or(&new.path), message, &[]);
            found.severity = found.severity.min(most);
            out.push(found);
        }
    }
}

/// How the triggers of a pipeline were narrowed: where, what, and how much it can be.
fn narrowed(old: &Pipeline, new: &Pipeline) -> Vec<(Span, String, Severity)> {
    let mut all = Vec::new();
    let first = new.triggers.first().map_or(Span::default(), |trigger| trigger.name.span);
    let find = |pipeline: &Pipeline, event: Event| -> Option<Trigger> {
        let of_event = || pipeline.triggers.iter().filter(|trigger| trigger.event == event);
        // The queue tests what the pull request's own run let through.
        of_event().find(|trigger| trigger.name.text != "merge_group").or_else(|| of_event().next()).cloned()
    };
    for event in [Event::PullRequest, Event::Push] {
        let Some(before) = find(old, event) else { continue };
        let same = new.triggers.iter().find(|trigger| trigger.event == event && trigger.name.text == before.name.text).cloned();
        let other = || find(new, event).filter(|trigger| trigger.name.text != "merge_group" || before.name.text == "merge_group");
        let Some(after) = same.or_else(other) else {
            // Called from elsewhere is started all the same.
            let most = match event {
                _ if new.has(Event::Called) => Severity::Note,
                Event::PullRequest if !new.has(Event::Push) => Severity::Block,
                Event::PullRequest => Severity::Warn,
                _ if new.has(Event::PullRequest) => Severity::Note,
                _ => Severity::Warn,
            };
            all.push((first, format!("`{}` no longer starts this pipeline", before.name.text), most));
            continue;
        };
        let span = after.name.span;
        let added = |old: &[String], new: &[String]| -> Vec<String> { new.iter().filter(|entry| !old.contains(entry)).cloned().collect() };
        let starts = |trigger: &Trigger, activity: &str| trigger.types.is_empty() || trigger.types.iter().any(|own| own == activity);
        let gone: Vec<String> = ["opened", "synchronize"]
            .into_iter()
            .filter(|activity| event == Event::PullRequest && starts(&before, activity) && !starts(&after, activity))
            .map(str::to_owned)
            .collect();
        if !gone.is_empty() {
            let most = if gone.len() == 2 { Severity::Block } else { Severity::Warn };
            all.push((span, format!("`{}` no longer starts it when one is {}", after.name.text, listed(&gone)), most));
        }
        let ignored = added(&before.paths_ignored, &after.paths_ignored);
        if !ignored.is_empty() {
            let most = if ignored.iter().all(|path| is_documentation(path)) { Severity::Note } else { Severity::Warn };
            all.push((span, format!("`{}` now ignores {}", after.name.text, listed(&ignored)), most));
        }
        if before.paths.is_empty() && !after.paths.is_empty() {
            all.push((span, format!("`{}` now starts it only for changes to {}", after.name.text, listed(&after.paths)), Severity::Warn));
        }
        let lost = added(&after.paths, &before.paths);
        if !after.paths.is_empty() && !lost.is_empty() {
            let most = if lost.iter().any(|path| matches!(path.as_str(), "**" | "*" | "**/*")) { Severity::Warn } else { Severity::Note };
            all.push((span, format!("`{}` no longer starts it for changes to {}", after.name.text, listed(&lost)), most));
        }
        let most = if event == Event::Push && unlimited(new, Event::PullRequest) { Severity::Note } else { Severity::Warn };
        let ignored = added(&before.branches_ignored, &after.branches_ignored);
        if !ignored.is_empty() {
            all.push((span, format!("`{}` now ignores the branches {}", after.name.text, listed(&ignored)), most));
        }
        let excluded: Vec<String> = added(&before.paths, &after.paths).into_iter().filter(|path| path.starts_with('!')).collect();
        if !excluded.is_empty() && !before.paths.is_empty() {
            let most = if excluded.iter().all(|path| is_documentation(path)) { Severity::Note } else { Severity::Warn };
            all.push((span, format!("`{}` no longer starts it for changes to {}", after.name.text, listed(&excluded)), most));
        }
        let lost = added(&after.branches, &before.branches);
        if before.branches.is_empty() && !after.branches.is_empty() {
            all.push((span, format!("`{}` now starts it only for {}", after.name.text, listed(&after.branches)), most));
        } else if !after.branches.is_empty() && !lost.is_empty() {
            all.push((span, format!("`{}` no longer starts it for {}", after.name.text, listed(&lost)), Severity::Note));
        }
    }
    all
}

/// Started by every event of the kind.
fn unlimited(pipeline: &Pipeline, event: Event) -> bool {
    let free = |trigger: &Trigger| {
        [&trigger.branches, &trigger.branches_ignored, &trigger.paths, &trigger.paths_ignored].iter().all(|list| list.is_empty())
    };
    pipeline.triggers.iter().any(|trigger| trigger.event == event && trigger.name.text != "merge_group" && free(trigger))
}

fn listed(entries: &[String]) -> String {
    let shown: Vec<String> = entries.iter().take(3).map(|entry| format!("`{entry}`")).collect();
    let more = if entries.len() > 3 { format!(" and {} more", entries.len() - 3) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn is_documentation(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    [".md", ".mdx", ".rst", ".txt", ".adoc", "license", ".gitignore", "codeowners"].iter().any(|end| lower.ends_with(end))
        || lower.contains("docs")
}

/// Deployments of both revisions that are the same one: by job, else by what they run.
fn deploy_pairs<'a>(inspection: &Inspection, base: &Side<'a>, head: &Side<'a>) -> Vec<(Doing<'a>, Doing<'a>)> {
    let mut all: Vec<(Doing, Doing)> = Vec::new();
    for new in head.deploys().filter(|doing| inspection.change.file(&doing.pipeline.path).is_some()) {
        if all.iter().any(|(_, known)| std::ptr::eq(known.job, new.job)) {
            continue;
        }
        let path = |old: &Doing| new_path(&inspection.change, &old.pipeline.path) == new.pipeline.path;
        let by_job = base.deploys().find(|old| path(old) && old.job.id.text == new.job.id.text);
        let found =
            by_job.or_else(|| base.deploys().find(|old| old.identity() == new.identity() && old.job.environments == new.job.environments));
        all.extend(found.map(|old| (*old, *new)));
    }
    all
}

/// Jobs at head whose deployment was behind a test at base.
pub fn lost_guards(inspection: &Inspection) -> Vec<(Doing<'_>, Doing<'_>, String)> {
    let Some((base, head)) = sides(inspection) else { return Vec::new() };
    let lost = deploy_pairs(inspection, &base, &head).into_iter().filter_map(|(old, new)| {
        let Guard::Tested(test) = guard(&base, &old) else { return None };
        matches!(order(&head, &new), Guard::None | Guard::Beside(_)).then_some((old, new, test))
    });
    lost.collect()
}

pub fn guard_removed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (old, new, test) in lost_guards(inspection) {
        let message = format!("`{}` waited for the test {test} before it deployed and no longer waits for any.", new.job.id.text);
        let vars = [("job", new.job.id.text.clone())];
        let mut found = finding(rule, new.pipeline, new.job.id.span, new.job.title(), message, &vars);
        if new.reach() == Some(Reach::Elsewhere) || new.deed == (Deed::Deploy { assumed: true }) {
            found.severity = found.severity.min(Severity::Warn);
        }
        label(&mut found, &new, "deploys here");
        label(&mut found, &old, "at base, behind the test");
        out.push(found);
    }
}

/// Jobs at head whose deployment was bound to an environment at base.
pub fn lost_environments(inspection: &Inspection) -> Vec<(Doing<'_>, Doing<'_>)> {
    let Some((base, head)) = sides(inspection) else { return Vec::new() };
    let pairs = deploy_pairs(inspection, &base, &head).into_iter();
    pairs
        .filter(|(old, new)| {
            old.job.environment.is_some() && old.is_protected() && !new.is_protected() && old.reach() != Some(Reach::Elsewhere)
        })
        .collect()
}

pub fn environment_removed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (old, new) in lost_environments(inspection) {
        let environment = old.job.environment.as_ref().map_or("", |named| named.text.as_str());
        let message = format!("`{}` deploys outside of the environment `{environment}` now, past whatever protects it.", new.job.id.text);
        let vars = [("job", new.job.id.text.clone()), ("environment", environment.to_owned())];
        let mut found = finding(rule, new.pipeline, new.job.id.span, new.job.title(), message, &vars);
        if old.reach().is_none() {
            found.severity = found.severity.min(Severity::Warn);
        }
        label(&mut found, &old, "at base");
        out.push(found);
    }
}
