//! Fixes: applied to every example that carries one, and read again; the texts they write for each runner; the working tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use holdshort::change::{ChangeSet, Revision, Snapshot, compare};
use holdshort::fix::apply::{Overlay, with};
use holdshort::fix::settle::{Settled, settle};
use holdshort::rule::{Rule, load, verify};
use holdshort::settings::{Phase, Settings};

use crate::cli::{commit, git, holdshort, repository, stderr, write};

fn rules() -> Vec<Rule> {
    load::documented().expect("built-in rules")
}

fn overlay(settled: &Settled) -> Overlay {
    settled.files.iter().map(|(path, changed)| (path.clone(), changed.after.clone())).collect()
}

#[test]
fn every_fix_of_every_example_reads_clean_and_is_made_once() {
    let rules = rules();
    let mut fixed: BTreeSet<String> = BTreeSet::new();
    let mut wrong = Vec::new();
    for rule in &rules {
        for example in &rule.examples {
            let (change, settings) = verify::prepare(example).expect("an example");
            let before = holdshort::inspect(with(&change, &Overlay::new()), settings.clone(), &rules).expect("an outcome");
            if before.findings.iter().all(|finding| finding.fix.is_none()) {
                continue;
            }
            let settled = settle(&change, &settings, &rules, true).expect("an outcome");
            // A fix that another rule offers may be refused here: with an INSERT that leaves the column out, no constraint is safe.
            for tried in settled.left.iter().filter(|tried| tried.rule == rule.id) {
                wrong.push(format!("{} `{}`: {}:{} {}: {}", rule.id, example.name, tried.path, tried.line, tried.rule, tried.text));
            }
            fixed.extend(settled.done.iter().map(|tried| tried.rule.clone()));
            let again = settle(&with(&change, &overlay(&settled)), &settings, &rules, true).expect("an outcome");
            assert!(again.done.is_empty(), "{} `{}`: fixed twice: {:?}", rule.id, example.name, again.done);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for id in [
        "lock/index-not-concurrent",
        "lock/index-drop-not-concurrent",
        "lock/table-scan",
        "migration/concurrently-in-transaction",
        "flag/new-default-on",
    ] {
        assert!(fixed.contains(id), "{id} is never fixed: {fixed:?}");
    }
}

type Files = &'static [(&'static str, &'static str)];

/// What the fixes of a change write, by path.
fn fixed(base: Files, head: Files) -> (BTreeMap<String, String>, Settled) {
    let base_tree = Snapshot::from_memory(base.iter().copied());
    let head_tree = Snapshot::from_memory(base.iter().chain(head).copied());
    let change = ChangeSet {
        base: Revision::Directory,
        head: Revision::Directory,
        origin: String::new(),
        files: compare(&base_tree, &head_tree),
        base_tree,
        head_tree,
        commits: Vec::new(),
        notices: Vec::new(),
    };
    let settled = settle(&change, &Settings::builtin(Phase::Merge), &rules(), false).expect("an outcome");
    (overlay(&settled), settled)
}

fn expect(name: &str, base: Files, head: Files, wanted: &[(&str, &str)]) {
    let (files, settled) = fixed(base, head);
    let wanted: BTreeMap<String, String> = wanted.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    assert_eq!(files, wanted, "{name}: left {:?}", settled.left);
}

const TABLES: &str =
    "CREATE TABLE customers (id bigint PRIMARY KEY);\nCREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total integer);\n";
const INDEX: &str = "CREATE INDEX orders_customer ON orders (customer_id);\n";

#[test]
fn an_index_is_built_the_way_its_runner_allows() {
    expect(
        "golang-migrate, alone",
        &[("migrations/000001_t.up.sql", TABLES), ("migrations/000001_t.down.sql", "DROP TABLE orders;\nDROP TABLE customers;\n")],
        &[("migrations/000002_i.up.sql", INDEX), ("migrations/000002_i.down.sql", "DROP INDEX CONCURRENTLY orders_customer;\n")],
        &[("migrations/000002_i.up.sql", "CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);\n")],
    );
    expect(
        "golang-migrate, beside another statement",
        &[("migrations/000001_t.up.sql", TABLES), ("migrations/000001_t.down.sql", "DROP TABLE orders;\nDROP TABLE customers;\n")],
        &[
            (
                "migrations/000002_i.up.sql",
                "ALTER TABLE orders ADD COLUMN note text;\nCREATE INDEX orders_customer ON orders (customer_id);\n",
            ),
            ("migrations/000002_i.down.sql", "ALTER TABLE orders DROP COLUMN note;\n"),
        ],
        &[
            ("migrations/000002_i.up.sql", "ALTER TABLE orders ADD COLUMN note text;\n"),
            ("migrations/000003_build_orders_customer.up.sql", "CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);\n"),
            ("migrations/000003_build_orders_customer.down.sql", "DROP INDEX CONCURRENTLY IF EXISTS orders_customer;\n"),
        ],
    );
    expect(
        "goose",
        &[(
            "migrations/00001_t.sql",
            "-- +goose Up\nCREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);\n-- +goose Down\nDROP TABLE orders;\n",
        )],
        &[(
            "migrations/00002_i.sql",
            "-- +goose Up\nCREATE INDEX orders_customer ON orders (customer_id);\n-- +goose Down\nDROP INDEX CONCURRENTLY orders_customer;\n",
        )],
        &[(
            "migrations/00002_i.sql",
            "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);\n-- +goose Down\nDROP INDEX CONCURRENTLY orders_customer;\n",
        )],
    );
    expect(
        "dbmate",
        &[(
            "db/migrations/20240101000000_t.sql",
            "-- migrate:up\nCREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);\n-- migrate:down\nDROP TABLE orders;\n",
        )],
        &[(
            "db/migrations/20240102000000_i.sql",
            "-- migrate:up\nCREATE INDEX orders_customer ON orders (customer_id);\n-- migrate:down\nDROP INDEX orders_customer;\n",
        )],
        &[(
            "db/migrations/20240102000000_i.sql",
            "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);\n-- migrate:down\nDROP INDEX orders_customer;\n",
        )],
    );
    expect(
        "sqlx",
        &[("Cargo.toml", "[dependencies]\nsqlx = \"0.8\"\n"), ("migrations/20240101000000_t.sql", TABLES)],
        &[("migrations/20240102000000_i.sql", INDEX)],
        &[("migrations/20240102000000_i.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);\n")],
    );
    expect(
        "diesel",
        &[
            ("diesel.toml", ""),
            ("migrations/2024-01-01-000000_t/up.sql", TABLES),
            ("migrations/2024-01-01-000000_t/down.sql", "DROP TABLE orders;\nDROP TABLE customers;\n"),
        ],
        &[
            ("migrations/2024-01-02-000000_i/up.sql", INDEX),
            ("migrations/2024-01-02-000000_i/down.sql", "DROP INDEX CONCURRENTLY orders_customer;\n"),
        ],
        &[
            ("migrations/2024-01-02-000000_i/up.sql", "CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);\n"),
            ("migrations/2024-01-02-000000_i/metadata.toml", "run_in_transaction = false\n"),
        ],
    );
    expect(
        "Flyway",
        &[("src/main/resources/db/migration/V1__t.sql", TABLES)],
        &[("src/main/resources/db/migration/V2__i.sql", INDEX)],
        &[
            ("src/main/resources/db/migration/V2__i.sql", "CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);\n"),
            ("src/main/resources/db/migration/V2__i.sql.conf", "executeInTransaction=false\n"),
        ],
    );
}

#[test]
fn an_index_that_something_needs_is_not_moved() {
    let base: Files =
        &[("migrations/000001_t.up.sql", TABLES), ("migrations/000001_t.down.sql", "DROP TABLE orders;\nDROP TABLE customers;\n")];
    expect(
        "the way back drops it",
        base,
        &[
            (
                "migrations/000002_i.up.sql",
                "ALTER TABLE orders ADD COLUMN note text;\nCREATE INDEX orders_customer ON orders (customer_id);\n",
            ),
            ("migrations/000002_i.down.sql", "DROP INDEX orders_customer;\nALTER TABLE orders DROP COLUMN note;\n"),
        ],
        &[],
    );
    expect(
        "it was dropped just before",
        base,
        &[
            (
                "migrations/000002_i.up.sql",
                "DROP INDEX IF EXISTS orders_customer;\nCREATE INDEX orders_customer ON orders (customer_id, total);\n",
            ),
            ("migrations/000002_i.down.sql", "SELECT 1;\n"),
        ],
        &[],
    );
    expect(
        "the script has a transaction of its own",
        base,
        &[
            ("migrations/000002_i.up.sql", "BEGIN;\nCREATE INDEX orders_customer ON orders (customer_id);\nCOMMIT;\n"),
            ("migrations/000002_i.down.sql", "DROP INDEX orders_customer;\n"),
        ],
        &[],
    );
}

#[test]
fn a_constraint_is_validated_in_the_next_migration() {
    expect(
        "a foreign key without a name, goose",
        &[(
            "migrations/00001_t.sql",
            "-- +goose Up\nCREATE TABLE customers (id bigint PRIMARY KEY);\nCREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);\n-- +goose Down\nDROP TABLE orders;\nDROP TABLE customers;\n",
        )],
        &[(
            "migrations/00002_f.sql",
            "-- +goose Up\nALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE;\n-- +goose Down\nALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;\n",
        )],
        &[
            (
                "migrations/00002_f.sql",
                "-- +goose Up\nALTER TABLE orders ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE NOT VALID;\n-- +goose Down\nALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;\n",
            ),
            (
                "migrations/00003_validate_orders_customer_id_fkey.sql",
                "-- +goose Up\nALTER TABLE orders VALIDATE CONSTRAINT orders_customer_id_fkey;\n\n-- +goose Down\n-- Nothing to undo here.\nSELECT 1;\n",
            ),
        ],
    );
    expect(
        "several in one statement, Flyway",
        &[("src/main/resources/db/migration/V1__t.sql", TABLES)],
        &[(
            "src/main/resources/db/migration/V2__c.sql",
            "ALTER TABLE orders\n  ADD CONSTRAINT positive CHECK (total > 0),\n  ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers;\n",
        )],
        &[
            (
                "src/main/resources/db/migration/V2__c.sql",
                "ALTER TABLE orders\n  ADD CONSTRAINT positive CHECK (total > 0) NOT VALID,\n  ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;\n",
            ),
            (
                "src/main/resources/db/migration/V3__validate_positive.sql",
                "ALTER TABLE orders VALIDATE CONSTRAINT positive;\nALTER TABLE orders VALIDATE CONSTRAINT customer;\n",
            ),
        ],
    );
    expect(
        "a check, Flyway",
        &[("src/main/resources/db/migration/V1_9__t.sql", TABLES)],
        &[("src/main/resources/db/migration/V1_10__c.sql", "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0);\n")],
        &[
            ("src/main/resources/db/migration/V1_10__c.sql", "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;\n"),
            ("src/main/resources/db/migration/V1_11__validate_positive.sql", "ALTER TABLE orders VALIDATE CONSTRAINT positive;\n"),
        ],
    );
    expect(
        "NOT NULL, sqlx",
        &[("Cargo.toml", "[dependencies]\nsqlx = \"0.8\"\n"), ("migrations/20240131235959_t.sql", TABLES)],
        &[("migrations/20240229235959_n.sql", "ALTER TABLE orders ALTER COLUMN total SET NOT NULL;\n")],
        &[
            ("migrations/20240229235959_n.sql", "ALTER TABLE orders ADD CONSTRAINT total_present CHECK (total IS NOT NULL) NOT VALID;\n"),
            (
                "migrations/20240301000000_validate_total_present.sql",
                "ALTER TABLE orders VALIDATE CONSTRAINT total_present;\nALTER TABLE orders ALTER COLUMN total SET NOT NULL;\nALTER TABLE orders DROP CONSTRAINT total_present;\n",
            ),
        ],
    );
}

#[test]
fn a_unique_constraint_takes_an_index_that_was_built_before() {
    expect(
        "Flyway",
        &[("src/main/resources/db/migration/V1__t.sql", TABLES)],
        &[("src/main/resources/db/migration/V2__u.sql", "ALTER TABLE orders ADD CONSTRAINT orders_total UNIQUE (customer_id, total);\n")],
        &[
            (
                "src/main/resources/db/migration/V2__u.sql",
                "CREATE UNIQUE INDEX CONCURRENTLY orders_total ON orders (customer_id, total);\n",
            ),
            ("src/main/resources/db/migration/V2__u.sql.conf", "executeInTransaction=false\n"),
            (
                "src/main/resources/db/migration/V3__use_orders_total.sql",
                "ALTER TABLE orders ADD CONSTRAINT orders_total UNIQUE USING INDEX orders_total;\n",
            ),
        ],
    );
}

#[test]
fn a_validate_moves_out_of_the_transaction_of_its_constraint() {
    const DOWN: &str = "ALTER TABLE orders DROP CONSTRAINT positive;\n";
    expect(
        "golang-migrate",
        &[("migrations/000001_t.up.sql", TABLES), ("migrations/000001_t.down.sql", "DROP TABLE orders;\nDROP TABLE customers;\n")],
        &[
            (
                "migrations/000002_c.up.sql",
                "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;\nALTER TABLE orders VALIDATE CONSTRAINT positive;\n",
            ),
            ("migrations/000002_c.down.sql", DOWN),
        ],
        &[
            ("migrations/000002_c.up.sql", "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;\n"),
            ("migrations/000003_validate_positive.up.sql", "ALTER TABLE orders VALIDATE CONSTRAINT positive;\n"),
            ("migrations/000003_validate_positive.down.sql", "-- Nothing to undo here.\nSELECT 1;\n"),
        ],
    );
}

/// A repository of golang-migrate's with an index that is not built concurrently.
fn with_index() -> tempfile::TempDir {
    let repo = repository();
    write(repo.path(), "migrations/1_users.down.sql", "DROP TABLE users;\n");
    git(repo.path(), &["add", "."]);
    git(repo.path(), &["commit", "-qm", "down"]);
    write(repo.path(), "migrations/2_i.down.sql", "DROP INDEX CONCURRENTLY users_email;\n");
    commit(repo.path(), "migrations/2_i.up.sql", "CREATE INDEX users_email ON users (email);\n");
    repo
}

fn read(directory: &Path, path: &str) -> String {
    std::fs::read_to_string(directory.join(path)).expect("a file")
}

const CONCURRENT: &str = "CREATE INDEX CONCURRENTLY users_email ON users (email);\n";

#[test]
fn fix_writes_the_working_tree_and_checks_again() {
    let repo = with_index();
    let here = repo.path();
    assert_eq!(holdshort(here, &["check"]).status.code(), Some(1));
    let output = holdshort(here, &["check", "--fix"]);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", stderr(&output), String::from_utf8_lossy(&output.stdout));
    assert_eq!(read(here, "migrations/2_i.up.sql"), CONCURRENT);
    assert!(stderr(&output).contains("fixed migrations/2_i.up.sql:1 lock/index-not-concurrent"), "{}", stderr(&output));
    let again = holdshort(here, &["check", "--fix", "--base", "HEAD^"]);
    assert!(stderr(&again).contains("nothing fixed"), "{}", stderr(&again));
}

#[test]
fn diff_shows_what_fix_would_write_and_writes_nothing() {
    let repo = with_index();
    let here = repo.path();
    let output = holdshort(here, &["check", "--diff"]);
    assert_eq!(output.status.code(), Some(1), "the change as it is holds");
    assert_ne!(read(here, "migrations/2_i.up.sql"), CONCURRENT);
    write(here, "fix.patch", &output.stdout);
    git(here, &["apply", "fix.patch"]);
    assert_eq!(read(here, "migrations/2_i.up.sql"), CONCURRENT);
}

#[test]
fn fix_never_writes_over_what_was_not_checked_or_out_of_the_repository() {
    let repo = with_index();
    let here = repo.path();
    assert_eq!(holdshort(here, &["check", "--fix", "--head", "HEAD"]).status.code(), Some(2), "--fix is about the working tree");
    write(here, "migrations/2_i.up.sql", "-- mine\nCREATE INDEX users_email ON users (email);\n");
    let dirty = holdshort(here, &["check", "--fix", "--base", "HEAD^"]);
    assert_eq!(read(here, "migrations/2_i.up.sql"), format!("-- mine\n{CONCURRENT}"), "what is uncommitted is kept");
    assert!(stderr(&dirty).contains("migrations/2_i.up.sql has uncommitted changes"), "{}", stderr(&dirty));
    let outside = tempfile::tempdir().expect("a directory");
    write(outside.path(), "2_i.up.sql", "CREATE INDEX users_email ON users (email);\n");
    std::fs::remove_dir_all(here.join("migrations")).expect("a directory");
    std::os::unix::fs::symlink(outside.path(), here.join("migrations")).expect("a link");
    holdshort(here, &["check", "--fix", "--base", "HEAD^"]);
    assert_eq!(read(outside.path(), "2_i.up.sql"), "CREATE INDEX users_email ON users (email);\n", "links are not followed");
    let clones = tempfile::tempdir().expect("a directory");
    git(clones.path(), &["clone", "-q", "--bare", &here.display().to_string(), "bare"]);
    let bare = holdshort(&clones.path().join("bare"), &["check", "--fix", "--base", "HEAD^"]);
    assert_eq!(bare.status.code(), Some(2), "{}", stderr(&bare));
}
