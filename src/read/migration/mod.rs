//! Migrations as facts: which files are migrations, in which order and transaction they run, and what their statements ask for.

pub mod dialect;
pub mod layout;
pub mod sql;

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::Unread;
use crate::schema::effect::ServerVersion;
use crate::schema::op::Statement;
use crate::source::{FileId, Span};

/// One database's migrations: a directory (or plan) that one runner applies in one order.
#[derive(Debug, Clone, Serialize)]
pub struct Unit {
    /// Directory the migrations live in, from the root of the repository.
    pub root: String,
    pub framework: Framework,
    pub dialect: Dialect,
    /// What the dialect was told from: `migration_lock.toml says postgresql`.
    pub dialect_reason: String,
    /// `None` when nothing says which server runs; effects then assume `DEFAULT_POSTGRES`.
    pub server: Option<ServerVersion>,
    /// In the order the runner applies them.
    pub migrations: Vec<Migration>,
    pub unread: Vec<Unread>,
    /// Where its files were at base, when the change moves them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

impl Unit {
    /// This unit's migrations, to be found from `other`, another revision of the same unit.
    pub fn counterparts<'a>(&'a self, other: &'a Unit) -> Counterparts<'a> {
        let mut known: HashMap<(&str, bool), Vec<&Migration>> = HashMap::new();
        for migration in &self.migrations {
            known.entry((&migration.id, migration.repeatable)).or_default().push(migration);
        }
        Counterparts { known, other: other.migrations.iter().map(|migration| migration.path.as_str()).collect() }
    }
}

/// Tells which migrations of two revisions of a unit are the same one.
pub struct Counterparts<'a> {
    known: HashMap<(&'a str, bool), Vec<&'a Migration>>,
    /// Paths of the other revision's migrations.
    other: HashSet<&'a str>,
}

impl<'a> Counterparts<'a> {
    /// The migration in the same file, else the one of the same id whose file was renamed. Some histories use a version
    /// twice, so the id alone does not tell.
    pub fn get(&self, migration: &Migration) -> Option<&'a Migration> {
        let same = self.known.get(&(migration.id.as_str(), migration.repeatable))?;
        let here = same.iter().find(|known| known.path == migration.path);
        here.or_else(|| same.iter().find(|known| !self.other.contains(known.path.as_str()))).copied()
    }
}

/// Assumed when nothing says which PostgreSQL runs: the oldest release the PostgreSQL project still supported in 2026.
pub const DEFAULT_POSTGRES: ServerVersion = ServerVersion(14);

#[derive(Debug, Clone, Serialize)]
pub struct Migration {
    /// What the runner knows it by, unique in its unit: `20240102030405`, `V2.1`, a directory's name.
    pub id: String,
    /// The file (or directory's main file) to show.
    pub path: String,
    pub up: Script,
    /// Absent when the migration has no way back.
    pub down: Option<Script>,
    /// Applied again whenever its text changes (Flyway `R__`, Liquibase `runOnChange`).
    pub repeatable: bool,
}

/// One direction of one migration: the parts of a file that run, and what is in them.
#[derive(Debug, Clone, Serialize)]
pub struct Script {
    pub source: FileId,
    /// The bytes that belong to this direction; the rest of the file is another direction or a runner's header.
    pub regions: Vec<Span>,
    pub transaction: Wrapping,
    pub statements: Vec<Statement>,
}

/// How the runner wraps a script before any BEGIN of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wrapping {
    /// The runner opens a transaction for this migration.
    Transaction,
    /// The runner applies all pending migrations in one transaction.
    AllPending,
    /// No transaction is opened, but several statements travel in one message, which PostgreSQL runs as one transaction.
    ImplicitWhenMany,
    /// Each statement commits by itself.
    Autocommit,
    /// Nothing is known of the runner.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framework {
    GolangMigrate,
    Diesel,
    Flyway,
    Goose,
    Dbmate,
    Sqlx,
    Refinery,
    Prisma,
    Drizzle,
    Supabase,
    Hasura,
    Atlas,
    Sqitch,
    Liquibase,
    NodePgMigrate,
    /// Numbered SQL files in a directory, runner unknown.
    Plain,
    // Migrations written in code: found, so that a change that adds one is told, but not read.
    Rails,
    Django,
    Alembic,
    Knex,
    Typeorm,
    Sequelize,
    Laravel,
    Ecto,
    EfCore,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize, clap::ValueEnum, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    Postgres,
    Mysql,
    Mariadb,
    Sqlite,
    SqlServer,
    Unknown,
}

impl Dialect {
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Postgres => "PostgreSQL",
            Dialect::Mysql => "MySQL",
            Dialect::Mariadb => "MariaDB",
            Dialect::Sqlite => "SQLite",
            Dialect::SqlServer => "SQL Server",
            Dialect::Unknown => "an unknown database",
        }
    }
}
