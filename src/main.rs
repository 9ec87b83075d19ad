//! Parse the command line, run the command, turn its end into an exit code.

use std::process::ExitCode;

use clap::Parser;
use holdshort::cli::Cli;
use holdshort::command;

fn main() -> ExitCode {
    let cli = Cli::parse();
    ExitCode::from(command::run(cli) as u8)
}
