//! Whole migration histories on a real PostgreSQL beside what holdshort says of them: directories in, a table and every
//! difference out. Run as `cargo bench --profile dev --bench agreement -- DIRECTORY…`; `$HOLDSHORT_POSTGRES_BINS` names the
//! servers' programs, the last is used.

#[path = "../tests/it/agreement/mod.rs"]
mod agreement;
#[path = "../tests/it/cluster.rs"]
mod cluster;

use std::path::Path;

use holdshort::change::{Snapshot, tree};
use holdshort::read::migration::{Dialect, layout};
use holdshort::settings::{Phase, Settings};
use holdshort::source::SourceMap;

fn main() {
    let directories: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let servers = cluster::servers();
    let Some(bin) = servers.last() else { return println!("no PostgreSQL found; run tests/postgres-servers.sh") };
    let server = cluster::Cluster::start(bin);
    for (number, directory) in directories.iter().enumerate() {
        let mut sources = SourceMap::default();
        let head = tree::read_directory(Path::new(directory)).expect("a directory");
        let settings = Settings::builtin(Phase::Merge);
        let (_, read) = layout::read_both(&Snapshot::default(), &head, &mut sources, &settings.policy.migrations).expect("readable files");
        for (place, unit) in read.units.iter().enumerate().filter(|(_, unit)| matches!(unit.dialect, Dialect::Postgres | Dialect::Unknown))
        {
            let outcomes = agreement::replay(&server, &format!("history_{number}_{place}"), unit, &sources);
            println!("\n{directory} {} ({:?}), PostgreSQL {}", unit.root, unit.framework, server.major);
            report(&outcomes);
        }
    }
}

fn report(outcomes: &[agreement::Outcome]) {
    let mut agreed = 0;
    let mut not_run = 0;
    for outcome in outcomes {
        for statement in &outcome.opaque {
            println!("  {}: not read: {statement}", outcome.path);
        }
        match &outcome.not_run {
            Some(error) => {
                not_run += 1;
                println!("  {}: not run: {}", outcome.path, error.lines().take(2).collect::<Vec<_>>().join(" / "));
            }
            None if outcome.differences.is_empty() => agreed += 1,
            None => {}
        }
        for difference in &outcome.differences {
            println!("  {}: {difference}", outcome.path);
        }
    }
    let statements: usize = outcomes.iter().map(|outcome| outcome.statements).sum();
    let opaque: usize = outcomes.iter().map(|outcome| outcome.opaque.len()).sum();
    println!("  {agreed} of {} migrations agree, {not_run} could not be run; {statements} statements, {opaque} not read", outcomes.len());
}
