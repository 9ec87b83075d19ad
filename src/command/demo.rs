//! `holdshort demo`: the built-in example unpacked into a temporary repository, then checked like any other.

use std::collections::BTreeMap;

use super::report;
use crate::change::{self, range::Request};
use crate::cli::DemoArgs;
use crate::error::{ChangeError, Error, ExitCode};
use crate::report::Style;
use crate::settings::Phase;
use crate::{rule, settings};

/// `fixtures/demo`: what the example service has at base, and what the change adds or edits.
mod example {
    include!(concat!(env!("OUT_DIR"), "/demo.rs"));
}

pub fn run(args: &DemoArgs, style: Style) -> Result<ExitCode, Error> {
    let rules = rule::load::builtin()?;
    let directory = tempfile::tempdir().map_err(|error| ChangeError {
        message: format!("cannot make a temporary directory for the example: {error}"),
        help: Some("set TMPDIR to a directory you may write to".to_owned()),
    })?;
    let base: BTreeMap<&str, &str> = example::BASE.iter().copied().collect();
    let mut head = base.clone();
    head.extend(example::HEAD.iter().copied());
    let (base, head) = change::git::write_example(directory.path(), &base, &head)?;
    let request = Request { path: directory.path().to_owned(), base: Some(base), head: Some(head), ..Request::default() };
    let mut change = change::open(&request)?;
    change.origin = "the built-in example".to_owned();
    let settings = settings::load(&change, Phase::Merge)?;
    let outcome = crate::inspect(change, settings, &rules)?;
    report(&args.output, outcome, &rules, style)
}
