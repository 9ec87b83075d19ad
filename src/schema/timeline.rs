//! Migrations of base and head in, the rollout's steps out: each op with the catalog before it, its effect and its transaction.

use std::rc::Rc;

use imbl::ordmap::DiffItem;

use super::catalog::{Catalog, Origin, Table};
use super::effect::postgres;
use super::effect::{Certainty, ServerVersion};
use super::name::QName;
use super::op::{Op, Persistence, SchemaOp, Statement, TransactionOp};
use super::replay::{self, Context};
use super::session::Session;
use super::{Called, Step, Timeline};
use crate::read::migration::{DEFAULT_POSTGRES, Dialect, Migration, Script, Unit};
use crate::settings::Settings;
use crate::source::{FileId, Place, SourceMap, Span};

/// One timeline for every unit at head whose dialect has physics.
pub fn build(base: &[Unit], head: &[Unit], settings: &Settings, sources: &SourceMap) -> Vec<Timeline> {
    let physics = |unit: &Unit| matches!(unit.dialect, Dialect::Postgres | Dialect::Unknown);
    head.iter()
        .enumerate()
        .filter(|(_, unit)| physics(unit))
        .map(|(index, unit)| {
            let old = base.iter().find(|old| old.root == unit.root && old.framework == unit.framework);
            build_unit(index, old, unit, settings, sources)
        })
        .collect()
}

impl Timeline {
    /// Lasting tables that are not the same after the rollout. Partitions are their parent's.
    pub fn changed_tables(&self) -> Vec<QName> {
        let lasting = |table: &Rc<Table>| table.persistence != Persistence::Temporary && table.partition_of.is_none();
        let changed = |item| match item {
            DiffItem::Add(key, table) | DiffItem::Remove(key, table) => (key, lasting(table)),
            DiffItem::Update { new: (key, table), .. } => (key, lasting(table)),
        };
        self.before.tables.diff(&self.after.tables).map(changed).filter(|(_, lasting)| *lasting).map(|(key, _)| key.clone()).collect()
    }
}

/// Migrations of `head` that base does not have, or has with another text and runs again.
pub fn new_migrations<'a>(old: Option<&'a Unit>, head: &'a Unit, sources: &'a SourceMap) -> impl Iterator<Item = (usize, &'a Migration)> {
    let merged = old.map(|old| old.counterparts(head));
    head.migrations.iter().enumerate().filter(move |(_, migration)| match merged.as_ref().and_then(|merged| merged.get(migration)) {
        None => true,
        Some(known) => migration.repeatable && script_text(&known.up, sources) != script_text(&migration.up, sources),
    })
}

/// The text that a script runs, its regions joined.
pub fn script_text(script: &Script, sources: &SourceMap) -> String {
    let text = sources.text(script.source);
    script.regions.iter().map(|region| region.text(text)).collect()
}

/// Moves a catalog through one script, a ROLLBACK in it taken back.
pub fn replay_script(catalog: &mut Catalog, script: &Script, context: &Context) {
    let mut undo = Vec::new();
    catalog.start_script();
    for op in script.statements.iter().flat_map(|statement| &statement.ops) {
        advance(catalog, &op.kind, context, &mut undo);
    }
}

/// The catalog after all of a unit's migrations: what the running database looks like.
pub fn replay_history(unit: &Unit, server: ServerVersion) -> Catalog {
    let mut catalog = Catalog::default();
    let context = Context { origin: Origin::History, place: None, server };
    for migration in &unit.migrations {
        replay_script(&mut catalog, &migration.up, &context);
    }
    catalog.incomplete |= !unit.unread.is_empty();
    catalog
}

fn build_unit(index: usize, old: Option<&Unit>, head: &Unit, settings: &Settings, sources: &SourceMap) -> Timeline {
    let server = head.server.unwrap_or(DEFAULT_POSTGRES);
    let mut before = old.map(|unit| replay_history(unit, server)).unwrap_or_default();
    before.incomplete |= settings.history_unknown;
    let before = Rc::new(before);
    let (steps, after) = roll_out(before.clone(), new_migrations(old, head, sources), server);
    Timeline { unit: index, server, server_assumed: head.server.is_none(), before, steps, after }
}

/// Migrations with their places in the unit, applied as one rollout over a catalog: its steps, and the catalog after them.
pub fn roll_out<'a>(
    before: Rc<Catalog>,
    migrations: impl Iterator<Item = (usize, &'a Migration)>,
    server: ServerVersion,
) -> (Vec<Step>, Rc<Catalog>) {
    let mut walk =
        Walk { server, catalog: before, session: Session::default(), steps: Vec::new(), undo: Vec::new(), calls_left: MAX_CALLED };
    for (position, migration) in migrations {
        walk.session.start_script(migration.up.transaction, migration.up.statements.len());
        Rc::make_mut(&mut walk.catalog).start_script();
        for (number, statement) in migration.up.statements.iter().enumerate() {
            walk.session.start_statement();
            walk.statement(
                statement,
                &At { migration: position, statement: number, file: migration.up.source, prefix: Vec::new(), caller: None },
            );
        }
        walk.session.end_script();
        walk.undo.clear();
    }
    (walk.steps, walk.catalog)
}

/// Catalogs to go back to: the transaction's start (no name), then its savepoints.
type Undo = Vec<(Option<String>, Catalog)>;

/// Replays one op, taking back what a ROLLBACK takes back.
fn advance(catalog: &mut Catalog, op: &SchemaOp, context: &Context, undo: &mut Undo) {
    let SchemaOp::Transaction(op) = op else {
        return replay::apply(catalog, op, context);
    };
    let savepoint = |undo: &Undo, wanted: &str| undo.iter().rposition(|(name, _)| name.as_deref() == Some(wanted));
    match op {
        TransactionOp::Begin if undo.is_empty() => undo.push((None, catalog.clone())),
        TransactionOp::Begin | TransactionOp::Prepared => {}
        TransactionOp::Commit { .. } => undo.clear(),
        TransactionOp::Rollback { .. } => {
            if let Some((_, start)) = undo.drain(..).next() {
                *catalog = start;
            }
        }
        TransactionOp::Savepoint { name } => undo.push((Some(name.text.clone()), catalog.clone())),
        TransactionOp::Release { name } => {
            if let Some(at) = savepoint(undo, name.as_str()) {
                undo.truncate(at);
            }
        }
        TransactionOp::RollbackTo { name } => {
            if let Some(at) = savepoint(undo, name.as_str()) {
                *catalog = undo[at].1.clone();
                undo.truncate(at + 1);
            }
        }
    }
}

struct Walk {
    server: ServerVersion,
    catalog: Rc<Catalog>,
    session: Session,
    steps: Vec<Step>,
    undo: Undo,
    calls_left: usize,
}

/// Where a statement stands: in a script, inside a DO block of it, or in a routine that it calls.
#[derive(Clone)]
struct At {
    migration: usize,
    statement: usize,
    file: FileId,
    prefix: Vec<usize>,
    caller: Option<Caller>,
}

#[derive(Clone)]
struct Caller {
    /// Path of the op that calls.
    op: Vec<usize>,
    span: Span,
    body: Rc<Vec<Statement>>,
    /// Routines may call themselves.
    depth: usize,
}

/// Calls inside calls that are still followed.
const MAX_CALLS: usize = 4;
/// Statements of called routines that one rollout follows in all: a few routines that call each other make any number of them.
const MAX_CALLED: usize = 5_000;

impl Walk {
    fn statement(&mut self, statement: &Statement, at: &At) {
        for (number, op) in statement.ops.iter().enumerate() {
            let mut path = at.prefix.clone();
            path.push(number);
            self.op(&statement.ops, number, op, at, &path);
        }
    }

    /// The steps of the user's own routines that a SELECT or CALL runs.
    fn called(&mut self, bodies: &[Rc<Vec<Statement>>], op: &Op, at: &At, path: &[usize]) {
        let outer = at.caller.as_ref();
        let depth = outer.map_or(0, |caller| caller.depth) + 1;
        let statements: usize = bodies.iter().map(|body| body.len()).sum();
        if depth > MAX_CALLS || statements > self.calls_left {
            // Not followed any further is not judged, and that is said.
            if let Some(step) = self.steps.last_mut() {
                step.effect.hidden.push("routines that call each other too often to be followed".to_owned());
            }
            Rc::make_mut(&mut self.catalog).incomplete = true;
            return;
        }
        self.calls_left -= statements;
        for body in bodies {
            let caller = Caller {
                op: outer.map_or_else(|| path.to_vec(), |caller| caller.op.clone()),
                span: outer.map_or(op.span, |caller| caller.span),
                body: body.clone(),
                depth,
            };
            for (inner, statement) in body.iter().enumerate() {
                self.statement(statement, &At { prefix: vec![inner], caller: Some(caller.clone()), ..at.clone() });
            }
        }
    }

    fn op(&mut self, siblings: &[Op], number: usize, op: &Op, at: &At, path: &[usize]) {
        self.session.apply(&op.kind);
        let bodies = replay::called(&self.catalog, &op.kind);
        let mut effect = postgres::effect(&self.catalog, siblings, number, self.server);
        effect.hidden.extend(bodies.iter().flat_map(|body| body.iter()).flat_map(|statement| &statement.ops).filter_map(opaque));
        if path.len() > 1 {
            // In a DO block or a routine a statement may stand under an IF or beside an exception handler.
            effect.aborts.iter_mut().for_each(|abort| abort.certainty = Certainty::Sometimes);
        }
        let (own, called) = match &at.caller {
            Some(caller) => (caller.op.clone(), Some(Called { body: caller.body.clone(), path: path.to_vec() })),
            None => (path.to_vec(), None),
        };
        // What of a routine cannot be read is told where it is called.
        if at.caller.is_none() || opaque(op).is_none() {
            self.steps.push(Step {
                migration: at.migration,
                statement: at.statement,
                op: own,
                called,
                before: self.catalog.clone(),
                effect,
                transaction: self.session.transaction(),
            });
        }
        if let SchemaOp::Do { body, .. } = &op.kind {
            for (inner, statement) in body.iter().enumerate() {
                let mut prefix = path.to_vec();
                prefix.push(inner);
                self.statement(statement, &At { prefix, ..at.clone() });
            }
            return;
        }
        if !bodies.is_empty() {
            self.called(&bodies, op, at, path);
            if !matches!(op.kind, SchemaOp::Select { into: Some(_), .. }) {
                let unread = replay::calls_unread(&self.catalog, &op.kind);
                Rc::make_mut(&mut self.catalog).incomplete |= unread;
                return;
            }
        }
        let span = at.caller.as_ref().map_or(op.span, |caller| caller.span);
        let context = Context { origin: Origin::Rollout, place: Some(Place { file: at.file, span }), server: self.server };
        advance(Rc::make_mut(&mut self.catalog), &op.kind, &context, &mut self.undo);
    }
}

fn opaque(op: &Op) -> Option<String> {
    match &op.kind {
        SchemaOp::Opaque { detail, .. } => Some(detail.clone()),
        _ => None,
    }
}
