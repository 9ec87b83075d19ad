//! Moves a catalog forward: a catalog and one op in, the catalog after it out. Total: what cannot be is left as it was.

mod constraint;
mod names;
mod object;
mod relation;
mod table;

pub use relation::views_on;
pub use table::index_uses;

use super::catalog::{Catalog, Origin, Sequence};
use super::effect::ServerVersion;
use super::op::{SchemaOp, SequenceAction};
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
        SchemaOp::CreateIndex(create) => object::create_index(catalog, create, context),
        SchemaOp::DropIndex { index, .. } => object::drop_index(catalog, index),
        SchemaOp::AlterIndex { index, action, .. } => object::alter_index(catalog, index, action),
        SchemaOp::CreateView(create) => object::create_view(catalog, create, context),
        SchemaOp::AlterView { view, action, .. } => object::alter_view(catalog, view, action),
        SchemaOp::DropView { view, .. } => {
            let key = catalog.resolve(view);
            relation::drop_view(catalog, &key);
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
        SchemaOp::Do { body, .. } => {
            for op in body.iter().flat_map(|statement| &statement.ops) {
                apply(catalog, &op.kind, context);
            }
        }
        SchemaOp::Opaque { .. } => catalog.incomplete = true,
        other => object::apply(catalog, other, context),
    }
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
