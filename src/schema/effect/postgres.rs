//! PostgreSQL physics: an op and the catalog before it in, its effect out.

use super::{Effect, ServerVersion};
use crate::schema::catalog::Catalog;
use crate::schema::op::Op;

pub fn effect(_before: &Catalog, _statement: &[Op], _index: usize, _server: ServerVersion) -> Effect {
    Effect::default()
}
