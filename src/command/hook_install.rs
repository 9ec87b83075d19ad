//! `holdshort hook install`: a repository in, a pre-push hook where git looks for it out. What is there already is left alone.

use std::path::{Path, PathBuf};

use crate::change::git;
use crate::error::{ChangeError, Error, ExitCode, UsageError};

/// The line that makes a hook ours.
const LINE: &str = "holdshort hook pre-push";

const SCRIPT: &str = r#"#!/bin/sh
# Checks what is pushed. `git push --no-verify` skips it; CI checks again.
if ! command -v holdshort >/dev/null 2>&1; then
  echo "pre-push: holdshort is not on PATH; install it, or push with --no-verify" >&2
  exit 1
fi
exec holdshort hook pre-push "$@"
"#;

pub fn run() -> Result<ExitCode, Error> {
    let Some(repo) = git::open(Path::new("."), None)? else {
        return Err(usage("there is no git repository here".to_owned(), "run it inside a repository".to_owned()));
    };
    let path = hooks_directory(&repo)?.join("pre-push");
    match std::fs::read_to_string(&path) {
        Ok(text) if text.contains(LINE) => {
            eprintln!("{} runs holdshort already", path.display());
            return Ok(ExitCode::Cleared);
        }
        Ok(text) => return Err(usage(format!("{} exists and is left alone", path.display()), recipe(&text))),
        Err(_) if path.symlink_metadata().is_ok() => {
            return Err(usage(format!("{} exists and cannot be read as text", path.display()), recipe("")));
        }
        Err(_) => {}
    }
    write(&path)
        .map_err(|error| ChangeError::new(format!("cannot write {}: {error}", path.display()), "check that you may write there"))?;
    eprintln!("installed {}", path.display());
    Ok(ExitCode::Cleared)
}

/// `core.hooksPath`, relative to the top of the working tree, else `hooks` in the git directory that all worktrees share.
fn hooks_directory(repo: &git::Repo) -> Result<PathBuf, Error> {
    let Some(configured) = repo.config_path("core.hookspath") else { return Ok(repo.common_dir().join("hooks")) };
    let top = repo.workdir().map(Path::to_owned).unwrap_or_else(|| repo.git_dir());
    let directory = top.join(configured);
    // husky points git at scripts of its own, which run the file of the same name one directory up.
    if directory.ends_with(".husky/_") {
        return Ok(directory.parent().map(Path::to_owned).unwrap_or(directory));
    }
    let real = directory.canonicalize().unwrap_or_else(|_| directory.clone());
    let inside = |root: &Path| real.starts_with(root.canonicalize().unwrap_or_else(|_| root.to_owned()));
    if inside(&top) || inside(&repo.common_dir()) {
        return Ok(directory);
    }
    Err(usage(
        format!("core.hooksPath is {}, which other repositories share", directory.display()),
        format!("if every repository is to be checked, write a pre-push there that runs: {LINE} \"$@\""),
    ))
}

/// How a hook that is there already is made to run holdshort too.
fn recipe(hook: &str) -> String {
    if hook.contains("lefthook") {
        return "lefthook manages it; add to lefthook.yml:\npre-push:\n  jobs:\n    - run: holdshort hook pre-push {1} {2}\n      use_stdin: true".to_owned();
    }
    if hook.contains("pre-commit") {
        return "pre-commit manages it; add the hook `holdshort` of this repository to .pre-commit-config.yaml".to_owned();
    }
    format!("add this line to it, which reads the standard input git gives the hook: {LINE} \"$@\"")
}

fn write(path: &Path) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(path, SCRIPT)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn usage(message: String, help: String) -> Error {
    UsageError { message, help: Some(help) }.into()
}
