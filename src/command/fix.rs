//! `check --fix` and `check --diff`: a change in, its fixes written into the working tree or shown as a diff out.

use similar::TextDiff;

use super::print;
use crate::change::{ChangeSet, Revision};
use crate::cli::CheckArgs;
use crate::error::{Error, ExitCode, UsageError};
use crate::fix::settle::{Changed, Settled, Tried, settle};
use crate::report::escape::{neutralise, one_line};
use crate::rule::Rule;
use crate::settings::Settings;
use crate::verdict::Verdict;

/// Prints what `fix` would write. The exit code is that of the change as it is.
pub fn diff(args: &CheckArgs, change: &ChangeSet, settings: &Settings, rules: &[Rule]) -> Result<ExitCode, Error> {
    let settled = settle(change, settings, rules, args.unsafe_fixes)?;
    print(|out| settled.files.iter().try_for_each(|(path, changed)| out.write_all(neutralise(&unified(path, changed)).as_bytes())))?;
    say(&settled, "would fix");
    Ok(match settled.before.verdict {
        Verdict::Cleared => ExitCode::Cleared,
        Verdict::Hold => ExitCode::Hold,
    })
}

/// Writes the fixes, and says what it did and what it left.
pub fn fix(args: &CheckArgs, change: &ChangeSet, settings: &Settings, rules: &[Rule]) -> Result<(), Error> {
    let usage = |message: &str, help: &str| UsageError { message: message.to_owned(), help: Some(help.to_owned()) };
    let Some(root) = change.root() else {
        return Err(usage("there is no working tree to fix", "run it in a checkout, or use `--diff`").into());
    };
    if !is_checked_out(change) {
        let message = "the revision that is checked is not the one that is checked out";
        return Err(usage(message, "check it out first, or use `--diff`").into());
    }
    let settled = settle(change, settings, rules, args.unsafe_fixes)?;
    let repo = change.head_tree.git.as_deref();
    let uncommitted: Vec<&String> = settled
        .files
        .iter()
        .filter(|(path, file)| file.before.is_some() && repo.is_some_and(|repo| repo.is_uncommitted(path)))
        .map(|(path, _)| path)
        .collect();
    crate::fix::write(&root, &settled.files)?;
    for path in uncommitted {
        eprintln!("note: {} has uncommitted changes; the fix was added to them", one_line(path));
    }
    say(&settled, "fixed");
    Ok(())
}

fn is_checked_out(change: &ChangeSet) -> bool {
    match (&change.head, &change.head_tree.git) {
        (Revision::Commit { id, .. }, Some(repo)) => repo.resolve("HEAD").is_ok_and(|head| head.id == *id),
        (Revision::Worktree { .. } | Revision::Directory, _) => true,
        _ => false,
    }
}

fn say(settled: &Settled, verb: &str) {
    let line = |verb: &str, tried: &Tried| {
        eprintln!("{verb} {}:{} {}: {}", one_line(&tried.path), tried.line, tried.rule, one_line(&tried.text));
    };
    settled.done.iter().for_each(|tried| line(verb, tried));
    settled.left.iter().for_each(|tried| line("left", tried));
    if settled.done.is_empty() {
        eprintln!("nothing {verb}: no finding has a fix that is safe");
    }
}

/// A unified diff that `git apply` takes.
fn unified(path: &str, changed: &Changed) -> String {
    let path = one_line(path);
    let (old, from) = match &changed.before {
        Some(before) => (before.as_str(), format!("a/{path}")),
        None => ("", "/dev/null".to_owned()),
    };
    let diff = TextDiff::from_lines(old, &changed.after);
    let new = if changed.before.is_none() { "new file mode 100644\n" } else { "" };
    format!("diff --git a/{path} b/{path}\n{new}{}", diff.unified_diff().header(&from, &format!("b/{path}")))
}
