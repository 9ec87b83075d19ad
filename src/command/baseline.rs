//! `holdshort baseline`: a range in, the file of findings that do not hold out, written anew or shrunk.

use std::path::{Component, Path, PathBuf};

use super::check::open;
use crate::change::ChangeSet;
use crate::cli::{BaselineArgs, BaselineCommand};
use crate::error::{Error, ExitCode, UsageError};
use crate::settings::{self, BaselineFile, Settings};
use crate::verdict::baseline::Baseline;

const DEFAULT: &str = "holdshort-baseline.json";

pub fn run(command: &BaselineCommand) -> Result<ExitCode, Error> {
    match command {
        BaselineCommand::Write(args) => write(args),
        BaselineCommand::Update(args) => update(args),
    }
}

fn write(args: &BaselineArgs) -> Result<ExitCode, Error> {
    let (change, mut settings, rules) = open(&args.range)?;
    let target = target(args, &change, &settings)?;
    settings.baseline = None;
    let outcome = crate::inspect(change, settings, &rules)?;
    let baseline = Baseline::of(&outcome.findings);
    crate::fix::atomically(&target, baseline.to_text().as_bytes())?;
    eprintln!("{}: {} findings written; they no longer hold once this file is at base", target.display(), baseline.findings.len());
    Ok(ExitCode::Cleared)
}

fn update(args: &BaselineArgs) -> Result<ExitCode, Error> {
    let (change, mut settings, rules) = open(&args.range)?;
    let target = target(args, &change, &settings)?;
    let text = std::fs::read_to_string(&target).map_err(|error| missing(&target, &error.to_string()))?;
    let mut baseline = Baseline::parse(&target.display().to_string(), &text)?;
    settings.baseline = None;
    let outcome = crate::inspect(change, settings, &rules)?;
    let stale: Vec<_> = baseline.stale(&outcome.inspection.change, &outcome.findings).into_iter().cloned().collect();
    baseline.findings.retain(|entry| !stale.contains(entry));
    if !stale.is_empty() {
        crate::fix::atomically(&target, baseline.to_text().as_bytes())?;
    }
    eprintln!("{}: {} taken out, {} left", target.display(), stale.len(), baseline.findings.len());
    Ok(ExitCode::Cleared)
}

/// Where the file is on disk.
fn target(args: &BaselineArgs, change: &ChangeSet, settings: &Settings) -> Result<PathBuf, Error> {
    if let Some(file) = &args.file {
        return Ok(file.clone());
    }
    let Some(root) = change.root() else {
        let help = "name the file with `--file`".to_owned();
        return Err(UsageError { message: "there is no working tree to keep a baseline in".to_owned(), help: Some(help) }.into());
    };
    Ok(root.join(settings.policy.baseline.as_deref().unwrap_or(DEFAULT)))
}

/// The file of `--baseline`. One of the repository is read from the tree that the phase trusts, any other from the disk.
pub fn named(change: &ChangeSet, settings: &Settings, path: &Path) -> Result<BaselineFile, Error> {
    if let Some(inside) = below_root(change, path) {
        return settings::baseline(change, settings, &inside)?.ok_or_else(|| missing(path, "neither base nor head has it").into());
    }
    let text = std::fs::read_to_string(path).map_err(|error| missing(path, &error.to_string()))?;
    let shown = path.display().to_string();
    Ok(BaselineFile { baseline: Baseline::parse(&shown, &text)?, path: shown })
}

fn missing(path: &Path, problem: &str) -> UsageError {
    let help = format!("`holdshort baseline write --file {}` writes one", path.display());
    UsageError { message: format!("cannot read the baseline {}: {problem}", path.display()), help: Some(help) }
}

/// The path from the root of the repository, for a file that is (or would be) in it. Links are followed before it is decided.
fn below_root(change: &ChangeSet, path: &Path) -> Option<String> {
    let root = change.root()?.canonicalize().ok()?;
    let full = path.canonicalize().ok().or_else(|| {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(directory.canonicalize().ok()?.join(path.file_name()?))
    })?;
    let parts: Vec<&str> = full.strip_prefix(&root).ok()?.components().map(name).collect::<Option<_>>()?;
    Some(parts.join("/"))
}

fn name(part: Component<'_>) -> Option<&str> {
    match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    }
}
