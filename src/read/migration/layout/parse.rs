//! Units in, their scripts' statements filled in: equal texts once, on all cores.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::relevance::{self, Finder, Names};
use crate::read::migration::sql::{self, Depth};
use crate::read::migration::{Dialect, Framework, Migration, Script, Unit, Wrapping};
use crate::schema::op::{SchemaOp, Statement};
use crate::source::{SourceMap, Span};

/// Enough for the deepest nesting a parser accepts.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Fills in the statements of every script.
pub fn parse(units: &mut [Unit], sources: &SourceMap) {
    let mut wanted = Vec::new();
    for unit in units {
        let (dialect, framework) = (unit.dialect, unit.framework);
        wanted.extend(scripts(unit).map(|script| (script, Depth::Full, dialect, framework)));
    }
    fill(wanted, sources);
}

/// What decides a parse: the same text, regions and dialect to the same depth give the same statements.
type Job<'a> = (Depth, Dialect, &'a str, Vec<Span>);

/// Parses what a change needs: everything of the migrations it adds or edits, and where a unit has such, as much of the
/// applied history as moves the catalog. The rest keeps no statements.
pub fn parse_change(base: &mut [Unit], head: &mut [Unit], sources: &SourceMap) {
    let mut wanted: Vec<(&mut Script, Depth, Dialect, Framework)> = Vec::new();
    let fresh: Vec<HashSet<Key>> = head.iter().map(|unit| fresh(base, unit, sources)).collect();
    let roots: Vec<(String, Framework)> = head.iter().map(|unit| (unit.root.clone(), unit.framework)).collect();
    for (unit, fresh) in head.iter_mut().zip(&fresh) {
        let (dialect, framework) = (unit.dialect, unit.framework);
        for migration in unit.migrations.iter_mut().filter(|migration| fresh.contains(&key(migration))) {
            wanted.extend(both(migration).map(|script| (script, Depth::Full, dialect, framework)));
        }
    }
    for unit in base.iter_mut() {
        let (dialect, framework) = (unit.dialect, unit.framework);
        let Some(at) = roots.iter().position(|(root, of)| *root == unit.root && *of == framework) else { continue };
        for migration in unit.migrations.iter_mut().filter(|migration| fresh[at].contains(&key(migration))) {
            wanted.extend(both(migration).map(|script| (script, Depth::Full, dialect, framework)));
        }
    }
    fill(wanted, sources);
    for unit in base.iter_mut() {
        let Some(at) = roots.iter().position(|(root, of)| *root == unit.root && *of == unit.framework) else { continue };
        if !fresh[at].is_empty() {
            let change = head[at].migrations.iter().filter(|migration| fresh[at].contains(&key(migration)));
            let scripts = change.flat_map(|migration| std::iter::once(&migration.up).chain(&migration.down));
            let statements: Vec<&Statement> = scripts.flat_map(|script| &script.statements).collect();
            let names = relevance::objects(statements.iter().copied());
            // What a routine does that the change calls is in the history.
            let calls = statements.iter().flat_map(|statement| &statement.ops).any(|op| sql::calls_own_routine(&op.kind));
            let depth = if calls { Depth::Full } else { Depth::Catalog };
            fill_history(unit, &fresh[at], names, depth, sources);
        }
    }
}

/// Parses of a unit's applied history what speaks of the named objects, and of what those hang on; all of it without names.
fn fill_history(unit: &mut Unit, fresh: &HashSet<Key>, names: Option<Names>, depth: Depth, sources: &SourceMap) {
    let (dialect, framework) = (unit.dialect, unit.framework);
    let mut history: Vec<&mut Script> =
        unit.migrations.iter_mut().filter(|migration| !fresh.contains(&key(migration))).map(|migration| &mut migration.up).collect();
    let mut names = names;
    while !history.is_empty() {
        let finder = names.as_ref().and_then(Finder::new);
        let speaks = |script: &Script| finder.as_ref().is_none_or(|finder| finder.speaks(sources.text(script.source)));
        let (mut wanted, rest): (Vec<&mut Script>, Vec<&mut Script>) = history.into_iter().partition(|script| speaks(script));
        fill(wanted.iter_mut().map(|script| (&mut **script, depth, dialect, framework)).collect(), sources);
        history = rest;
        let Some(known) = &mut names else { return };
        let more: Names = wanted.iter().flat_map(|script| relevance::follow(&script.statements, known)).collect();
        if more.is_empty() {
            return;
        }
        known.extend(more);
    }
}

type Key = (String, bool);

fn key(migration: &Migration) -> Key {
    (migration.id.clone(), migration.repeatable)
}

/// Migrations of a head unit that base does not have with the same text.
fn fresh(base: &[Unit], unit: &Unit, sources: &SourceMap) -> HashSet<Key> {
    let old = base.iter().find(|old| old.root == unit.root && old.framework == unit.framework);
    let known: HashMap<Key, &Migration> = old.into_iter().flat_map(|old| &old.migrations).map(|old| (key(old), old)).collect();
    let kept = |migration: &Migration| known.get(&key(migration)).is_some_and(|old| same(old, migration, sources));
    unit.migrations.iter().filter(|migration| !kept(migration)).map(key).collect()
}

fn same(one: &Migration, other: &Migration, sources: &SourceMap) -> bool {
    let text = |script: &Script| (sources.text(script.source), script.regions.clone());
    text(&one.up) == text(&other.up) && one.down.as_ref().map(text) == other.down.as_ref().map(text)
}

fn fill(mut wanted: Vec<(&mut Script, Depth, Dialect, Framework)>, sources: &SourceMap) {
    let mut jobs: Vec<Job> = Vec::new();
    let mut known: HashMap<Job, usize> = HashMap::new();
    let mut numbers = Vec::with_capacity(wanted.len());
    for (script, depth, dialect, _) in &wanted {
        let job = (*depth, *dialect, sources.text(script.source), script.regions.clone());
        numbers.push(*known.entry(job).or_insert_with_key(|job| {
            jobs.push(job.clone());
            jobs.len() - 1
        }));
    }
    let parsed = run(&jobs);
    for ((script, _, _, framework), number) in wanted.iter_mut().zip(numbers) {
        script.statements = parsed[number].clone();
        if *framework == Framework::Flyway {
            leave_transaction(script);
        }
    }
}

fn both(migration: &mut Migration) -> impl Iterator<Item = &mut Script> {
    std::iter::once(&mut migration.up).chain(migration.down.as_mut())
}

fn scripts(unit: &mut Unit) -> impl Iterator<Item = &mut Script> {
    unit.migrations.iter_mut().flat_map(both)
}

/// Statements of each job, in the jobs' order.
fn run(jobs: &[Job]) -> Vec<Vec<Statement>> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((i, (depth, dialect, text, regions))) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, jobs.get(i)?)))
        {
            done.push((i, sql::read_to(*depth, *dialect, text, regions)));
        }
        done
    };
    let mut parsed: Vec<Vec<Statement>> = vec![Vec::new(); jobs.len()];
    std::thread::scope(|scope| {
        let spawn = |_| std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let (handles, refused): (Vec<_>, Vec<_>) = (0..workers).map(spawn).partition(Result::is_ok);
        // A system that gives no threads still gets its answer.
        let mut done = if refused.is_empty() { Vec::new() } else { work() };
        for handle in handles.into_iter().flatten() {
            match handle.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        for (i, statements) in done {
            parsed[i] = statements;
        }
    });
    parsed
}

/// Flyway runs a script outside a transaction when none of its statements may run in one.
fn leave_transaction(script: &mut Script) {
    let mut ops = script.statements.iter().flat_map(|statement| &statement.ops).peekable();
    if script.transaction == Wrapping::Transaction && ops.peek().is_some() && ops.all(|op| needs_autocommit(&op.kind)) {
        script.transaction = Wrapping::Autocommit;
    }
}

fn needs_autocommit(op: &SchemaOp) -> bool {
    match op {
        SchemaOp::CreateIndex(index) => index.concurrently,
        SchemaOp::DropIndex { concurrently, .. } | SchemaOp::Reindex { concurrently, .. } => *concurrently,
        SchemaOp::Vacuum { .. } | SchemaOp::DropDatabase { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::op::Op;
    use crate::source::FileId;

    fn after(ops: Vec<SchemaOp>) -> Wrapping {
        let statement = |kind| Statement { span: Span::default(), ops: vec![Op { span: Span::default(), kind }] };
        let statements = ops.into_iter().map(statement).collect();
        let mut script = Script { source: FileId(0), regions: Vec::new(), transaction: Wrapping::Transaction, statements };
        leave_transaction(&mut script);
        script.transaction
    }

    #[test]
    fn flyway_leaves_the_transaction_only_when_no_statement_may_run_in_one() {
        let vacuum = || SchemaOp::Vacuum { tables: Vec::new(), full: false, analyze: false };
        let analyze = || SchemaOp::Analyze { tables: Vec::new() };
        assert_eq!(after(vec![vacuum(), vacuum()]), Wrapping::Autocommit);
        assert_eq!(after(vec![vacuum(), analyze()]), Wrapping::Transaction);
        assert_eq!(after(Vec::new()), Wrapping::Transaction);
    }
}
