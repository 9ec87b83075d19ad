//! `holdshort rehearse`: a range in, what its migrations and their rollback did on a throwaway database out.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::{check, print};
use crate::cli::RehearseArgs;
use crate::detect::Inspection;
use crate::error::{Error, ExitCode, ReportError};
use crate::rehearse::{self, Lock, Options, Outcome, Progress, Ran, RehearseError, Stop, UnitOutcome, Verdict};
use crate::report::Style;
use crate::report::escape::one_line;

pub fn run(args: &RehearseArgs, style: Style) -> Result<ExitCode, Error> {
    let (change, settings, _) = check::open(&args.range)?;
    let inspection = crate::gather(change, settings)?;
    let options = Options {
        bin_dir: args.bin_dir.clone(),
        run_as: args.run_as.clone(),
        database_url: args.database_url.clone(),
        superuser: args.superuser,
        statement_timeout: Duration::from_secs(args.statement_timeout),
        timeout: Duration::from_secs(args.timeout),
    };
    if args.record.is_some() && inspection.change.head.commit().is_none() {
        return Err(rehearse::no_commit().into());
    }
    let stop = Stop::default();
    let handler = stop.clone();
    ctrlc::set_handler(move || handler.request("interrupted"))
        .map_err(|error| RehearseError::new(format!("cannot listen for interrupts: {error}"), "run it from a shell"))?;
    let started = jiff::Timestamp::now();
    let outcome = rehearse::rehearse(&inspection, &options, &stop, &mut Progress::on_terminal())?;
    let record = match args.record {
        Some(_) => Some(rehearse::record(&inspection, &outcome, started, jiff::Timestamp::now())?),
        None => None,
    };
    match (&args.record, record) {
        (Some(path), Some(record)) if path == Path::new("-") => {
            print(|out| writeln!(out, "{record:#}"))?;
            // Whoever takes the record from standard output still wants to read what happened.
            let _ = human(&inspection, &outcome, Style { color: false, ..style }, &mut io::stderr());
        }
        (path, record) => {
            if let (Some(path), Some(record)) = (path, record) {
                std::fs::write(path, format!("{record:#}\n")).map_err(|source| ReportError::Write { path: path.clone(), source })?;
            }
            print(|out| human(&inspection, &outcome, style, out))?;
        }
    }
    Ok(match outcome.verdict {
        Verdict::Passed | Verdict::Skipped => ExitCode::Cleared,
        Verdict::Failed => ExitCode::Hold,
        Verdict::Incomplete => ExitCode::CouldNotInspect,
    })
}

fn human(inspection: &Inspection, outcome: &Outcome, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (word, color) = match outcome.verdict {
        Verdict::Passed => ("PASSED", "1;32"),
        Verdict::Failed => ("FAILED", "1;31"),
        Verdict::Incomplete => ("INCOMPLETE", "1;33"),
        Verdict::Skipped => ("NOTHING", "1"),
    };
    let word = if style.color { format!("\x1b[{color}m{word}\x1b[0m") } else { word.to_owned() };
    let short = |id: Option<&str>| id.map_or("nothing".to_owned(), |id| id.chars().take(10).collect());
    let (base, head) = (short(inspection.change.base.id()), short(inspection.change.head.id()));
    writeln!(out, "{word}  {base}..{head}: {}", one_line(&outcome.reason))?;
    for unit in &outcome.units {
        unit_report(unit, &outcome.server_version, out)?;
    }
    Ok(())
}

fn unit_report(unit: &UnitOutcome, server: &str, out: &mut dyn Write) -> io::Result<()> {
    let root = if unit.root.is_empty() { "." } else { &unit.root };
    writeln!(out, "\n{} on PostgreSQL {}", one_line(root), one_line(server))?;
    writeln!(out, "  history   {} scripts in {:.2} s", unit.history_scripts, unit.history_seconds)?;
    part("apply", unit.apply_seconds(), &unit.apply, out)?;
    part("rollback", unit.rollback_seconds(), &unit.rollback, out)?;
    if let Some(failure) = &unit.failure {
        writeln!(out, "  failed    {}", one_line(&failure.to_string()))?;
        if let Some(hint) = failure.hint {
            writeln!(out, "            {hint}")?;
        }
    }
    for difference in &unit.differences {
        writeln!(out, "  differs   {}", one_line(&difference.text))?;
    }
    for gap in &unit.gaps {
        writeln!(out, "  no way back for {}", one_line(gap))?;
    }
    if unit.unread_tables > 0 {
        writeln!(out, "  note      the rows of {} tables could not be read, so they are not compared", unit.unread_tables)?;
    }
    Ok(())
}

fn part(name: &str, seconds: f64, all: &[Ran], out: &mut dyn Write) -> io::Result<()> {
    let count = all.len();
    writeln!(out, "  {name:<9} {count} {} in {seconds:.3} s", if count == 1 { "statement" } else { "statements" })?;
    for ran in all {
        writeln!(out, "  {:>9.1} ms  {}:{}  {}", ran.milliseconds, one_line(&ran.path), ran.line, one_line(&ran.statement))?;
        if !ran.locks.is_empty() {
            let locks: Vec<String> = ran.locks.iter().map(|Lock { relation, mode }| format!("{mode} on {relation}")).collect();
            writeln!(out, "                {}", one_line(&locks.join(", ")))?;
        }
    }
    Ok(())
}
