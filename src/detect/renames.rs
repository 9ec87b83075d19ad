//! What the deployed code calls a table or column that the rollout has renamed by now: ops in order in, names at base out.

use std::collections::BTreeMap;

use crate::finding::{Subject, SubjectKind};
use crate::schema::catalog::Catalog;
use crate::schema::name::QName;
use crate::schema::op::{SchemaOp, TableAction};

/// Names now, with what they are at base.
#[derive(Debug, Default)]
pub struct Names {
    tables: BTreeMap<String, String>,
    /// By the table at base and the column's name now.
    columns: BTreeMap<(String, String), String>,
}

impl Names {
    /// Takes in a rename that an op makes.
    pub fn follow(&mut self, op: &SchemaOp, before: &Catalog) {
        let SchemaOp::AlterTable(alter) = op else { return };
        let now = before.resolve(&alter.table);
        let base = self.table(&now.to_string());
        match &alter.action {
            TableAction::RenameTable { to } => drop(self.tables.insert(QName::new(&now.schema, to.as_str()).to_string(), base)),
            TableAction::SetSchema { schema } => drop(self.tables.insert(QName::new(schema.as_str(), &now.name).to_string(), base)),
            TableAction::RenameColumn { from, to } => {
                let old = self.column(&base, from.as_str());
                self.columns.insert((base, to.text.clone()), old);
            }
            _ => {}
        }
    }

    fn table(&self, now: &str) -> String {
        self.tables.get(now).map_or_else(|| now.to_owned(), Clone::clone)
    }

    fn column(&self, base_table: &str, now: &str) -> String {
        self.columns.get(&(base_table.to_owned(), now.to_owned())).map_or_else(|| now.to_owned(), Clone::clone)
    }

    pub fn at_base(&self, subject: &Subject) -> Subject {
        let table = subject.table.as_deref().map(|table| self.table(table));
        let name = match (subject.kind, &table) {
            (SubjectKind::Table | SubjectKind::View, _) => self.table(&subject.name),
            (SubjectKind::Column, Some(table)) => self.column(table, &subject.name),
            _ => subject.name.clone(),
        };
        Subject { kind: subject.kind, table, name }
    }
}
