//! The points on which a server and the effects differ over one migration: looks and steps in, sentences out.

use std::collections::{BTreeMap, BTreeSet};

use holdshort::read::migration::{Migration, Script};
use holdshort::schema::Step;
use holdshort::schema::catalog::{Catalog, TableConstraintKind};
use holdshort::schema::effect::{Certainty, Effect, LockMode, SubjectKind, Work};
use holdshort::schema::name::QName;
use holdshort::schema::op::{Op, OpaqueReason, SchemaOp, Statement, TableAction};

use super::look::{Look, Relation};
use super::{Run, Seen, must_fail};

#[derive(Default)]
pub struct Differences {
    pub found: Vec<String>,
}

impl Differences {
    fn add<T: std::fmt::Debug + PartialEq>(&mut self, statement: usize, what: &str, server: T, effects: T) {
        if server != effects {
            self.found.push(format!("statement {}: {what}: server {server:?}, effects {effects:?}", statement + 1));
        }
    }

    pub fn statements(&mut self, looks: &[Seen], migration: &Migration, steps: &[Step]) {
        let Some(start) = looks.first().map(|seen| &seen.before) else { return };
        let Some(before) = steps.first().map(|step| &step.before) else { return };
        // What text built at run time made is not in the replayed catalog; that it was not read has been said.
        let known = |relation: &Relation| before.has_relation(&QName::new(&relation.schema, &relation.name));
        let mut start = start.as_ref().clone();
        start.relations.retain(|_, relation| known(relation));
        let mut held: BTreeMap<u64, LockMode> = BTreeMap::new();
        let mut transaction = None;
        let mut reported = BTreeSet::new();
        for seen in looks {
            let statement = &migration.up.statements[seen.statement];
            let effects: Vec<&Step> = steps.iter().filter(|step| step.statement == seen.statement).collect();
            // Text built at run time, in place or in a routine that is called: that it was not read has been said.
            if any(statement, &|op| matches!(op, SchemaOp::Opaque { .. })) || effects.iter().any(|step| !step.effect.hidden.is_empty()) {
                held.extend(seen.after.locks.iter());
                continue;
            }
            let id = effects.first().map(|step| step.transaction.id);
            if id != transaction {
                held.clear();
                transaction = id;
            }
            self.work(seen, &start, statement, &effects);
            self.removed(seen, &start, &effects);
            self.required(seen, &start, statement, &effects);
            if seen.in_transaction {
                self.locks(seen, &start, &effects, &mut held, &mut reported);
            }
        }
    }

    /// Tables written anew, and tables read from end to end.
    fn work(&mut self, seen: &Seen, start: &Look, statement: &Statement, steps: &[&Step]) {
        let old = |oid: &u64| start.relations.contains_key(oid);
        let both =
            || seen.before.relations.iter().filter(|(oid, _)| old(oid)).filter_map(|(oid, a)| Some((a, seen.after.relations.get(oid)?)));
        let emptied = any(statement, &|op| matches!(op, SchemaOp::Truncate { .. }));
        if !emptied {
            let server = both().filter(|(a, b)| matches!(a.kind.as_str(), "r" | "m") && a.node != b.node);
            let server: BTreeSet<String> = server.map(|(a, _)| a.full_name()).collect();
            let effects = names(steps, |effect| vec![&effect.rewrites]);
            self.add(seen.statement, "rewritten", server, effects);
        }
        if seen.in_transaction {
            let server = both().filter(|(a, b)| matches!(a.kind.as_str(), "r" | "m") && b.scans > a.scans);
            let mut server: BTreeSet<String> = server.map(|(a, _)| a.full_name()).collect();
            let effects = names(steps, |effect| vec![&effect.scans, &effect.rewrites, &effect.index_builds]);
            // TRUNCATE rebuilds the indexes of what is empty now.
            if emptied {
                server.retain(|name| effects.contains(name));
            }
            // A required column without a value: the read ends at the first row, which fails the statement.
            if any(statement, &adds_required) {
                server.retain(|name| effects.contains(name));
            }
            // Statements on rows read what they need, and a foreign key's check reads the other table too.
            let free = any(statement, &reads_rows) || any(statement, &|op| is_foreign_key(op, steps));
            if free {
                server.retain(|name| effects.contains(name));
            }
            self.add(seen.statement, "read", server, effects);
        }
    }

    /// Relations and columns that old code can no longer name.
    fn removed(&mut self, seen: &Seen, start: &Look, steps: &[&Step]) {
        let mut server = BTreeSet::new();
        let mut partitions = BTreeSet::new();
        for (oid, before) in seen.before.relations.iter().filter(|(oid, _)| start.relations.contains_key(oid)) {
            let after = seen.after.relations.get(oid).filter(|after| after.full_name() == before.full_name());
            // What has another oid and the same name was made anew: a view.
            let Some(after) = after.or_else(|| seen.after.find(&before.schema, &before.name)) else {
                if before.child {
                    partitions.insert(before.full_name());
                }
                server.insert(before.full_name());
                continue;
            };
            if !before.child {
                let first = &start.relations[oid];
                let gone = before
                    .columns
                    .iter()
                    .filter(|column| first.column(column.number).is_some() && after.columns.iter().all(|kept| kept.name != column.name));
                server.extend(gone.map(|column| format!("{}.{}", before.full_name(), column.name)));
            }
        }
        let mut effects = BTreeSet::new();
        for broken in steps.iter().flat_map(|step| step.effect.breaks_readers.iter().filter(|broken| broken.certainty == Certainty::Always))
        {
            match broken.subject.kind {
                // A block that swaps two tables leaves the name in place.
                SubjectKind::Table | SubjectKind::View => {
                    let there = |relation: &Relation| relation.full_name() == broken.subject.name;
                    !seen.after.relations.values().any(there) && effects.insert(broken.subject.name.clone())
                }
                SubjectKind::Column => {
                    effects.insert(format!("{}.{}", broken.subject.table.as_deref().unwrap_or("?"), broken.subject.name))
                }
                _ => false,
            };
        }
        // A partition goes with its parent.
        server.retain(|name| effects.contains(name) || !partitions.contains(name));
        self.add(seen.statement, "removed", server, effects);
    }

    /// Columns that old INSERTs have to fill from now on.
    fn required(&mut self, seen: &Seen, start: &Look, statement: &Statement, steps: &[&Step]) {
        let mut server = BTreeSet::new();
        for (oid, after) in seen.after.relations.iter().filter(|(oid, after)| start.relations.contains_key(oid) && !after.child) {
            let Some(before) = seen.before.relations.get(oid).filter(|_| matches!(after.kind.as_str(), "r" | "p")) else { continue };
            for column in after.columns.iter().filter(|column| column.not_null) {
                let old = start.relations[oid].column(column.number).is_some();
                let newly = match before.column(column.number) {
                    None => !column.filled,
                    Some(was) => (!was.not_null && (old || !column.filled)) || (was.filled && !column.filled),
                };
                if newly {
                    server.insert(format!("{}.{}", after.full_name(), column.name));
                }
            }
        }
        let mut effects = BTreeSet::new();
        let broken = steps.iter().filter(|step| !is_retyping(op_of(statement, &step.op))).flat_map(|step| &step.effect.breaks_writers);
        for broken in broken.filter(|broken| broken.subject.kind == SubjectKind::Column) {
            let table = broken.subject.table.clone().unwrap_or_default();
            let kept = seen.after.relations.values().find(|relation| relation.full_name() == table);
            let column = kept.and_then(|relation| relation.columns.iter().find(|column| column.name == broken.subject.name));
            if column.is_some_and(|column| column.not_null) {
                effects.insert(format!("{table}.{}", broken.subject.name));
            }
        }
        // Where an enforced CHECK forbids NULL already, requiring the column takes nothing more from old code.
        server.retain(|name| effects.contains(name) || !steps.iter().any(|step| forbidden(&step.before, name)));
        self.add(seen.statement, "required", server, effects);
    }

    /// The strongest lock on each table so far in the transaction.
    fn locks(&mut self, seen: &Seen, start: &Look, steps: &[&Step], held: &mut BTreeMap<u64, LockMode>, reported: &mut BTreeSet<u64>) {
        let weak = |lock: &LockMode| *lock <= LockMode::ShareUpdateExclusive;
        if steps.iter().all(|step| step.effect == Effect::default()) {
            // COMMENT and its like: a lock that no client waits for.
            let taken: Vec<_> = seen.after.locks.iter().filter(|(oid, mode)| weak(mode) && !held.contains_key(oid)).collect();
            held.extend(taken);
        }
        for lock in steps.iter().flat_map(|step| &step.effect.locks) {
            let Some(relation) = seen.before.find(&lock.relation.schema, &lock.relation.name) else { continue };
            let mode = held.entry(relation.oid).or_insert(lock.mode);
            *mode = (*mode).max(lock.mode);
        }
        for (oid, relation) in start.relations.iter().filter(|(oid, _)| !reported.contains(*oid)).collect::<Vec<_>>() {
            let strong =
                |mode: Option<&LockMode>| mode.copied().filter(|mode| *mode >= LockMode::ShareUpdateExclusive).map(LockMode::as_str);
            let (server, effects) = (strong(seen.after.locks.get(oid)), strong(held.get(oid)));
            if server != effects {
                reported.insert(*oid);
                self.add(seen.statement, &format!("lock on {}", relation.full_name()), server, effects);
            }
        }
    }

    /// A failure that was foretold, or foretold and did not come. Whether the server's refusal was foretold.
    pub fn failure(&mut self, run: &Run, steps: &[Step]) -> bool {
        let Some((statement, reason)) = must_fail(steps) else { return false };
        if run.error.is_none() {
            self.found.push(format!("statement {}: said to fail ({reason}), and it did not", statement + 1));
        }
        true
    }

    /// The replayed catalog beside the server's, as far as the difference is new. What text built at run time makes cannot be known.
    pub fn catalog(&mut self, catalog: &Catalog, last: &Look, dynamic: bool, known: &mut BTreeSet<String>) {
        let mut now = BTreeSet::new();
        for relation in last.relations.values().filter(|relation| !relation.name.starts_with("__diesel")) {
            let key = QName::new(&relation.schema, &relation.name);
            match (relation.kind.as_str(), catalog.table(&key)) {
                ("v" | "m", _) if catalog.views.contains_key(&key) => {}
                ("v" | "m", _) | (_, None) => {
                    now.insert(format!("catalog: {} is not known", relation.full_name()));
                }
                (_, Some(table)) if table.open => {}
                (_, Some(table)) => now.extend(columns(relation, table)),
            }
        }
        let there = |key: &QName| last.find(&key.schema, &key.name).is_some();
        let listed = catalog
            .tables
            .iter()
            .filter(|(key, table)| key.schema != "pg_temp" && table.origin != holdshort::schema::catalog::Origin::Assumed)
            .map(|(key, _)| key);
        let gone = listed.chain(catalog.views.keys()).filter(|key| !there(key));
        now.extend(gone.map(|key| format!("catalog: {key} is not on the server")));
        if !dynamic {
            self.found.extend(now.difference(known).cloned());
        }
        known.extend(now);
    }
}

fn columns(relation: &Relation, table: &holdshort::schema::catalog::Table) -> Vec<String> {
    let bare = |ty: &str| ty.replace('"', "").rsplit_once('.').map_or(ty.replace('"', ""), |(_, name)| name.to_owned());
    let mut out = Vec::new();
    for column in &relation.columns {
        let name = format!("{}.{}", relation.full_name(), column.name);
        match table.column(&column.name) {
            None => out.push(format!("catalog: column {name} is not known")),
            Some(own) => {
                let ty = own.ty.as_ref().map(|ty| bare(&ty.to_string()));
                if ty.as_ref().is_some_and(|ty| *ty != bare(&column.ty)) {
                    out.push(format!("catalog: type of {name}: server {}, replay {}", column.ty, ty.unwrap_or_default()));
                }
                if own.not_null != column.not_null {
                    out.push(format!("catalog: {name} NOT NULL: server {}, replay {}", column.not_null, own.not_null));
                }
            }
        }
    }
    for own in &table.columns {
        if relation.columns.iter().all(|column| column.name != own.name) {
            out.push(format!("catalog: column {}.{} is not on the server", relation.full_name(), own.name));
        }
    }
    out
}

fn names<'a>(steps: &[&'a Step], work: impl Fn(&'a Effect) -> Vec<&'a Vec<Work>>) -> BTreeSet<String> {
    steps.iter().flat_map(|step| work(&step.effect)).flatten().filter(|work| !work.new).map(|work| work.relation.to_string()).collect()
}

/// An op of the statement, those in DO blocks included, for which the question holds.
fn any(statement: &Statement, question: &dyn Fn(&SchemaOp) -> bool) -> bool {
    statement.ops.iter().any(|op: &Op| match &op.kind {
        SchemaOp::Do { body, .. } => body.iter().any(|inner| any(inner, question)),
        kind => question(kind),
    })
}

fn reads_rows(op: &SchemaOp) -> bool {
    matches!(
        op,
        SchemaOp::Insert(_)
            | SchemaOp::Update(_)
            | SchemaOp::Delete(_)
            | SchemaOp::Merge { .. }
            | SchemaOp::Select { .. }
            | SchemaOp::Call { .. }
            | SchemaOp::Copy { .. }
            | SchemaOp::RefreshView { .. }
            | SchemaOp::Opaque { .. }
    ) || matches!(op, SchemaOp::CreateTable(create) if create.as_query.is_some())
        || matches!(op, SchemaOp::CreateView(create) if create.materialized)
}

fn is_foreign_key(op: &SchemaOp, steps: &[&Step]) -> bool {
    use holdshort::schema::op::ConstraintKind;
    match op {
        SchemaOp::AlterTable(alter) => match &alter.action {
            TableAction::AddConstraint { constraint } => matches!(constraint.kind, ConstraintKind::ForeignKey { .. }),
            // Its foreign keys are checked again.
            TableAction::AlterColumnType { .. } | TableAction::ValidateConstraint { .. } => true,
            TableAction::AddColumn { column, .. } => column.constraints.iter().any(|c| matches!(c.kind, ConstraintKind::ForeignKey { .. })),
            _ => false,
        },
        _ => steps.is_empty(),
    }
}

fn adds_required(op: &SchemaOp) -> bool {
    matches!(op, SchemaOp::AlterTable(alter)
        if matches!(&alter.action, TableAction::AddColumn { column, .. } if column.not_null && column.default.is_none()))
}

fn op_of<'a>(statement: &'a Statement, path: &[usize]) -> &'a SchemaOp {
    let kind = &statement.ops[path[0]].kind;
    match (kind, path) {
        (SchemaOp::Do { body, .. }, [_, inner, rest @ ..]) if !rest.is_empty() => op_of(&body[*inner], rest),
        _ => kind,
    }
}

fn forbidden(before: &Catalog, column: &str) -> bool {
    let Some((table, column)) = column.rsplit_once('.') else { return false };
    let Some((schema, table)) = table.split_once('.') else { return false };
    let proves = |expr: &holdshort::schema::op::Expr| expr.proves_not_null.iter().any(|proved| proved == column);
    before.table(&QName::new(schema, table)).is_some_and(|table| {
        table.constraints.iter().any(|constraint| matches!(&constraint.kind, TableConstraintKind::Check { expr } if proves(expr)))
    })
}

fn is_retyping(op: &SchemaOp) -> bool {
    matches!(op, SchemaOp::AlterTable(alter) if matches!(alter.action, TableAction::AlterColumnType { .. }))
}

/// Something in it is put together when it runs: in place, in a routine it calls, or in a trigger it fires.
pub fn is_dynamic(steps: &[Step], migration: &Migration) -> bool {
    let text = |op: &SchemaOp| matches!(op, SchemaOp::Opaque { .. });
    migration.up.statements.iter().any(|statement| any(statement, &text)) || steps.iter().any(|step| !step.effect.hidden.is_empty())
}

/// Statements that were not read, text built at run time left out.
pub fn opaque(script: &Script, text: &str) -> Vec<String> {
    let unread = |statement: &&Statement| {
        any(
            statement,
            &|op| matches!(op, SchemaOp::Opaque { reason, .. } if !matches!(reason, OpaqueReason::Dynamic | OpaqueReason::External)),
        )
    };
    let head = |statement: &Statement| statement.span.text(text).split_whitespace().take(12).collect::<Vec<_>>().join(" ");
    script.statements.iter().filter(unread).map(head).collect()
}
