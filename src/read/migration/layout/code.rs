//! Migrations that are not SQL: a path and its text in, the framework and why it is not read out.

use std::sync::LazyLock;

use regex::Regex;

use super::reader::Reader;
use super::tree;
use crate::error::ChangeError;
use crate::read::migration::Framework;

/// A kind of migration file: both its name and its text must match.
struct Kind {
    framework: Framework,
    name: Regex,
    text: Regex,
    what: &'static str,
    /// The command that prints its SQL, where its framework has one.
    prints: Option<&'static str>,
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let kind = |framework, name: &str, text: &str, what, prints| Kind {
        framework,
        name: Regex::new(name).expect("a constant pattern"),
        text: Regex::new(text).expect("a constant pattern"),
        what,
        prints,
    };
    let script = r"\d+[-_].*\.(?:js|ts|mjs|cjs|mts|cts)$";
    let exports = r"exports\.up\b|export\s+(?:async\s+)?(?:function|const)\s+up\b|module\.exports\s*=";
    vec![
        kind(Framework::Rails, r"^\d+_[a-z0-9_.]+\.rb$", r"ActiveRecord::Migration", "a Rails migration", None),
        kind(Framework::Plain, r"^\d+_[a-z0-9_.]+\.rb$", r"Sequel\.migration|ROM::SQL\.migration|Hanami::", "a Ruby migration", None),
        kind(
            Framework::Django,
            r"(?:^|/)migrations/\d{4}_\w+\.py$",
            r"django\.db|migrations\.Migration",
            "a Django migration",
            Some("python manage.py sqlmigrate APP NAME"),
        ),
        kind(
            Framework::Alembic,
            r"\.py$",
            r"(?s)\bdown_revision\b.*\bdef upgrade\(|\bdef upgrade\(.*\bdown_revision\b",
            "an Alembic migration",
            Some("alembic upgrade FROM:TO --sql"),
        ),
        kind(Framework::Plain, r"^[^/]*\d+.*\.py$", r"from yoyo import|from peewee_migrate|playhouse\.migrate", "a Python migration", None),
        kind(Framework::Typeorm, r"^\d+-?.*\.(?:js|ts|mjs|cjs)$", r"MigrationInterface", "a TypeORM migration", None),
        kind(Framework::Sequelize, &format!("^{script}"), r"queryInterface|QueryInterface", "a Sequelize migration", None),
        kind(
            Framework::NodePgMigrate,
            &format!("^{script}"),
            r"\bpgm\b|node-pg-migrate",
            "a node-pg-migrate migration in code",
            Some("node-pg-migrate up --dry-run"),
        ),
        kind(Framework::Knex, &format!("^{script}"), exports, "a JavaScript migration", None),
        kind(
            Framework::Laravel,
            r"^\d{4}_\d{2}_\d{2}_\d{6}_\w+\.php$",
            r"extends\s+Migration\b",
            "a Laravel migration",
            Some("php artisan migrate --pretend"),
        ),
        kind(
            Framework::Plain,
            r"^(?:Version\d{14}|\d{14}_\w+)\.php$",
            r"extends\s+\\?[\w\\]*Abstract(?:Migration|Seed)\b|extends\s+Migration\b",
            "a PHP migration",
            None,
        ),
        kind(
            Framework::Ecto,
            r"^\d+_.*\.exs$",
            r"use\s+Ecto\.Migration\b",
            "an Ecto migration",
            Some("mix ecto.migrate --log-migrations-sql"),
        ),
        kind(Framework::EfCore, r"^\d{14}_\w+\.cs$", r":\s*Migration\b", "an EF Core migration", Some("dotnet ef migrations script")),
        kind(
            Framework::Plain,
            r"\.cs$",
            r"\[(?:\w+\.)*Migration\(.*\)\]",
            "a FluentMigrator migration",
            Some("dotnet fm migrate --preview"),
        ),
        kind(
            Framework::Flyway,
            r"^[VUR]\d*(?:[._]\d+)*__\w+\.(?:java|kt)$",
            r"BaseJavaMigration|JavaMigration|JdbcMigration",
            "a Flyway migration in code",
            None,
        ),
        kind(Framework::Goose, r"^\d+_\w+\.go$", r"\bgoose\.Add\w*Migration", "a goose migration in Go", None),
        kind(Framework::Plain, r"^\d+_\w+\.go$", r"MustRegister\(|AddMigration|RegisterMigration|RegisterTx\(", "a Go migration", None),
        kind(Framework::Refinery, r"^[VU]\d+(?:\.\d+)?__\w+\.rs$", r"\bfn migration\(", "a Refinery migration in Rust", None),
        kind(Framework::Plain, r"^m\d{8}_\d{6}_\w+\.rs$", r"MigrationTrait", "a SeaORM migration", None),
        kind(
            Framework::Liquibase,
            r"\.(?:xml|ya?ml|json|groovy)$",
            r#"(?s)(?:<|\n|\A|")databaseChangeLog\b.*\bchangeSet\b|\bdatabaseChangeLog\b\s*\{"#,
            "a Liquibase changelog that is not formatted SQL",
            Some("liquibase update-sql"),
        ),
    ]
});

/// Files that end in these could be migrations in code.
fn worth_reading(path: &str) -> bool {
    let name = tree::name(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let directory = tree::parent(path).to_lowercase();
    let home = ["migrat", "versions", "changelog", "liquibase", "db", "database"].iter().any(|word| directory.contains(word));
    match extension {
        "xml" | "yaml" | "yml" | "json" | "groovy" => home || name.to_lowercase().contains("changelog"),
        "cs" if name.ends_with(".Designer.cs") || name.ends_with("Snapshot.cs") => false,
        "go" if name.ends_with("_test.go") => false,
        "ts" if name.ends_with(".d.ts") || name.ends_with(".test.ts") => false,
        "py" | "cs" => home,
        "rb" | "php" | "exs" | "java" | "kt" | "rs" | "js" | "ts" | "mjs" | "cjs" | "mts" | "cts" | "go" => true,
        _ => false,
    }
}

/// The framework that would run this file, and why it is not read.
pub fn recognise(reader: &mut Reader, path: &str) -> Result<Option<(Framework, String)>, ChangeError> {
    if !worth_reading(path) {
        return Ok(None);
    }
    let named: Vec<&Kind> = KINDS.iter().filter(|kind| kind.name.is_match(tree::name(path)) || kind.name.is_match(path)).collect();
    if named.is_empty() {
        return Ok(None);
    }
    let Some(text) = reader.peek(path)? else { return Ok(None) };
    let kind = named.into_iter().find(|kind| kind.text.is_match(&text));
    Ok(kind.map(|kind| (kind.framework, reason(kind))))
}

fn reason(kind: &Kind) -> String {
    let way = match kind.prints {
        Some(command) => format!("check its SQL: `{command}`, piped to `holdshort lint -`"),
        None => "write what it does to the schema as SQL and check that with `holdshort lint`".to_owned(),
    };
    format!("{}: it is written in code and is not inspected; {way}", kind.what)
}
