//! Schema files that tools write from the database: a tree and what a rollout changes in, the tables those files have out.

mod diesel;
mod drizzle;
mod dump;
mod find;
mod prisma;

use serde::Serialize;

use super::Unread;
use super::migration::Unit;
use crate::change::Snapshot;
use crate::error::ChangeError;
use crate::schema::Timeline;
use crate::schema::name::QName;
use crate::source::{FileId, Place, Side, SourceMap, Span};

/// Who writes the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `pg_dump`, on its own or for dbmate, Rails and Ecto.
    Dump,
    Prisma,
    Diesel,
    Drizzle,
}

impl Kind {
    /// What writes the file anew.
    pub fn command(self) -> &'static str {
        match self {
            Kind::Dump => "`pg_dump --schema-only` (`dbmate dump`, `rails db:schema:dump`, `mix ecto.dump`)",
            Kind::Prisma => "`prisma migrate dev` (or `prisma db pull`)",
            Kind::Diesel => "`diesel print-schema`",
            Kind::Drizzle => "`drizzle-kit generate`",
        }
    }
}

/// One database as its schema file has it; Prisma may spread it over several files.
#[derive(Debug, Serialize)]
pub struct SchemaFile {
    /// Index of the unit in `Inspection::head_units`.
    pub unit: usize,
    pub kind: Kind,
    pub path: String,
    /// Those that the rollout changes.
    pub tables: Vec<Table>,
    /// How many tables the file has in all.
    pub table_count: usize,
    /// Tables are left out of the file on purpose.
    pub partial: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// `None` when the file does not say, which is the default schema.
    pub schema: Option<String>,
    pub name: String,
    pub place: Place,
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    pub name: String,
    /// `None` when the file does not tell.
    pub not_null: Option<bool>,
    /// It is a column for certain, and not a relation that looks like one.
    pub sure: bool,
}

impl Table {
    pub fn is(&self, key: &QName) -> bool {
        self.name == key.name && self.schema.as_ref().is_none_or(|schema| *schema == key.schema)
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Tables of one text, at least the wanted ones, and how many it has in all; or why it cannot be read.
type Parsed = Result<(Vec<Table>, usize), String>;

/// What a parser is given: the text, its number, and the tables whose columns are wanted.
struct Input<'a> {
    text: &'a str,
    file: FileId,
    wanted: &'a [QName],
}

impl Input<'_> {
    fn place(&self, start: usize, end: usize) -> Place {
        Place { file: self.file, span: Span::new(start, end) }
    }
}

/// Reads the schema files of the units whose tables a rollout changes. What cannot be read is handed out beside them.
///
/// Errors: a blob is missing from the repository.
pub fn read(
    head: &Snapshot,
    units: &[Unit],
    timelines: &[Timeline],
    sources: &mut SourceMap,
) -> Result<(Vec<SchemaFile>, Vec<Unread>), ChangeError> {
    let (mut files, mut unread) = (Vec::new(), Vec::new());
    for timeline in timelines {
        let wanted = timeline.changed_tables();
        if wanted.is_empty() {
            continue;
        }
        let Some(found) = find::find(head, &units[timeline.unit])? else { continue };
        let mut file = SchemaFile {
            unit: timeline.unit,
            kind: found.kind,
            path: String::new(),
            tables: Vec::new(),
            table_count: 0,
            partial: found.partial,
        };
        let before = unread.len();
        for entry in &found.entries {
            if file.path.is_empty() {
                file.path.clone_from(&entry.path);
            }
            let parsed = super::load(head, entry, Side::Head, sources)?.and_then(|id| {
                let input = Input { text: sources.text(id), file: id, wanted: &wanted };
                parse(found.kind, &input).map_err(|reason| Unread { path: entry.path.clone(), place: None, reason })
            });
            match parsed {
                Ok((tables, count)) => {
                    file.tables.extend(tables.into_iter().filter(|table| wanted.iter().any(|key| table.is(key))));
                    file.table_count += count;
                }
                Err(problem) => unread.push(Unread { reason: format!("not compared with the migrations: {}", problem.reason), ..problem }),
            }
        }
        if unread.len() == before {
            files.push(file);
        }
    }
    Ok((files, unread))
}

fn parse(kind: Kind, input: &Input) -> Parsed {
    match kind {
        Kind::Dump => dump::tables(input),
        Kind::Prisma => prisma::tables(input),
        Kind::Diesel => diesel::tables(input),
        Kind::Drizzle => drizzle::tables(input),
    }
}
