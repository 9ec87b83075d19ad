//! Units in, their scripts' statements filled in: equal texts once, on all cores.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::read::migration::{Dialect, Framework, Script, Unit, Wrapping, sql};
use crate::schema::op::{SchemaOp, Statement};
use crate::source::{SourceMap, Span};

/// Enough for the deepest nesting a parser accepts.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Fills in the statements of every script.
pub fn parse(units: &mut [Unit], sources: &SourceMap) {
    parse_all(units.iter_mut().collect(), sources);
}

/// What decides a parse: the same text, regions and dialect give the same statements.
type Job<'a> = (Dialect, &'a str, Vec<Span>);

pub fn parse_all(mut units: Vec<&mut Unit>, sources: &SourceMap) {
    let mut jobs: Vec<Job> = Vec::new();
    let mut known: HashMap<Job, usize> = HashMap::new();
    for unit in &mut units {
        let dialect = unit.dialect;
        for script in scripts(unit) {
            let job = (dialect, sources.text(script.source), script.regions.clone());
            known.entry(job).or_insert_with_key(|job| {
                jobs.push(job.clone());
                jobs.len() - 1
            });
        }
    }
    let parsed = run(&jobs);
    for unit in &mut units {
        let (dialect, framework) = (unit.dialect, unit.framework);
        for script in scripts(unit) {
            let job = (dialect, sources.text(script.source), script.regions.clone());
            if let Some(statements) = known.get(&job).and_then(|i| parsed.get(*i)) {
                script.statements = statements.clone();
            }
            if framework == Framework::Flyway {
                leave_transaction(script);
            }
        }
    }
}

fn scripts(unit: &mut Unit) -> impl Iterator<Item = &mut Script> {
    unit.migrations.iter_mut().flat_map(|migration| std::iter::once(&mut migration.up).chain(migration.down.as_mut()))
}

/// Statements of each job, in the jobs' order.
fn run(jobs: &[Job]) -> Vec<Vec<Statement>> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((i, (dialect, text, regions))) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, jobs.get(i)?))) {
            done.push((i, sql::read(*dialect, text, regions)));
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
