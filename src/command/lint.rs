//! `holdshort lint`: migration files alone, without git: files in, the verdict on them as one rollout out.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::report;
use crate::change::{self, ChangeSet, Revision, Snapshot};
use crate::cli::LintArgs;
use crate::error::{ChangeError, Error, ExitCode};
use crate::read::migration::Framework;
use crate::report::Style;
use crate::rule;
use crate::settings::{MigrationPolicy, Phase, Settings};
use crate::verdict::Outcome;

/// Where the files are put: each behind a number, so that they run in the order given.
const ROOT: &str = "lint";

pub fn run(args: &LintArgs, style: Style) -> Result<ExitCode, Error> {
    let rules = rule::load::builtin()?;
    let mut files = Vec::new();
    for (number, path) in args.files.iter().enumerate() {
        let (name, text) = read(path)?;
        files.push((format!("{ROOT}/{:06}_{name}", number + 1), text));
    }
    let head_tree = Snapshot::from_memory(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let base_tree = Snapshot::default();
    let change = ChangeSet {
        base: Revision::Empty,
        head: Revision::Directory,
        origin: "files given by name, the history before them unknown".to_owned(),
        files: change::compare(&base_tree, &head_tree),
        base_tree,
        head_tree,
        commits: Vec::new(),
        notices: Vec::new(),
    };
    let mut settings = Settings { history_unknown: true, ..Settings::builtin(Phase::Push) };
    settings.policy.migrations.push(MigrationPolicy {
        path: ROOT.to_owned(),
        layout: Some(Framework::Plain),
        dialect: Some(args.dialect),
        server_version: args.server_version.clone(),
        ignore: false,
    });
    let mut outcome = crate::inspect(change, settings, &rules)?;
    show_given_paths(&mut outcome, &args.files);
    report(&args.output, outcome, &rules, style)
}

/// Puts the paths the user gave where the numbered ones stand.
fn show_given_paths(outcome: &mut Outcome, given: &[PathBuf]) {
    let shown = |path: &str| {
        let number = path.strip_prefix(ROOT).and_then(|rest| rest.get(1..7)).and_then(|digits| digits.parse::<usize>().ok());
        let found = number.and_then(|number| given.get(number.checked_sub(1)?));
        found.map_or_else(|| path.to_owned(), |path| path.to_string_lossy().into_owned())
    };
    outcome.inspection.sources.rename(shown);
    outcome.findings.iter_mut().for_each(|finding| finding.path = shown(&finding.path));
    outcome.coverage.skipped.iter_mut().for_each(|skipped| skipped.path = shown(&skipped.path));
}

/// The name to show and the text of one file; `-` is standard input.
fn read(path: &Path) -> Result<(String, String), ChangeError> {
    let unreadable = |problem: String| {
        ChangeError::new(
            format!("cannot read {}: {problem}", path.display()),
            "give the path of a UTF-8 SQL file, or `-` for standard input",
        )
    };
    let mut bytes = Vec::new();
    let name = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
        "stdin.sql".to_owned()
    } else {
        match change::tree::read_file(path, change::MAX_FILE_BYTES)? {
            change::tree::DiskFile::Bytes(read) => bytes = read,
            change::tree::DiskFile::TooLarge(size) => return Err(unreadable(format!("it has {size} bytes"))),
        }
        path.file_name().map_or_else(|| "file.sql".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    String::from_utf8(bytes).map(|text| (name, text)).map_err(|error| unreadable(error.to_string()))
}
