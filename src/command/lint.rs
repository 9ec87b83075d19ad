//! `holdshort lint`: migration files alone, without git: files in, the verdict on them as one rollout out.

use std::io::Read;
use std::path::Path;

use super::report;
use crate::change::{self, ChangeSet, Revision, Snapshot};
use crate::cli::LintArgs;
use crate::error::{ChangeError, Error, ExitCode};
use crate::read::migration::Framework;
use crate::report::Style;
use crate::rule;
use crate::settings::{MigrationPolicy, Phase, Settings};

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
    let outcome = crate::inspect(change, settings, &rules)?;
    report(&args.output, &outcome, &rules, style)
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
