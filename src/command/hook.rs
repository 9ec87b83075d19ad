//! `holdshort hook`: runs as a git pre-push hook: pushed refs on standard input in, one verdict out.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use super::{hook_install, report};
use crate::change::{self, range, range::Request};
use crate::cli::{HookCommand, OutputArgs};
use crate::error::{ChangeError, Error, ExitCode, UsageError};
use crate::report::{Format, Style};
use crate::settings::Phase;
use crate::{rule, settings};

pub fn run(command: &HookCommand, style: Style) -> Result<ExitCode, Error> {
    match command {
        HookCommand::Install => hook_install::run(),
        HookCommand::PrePush { remote, .. } => pre_push(remote.as_deref(), style),
    }
}

/// Checks every ref that git says it pushes. Nothing pushed, deletions and refs that are no commits are quiet.
fn pre_push(remote: Option<&str>, style: Style) -> Result<ExitCode, Error> {
    if std::io::stdin().is_terminal() {
        return Err(UsageError {
            message: "git runs this command and names the pushed refs on standard input".to_owned(),
            help: Some("`holdshort hook install` sets it up; `holdshort check --phase push` checks what you have".to_owned()),
        }
        .into());
    }
    let mut stdin = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut stdin)
        .map_err(|error| ChangeError::new(format!("cannot read standard input: {error}"), "run it as a git hook"))?;
    let request = Request { path: PathBuf::from("."), env: super::check::environment(), ..Request::default() };
    let output = OutputArgs { format: Format::Human, reports: Vec::new() };
    let mut worst = ExitCode::Cleared;
    let mut seen = BTreeSet::new();
    for pushed in range::pushed_refs(&stdin)? {
        let Some(change) = change::open_pushed(&request, remote, &pushed)? else { continue };
        // Several names for one commit are checked once.
        let ids = (change.base.id().map(str::to_owned), change.head.id().map(str::to_owned));
        if change.files.is_empty() || !seen.insert(ids) {
            continue;
        }
        let settings = settings::load(&change, Phase::Push)?;
        let rules = rule::team::with_builtin(settings.trusted(&change), &settings.policy)?;
        settings::check_rules(settings.policy_text.as_ref(), &rules)?;
        let outcome = crate::inspect(change, settings, &rules)?;
        if report(&output, outcome, &rules, style)? == ExitCode::Hold {
            worst = ExitCode::Hold;
        }
    }
    Ok(worst)
}
