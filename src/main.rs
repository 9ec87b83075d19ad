//! Parse the command line, run the command, turn its end into an exit code.

use std::process::ExitCode;

use clap::Parser;
use holdshort::cli::Cli;
use holdshort::command;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A panic has said its message; it is no verdict.
    let end = std::panic::catch_unwind(|| command::run(cli)).unwrap_or(holdshort::error::ExitCode::CouldNotInspect);
    ExitCode::from(end as u8)
}
