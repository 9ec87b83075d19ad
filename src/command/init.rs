//! `holdshort init`: a repository in, a policy, a rollback document and a CI job that fit it out. Nothing is overwritten.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::{check, print};
use crate::change::{git, tree};
use crate::cli::InitArgs;
use crate::error::{ChangeError, Error, ExitCode, UsageError};
use crate::init::{Content, Scaffold, scaffold};
use crate::report::escape::{neutralise, one_line};

pub fn run(args: &InitArgs) -> Result<ExitCode, Error> {
    let repo = git::open(&args.range.path, None)?;
    let root = repo.as_ref().and_then(git::Repo::workdir).map(Path::to_owned).ok_or_else(|| UsageError {
        message: "there is no git working tree here".to_owned(),
        help: Some("run it inside a repository".to_owned()),
    })?;
    let (change, settings, _) = check::open(&args.range)?;
    let inspection = crate::gather(change, settings)?;
    let remote = repo.and_then(|repo| repo.config("remote.origin.url"));
    let files = scaffold(&inspection, remote.as_deref())?;
    for file in &files {
        match &file.content {
            Content::LeftAlone(why) => eprintln!("left alone  {}: {why}", one_line(&file.path)),
            Content::Write(text) if args.dry_run => print(|out| writeln!(out, "==> {} <==\n{}", one_line(&file.path), neutralise(text)))?,
            Content::Write(text) => write(&root, file, text)?,
        }
    }
    let questions: usize =
        files.iter().map(|file| if let Content::Write(text) = &file.content { text.matches("TODO").count() } else { 0 }).sum();
    if questions > 0 && !args.dry_run {
        eprintln!("{questions} questions are marked TODO in the rollback document: only people know the answers");
    }
    Ok(ExitCode::Cleared)
}

/// Writes a new file. One that appeared in the meantime is left alone, and a link leads nowhere.
fn write(root: &Path, file: &Scaffold, text: &str) -> Result<(), Error> {
    let failed = |error: std::io::Error| ChangeError::new(format!("cannot write {}: {error}", file.path), "check that you may write there");
    if tree::passes_a_link(root, &file.path) {
        eprintln!("left alone  {}: a symbolic link is on the way", one_line(&file.path));
        return Ok(());
    }
    let path = root.join(&file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut out) => out.write_all(text.as_bytes()).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            eprintln!("left alone  {}: it is there already", one_line(&file.path));
            return Ok(());
        }
        Err(error) => return Err(failed(error).into()),
    }
    eprintln!("wrote       {}", one_line(&file.path));
    Ok(())
}
