//! Schema files that tools write: a file of each kind in, the tables and columns that are read of it out.

use std::collections::BTreeMap;

use holdshort::read::schema_file::SchemaFile;
use holdshort::rule::Example;
use holdshort::rule::verify::prepare;

/// What is read of the files beside a migration. A column that may be NULL ends in `?`, one of which that is not told in `~`.
fn read(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let head: BTreeMap<String, String> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let example: Example = serde_json::from_value(serde_json::json!({"name": "a change", "head": head})).expect("an example");
    let (change, settings) = prepare(&example).expect("a change");
    let inspection = holdshort::gather(change, settings).expect("facts");
    let skipped = inspection.skipped.iter().map(|skipped| format!("{}: {}", skipped.path, skipped.reason)).collect();
    (inspection.schema_files.iter().flat_map(spelled).collect(), skipped)
}

fn spelled(file: &SchemaFile) -> Vec<String> {
    let column = |column: &holdshort::read::schema_file::Column| {
        let mark = match column.not_null {
            Some(true) => "",
            Some(false) => "?",
            None => "~",
        };
        format!("{}{mark}", column.name)
    };
    let table = |table: &holdshort::read::schema_file::Table| {
        let columns: Vec<String> = table.columns.iter().map(column).collect();
        let schema = table.schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
        format!("{} {schema}{}({})", file.path, table.name, columns.join(" "))
    };
    file.tables.iter().map(table).collect()
}

const TABLES: &str = "CREATE TABLE posts (id int PRIMARY KEY); CREATE TABLE \"User\" (id int PRIMARY KEY);";

#[test]
fn a_dump() {
    let dump = "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.other (\n    a integer\n);\n\n\
        CREATE TABLE public.posts (\n    id bigint NOT NULL,\n    body text DEFAULT 'a;b'::text,\n    CONSTRAINT c CHECK ((id > 0))\n);\n\n\
        CREATE UNLOGGED TABLE app.\"User\" (\n    \"Id\" integer NOT NULL\n)\nPARTITION BY RANGE (\"Id\");\n";
    let (found, _) = read(&[("db/migrations/1_a.up.sql", TABLES), ("db/structure.sql", dump)]);
    assert_eq!(found, ["db/structure.sql public.posts(id body?)"]);
    let apps = "CREATE SCHEMA app; CREATE TABLE app.\"User\" (id int PRIMARY KEY);";
    let (found, _) = read(&[("db/migrations/1_a.up.sql", apps), ("db/structure.sql", dump)]);
    assert_eq!(found, ["db/structure.sql app.User(Id)"]);
}

#[test]
fn prisma_models() {
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\n\nmodel User {\n  id Int @id // not a { brace\n  role Role @default(USER)\n  roles Role[]\n  \
        names String[] @map(\"all_names\")\n  vector Unsupported(\"vector(512)\")?\n  posts Post[]\n  // gone String\n  @@index([role])\n}\n\n\
        model Post {\n  id Int @id\n  userId Int? @map(name: \"user_id\")\n  user User? @relation(fields: [userId], references: [id])\n  @@map(\"posts\")\n}\n";
    let lock = ("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"");
    let (found, _) = read(&[("prisma/migrations/20260101000000_a/migration.sql", TABLES), lock, ("prisma/schema.prisma", schema)]);
    assert_eq!(found, ["prisma/schema.prisma User(id role~ roles~ all_names~ vector? posts~)", "prisma/schema.prisma posts(id user_id?)"]);
}

#[test]
fn diesel_tables() {
    let schema = "// @generated automatically by Diesel CLI.\n\npub mod app {\n    diesel::table! {\n        app.posts (id) {\n            id -> Int4,\n        }\n    }\n}\n\n\
        diesel::table! {\n    use diesel::sql_types::*;\n    use super::sql_types::Mood;\n\n    /// Who -> reads { it }\n    posts (id) {\n        id -> Int4,\n        \
        /// When -> then\n        #[max_length = 20]\n        title -> Nullable<Varchar>,\n        #[sql_name = \"type\"]\n        type_ -> Mood,\n        r#ref -> Array<Nullable<Text>>,\n    }\n}\n\n\
        diesel::table! {\n    #[sql_name = \"User\"]\n    user (id) {\n        id -> Int4,\n    }\n}\n\ndiesel::joinable!(posts -> user (id));\n";
    let migration = [("migrations/1_a/up.sql", TABLES), ("migrations/1_a/down.sql", "DROP TABLE posts; DROP TABLE \"User\";")];
    let config = ("diesel.toml", "[print_schema]\nfile = \"src/db.rs\"\n");
    let (found, _) = read(&[migration[0], migration[1], config, ("src/db.rs", schema)]);
    assert_eq!(found, ["src/db.rs posts(id title? type ref)", "src/db.rs User(id)"]);
    let (found, _) = read(&[migration[0], migration[1], ("diesel.toml", ""), ("server/src/schema.rs", schema)]);
    assert_eq!(found.len(), 2, "the file need not be named: {found:?}");
}

#[test]
fn drizzle_snapshots_of_both_forms() {
    let journal =
        r#"{"version":"7","dialect":"postgresql","entries":[{"idx":0,"version":"7","when":1,"tag":"0000_a","breakpoints":true}]}"#;
    let nested = r#"{"version":"7","tables":{"public.posts":{"name":"posts","schema":"","columns":{"id":{"name":"id","notNull":true},"b":{"name":"b","notNull":false}}}}}"#;
    let listed = r#"{"version":"8","ddl":[{"entityType":"tables","schema":"public","name":"posts"},
        {"entityType":"columns","schema":"public","table":"posts","name":"id","notNull":true},
        {"entityType":"columns","schema":"app","table":"posts","name":"x","notNull":true}]}"#;
    let with = |snapshot| {
        read(&[("drizzle/0000_a.sql", TABLES), ("drizzle/meta/_journal.json", journal), ("drizzle/meta/0000_snapshot.json", snapshot)])
    };
    assert_eq!(with(nested).0, ["drizzle/meta/0000_snapshot.json posts(id b?)"]);
    assert_eq!(with(listed).0, ["drizzle/meta/0000_snapshot.json public.posts(id)"]);
    let (found, skipped) = with("{");
    assert!(found.is_empty());
    assert!(skipped.iter().any(|skipped| skipped.starts_with("drizzle/meta/0000_snapshot.json: not compared")), "{skipped:?}");
}
