//! Rehearsals on a real PostgreSQL: what works, what is found, and that nothing is left behind.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{self, Cluster};
use crate::repo::{Repo, all, stderr, stdout};

/// Programs of a server; `None` where there is none, which CI does not accept.
pub fn server() -> Option<PathBuf> {
    let found = cluster::servers().into_iter().next();
    if found.is_none() {
        assert!(std::env::var_os("HOLDSHORT_REQUIRE_POSTGRES").is_none(), "no PostgreSQL found; run tests/postgres-servers.sh");
        println!("skipped: no PostgreSQL found");
    }
    found
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// `rehearse` in a directory for temporary files of its own, so that what is left behind shows.
pub fn rehearse(repo: &Repo, bin: &PathBuf, temporary: &tempfile::TempDir, args: &[&str]) -> Command {
    let mut command = repo.command(&["rehearse", "--bin-dir"]);
    command.arg(bin).args(args).env("TMPDIR", temporary.path());
    if is_root() {
        command.args(["--as", "nobody"]);
    }
    command
}

/// The server steps down to another account, which has to reach its directory.
pub fn temporary() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::Builder::new().prefix("hs").tempdir_in("/tmp").expect("a directory");
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).expect("permissions");
    directory
}

fn run(repo: &Repo, bin: &PathBuf, args: &[&str]) -> Output {
    let temporary = temporary();
    let output = rehearse(repo, bin, &temporary, args).output().expect("the binary runs");
    let left: Vec<_> = std::fs::read_dir(temporary.path()).expect("a directory").flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    output
}

/// One table with two rows, and a change of two migrations.
fn repository(up: &str, down: &str) -> Repo {
    let repo = Repo::new();
    repo.write(
        "migrations/000001_orders.up.sql",
        "CREATE TABLE orders (id bigint PRIMARY KEY, total integer);\nINSERT INTO orders VALUES (1, 5), (2, 7);\n",
    );
    repo.write("migrations/000001_orders.down.sql", "DROP TABLE orders;\n");
    repo.commit("base");
    repo.write("migrations/000002_change.up.sql", up);
    repo.write("migrations/000002_change.down.sql", down);
    repo.commit("change");
    repo
}

#[test]
fn a_change_that_can_be_undone_passes_with_locks_times_and_a_record() {
    let Some(bin) = server() else { return };
    let repo = repository("ALTER TABLE orders ADD COLUMN currency text;\n", "ALTER TABLE orders DROP COLUMN currency;\n");
    repo.write("migrations/000003_index.up.sql", "CREATE INDEX CONCURRENTLY orders_total ON orders (total);\n");
    repo.write("migrations/000003_index.down.sql", "DROP INDEX CONCURRENTLY orders_total;\n");
    let head = repo.commit("index");
    let output = run(&repo, &bin, &["--base", "HEAD~2", "--record", "-"]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    let record: Value = serde_json::from_slice(&output.stdout).expect("the record");
    assert_eq!(record["subject"][0]["digest"]["gitCommit"], head.as_str());
    assert_eq!(record["subject"][0]["digest"]["gitTree"], repo.git(&["rev-parse", "HEAD^{tree}"]).as_str());
    let predicate = &record["predicate"];
    assert_eq!(predicate["result"], "PASSED");
    assert_eq!(predicate["migrations"].as_array().map(Vec::len), Some(4));
    assert_eq!(
        predicate["migrations"][0]["digest"]["gitBlob"],
        repo.git(&["rev-parse", "HEAD:migrations/000002_change.down.sql"]).as_str()
    );
    let apply = &predicate["units"][0]["apply"];
    assert_eq!(apply[0]["locks"][0]["mode"], "ACCESS EXCLUSIVE");
    assert_eq!(apply[0]["locks"][0]["relation"], "orders");
    assert!(apply[1]["milliseconds"].as_f64().is_some_and(|spent| spent > 0.0), "{apply:#}");
    assert_eq!(predicate["units"][0]["rollback"][0]["path"], "migrations/000003_index.down.sql", "newest first");
}

#[test]
fn what_a_rollback_leaves_behind_or_loses_fails() {
    let Some(bin) = server() else { return };
    // The static check cannot see the rows; the enum and the grant it can miss.
    let repo = repository(
        "ALTER TABLE orders DROP COLUMN total;\nCREATE TYPE mood AS ENUM ('good');\nGRANT SELECT ON orders TO PUBLIC;\n",
        "ALTER TABLE orders ADD COLUMN total integer;\n",
    );
    let output = run(&repo, &bin, &["--base", "HEAD^"]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    let text = stdout(&output);
    for expected in ["enum mood is not dropped", "table orders is `", "table orders: 2 rows are there, with other values"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_failing_statement_is_told_with_its_place() {
    let Some(bin) = server() else { return };
    let repo = repository("ALTER TABLE orders ADD COLUMN a text;\n", "\nALTER TABLE orders DROP COLUMN b;\n");
    let output = run(&repo, &bin, &["--base", "HEAD^"]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    assert!(stdout(&output).contains("migrations/000002_change.down.sql:2: rolling back: column \"b\""), "{}", stdout(&output));
    let up = repository("ALTER TABLE orders ALTER COLUMN total TYPE boolean;\n", "SELECT 1;\n");
    let output = run(&up, &bin, &["--base", "HEAD^"]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    assert!(stdout(&output).contains("000002_change.up.sql:1: applying the change"), "{}", stdout(&output));
}

#[test]
fn the_changes_sql_is_no_superuser_and_cannot_wait_for_ever() {
    let Some(bin) = server() else { return };
    let program = repository("COPY orders FROM PROGRAM 'touch /tmp/holdshort-was-here';\n", "SELECT 1;\n");
    let output = run(&program, &bin, &["--base", "HEAD^"]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    assert!(stdout(&output).contains("42501"), "{}", stdout(&output));
    assert!(!PathBuf::from("/tmp/holdshort-was-here").exists());
    // Neither does a script that swallows cancellations outlast the limit.
    let stubborn = "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;\n";
    let endless = repository(stubborn, "SELECT 1;\n");
    let output = run(&endless, &bin, &["--base", "HEAD^", "--timeout", "10"]);
    assert_eq!(output.status.code(), Some(3), "{}", all(&output));
    assert!(stderr(&output).contains("time limit of 10 s"), "{}", stderr(&output));
}

#[test]
fn an_interrupt_or_a_kill_leaves_no_server_and_no_directory() {
    let Some(bin) = server() else { return };
    let repo = repository("SELECT pg_sleep(1000);\n", "SELECT 1;\n");
    for (signal, code) in [("-INT", Some(3)), ("-TERM", Some(3)), ("-KILL", None)] {
        let temporary = temporary();
        let mut child =
            rehearse(&repo, &bin, &temporary, &["--base", "HEAD^"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("runs");
        let files = || std::fs::read_dir(temporary.path()).expect("a directory").flatten().map(|entry| entry.path()).collect::<Vec<_>>();
        // The server has taken up work when its lock file names a socket.
        let running = || files().first().is_some_and(|path| path.join(".s.PGSQL.5432").exists());
        wait_for(running, "the server starts");
        std::thread::sleep(Duration::from_millis(500));
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs").success());
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), code, "{signal}");
        wait_for(|| files().is_empty(), "the directory is removed");
        let list = Command::new("ps").args(["-eo", "args"]).output().expect("ps runs");
        let directory = temporary.path().display().to_string();
        let server = String::from_utf8_lossy(&list.stdout).lines().any(|line| line.contains(&directory) && line.contains("postgres -D"));
        assert!(!server, "{signal}: the server still runs");
    }
}

fn wait_for(mut done: impl FnMut() -> bool, what: &str) {
    let limit = Instant::now() + Duration::from_secs(300);
    while !done() {
        assert!(Instant::now() < limit, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_given_database_has_to_be_empty_and_its_role_no_superuser() {
    let Some(bin) = server() else { return };
    let cluster = Cluster::start(&bin);
    let repo = repository("ALTER TABLE orders ADD COLUMN a text;\n", "ALTER TABLE orders DROP COLUMN a;\n");
    cluster
        .psql("postgres", "CREATE ROLE shop LOGIN; CREATE DATABASE empty OWNER shop; CREATE DATABASE occupied OWNER shop;")
        .expect("databases");
    cluster.psql("occupied", "CREATE TABLE customers (id int)").expect("a table");
    let url = |role: &str, database: &str| format!("host={} user={role} dbname={database}", cluster.directory.path().display());
    let full = repo.holdshort(&["rehearse", "--base", "HEAD^", "--database-url", &url("shop", "occupied")]);
    assert_eq!(full.status.code(), Some(2), "{}", all(&full));
    assert!(stderr(&full).contains("not empty: it has public.customers"), "{}", stderr(&full));
    let superuser = repo.holdshort(&["rehearse", "--base", "HEAD^", "--database-url", &url("postgres", "empty")]);
    assert_eq!(superuser.status.code(), Some(2), "{}", all(&superuser));
    assert!(stderr(&superuser).contains("superuser"), "{}", stderr(&superuser));
    let empty = repo.holdshort(&["rehearse", "--base", "HEAD^", "--database-url", &url("shop", "empty")]);
    assert_eq!(empty.status.code(), Some(0), "{}", all(&empty));
    let left = cluster.psql("occupied", "SELECT count(*) FROM pg_class WHERE relname IN ('orders', 'customers')").expect("a count");
    assert_eq!(left.trim(), "1", "the refused database was not touched");
}

#[test]
fn policy_scripts_set_up_seed_and_smoke() {
    let Some(bin) = server() else { return };
    let repo = Repo::new();
    repo.write("holdshort.yaml", "rehearse: {setup: [db/roles.sql], seed: [db/seed.sql], smoke: [db/smoke.sql]}\n");
    repo.write("db/roles.sql", "CREATE ROLE app;\n");
    repo.write("db/seed.sql", "INSERT INTO users VALUES (1, 'a');\n");
    repo.write("db/smoke.sql", "SELECT 1;\n");
    repo.write("migrations/000001_users.up.sql", "CREATE TABLE users (id int PRIMARY KEY, name text);\nGRANT SELECT ON users TO app;\n");
    repo.write("migrations/000001_users.down.sql", "DROP TABLE users;\n");
    repo.commit("base");
    repo.write("migrations/000002_name.up.sql", "ALTER TABLE users RENAME COLUMN name TO label;\n");
    repo.write("migrations/000002_name.down.sql", "ALTER TABLE users RENAME COLUMN label TO name;\n");
    repo.commit("rename");
    let passed = run(&repo, &bin, &["--base", "HEAD^"]);
    assert_eq!(passed.status.code(), Some(0), "{}", all(&passed));
    repo.write("db/smoke.sql", "SELECT 1;\nSELECT name FROM users;\n");
    // A change cannot bring its own set-up: it runs with every right.
    repo.write("db/roles.sql", "CREATE ROLE app SUPERUSER; CREATE TABLE planted (id int);\n");
    repo.commit("smoke");
    let failed = run(&repo, &bin, &["--base", "HEAD~2"]);
    assert_eq!(failed.status.code(), Some(1), "{}", all(&failed));
    assert!(stdout(&failed).contains("db/smoke.sql:2: running the smoke test: column \"name\" does not exist"), "{}", stdout(&failed));
}

#[test]
fn without_a_commit_or_a_migration_there_is_no_record_of_success() {
    let Some(bin) = server() else { return };
    let repo = repository("ALTER TABLE orders ADD COLUMN a text;\n", "ALTER TABLE orders DROP COLUMN a;\n");
    repo.write("notes.txt", "x");
    let dirty = run(&repo, &bin, &["--record", "rehearsal.json"]);
    assert_eq!(dirty.status.code(), Some(2), "{}", all(&dirty));
    assert!(!repo.path().join("rehearsal.json").exists());
    repo.commit("notes");
    let nothing = run(&repo, &bin, &["--base", "HEAD^", "--record", "-"]);
    assert_eq!(nothing.status.code(), Some(0), "{}", all(&nothing));
    let record: Value = serde_json::from_slice(&nothing.stdout).expect("the record");
    assert_eq!(record["predicate"]["result"], "SKIPPED");
}
