//! `holdshort hook`: installs a git pre-push hook, and runs as one: pushed refs on standard input in, one verdict out.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::report;
use crate::change::{self, git, range, range::Request};
use crate::cli::{HookCommand, OutputArgs};
use crate::error::{ChangeError, Error, ExitCode, UsageError};
use crate::report::{Format, Style};
use crate::settings::Phase;
use crate::{rule, settings};

const SCRIPT: &str =
    "#!/bin/sh\n# Checks what is pushed; `git push --no-verify` skips it, CI checks again.\nexec holdshort hook pre-push \"$@\"\n";

pub fn run(command: &HookCommand, style: Style) -> Result<ExitCode, Error> {
    match command {
        HookCommand::Install => install(),
        HookCommand::PrePush { remote, .. } => pre_push(remote, style),
    }
}

/// Writes the hook where git looks for it. A hook that is there already is left alone.
fn install() -> Result<ExitCode, Error> {
    let Some(repo) = git::open(Path::new("."), None)? else {
        return Err(UsageError {
            message: "there is no git repository here".to_owned(),
            help: Some("run it inside a repository".to_owned()),
        }
        .into());
    };
    let directory = hooks_directory(&repo);
    let path = directory.join("pre-push");
    if path.exists() {
        let help = format!("add this line to it: holdshort hook pre-push \"$@\"  (it reads standard input: {})", path.display());
        return Err(UsageError { message: format!("{} exists and is left alone", path.display()), help: Some(help) }.into());
    }
    let failed =
        |error: std::io::Error| ChangeError::new(format!("cannot write {}: {error}", path.display()), "check that you may write there");
    std::fs::create_dir_all(&directory).map_err(failed)?;
    std::fs::write(&path, SCRIPT).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    eprintln!("installed {}", path.display());
    Ok(ExitCode::Cleared)
}

/// `core.hooksPath`, relative to the top of the working tree, else `hooks` in the common git directory.
fn hooks_directory(repo: &git::Repo) -> PathBuf {
    let top = repo.workdir().map(Path::to_owned).unwrap_or_else(|| repo.git_dir());
    match repo.config("core.hookspath") {
        Some(path) => top.join(path),
        None => repo.common_dir().join("hooks"),
    }
}

/// Checks every ref that git says it pushes. Nothing pushed, deletions and refs that are no commits are quiet.
fn pre_push(remote: &str, style: Style) -> Result<ExitCode, Error> {
    let mut stdin = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut stdin)
        .map_err(|error| ChangeError::new(format!("cannot read standard input: {error}"), "run it as a git hook"))?;
    let rules = rule::load::builtin()?;
    let request = Request { path: PathBuf::from("."), env: super::check::environment(), ..Request::default() };
    let output = OutputArgs { format: Format::Human, reports: Vec::new() };
    let mut worst = ExitCode::Cleared;
    for pushed in range::pushed_refs(&stdin)? {
        let Some(change) = change::open_pushed(&request, remote, &pushed)? else { continue };
        if change.files.is_empty() {
            continue;
        }
        let settings = settings::load(&change, Phase::Push)?;
        settings::check_rules(settings.policy_text.as_ref(), &rules)?;
        let outcome = crate::inspect(change, settings, &rules)?;
        if report(&output, &outcome, &rules, style)? == ExitCode::Hold {
            worst = ExitCode::Hold;
        }
    }
    Ok(worst)
}
