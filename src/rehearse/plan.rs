//! What a rehearsal runs: an inspection in, the history, the change and the rollback of each database as plain statements out.

use crate::detect::Inspection;
use crate::read::migration::{self, Dialect, Framework, Migration, Unit, Wrapping, layout};
use crate::schema::effect::ServerVersion;
use crate::schema::op::SchemaOp;
use crate::schema::timeline::new_migrations;
use crate::source::{Place, SourceMap};

/// Everything a rehearsal does, one entry a database.
#[derive(Debug, Default)]
pub struct Plan {
    pub units: Vec<UnitPlan>,
    /// New migrations that are not rehearsed, and why, as clauses.
    pub left_out: Vec<String>,
}

#[derive(Debug)]
pub struct UnitPlan {
    pub root: String,
    pub framework: Framework,
    pub server: Option<ServerVersion>,
    /// What production has applied already.
    pub history: Vec<Script>,
    /// The change, in the order its runner applies it.
    pub change: Vec<Script>,
    /// How many scripts of the change stay when it is rolled back: up to the last that the document declares forward-only.
    pub kept: usize,
    /// The way back, newest first.
    pub rollback: Vec<Script>,
    /// Migrations without a way back that no document answers for.
    pub gaps: Vec<String>,
    /// Files of the change that were rehearsed: what the record is bound to.
    pub files: Vec<String>,
}

/// One direction of one migration.
#[derive(Debug, Clone)]
pub struct Script {
    pub migration: String,
    pub path: String,
    pub wrapping: Wrapping,
    pub statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
pub struct Statement {
    pub text: String,
    pub line: usize,
    pub ops: Vec<SchemaOp>,
}

impl UnitPlan {
    /// What to call it where several databases are rehearsed.
    pub fn name(&self) -> &str {
        if self.root.is_empty() { "." } else { &self.root }
    }
}

/// Plans the rehearsal of every database the change migrates.
pub fn plan(inspection: &Inspection) -> Plan {
    let mut plan = Plan::default();
    let forward_only = forward_only(inspection);
    for unit in &inspection.head_units {
        let old = inspection.base_units.iter().find(|old| old.root == unit.root && old.framework == unit.framework);
        let fresh: Vec<&Migration> = new_migrations(old, unit, &inspection.sources).map(|(_, migration)| migration).collect();
        if fresh.is_empty() {
            continue;
        }
        if !matches!(unit.dialect, Dialect::Postgres | Dialect::Unknown) {
            plan.left_out.push(format!("{} is for {}, and only PostgreSQL is rehearsed", unit.root, unit.dialect.name()));
            continue;
        }
        if let Some(unread) = unit.unread.first() {
            plan.left_out.push(format!("{} could not be read: {}", unread.path, unread.reason));
        }
        plan.units.push(unit_plan(unit, old, &fresh, forward_only, &inspection.sources));
    }
    plan
}

/// A document says that there is no way back, and why: the schema stays, the code alone goes back.
fn forward_only(inspection: &Inspection) -> bool {
    let data = |document: &crate::read::rollback::Document| document.data.as_ref().is_some_and(|data| data.forward_only && data.reasoned);
    inspection.rollback.documents.iter().any(data)
}

fn unit_plan(unit: &Unit, old: Option<&Unit>, fresh: &[&Migration], forward_only: bool, sources: &SourceMap) -> UnitPlan {
    let mut plan = UnitPlan {
        root: unit.root.clone(),
        framework: unit.framework,
        server: unit.server,
        history: old.map(|old| history(old, sources)).unwrap_or_default(),
        change: fresh.iter().map(|migration| script(migration, &migration.up, sources)).collect(),
        kept: 0,
        rollback: Vec::new(),
        gaps: Vec::new(),
        files: Vec::new(),
    };
    let mut back: Vec<Option<Script>> = Vec::new();
    for (number, migration) in fresh.iter().enumerate() {
        let down = migration.down.as_ref().filter(|down| !down.statements.is_empty());
        plan.files.push(sources.path(migration.up.source).to_owned());
        plan.files.extend(migration.down.as_ref().map(|down| sources.path(down.source).to_owned()));
        if migration.repeatable {
            // Undone by what it was before; one that is new has nothing to go back to, and what it leaves is compared.
            let before = old.and_then(|old| old.migrations.iter().find(|known| known.repeatable && known.id == migration.id));
            back.push(before.map(|before| full_script(before, &before.up, unit.dialect, sources)));
            continue;
        }
        back.push(down.map(|down| script(migration, down, sources)));
        if down.is_none() && !migration.up.statements.is_empty() {
            if forward_only {
                plan.kept = number + 1;
            } else {
                plan.gaps.push(migration.id.clone());
            }
        }
    }
    plan.files.sort();
    plan.files.dedup();
    plan.rollback = back.into_iter().skip(plan.kept).rev().flatten().collect();
    plan
}

/// The applied history in full: the checks only parse what bears on the change.
fn history(old: &Unit, sources: &SourceMap) -> Vec<Script> {
    let mut unit = [old.clone()];
    layout::parse(&mut unit, sources);
    unit[0].migrations.iter().map(|migration| script(migration, &migration.up, sources)).collect()
}

fn full_script(migration: &Migration, direction: &migration::Script, dialect: Dialect, sources: &SourceMap) -> Script {
    let mut whole = direction.clone();
    whole.statements = migration::sql::read(dialect, sources.text(direction.source), &direction.regions);
    script(migration, &whole, sources)
}

fn script(migration: &Migration, direction: &migration::Script, sources: &SourceMap) -> Script {
    let text = sources.text(direction.source);
    let statements = direction.statements.iter().map(|statement| Statement {
        text: statement.span.text(text).to_owned(),
        line: sources.start(Place { file: direction.source, span: statement.span }).line,
        ops: statement.ops.iter().map(|op| op.kind.clone()).collect(),
    });
    Script {
        migration: migration.id.clone(),
        path: sources.path(direction.source).to_owned(),
        wrapping: direction.transaction,
        statements: statements.collect(),
    }
}
