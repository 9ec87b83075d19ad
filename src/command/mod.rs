//! One file a command: parsed words in, output and an exit code out.

mod baseline;
mod check;
mod config;
mod demo;
mod evidence;
mod facts;
mod fix;
mod hook;
mod hook_install;
mod init;
mod lint;
mod manual;
mod rehearse;
mod rules;

use std::io::{self, IsTerminal, Write};
use std::mem::ManuallyDrop;

use crate::cli::{Cli, ColorChoice, Command, ConfigCommand, OutputArgs, RulesArgs, RulesCommand, SchemaFile};
use crate::error::{Error, ExitCode, ReportError};
use crate::report::escape::neutralise;
use crate::report::{Context, Style};
use crate::rule::Rule;
use crate::verdict::{Outcome, Verdict};

/// Runs the command. Whatever goes wrong is said on standard error, with what to do about it.
pub fn run(cli: Cli) -> ExitCode {
    let style = style(cli.color);
    let result = match cli.command {
        Command::Demo(args) => demo::run(&args, style),
        Command::Check(args) => check::run(&args, style),
        Command::Lint(args) => lint::run(&args, style),
        Command::Facts(args) => facts::run(&args),
        Command::Evidence(command) => evidence::run(&command),
        Command::Init(args) => init::run(&args),
        Command::Rehearse(args) => rehearse::run(&args, style),
        Command::Hook(command) => hook::run(&command, style),
        Command::Rules(RulesArgs { command: Some(RulesCommand::Test), .. }) => rules::test(),
        Command::Rules(args) => rules::list(&args, style),
        Command::Explain { rule, format } => rules::explain(&rule, format, style),
        Command::Schema { file: SchemaFile::Report } => report_schema(),
        Command::Man { dir } => manual::man(dir.as_deref()),
        Command::Completions { shell } => manual::completions(shell),
        Command::Baseline(command) => baseline::run(&command),
        Command::Config(ConfigCommand::Show(args)) => config::show(&args),
        Command::Schema { file: SchemaFile::Policy } => config::schema(),
    };
    match result {
        Ok(code) => code,
        Err(Error::Report(ReportError::Stdout(error))) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::CouldNotInspect,
        Err(error) => complain(&error),
    }
}

fn complain(error: &Error) -> ExitCode {
    let mut stderr = io::stderr().lock();
    // Nothing is left to do when standard error itself is gone.
    let _ = writeln!(stderr, "holdshort: {}", neutralise(&error.to_string()));
    if let Some(help) = error.help() {
        let _ = writeln!(stderr, "  help: {}", neutralise(help));
    }
    error.exit_code()
}

/// Writes the files asked for, prints the report and turns the verdict into an exit code.
fn report(output: &OutputArgs, outcome: Outcome, rules: &[Rule], style: Style) -> Result<ExitCode, Error> {
    // The process ends after this: taking the catalogs of a long history apart would only make the user wait.
    let outcome = &*ManuallyDrop::new(outcome);
    let code = match outcome.verdict {
        Verdict::Cleared => ExitCode::Cleared,
        Verdict::Hold => ExitCode::Hold,
    };
    let blob_url = blob_url(|name| std::env::var(name).ok());
    for target in &output.reports {
        let plain = Style { color: false, ..style };
        let context = Context { style: plain, rules, blob_url: blob_url.clone() };
        let mut bytes = Vec::new();
        let written = crate::report::write(target.format, outcome, &context, &mut bytes).and_then(|()| std::fs::write(&target.path, bytes));
        written.map_err(|source| ReportError::Write { path: target.path.clone(), source })?;
    }
    let context = Context { style, rules, blob_url };
    print(|out| crate::report::write(output.format, outcome, &context, out))?;
    Ok(code)
}

/// The schema of the JSON report.
fn report_schema() -> Result<ExitCode, Error> {
    print(|out| out.write_all(crate::report::JSON_SCHEMA.as_bytes()))?;
    Ok(ExitCode::Cleared)
}

/// Where GitHub or GitLab shows this repository's files, from the variables their runners set.
fn blob_url(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    if let (Some(server), Some(repository)) = (variable("GITHUB_SERVER_URL"), variable("GITHUB_REPOSITORY")) {
        return Some(format!("{server}/{repository}/blob/"));
    }
    variable("CI_PROJECT_URL").map(|project| format!("{project}/-/blob/"))
}

/// Writes to standard output, buffered. A closed pipe is a quiet end.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ReportError::Stdout(error).into()),
        _ => Ok(()),
    }
}

fn style(choice: ColorChoice) -> Style {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let color = match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if set("NO_COLOR") => false,
        ColorChoice::Auto if forced => true,
        ColorChoice::Auto => io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    };
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    // Behind a pipe the report is still read on the terminal that standard error shows.
    let of = |size: Option<(terminal_size::Width, terminal_size::Height)>| size.map(|(width, _)| usize::from(width.0));
    let terminal = || of(terminal_size::terminal_size_of(io::stdout())).or_else(|| of(terminal_size::terminal_size_of(io::stderr())));
    Style { color, width: std::cmp::Ord::clamp(columns.or_else(terminal).unwrap_or(100), 40, 110) }
}
