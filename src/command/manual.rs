//! `holdshort man` and `holdshort completions`: the command line's own definition in, manual pages and shell scripts out.

use std::path::Path;

use clap::CommandFactory;

use super::print;
use crate::cli::Cli;
use crate::error::{Error, ExitCode, ReportError};

/// The main page on standard output, or one page a command in a directory.
pub fn man(directory: Option<&Path>) -> Result<ExitCode, Error> {
    match directory {
        None => print(|out| clap_mangen::Man::new(Cli::command()).render(out))?,
        Some(directory) => {
            let written = std::fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(Cli::command(), directory));
            written.map_err(|source| ReportError::Write { path: directory.to_owned(), source })?;
        }
    }
    Ok(ExitCode::Cleared)
}

pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "holdshort", &mut script);
    print(|out| out.write_all(&script))?;
    Ok(ExitCode::Cleared)
}
