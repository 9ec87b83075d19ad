//! PostgreSQL physics, versions 10 to 18: an op, its statement and the catalog before it in, its effect out.
//!
//! Lock modes follow `AlterTableGetLockLevel` (src/backend/commands/tablecmds.c) and the manual's page of each command;
//! rewrites and scans its ALTER TABLE page, "Notes". Every row is proved on real servers by the oracle test.

mod column;
mod constraint;
mod data;
mod index;
pub mod irrelevant;
mod object;
mod scene;
mod table;
mod type_change;

use scene::Scene;

use super::{Effect, ServerVersion};
use crate::schema::catalog::Catalog;
use crate::schema::op::{Op, SchemaOp};

/// What the op at `index` of a statement does. `before` is the catalog right before this op: what earlier actions of the same
/// ALTER TABLE did is in it already.
pub fn effect(before: &Catalog, statement: &[Op], index: usize, server: ServerVersion) -> Effect {
    let Some(op) = statement.get(index) else { return Effect::default() };
    let mut scene = Scene::new(before, statement, index, server);
    judge(&mut scene, &op.kind);
    scene.finish()
}

fn judge(scene: &mut Scene, op: &SchemaOp) {
    match op {
        SchemaOp::CreateTable(create) => table::create(scene, create),
        SchemaOp::AlterTable(alter) => table::alter(scene, alter),
        SchemaOp::DropTable { table, if_exists, cascade, .. } => table::drop_table(scene, table, *if_exists, *cascade),
        SchemaOp::Truncate { tables, cascade, .. } => table::truncate(scene, tables, *cascade),
        SchemaOp::LockTable { tables, mode, .. } => tables.iter().for_each(|table| scene.lock_named(table, *mode)),
        SchemaOp::CreateIndex(create) => index::create(scene, create),
        SchemaOp::DropIndex { index, concurrently, if_exists, .. } => index::drop_index(scene, index, *concurrently, *if_exists),
        SchemaOp::AlterIndex { index, action, .. } => index::alter(scene, index, action),
        SchemaOp::Reindex { target, concurrently } => index::reindex(scene, target, *concurrently),
        SchemaOp::CreateView(create) => object::create_view(scene, create),
        SchemaOp::AlterView { view, action, .. } => object::alter_view(scene, view, action),
        SchemaOp::DropView { view, materialized, if_exists, cascade } => {
            object::drop_view(scene, view, *materialized, *if_exists, *cascade)
        }
        SchemaOp::RefreshView { view, concurrently, .. } => object::refresh(scene, view, *concurrently),
        SchemaOp::AlterType { name, action } => object::alter_type(scene, name, action),
        SchemaOp::DropType { name, if_exists, cascade } | SchemaOp::DropDomain { domain: name, if_exists, cascade } => {
            object::drop_type(scene, name, *if_exists, *cascade);
        }
        SchemaOp::AlterDomain { domain, action } => object::alter_domain(scene, domain, action),
        SchemaOp::AlterSequence { name, action, .. } => object::alter_sequence(scene, name, action),
        SchemaOp::DropSequence { name, if_exists, .. } => object::drop_sequence(scene, name, *if_exists),
        SchemaOp::CreateRoutine(create) => object::create_routine(scene, create),
        SchemaOp::AlterRoutine { routine, action } => object::alter_routine(scene, routine, action),
        SchemaOp::DropRoutine { routine, if_exists, cascade } => object::drop_routine(scene, routine, *if_exists, *cascade),
        SchemaOp::CreateTrigger(create) => object::create_trigger(scene, create),
        SchemaOp::DropTrigger { name, table, if_exists, .. } => object::drop_trigger(scene, name, table, *if_exists),
        SchemaOp::RenameTrigger { table, .. } => scene.lock_named(table, super::LockMode::AccessExclusive),
        SchemaOp::CreateRule { table, instead, event, .. } => object::create_rule(scene, table, event, *instead),
        SchemaOp::DropRule { table, .. } => scene.lock_named(table, super::LockMode::AccessExclusive),
        SchemaOp::CreatePolicy { table, .. } | SchemaOp::AlterPolicy { table, .. } | SchemaOp::DropPolicy { table, .. } => {
            object::policy(scene, table);
        }
        SchemaOp::AlterSchema { name, rename_to: Some(to), .. } => object::rename_schema(scene, name.as_str(), to.as_str()),
        SchemaOp::DropSchema { name, cascade, .. } => object::drop_schema(scene, name.as_str(), *cascade),
        SchemaOp::DropExtension { name, .. } => object::drop_extension(scene, name.as_str()),
        SchemaOp::CreatePublication { .. } | SchemaOp::AlterPublication { .. } => object::publication(scene, op),
        SchemaOp::DropDatabase { name, .. } => object::drop_database(scene, name.as_str()),
        SchemaOp::Revoke { privileges, on, roles } => object::revoke(scene, privileges, on, roles),
        SchemaOp::DropOwned { roles, .. } => object::drop_owned(scene, roles),
        SchemaOp::Insert(insert) => data::insert(scene, insert),
        SchemaOp::Update(update) => data::update(scene, update),
        SchemaOp::Delete(delete) => data::delete(scene, delete),
        SchemaOp::Merge { table, query } => data::merge(scene, table, query),
        SchemaOp::Copy { table: Some(table), from, .. } => data::copy(scene, table, *from),
        SchemaOp::Select { query, .. } => data::reads(scene, query),
        SchemaOp::Vacuum { tables, full, .. } => data::vacuum(scene, tables, *full),
        SchemaOp::Analyze { tables } => data::analyze(scene, tables),
        SchemaOp::Cluster { table, .. } => data::cluster(scene, table.as_ref()),
        SchemaOp::Irrelevant { verb, object, .. } => irrelevant::judge(scene, verb, object),
        // These change nothing that running statements use: new objects, session settings, transaction control, and bodies
        // whose statements are steps of their own.
        SchemaOp::CreateType { .. }
        | SchemaOp::CreateDomain(_)
        | SchemaOp::CreateSequence { .. }
        | SchemaOp::CreateSchema { .. }
        | SchemaOp::AlterSchema { .. }
        | SchemaOp::CreateExtension { .. }
        | SchemaOp::AlterExtension { .. }
        | SchemaOp::DropPublication { .. }
        | SchemaOp::Grant { .. }
        | SchemaOp::Do { .. }
        | SchemaOp::Call { .. }
        | SchemaOp::Copy { table: None, .. }
        | SchemaOp::Set { .. }
        | SchemaOp::Transaction(_)
        | SchemaOp::Opaque { .. } => {}
    }
}
