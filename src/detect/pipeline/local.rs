//! One revision's pipelines and scripts in, ways around the pipeline out: production from a laptop, history overwritten.

use super::Weakness;
use super::deploy::confidence;
use super::side::{Doing, Side};
use super::words::{Reach, names_rollback, reach};
use crate::finding::Severity;
use crate::read::pipeline::model::Job;
use crate::read::shell::argv;

/// Words by which a script asks whether it runs in CI, or a person.
const ASKS: &[&str] =
    &["$CI", "${CI", "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "BUILDKITE", "TF_BUILD", "JENKINS", "CONFIRM", "ifndef CI", "only in CI"];

/// A script for whoever has the rights, that changes production.
pub fn laptop_deploy<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let mut all: Vec<Weakness> = Vec::new();
    for doing in side.doings.iter().filter(|doing| doing.is_deploy() && doing.pipeline.system.is_local()) {
        if !is_production(doing) || asks(doing.job) || is_rehearsal(&doing.pipeline.path) || side.is_called(doing.pipeline, doing.job) {
            continue;
        }
        let name = if doing.pipeline.path == doing.job.id.text { "The script".to_owned() } else { format!("`{}`", doing.job.id.text) };
        let message =
            format!("{name} deploys to production from wherever it is started, and no pipeline runs it: past every test and approval.");
        let mut found = Weakness::new(doing.pipeline, doing.span, doing.identity(), doing.job.title(), message);
        found.confidence = confidence(doing);
        found.production = true;
        found.vars = vec![("command", doing.identity())];
        if !all.iter().any(|known| known.pipeline.source == found.pipeline.source && known.subject == found.subject) {
            all.push(found);
        }
    }
    all
}

/// Said by the command, the target or the script's own name; the directory it lies in says little.
fn is_production(doing: &Doing) -> bool {
    let Some(command) = doing.command else { return false };
    let file = doing.pipeline.path.rsplit('/').next().unwrap_or("");
    let said = [command.text(), command.assigned.join(" "), doing.job.id.text.rsplit('/').next().unwrap_or("").to_owned(), file.to_owned()];
    reach(said.iter().map(String::as_str)) == Some(Reach::Production) && !names_rollback(&doing.job.id.text)
}

fn asks(job: &Job) -> bool {
    let commands = job.steps.iter().flat_map(|step| &step.commands);
    commands
        .flat_map(|command| &command.words)
        .any(|word| ASKS.iter().any(|ask| names(&word.text, ask)) || matches!(word.text.as_str(), "read" | "select"))
}

/// Whether a word has the name in it and does not go on to another one: `$CITY` is not `$CI`.
fn names(word: &str, name: &str) -> bool {
    word.match_indices(name).any(|(at, _)| !word[at + name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
}

fn is_rehearsal(path: &str) -> bool {
    path.split('/').any(|part| {
        matches!(part, "test" | "tests" | "e2e" | "hack" | "examples" | "example" | "docs" | "doc" | "testdata" | "local" | "dev")
    })
}

/// `git push --force` onto a branch that production is built from.
pub fn forced_push<'a>(side: &Side<'a>) -> Vec<Weakness<'a>> {
    let mut all = Vec::new();
    for doing in &side.doings {
        let Some(command) = doing.command else { continue };
        let words = argv(command);
        let Some(branch) = forced(&words) else { continue };
        let message = format!("`{}` overwrites the history of `{branch}`: what was tested and deployed from it is gone.", words.join(" "));
        let mut found = Weakness::new(doing.pipeline, command.span, format!("{branch}\0{}", words.join(" ")), doing.job.title(), message);
        found.vars = vec![("branch", branch.to_owned())];
        found.production = true;
        found.most = if doing.pipeline.system.is_local() { Severity::Warn } else { Severity::Block };
        all.push(found);
    }
    all
}

/// The protected branch that a push overwrites.
fn forced<'w>(words: &[&'w str]) -> Option<&'w str> {
    let rest = words.strip_prefix(&["git", "push"])?;
    let force = rest.iter().any(|word| matches!(*word, "-f" | "--force"));
    // A mirror's history is not the one that is deployed.
    let own = |remote: &str| {
        remote == "origin" || remote.contains("GITHUB_REPOSITORY") || remote.contains("github.repository") || remote.contains("CI_PROJECT")
    };
    let mut names = rest.iter().filter(|word| !word.starts_with('-'));
    if !names.next().is_some_and(|remote| own(remote)) {
        return None;
    }
    for name in names {
        let plus = name.starts_with('+');
        let target = name.trim_start_matches('+').rsplit(':').next().unwrap_or(name);
        let target = target.strip_prefix("refs/heads/").unwrap_or(target);
        let guarded = matches!(target, "main" | "master" | "trunk" | "production" | "prod" | "live")
            || target.starts_with("prod/")
            || target.starts_with("production/");
        if (force || plus) && guarded {
            return Some(target);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::forced;

    #[test]
    fn only_overwritten_branches_of_production_count() {
        let of = |text: &'static str| forced(&text.split(' ').collect::<Vec<_>>());
        assert_eq!(of("git push --force origin main"), Some("main"));
        assert_eq!(of("git push origin +HEAD:refs/heads/production"), Some("production"));
        assert_eq!(of("git push -f origin v1"), None);
        assert_eq!(of("git push --force-with-lease origin main"), None);
        assert_eq!(of("git push origin main"), None);
        assert_eq!(of("git push -f heroku main"), None);
        assert_eq!(of("git push mirror +main"), None);
        assert_eq!(of("git push https://x@github.com/${GITHUB_REPOSITORY}.git +main:production"), Some("production"));
        assert_eq!(of("git push -f origin HEAD:gh-pages"), None);
    }
}
