//! Moves a catalog forward: a catalog and one op in, the catalog after it out. Total: what cannot be is left as it was.

mod constraint;
mod names;
mod object;
mod relation;
mod table;
mod view;

pub use object::triggers_of;
pub use table::{index_uses, takes_generated};
pub use view::{uses, views_below, views_on};

use std::rc::Rc;

use super::catalog::{Catalog, Origin, Routine, Sequence};
use super::effect::ServerVersion;
use super::name::RelName;
use super::op::{SchemaOp, SequenceAction, Statement};
use crate::source::Place;

/// What replay has to know beside the op.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    pub origin: Origin,
    pub place: Option<Place>,
    pub server: ServerVersion,
}

/// Applies one op. The statements of a DO block are applied too; those of a function body are not, they run when it is called.
pub fn apply(catalog: &mut Catalog, op: &SchemaOp, context: &Context) {
    match op {
        SchemaOp::CreateTable(create) => table::create(catalog, create, context),
        SchemaOp::AlterTable(alter) => table::alter(catalog, alter, context),
        SchemaOp::DropTable { table, cascade, .. } => {
            let key = catalog.resolve(table);
            relation::drop_table(catalog, &key, *cascade);
        }
        SchemaOp::Select { into: Some(table), query } => table::create_as(catalog, table, query, context),
        SchemaOp::Select { .. } | SchemaOp::Call { .. } => {
            catalog.incomplete |= calls_unread(catalog, op);
            for op in called(catalog, op).iter().flat_map(|body| body.iter()).flat_map(|statement| &statement.ops) {
                // What a called routine calls in turn is left out: routines may call themselves.
                if !matches!(op.kind, SchemaOp::Select { into: None, .. } | SchemaOp::Call { .. }) {
                    apply(catalog, &op.kind, context);
                }
            }
        }
        SchemaOp::CreateIndex(create) => object::create_index(catalog, create, context),
        SchemaOp::DropIndex { index, .. } => object::drop_index(catalog, index),
        SchemaOp::AlterIndex { index, action, .. } => object::alter_index(catalog, index, action),
        SchemaOp::CreateView(create) => view::create(catalog, create, context),
        SchemaOp::AlterView { view, action, .. } => view::alter(catalog, view, action),
        SchemaOp::DropView { view, cascade, .. } => {
            let key = catalog.resolve(view);
            view::drop_view(catalog, &key, *cascade);
        }
        SchemaOp::CreateSequence { name, if_not_exists, owned_by } => {
            let key = names::new_key(catalog, name);
            if *if_not_exists && catalog.sequences.contains_key(&key) {
                return;
            }
            let owned_by = owned_by.as_ref().map(|(table, column)| (catalog.resolve(table), column.text.clone()));
            catalog.sequences.insert(key, Sequence { owned_by, origin: context.origin });
        }
        SchemaOp::AlterSequence { name, action, .. } => alter_sequence(catalog, name, action),
        SchemaOp::DropSequence { name, .. } => {
            let key = catalog.resolve(name);
            catalog.sequences.remove(&key);
        }
        SchemaOp::Set { name, value, .. } if name == "search_path" => {
            catalog.search_path = value.as_deref().map(names::search_path).unwrap_or_default();
        }
        SchemaOp::Set { name, value, .. } if name == "timezone" => catalog.time_zone = value.clone(),
        SchemaOp::Do { body, .. } => {
            for op in body.iter().flat_map(|statement| &statement.ops) {
                apply(catalog, &op.kind, context);
            }
        }
        SchemaOp::Opaque { .. } => catalog.incomplete = true,
        other => object::apply(catalog, other, context),
    }
}

/// The bodies that a SELECT or CALL runs: the user's own routines, where the name tells which.
pub fn called(catalog: &Catalog, op: &SchemaOp) -> Vec<Rc<Vec<Statement>>> {
    own_routines(catalog, op).filter_map(|routine| routine.body.clone()).filter(|body| !body.is_empty()).collect()
}

/// One of the user's routines that an op calls was not read.
pub fn calls_unread(catalog: &Catalog, op: &SchemaOp) -> bool {
    own_routines(catalog, op).any(|routine| routine.body.is_none())
}

/// The user's routines that an op calls; those with overloads are left out.
fn own_routines<'a>(catalog: &'a Catalog, op: &'a SchemaOp) -> impl Iterator<Item = &'a Routine> {
    let names: &[RelName] = match op {
        SchemaOp::Select { query, .. } => &query.functions,
        SchemaOp::Call { routine } => std::slice::from_ref(routine),
        _ => &[],
    };
    names.iter().filter_map(|name| match catalog.routines.get(&catalog.resolve(name))?.as_slice() {
        [only] => Some(only),
        _ => None,
    })
}

fn alter_sequence(catalog: &mut Catalog, name: &super::name::RelName, action: &SequenceAction) {
    let key = catalog.resolve(name);
    match action {
        SequenceAction::Rename { to } => relation::rename(catalog, &key, &super::name::QName::new(&key.schema, &to.text)),
        SequenceAction::SetSchema { schema } => relation::rename(catalog, &key, &super::name::QName::new(&schema.text, &key.name)),
        SequenceAction::OwnedBy { column } => {
            let owned_by = column.as_ref().map(|(table, column)| (catalog.resolve(table), column.text.clone()));
            if let Some(sequence) = catalog.sequences.get_mut(&key) {
                sequence.owned_by = owned_by;
            }
        }
        SequenceAction::OwnerTo { .. } | SequenceAction::Restart | SequenceAction::SetLogged { .. } | SequenceAction::Options { .. } => {}
    }
}
