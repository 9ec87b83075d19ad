//! Trees of every supported runner: which files are migrations, in which order, what runs forward and back, and in which transaction.

use holdshort::change::Snapshot;
use holdshort::read::migration::layout::{Found, parse, read_both, read_units};
use holdshort::read::migration::{Dialect, Framework, Script, Unit, Wrapping};
use holdshort::schema::effect::ServerVersion;
use holdshort::settings::MigrationPolicy;
use holdshort::source::{Side, SourceMap};

struct Seen {
    found: Found,
    sources: SourceMap,
}

fn see(files: &[(&str, &str)]) -> Seen {
    see_with(files, &[])
}

fn see_with(files: &[(&str, &str)], policy: &[MigrationPolicy]) -> Seen {
    let mut sources = SourceMap::default();
    let tree = Snapshot::from_memory(files.iter().copied());
    let found = read_units(&tree, Side::Head, &mut sources, policy).expect("the tree is readable");
    Seen { found, sources }
}

impl Seen {
    fn unit(&self) -> &Unit {
        assert_eq!(self.found.units.len(), 1, "{:#?}", self.found);
        &self.found.units[0]
    }

    /// Framework and ids of the only unit.
    fn ids(&self, framework: Framework) -> Vec<&str> {
        assert_eq!(self.unit().framework, framework);
        self.unit().migrations.iter().map(|migration| migration.id.as_str()).collect()
    }

    fn text(&self, script: &Script) -> String {
        let text = self.sources.text(script.source);
        script.regions.iter().map(|region| region.text(text).trim()).collect::<Vec<_>>().join("|")
    }

    fn up(&self, i: usize) -> String {
        self.text(&self.unit().migrations[i].up)
    }

    fn down(&self, i: usize) -> Option<String> {
        self.unit().migrations[i].down.as_ref().map(|down| self.text(down))
    }

    fn wrapping(&self) -> Vec<Wrapping> {
        self.unit().migrations.iter().map(|migration| migration.up.transaction).collect()
    }

    fn skipped(&self) -> Vec<&str> {
        self.found.skipped.iter().map(|skipped| skipped.path.as_str()).collect()
    }

    fn unread(&self) -> Vec<&str> {
        self.unit().unread.iter().map(|unread| unread.path.as_str()).collect()
    }
}

fn policy(path: &str) -> MigrationPolicy {
    MigrationPolicy { path: path.to_owned(), layout: None, dialect: None, server_version: None, ignore: false }
}

#[test]
fn golang_migrate_pairs_files_and_orders_by_number() {
    let seen = see(&[
        ("go.mod", "require github.com/golang-migrate/migrate/v4 v4.17.0\nrequire github.com/lib/pq v1"),
        ("migrations/000010_ten.up.sql", "up ten"),
        ("migrations/000002_two.up.sql", "up two"),
        ("migrations/000002_two.down.sql", "down two"),
        ("migrations/42-foo.sql", "select 1"),
        ("migrations/000003_orphan.down.sql", "down three"),
    ]);
    assert_eq!(seen.ids(Framework::GolangMigrate), ["2", "10"]);
    assert_eq!((seen.up(0).as_str(), seen.down(0).as_deref(), seen.down(1)), ("up two", Some("down two"), None));
    assert_eq!(seen.wrapping(), [Wrapping::ImplicitWhenMany; 2]);
    assert_eq!(seen.skipped(), ["migrations/000003_orphan.down.sql", "migrations/42-foo.sql"]);
    assert_eq!(seen.unit().dialect, Dialect::Postgres);
    assert_eq!(seen.unit().dialect_reason, "go.mod names github.com/lib/pq");
}

#[test]
fn sqlx_is_told_from_golang_migrate_by_the_nearest_manifest() {
    let files = [
        ("api/Cargo.toml", "[dependencies]\nsqlx = { version = \"0.8\" }"),
        ("api/migrations/20240101000000_a.up.sql", "-- no-transaction\ncreate index concurrently i on t (a)"),
        ("api/migrations/20240101000000_a.down.sql", "drop index i"),
        ("api/migrations/20240102000000_b.up.sql", "\n-- no-transaction\nselect 1"),
        ("go.mod", "require github.com/golang-migrate/migrate/v4 v4.17.0"),
        ("db/migrations/1_x.up.sql", "select 1"),
    ];
    let seen = see(&files);
    let frameworks: Vec<_> = seen.found.units.iter().map(|unit| (unit.root.as_str(), unit.framework)).collect();
    assert_eq!(frameworks, [("api/migrations", Framework::Sqlx), ("db/migrations", Framework::GolangMigrate)]);
    let wrapping: Vec<_> = seen.found.units[0].migrations.iter().map(|migration| migration.up.transaction).collect();
    // The opt-out counts only as the very first bytes.
    assert_eq!(wrapping, [Wrapping::ImplicitWhenMany, Wrapping::Transaction]);
    let simple = see(&[("Cargo.toml", "sqlx.workspace = true"), ("migrations/1_a.sql", "select 1"), ("migrations/2_b.sql", "select 2")]);
    assert_eq!(simple.ids(Framework::Sqlx), ["1", "2"]);
}

#[test]
fn diesel_takes_directories_and_metadata() {
    let seen = see(&[
        ("diesel.toml", "[print_schema]"),
        ("migrations/2024-01-02-030405_b/up.sql", "up b"),
        ("migrations/2024-01-02-030405_b/down.sql", "down b"),
        ("migrations/2024-01-02-030405_b/metadata.toml", "run_in_transaction = false\n"),
        ("migrations/00000000000000_diesel_initial_setup/up.sql", "up a"),
    ]);
    assert_eq!(seen.ids(Framework::Diesel), ["00000000000000", "20240102030405"]);
    assert_eq!((seen.up(1).as_str(), seen.down(1).as_deref()), ("up b", Some("down b")));
    assert_eq!(seen.wrapping(), [Wrapping::Transaction, Wrapping::ImplicitWhenMany]);
}

#[test]
fn flyway_orders_by_version_parts_with_repeatables_last() {
    let root = "src/main/resources/db/migration";
    let path = |name: &str| format!("{root}/{name}");
    let names = [
        "R__b.sql",
        "R__a.sql",
        "V10__x.sql",
        "V2_1__y.sql",
        "V2__z.sql",
        "U2__z.sql",
        "V10__x.sql.conf",
        "afterMigrate.sql",
        "v3_bad.sql",
    ];
    let paths: Vec<String> = names.iter().map(|name| path(name)).collect();
    let mut files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "select 1")).collect();
    files[6].1 = "executeInTransaction=false";
    let seen = see(&files);
    assert_eq!(seen.unit().root, root);
    assert_eq!(seen.ids(Framework::Flyway), ["2", "2.1", "10", "R__a", "R__b"]);
    assert!(seen.down(0).is_some() && seen.down(1).is_none());
    assert_eq!(seen.wrapping()[1..4], [Wrapping::Transaction, Wrapping::Autocommit, Wrapping::Transaction]);
    let repeatable: Vec<bool> = seen.unit().migrations.iter().map(|migration| migration.repeatable).collect();
    assert_eq!(repeatable, [false, false, false, true, true]);
    assert_eq!(seen.unread(), [path("afterMigrate.sql")]);
    assert_eq!(seen.skipped(), [path("v3_bad.sql")]);
}

#[test]
fn flyway_subdirectories_are_one_unit_unless_versions_repeat() {
    let one = see(&[("db/migration/2023/V1__a.sql", ""), ("db/migration/2024/V2__b.sql", "")]);
    assert_eq!((one.unit().root.as_str(), one.ids(Framework::Flyway)), ("db/migration", vec!["1", "2"]));
    let two = see(&[("db/migration/mysql/V1__a.sql", "select 1"), ("db/migration/postgresql/V1__a.sql", "select 1")]);
    let dialects: Vec<_> = two.found.units.iter().map(|unit| (unit.dialect, unit.dialect_reason.as_str())).collect();
    let named = |name| format!("the directory is called {name}");
    assert_eq!(dialects, [(Dialect::Mysql, named("mysql").as_str()), (Dialect::Postgres, named("postgresql").as_str())]);
}

#[test]
fn flyway_group_puts_all_pending_in_one_transaction_and_a_baseline_replaces_nothing() {
    let seen = see(&[("flyway.toml", "[flyway]\ngroup = true"), ("sql/V1__a.sql", ""), ("sql/B2__base.sql", ""), ("sql/V3__c.sql", "")]);
    assert_eq!(seen.ids(Framework::Flyway), ["1", "3"]);
    assert_eq!(seen.wrapping(), [Wrapping::AllPending; 2]);
    assert_eq!(seen.skipped(), ["sql/B2__base.sql"]);
}

#[test]
fn refinery_is_told_from_flyway_by_cargo() {
    let seen = see(&[
        ("Cargo.toml", "[dependencies]\nrefinery = \"0.8\"\n"),
        ("migrations/V1__a.sql", "select 1"),
        ("migrations/U2__b.sql", "select 2"),
        ("migrations/V3__c.rs", "pub fn migration() -> String { String::new() }"),
    ]);
    assert_eq!(seen.ids(Framework::Refinery), ["1", "2"]);
    assert_eq!(seen.wrapping(), [Wrapping::Transaction; 2]);
    assert_eq!(seen.unread(), ["migrations/V3__c.rs"]);
}

#[test]
fn goose_divides_a_file_by_its_directives() {
    let seen = see(&[
        ("db/20240102_b.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nup b;\n-- +goose Down\ndown b;\n"),
        ("db/00001_a.sql", "-- +goose Up\r\nup a;\r\n"),
        ("db/00002_code.go", "func init() { goose.AddMigrationContext(up, down) }"),
        ("db/00003_none.sql", "create table t (id int);"),
    ]);
    assert_eq!(seen.ids(Framework::Goose), ["1", "20240102"]);
    assert_eq!((seen.up(0).as_str(), seen.down(0)), ("up a;", None));
    assert_eq!((seen.up(1).as_str(), seen.down(1).as_deref()), ("up b;", Some("down b;")));
    assert_eq!(seen.wrapping(), [Wrapping::Transaction, Wrapping::Autocommit]);
    assert_eq!(seen.unread(), ["db/00003_none.sql", "db/00002_code.go"]);
}

#[test]
fn dbmate_opts_out_by_direction() {
    let seen = see(&[
        ("db/migrations/1_a.sql", "-- migrate:up transaction:false\nup a;\n\n-- migrate:down\ndown a;"),
        ("db/migrations/2_b.sql", "-- migrate:up\nup b;"),
    ]);
    assert_eq!(seen.ids(Framework::Dbmate), ["1", "2"]);
    assert_eq!((seen.up(0).as_str(), seen.down(0).as_deref()), ("up a;", Some("down a;")));
    assert_eq!(seen.wrapping(), [Wrapping::ImplicitWhenMany, Wrapping::Transaction]);
    assert_eq!(seen.unit().migrations[0].down.as_ref().map(|down| down.transaction), Some(Wrapping::Transaction));
}

#[test]
fn prisma_reads_its_lock_file() {
    let seen = see(&[
        ("prisma/migrations/migration_lock.toml", "# comment\nprovider = \"mysql\"\n"),
        ("prisma/migrations/20240102000000_b/migration.sql", "select 2"),
        ("prisma/migrations/20240101000000_a/migration.sql", "select 1"),
    ]);
    assert_eq!(seen.ids(Framework::Prisma), ["20240101000000_a", "20240102000000_b"]);
    assert_eq!(seen.wrapping(), [Wrapping::ImplicitWhenMany; 2]);
    assert_eq!((seen.unit().dialect, seen.unit().dialect_reason.as_str()), (Dialect::Mysql, "migration_lock.toml says mysql"));
}

#[test]
fn drizzle_follows_its_journal() {
    let journal = r#"{"version":"7","dialect":"postgresql","entries":[
        {"idx":1,"tag":"0001_z","breakpoints":true},{"idx":0,"tag":"0000_a"},{"idx":2,"tag":"0002_lost"}]}"#;
    let seen = see(&[
        ("drizzle/meta/_journal.json", journal),
        ("drizzle/0000_a.sql", "select 1;--> statement-breakpoint\nselect 2;"),
        ("drizzle/0001_z.sql", "select 3"),
        ("drizzle/0009_not_listed.sql", "drop table t"),
    ]);
    assert_eq!(seen.ids(Framework::Drizzle), ["0000_a", "0001_z"]);
    assert_eq!(seen.wrapping(), [Wrapping::AllPending; 2]);
    assert_eq!(seen.skipped(), ["drizzle/0009_not_listed.sql"]);
    assert_eq!(seen.unread(), ["drizzle/0002_lost.sql"]);
    assert_eq!(seen.unit().dialect_reason, "_journal.json says postgresql");
    let broken = see(&[("drizzle/meta/_journal.json", "{"), ("drizzle/0000_a.sql", "select 1")]);
    assert_eq!(broken.ids(Framework::Drizzle), ["0000_a"]);
    assert_eq!(broken.unread(), ["drizzle/meta/_journal.json"]);
}

#[test]
fn supabase_always_runs_in_a_transaction_on_the_version_of_its_config() {
    let seen = see(&[
        ("supabase/config.toml", "[db]\nport = 54322\nmajor_version = 15\n"),
        ("supabase/migrations/20240101000000_a.sql", "select 1"),
        ("supabase/migrations/notes.sql", "select 2"),
    ]);
    assert_eq!(seen.ids(Framework::Supabase), ["20240101000000"]);
    assert_eq!(seen.wrapping(), [Wrapping::Transaction]);
    assert_eq!((seen.unit().dialect, seen.unit().server), (Dialect::Postgres, Some(ServerVersion(15))));
    assert_eq!(seen.skipped(), ["supabase/migrations/notes.sql"]);
}

#[test]
fn hasura_keeps_each_database_apart() {
    let seen = see(&[
        ("hasura/config.yaml", "version: 3\nmetadata_directory: metadata\n"),
        ("hasura/migrations/default/1600000000001_b/up.sql", "up b"),
        ("hasura/migrations/default/1600000000000_a/up.sql", "up a"),
        ("hasura/migrations/default/1600000000000_a/down.sql", "down a"),
        ("hasura/migrations/default/1600000000002_c/up.yaml", "- type: run_sql"),
        ("hasura/migrations/other/1600000000000_a/up.sql", "up other"),
    ]);
    let roots: Vec<_> = seen.found.units.iter().map(|unit| (unit.root.as_str(), unit.framework, unit.migrations.len())).collect();
    assert_eq!(roots, [("hasura/migrations/default", Framework::Hasura, 2), ("hasura/migrations/other", Framework::Hasura, 1)]);
    assert_eq!(seen.found.units[0].migrations[0].id, "1600000000000");
    assert_eq!(seen.found.units[0].unread.len(), 1);
}

#[test]
fn atlas_reads_directives_and_archives() {
    let archive = "-- atlas:txtar\n\n-- checks.sql --\nselect 0;\n\n-- migration.sql --\nup c;\n\n-- down.sql --\ndown c;\n";
    let seen = see(&[
        ("migrations/atlas.sum", "h1:x"),
        ("migrations/20240101000000_a.sql", "up a;"),
        ("migrations/20240102000000.sql", "-- atlas:txmode none\n\nup b;"),
        ("migrations/20240103000000_c.sql", archive),
        ("migrations/20240104000000_checkpoint.sql", "-- atlas:checkpoint\n\nall;"),
    ]);
    assert_eq!(seen.ids(Framework::Atlas), ["20240101000000", "20240102000000", "20240103000000"]);
    assert_eq!(seen.wrapping(), [Wrapping::Transaction, Wrapping::Autocommit, Wrapping::Transaction]);
    assert_eq!((seen.up(2).as_str(), seen.down(2).as_deref()), ("up c;", Some("down c;")));
    assert_eq!(seen.skipped(), ["migrations/20240104000000_checkpoint.sql"]);
}

#[test]
fn sqitch_follows_its_plan_and_finds_reworked_scripts() {
    let plan = "%syntax-version=1.0.0\n%project=p\n\nusers 2024-01-01T00:00:00Z A <a@b> # add\n@v1 2024-01-02T00:00:00Z A <a@b>\n\
                accounts [users] 2024-01-03T00:00:00Z A <a@b>\nusers [users@v1] 2024-01-04T00:00:00Z A <a@b>\n";
    let seen = see(&[
        ("sqitch.plan", plan),
        ("sqitch.conf", "[core]\n\tengine = pg\n"),
        ("deploy/users.sql", "BEGIN; new; COMMIT;"),
        ("deploy/users@v1.sql", "BEGIN; old; COMMIT;"),
        ("deploy/accounts.sql", "accounts"),
        ("deploy/stray.sql", "stray"),
        ("revert/users.sql", "back"),
        ("src/readme.sql", "select 1"),
    ]);
    assert_eq!(seen.ids(Framework::Sqitch), ["users@v1", "accounts", "users"]);
    assert_eq!(
        (seen.up(0).as_str(), seen.up(2).as_str(), seen.down(2).as_deref()),
        ("BEGIN; old; COMMIT;", "BEGIN; new; COMMIT;", Some("back"))
    );
    assert_eq!(seen.wrapping(), [Wrapping::Autocommit; 3]);
    assert_eq!(seen.skipped(), ["deploy/stray.sql"]);
    assert_eq!((seen.unit().dialect, seen.unit().dialect_reason.as_str()), (Dialect::Postgres, "sqitch.conf says pg"));
}

#[test]
fn liquibase_makes_a_migration_of_each_changeset() {
    let text = "--liquibase formatted sql\n\n--changeset bob:1\nCREATE TABLE t (a jsonb);\n--rollback DROP TABLE t;\n\n\
                --changeset bob:2 runInTransaction:false runOnChange:true\nup two;\n--rollback empty\n\
                --changeset bob:3 dbms:oracle\nup three;\n-- changeset \"bob b\":4 splitStatements:false\nup four;\n\
                /* liquibase rollback\nback four;\n*/\n";
    let seen =
        see(&[("db/changelog/a.sql", text), ("db/changelog/master.xml", "<databaseChangeLog><changeSet id=\"9\"/></databaseChangeLog>")]);
    assert_eq!(seen.ids(Framework::Liquibase), ["bob:1", "bob:2", "bob b:4"]);
    assert!(seen.up(0).starts_with("CREATE TABLE t (a jsonb);"));
    assert_eq!((seen.down(0).as_deref(), seen.down(1).as_deref()), (Some("DROP TABLE t;"), Some("")));
    assert_eq!(seen.down(2).as_deref(), Some("back four;"));
    assert_eq!(seen.wrapping(), [Wrapping::Transaction, Wrapping::Autocommit, Wrapping::Transaction]);
    assert!(seen.unit().migrations[1].repeatable);
    assert_eq!(seen.unread(), ["db/changelog/master.xml"]);
    assert_eq!(seen.skipped(), ["db/changelog/a.sql"]);
}

#[test]
fn node_pg_migrate_splits_by_its_comments() {
    let seen = see(&[
        ("package.json", r#"{"dependencies": {"node-pg-migrate": "^7"}}"#),
        ("migrations/1700000000000_a.sql", "-- Up Migration\nup a;\n\n-- Down Migration\ndown a;"),
        ("migrations/1700000000001_b.sql", "up b;"),
        ("migrations/1700000000002_c.js", "exports.up = (pgm) => { pgm.sql('x') }"),
    ]);
    assert_eq!(seen.ids(Framework::NodePgMigrate), ["1700000000000_a", "1700000000001_b"]);
    assert_eq!((seen.up(0).as_str(), seen.down(0).as_deref()), ("up a;", Some("down a;")));
    assert_eq!((seen.up(1).as_str(), seen.down(1)), ("up b;", None));
    assert_eq!(seen.wrapping(), [Wrapping::AllPending; 2]);
    assert_eq!(seen.unread(), ["migrations/1700000000002_c.js"]);
    assert_eq!(seen.unit().dialect, Dialect::Postgres);
}

#[test]
fn plain_directories_need_a_name_and_numbers() {
    let seen = see(&[
        ("db/migrations/2_b.sql", "b"),
        ("db/migrations/10_c.sql", "c"),
        ("db/migrations/001.sql", "a"),
        ("db/migrations/x.sql", "x"),
    ]);
    assert_eq!(seen.ids(Framework::Plain), ["001", "2", "10"]);
    assert_eq!(seen.wrapping(), [Wrapping::Unknown; 3]);
    assert_eq!(seen.skipped(), ["db/migrations/x.sql"]);
    let parts = see(&[("migrations/1.10_a.sql", ""), ("migrations/1.2-b.sql", ""), ("migrations/2-2fa.sql", "")]);
    assert_eq!(parts.ids(Framework::Plain), ["1.2", "1.10", "2"]);
    let both = see(&[("m/migrations/1_a.sql", "-- +migrate Up notransaction\nup;\n-- +migrate Down\ndown;\n")]);
    assert_eq!((both.up(0).as_str(), both.down(0).as_deref(), both.wrapping()[0]), ("up;", Some("down;"), Wrapping::Autocommit));
    let tern = see(&[("migrations/001_a.sql", "up;\n---- create above / drop below ----\ndown;\n")]);
    assert_eq!((tern.up(0).as_str(), tern.down(0).as_deref()), ("up;", Some("down;")));
}

#[test]
fn plain_directories_by_year_are_one_history() {
    let years =
        see(&[("db/migrations/2024/0003_c.sql", "c"), ("db/migrations/2023/0001_a.sql", "a"), ("db/migrations/2023/0002_b.sql", "b")]);
    assert_eq!((years.unit().root.as_str(), years.ids(Framework::Plain)), ("db/migrations", vec!["0001", "0002", "0003"]));
    let anew = see(&[("migrations/v1/01_a.sql", "a"), ("migrations/v2/01_a.sql", "b")]);
    let roots: Vec<_> = anew.found.units.iter().map(|unit| unit.root.as_str()).collect();
    assert_eq!(roots, ["migrations/v1", "migrations/v2"]);
    let deep = see(&[("migrations/orders/2024/01/0001_a.sql", "a")]);
    assert_eq!(deep.unit().root, "migrations/orders/2024/01");
}

#[test]
fn other_sql_is_no_migration() {
    let seen = see(&[
        ("schema.sql", "create table t (id int);"),
        ("sql/01_report.sql", "select 1"),
        ("queries/1_users.sql", "create table t (id int);"),
        ("node_modules/x/migrations/1_a.up.sql", "drop table t"),
        ("src/migrations/mod.rs", "fn main() {}"),
        ("app/migrations/helpers.py", "import os"),
        ("lib/V1.java", "class V1 {}"),
    ]);
    assert!(seen.found.units.is_empty(), "{:#?}", seen.found.units);
    assert!(seen.found.skipped.is_empty());
}

#[test]
fn what_is_left_out_is_said() {
    let files = [("tests/fixtures/migrations/1_a.up.sql", "drop table t"), ("db/migrations/add_users.sql", "create table t (id int)")];
    let seen = see(&files);
    assert!(seen.found.units.is_empty());
    assert_eq!(seen.skipped(), ["db/migrations", "tests/fixtures/migrations"]);
    let named = see_with(&files, &[policy("tests/fixtures/migrations"), policy("db/migrations"), policy("typo/migrations")]);
    assert_eq!(named.found.units.len(), 2);
    assert_eq!(named.found.units[0].migrations.len(), 1, "{:#?}", named.found);
    assert_eq!(named.skipped(), ["typo/migrations"]);
}

#[test]
fn the_policy_decides_layout_dialect_version_and_what_to_ignore() {
    let mut named = policy("store/");
    named.layout = Some(Framework::Dbmate);
    named.dialect = Some(Dialect::Sqlite);
    named.server_version = Some("16.2".to_owned());
    let mut ignored = policy("old/migrations");
    ignored.ignore = true;
    let files = [("store/1_a.sql", "-- migrate:up\nup;"), ("old/migrations/1_a.sql", "select 1")];
    let seen = see_with(&files, &[named.clone(), ignored]);
    assert_eq!(seen.ids(Framework::Dbmate), ["1"]);
    assert_eq!((seen.unit().dialect, seen.unit().server), (Dialect::Sqlite, Some(ServerVersion(16))));
    assert_eq!(seen.unit().dialect_reason, "holdshort.yaml says SQLite");
    assert_eq!(seen.skipped(), ["old/migrations"]);
    named.server_version = Some("latest".to_owned());
    let tree = Snapshot::from_memory(files);
    let error = read_units(&tree, Side::Head, &mut SourceMap::default(), &[named]).unwrap_err();
    assert_eq!(error.to_string(), "holdshort.yaml: server_version `latest` is not a version");
}

#[test]
fn migrations_in_code_are_found_and_not_read() {
    let cases = [
        ("db/migrate/20240101000000_add.rb", "class Add < ActiveRecord::Migration[7.1]", Framework::Rails),
        ("app/migrations/0002_x.py", "from django.db import migrations", Framework::Django),
        ("alembic/versions/ab12_x.py", "down_revision = None\ndef upgrade():\n", Framework::Alembic),
        ("migrations/20240101000000_x.js", "exports.up = function (knex) {}", Framework::Knex),
        ("src/migration/1700000000000-X.ts", "class X1 implements MigrationInterface {}", Framework::Typeorm),
        ("migrations/20240101000000-x.js", "module.exports = { up: (queryInterface) => 1 }", Framework::Sequelize),
        ("database/migrations/2024_01_01_000000_x.php", "return new class extends Migration {", Framework::Laravel),
        ("priv/repo/migrations/20240101000000_x.exs", "use Ecto.Migration", Framework::Ecto),
        ("Data/Migrations/20240101000000_X.cs", "public partial class X : Migration", Framework::EfCore),
        ("src/main/java/db/migration/V2__X.java", "class V2__X extends BaseJavaMigration {}", Framework::Flyway),
    ];
    for (path, text, framework) in cases {
        let seen = see(&[(path, text)]);
        assert_eq!(seen.ids(framework), Vec::<&str>::new(), "{path}");
        assert_eq!(seen.unread(), [path]);
        let other = see(&[(path, "nothing of the kind")]);
        assert!(other.found.units.is_empty(), "{path}");
    }
}

#[test]
fn the_dialect_is_told_from_syntax_before_a_distant_driver() {
    let sql = "CREATE TABLE `t` (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT) ENGINE=InnoDB;";
    let mysql = see(&[("go.mod", "github.com/jackc/pgx/v5 v5.5.0"), ("db/migrations/1_a.up.sql", sql)]);
    assert_eq!((mysql.unit().dialect, mysql.unit().dialect_reason.as_str()), (Dialect::Mysql, "the SQL has MySQL syntax: `t`"));
    let cases = [
        ("create table t (id integer primary key autoincrement)", Dialect::Sqlite),
        ("CREATE TABLE dbo.t (a NVARCHAR(10))\nGO\n", Dialect::SqlServer),
        ("create index concurrently i on t (a)", Dialect::Postgres),
    ];
    for (sql, dialect) in cases {
        assert_eq!(see(&[("migrations/1_a.up.sql", sql)]).unit().dialect, dialect, "{sql}");
    }
    let nothing = see(&[("migrations/1_a.up.sql", "drop table t")]);
    assert_eq!(nothing.unit().dialect_reason, "nothing says which database it is: PostgreSQL is assumed");
}

#[test]
fn the_server_version_comes_from_the_nearest_image() {
    let cases = [
        ("image: postgres:16.2-alpine", Some(16)),
        ("image: \"timescale/timescaledb:2.11.0-pg15\"", Some(15)),
        ("image: postgres:${PG:-14}", Some(14)),
        ("image: postgis/postgis:13-3.4", Some(13)),
        ("image: postgres:latest", None),
        ("image: mysql:8.0\nimage: postgres:17", Some(17)),
        ("image: postgres:17\nimage: postgres:12", Some(12)),
    ];
    for (image, version) in cases {
        let seen = see(&[("docker-compose.yml", image), ("migrations/1_a.up.sql", "select 1::int")]);
        assert_eq!(seen.unit().server, version.map(ServerVersion), "{image}");
    }
    let workflow = see(&[(".github/workflows/ci.yml", "      image: postgres:15\n"), ("migrations/1_a.up.sql", "drop table t")]);
    assert_eq!(workflow.unit().server, Some(ServerVersion(15)));
    assert_eq!(workflow.unit().dialect_reason, ".github/workflows/ci.yml names image: postgres; .github/workflows/ci.yml runs postgres:15");
}

#[test]
fn unreadable_files_are_unread_and_both_sides_are_read() {
    let base = Snapshot::from_memory([("migrations/1_a.up.sql", "create table t (a int);")]);
    let head = Snapshot::from_memory([
        ("migrations/1_a.up.sql", "create table t (a int);"),
        ("migrations/2_b.up.sql", "a\0b"),
        ("migrations/3_c.up.sql", "drop table t;"),
    ]);
    let mut sources = SourceMap::default();
    let (base, mut head) = read_both(&base, &head, &mut sources, &[]).expect("both trees are readable");
    assert_eq!((base.units[0].migrations.len(), head.units[0].migrations.len()), (1, 2));
    // The history is read at base, what is new at head; an unchanged script is not read twice.
    let statements = |unit: &Unit| unit.migrations.iter().map(|migration| migration.up.statements.len()).collect::<Vec<_>>();
    assert_eq!((statements(&base.units[0]), statements(&head.units[0])), (vec![1], vec![0, 1]));
    assert_ne!(base.units[0].migrations[0].up.source, head.units[0].migrations[0].up.source);
    assert_eq!(head.units[0].unread[0].path, "migrations/2_b.up.sql");
    parse(&mut head.units, &sources);
    assert_eq!(head.units[0].migrations[0].up.statements, base.units[0].migrations[0].up.statements);
}

#[test]
fn a_byte_order_mark_is_left_out_and_duplicates_stay() {
    let seen = see(&[("migrations/1_b.up.sql", "\u{feff}up b"), ("migrations/01_a.up.sql", "up a")]);
    assert_eq!(seen.ids(Framework::GolangMigrate), ["1", "1"]);
    assert_eq!((seen.up(0).as_str(), seen.up(1).as_str()), ("up a", "up b"));
}
