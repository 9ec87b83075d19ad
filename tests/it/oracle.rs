//! The lock and rewrite table against real PostgreSQL servers: for each case the server, the written expectation and the
//! computed effect must say the same.

use std::collections::{BTreeMap, BTreeSet};

use holdshort::change::{Snapshot, tree};
use holdshort::read::migration::{Dialect, layout, sql};
use holdshort::schema::catalog::{Catalog, Origin};
use holdshort::schema::effect::postgres::effect;
use holdshort::schema::effect::{Certainty, Effect, LockMode, RelationKind, ServerVersion};
use holdshort::schema::replay::{self, Context};
use holdshort::source::{SourceMap, Span};
use serde::Deserialize;

use crate::agreement;
use crate::cluster::{self, Cluster};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The statement under test.
    sql: String,
    /// Run before it, in a database of its own.
    #[serde(default)]
    setup: String,
    #[serde(default)]
    min: Option<u32>,
    #[serde(default)]
    max: Option<u32>,
    /// Strongest lock on each table, view and index that existed before; weaker ones than SHARE UPDATE EXCLUSIVE left out.
    #[serde(default)]
    locks: BTreeMap<String, String>,
    #[serde(default)]
    rewrite: BTreeSet<String>,
    #[serde(default)]
    scan: BTreeSet<String>,
    /// Tables whose rows go into an index that is built.
    #[serde(default)]
    build: BTreeSet<String>,
    /// Read by the server for another reason than the effect's scan: the other side of a foreign key.
    #[serde(default)]
    also: BTreeSet<String>,
    /// Gets an empty heap: TRUNCATE. No work that grows with the table.
    #[serde(default)]
    emptied: BTreeSet<String>,
    #[serde(default)]
    fails: bool,
    /// Refused inside a transaction block.
    #[serde(default)]
    outside: bool,
    /// An old statement that works before and fails afterwards.
    #[serde(default)]
    breaks: Option<String>,
    /// An old statement that works before and afterwards.
    #[serde(default)]
    keeps: Option<String>,
}

/// What happened, in names: the same for the server and for the effect.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    locks: BTreeMap<String, String>,
    rewrite: BTreeSet<String>,
    read: BTreeSet<String>,
    fails: bool,
    old: Option<bool>,
}

#[test]
fn effects_are_what_real_servers_do() {
    let servers = cluster::servers();
    if servers.is_empty() {
        assert!(std::env::var_os("HOLDSHORT_REQUIRE_POSTGRES").is_none(), "no PostgreSQL found; run tests/postgres-servers.sh");
        println!("skipped: no PostgreSQL found");
        return;
    }
    let files: Vec<File> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/oracle"))
        .expect("the cases are there")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("a readable file"))
        .map(|text| serde_yaml::from_str(&text).expect("a well-formed case file"))
        .collect();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let run: Vec<_> = servers.iter().map(|bin| scope.spawn(|| prove(&Cluster::start(bin), &files))).collect();
        run.into_iter().flat_map(|server| server.join().expect("the proof runs")).collect()
    });
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}

/// The comparer of whole histories, on a small one that touches each of its points.
#[test]
fn a_history_runs_as_the_effects_say() {
    let servers = cluster::servers();
    if servers.is_empty() {
        println!("skipped: no PostgreSQL found");
        return;
    }
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/history");
    let mut sources = SourceMap::default();
    let head = tree::read_directory(std::path::Path::new(directory)).expect("a directory");
    let (_, read) = layout::read_both(&Snapshot::default(), &head, &mut sources, &[]).expect("readable files");
    for bin in &servers {
        let server = Cluster::start(bin);
        let outcomes = agreement::replay(&server, "history", &read.units[0], &sources);
        assert_eq!(outcomes.len(), 5);
        for outcome in outcomes {
            let told = (outcome.not_run, outcome.opaque, outcome.differences);
            assert_eq!(
                told,
                (None, Vec::new(), Vec::new()),
                "{}, PostgreSQL {}, {} statements",
                outcome.path,
                server.major,
                outcome.statements
            );
        }
    }
}

fn prove(server: &Cluster, files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (number, file) in files.iter().enumerate() {
        let template = format!("template_{number}");
        server.psql("postgres", &format!("CREATE DATABASE {template}")).expect("a database");
        server.psql(&template, &file.schema).expect("the schema of the case file");
        for case in &file.cases {
            if case.min.is_some_and(|min| server.major < min) || case.max.is_some_and(|max| server.major > max) {
                continue;
            }
            count += 1;
            let database = if case.setup.is_empty() { template.clone() } else { clone(server, &template, case, count) };
            for difference in compare(server, &database, file, case) {
                wrong.push(format!("PostgreSQL {}: {}\n    {difference}", server.major, case.sql));
            }
        }
    }
    println!("PostgreSQL {}: {count} cases", server.major);
    wrong
}

fn clone(server: &Cluster, template: &str, case: &Case, number: usize) -> String {
    let name = format!("case_{number}");
    server.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}")).expect("a database");
    server.psql(&name, &case.setup).unwrap_or_else(|error| panic!("setup of `{}`: {error}", case.sql));
    name
}

fn compare(server: &Cluster, database: &str, file: &File, case: &Case) -> Vec<String> {
    let mut out = Vec::new();
    let (computed, all) = computed(file, case, server.major);
    if case.outside {
        let refused = server.psql(database, &format!("BEGIN; {};", case.sql)).is_err_and(|error| error.contains("transaction block"));
        if !refused || !all.outside_transaction {
            out.push(format!("outside a transaction only: server {refused}, effect {}", all.outside_transaction));
        }
        return out;
    }
    let observed = observed(server, database, case);
    let mut expected = Seen { locks: case.locks.clone(), rewrite: case.rewrite.clone(), fails: case.fails, ..Seen::default() };
    expected.read = case.scan.iter().chain(&case.build).chain(&case.rewrite).chain(&case.also).cloned().collect();
    expected.old = observed.old.map(|_| case.keeps.is_some());
    expected.rewrite.extend(case.emptied.iter().cloned());
    if observed != expected {
        out.push(format!("the server did        {observed:?}\n    the case file expects {expected:?}"));
    }
    expected.read.retain(|table| !case.also.contains(table) || case.scan.contains(table));
    expected.old = None;
    expected.rewrite = case.rewrite.clone();
    if computed != expected {
        out.push(format!("the effect says       {computed:?}\n    the case file expects {expected:?}"));
    }
    let names = |work: &[holdshort::schema::effect::Work]| work.iter().map(|work| work.relation.name.clone()).collect::<BTreeSet<_>>();
    if !case.fails && (names(&all.scans) != case.scan || names(&all.index_builds) != case.build) {
        out.push(format!("the effect scans {:?} and builds {:?}", names(&all.scans), names(&all.index_builds)));
    }
    let breaks = || all.breaks_readers.iter().chain(&all.breaks_writers);
    if case.breaks.is_some() && breaks().next().is_none() {
        out.push("the old statement fails, and the effect breaks nothing".to_owned());
    }
    if case.keeps.is_some() && breaks().any(|found| found.certainty == Certainty::Always) {
        out.push(format!("the old statement works, and the effect says {:?}", breaks().next()));
    }
    out
}

/// The effect from the texts alone.
fn computed(file: &File, case: &Case, major: u32) -> (Seen, Effect) {
    let server = ServerVersion(major);
    let mut catalog = Catalog::default();
    let history = Context { origin: Origin::History, place: None, server };
    for text in [&file.schema, &case.setup] {
        for statement in sql::read(Dialect::Postgres, text, &[Span::new(0, text.len())]) {
            statement.ops.iter().for_each(|op| replay::apply(&mut catalog, &op.kind, &history));
        }
    }
    let mut all = Effect::default();
    for statement in sql::read(Dialect::Postgres, &case.sql, &[Span::new(0, case.sql.len())]) {
        for (index, op) in statement.ops.iter().enumerate() {
            let one = effect(&catalog, &statement.ops, index, server);
            all.locks.extend(one.locks);
            all.rewrites.extend(one.rewrites);
            all.scans.extend(one.scans);
            all.index_builds.extend(one.index_builds);
            all.breaks_readers.extend(one.breaks_readers);
            all.breaks_writers.extend(one.breaks_writers);
            all.aborts.extend(one.aborts);
            all.outside_transaction |= one.outside_transaction;
            replay::apply(&mut catalog, &op.kind, &Context { origin: Origin::Rollout, ..history });
        }
    }
    let mut seen = Seen { fails: all.aborts.iter().any(|abort| abort.certainty == Certainty::Always), ..Seen::default() };
    if seen.fails {
        return (seen, all);
    }
    let mut strongest: BTreeMap<String, LockMode> = BTreeMap::new();
    for lock in
        all.locks.iter().filter(|lock| !lock.new && lock.kind != RelationKind::Sequence && lock.mode >= LockMode::ShareUpdateExclusive)
    {
        let mode = strongest.entry(lock.relation.name.clone()).or_insert(lock.mode);
        *mode = (*mode).max(lock.mode);
    }
    seen.locks = strongest.into_iter().map(|(name, mode)| (name, mode.as_str().to_owned())).collect();
    seen.rewrite = all.rewrites.iter().map(|work| work.relation.name.clone()).collect();
    seen.read = all.scans.iter().chain(&all.rewrites).chain(&all.index_builds).map(|work| work.relation.name.clone()).collect();
    (seen, all)
}

/// What the server did, read inside the statement's transaction, which is rolled back.
fn observed(server: &Cluster, database: &str, case: &Case) -> Seen {
    let old = case.breaks.as_ref().or(case.keeps.as_ref());
    let old = old.map_or(String::new(), |old| {
        format!(
            "DO $x$ BEGIN EXECUTE $q${old}$q$; INSERT INTO _old VALUES ('old|works');
             EXCEPTION WHEN OTHERS THEN INSERT INTO _old VALUES ('old|fails'); END $x$;"
        )
    });
    let script = format!(
        "BEGIN;
         CREATE TEMP TABLE _old (line text);
         CREATE TEMP TABLE _before AS
           SELECT c.oid, relname::text AS name, relkind, pg_relation_filenode(c.oid) AS node, pg_stat_get_xact_numscans(c.oid) AS scans
           FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('public', 'app');
         {sql};
         CREATE TEMP TABLE _locks AS SELECT relation, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted;
         CREATE TEMP TABLE _after AS SELECT oid, pg_relation_filenode(oid) AS node, pg_stat_get_xact_numscans(oid) AS scans FROM _before;
         {old}
         SELECT 'lock|' || relkind::text || '|' || name || '|' || mode FROM _locks JOIN _before ON oid = relation;
         SELECT 'rewrite|' || name FROM _before b JOIN _after a USING (oid) WHERE relkind IN ('r', 'm') AND b.node <> a.node;
         SELECT 'read|' || name FROM _before b JOIN _after a USING (oid) WHERE relkind IN ('r', 'm') AND a.scans > b.scans;
         SELECT line FROM _old;
         ROLLBACK;",
        sql = case.sql.trim_end().trim_end_matches(';'),
    );
    let printed = match server.psql(database, &script) {
        Ok(printed) => printed,
        Err(error) => {
            let statement = server.psql(database, &format!("BEGIN; {}; ROLLBACK;", case.sql.trim_end_matches(';')));
            assert!(statement.is_err(), "reading what `{}` did failed: {error}", case.sql);
            return Seen { fails: true, ..Seen::default() };
        }
    };
    let mut seen = Seen::default();
    let mut locks: BTreeMap<String, LockMode> = BTreeMap::new();
    for line in printed.lines() {
        match line.split('|').collect::<Vec<_>>().as_slice() {
            // Sequences follow their columns, and an index that nothing names follows its table.
            ["lock", kind, name, mode]
                if !matches!(*kind, "S" | "c") && (!matches!(*kind, "i" | "I") || case.locks.contains_key(*name)) =>
            {
                if let Some(mode) =
                    LockMode::ALL.into_iter().find(|known| format!("{}Lock", known.as_str().replace(' ', "")).eq_ignore_ascii_case(mode))
                {
                    let strongest = locks.entry((*name).to_owned()).or_insert(mode);
                    *strongest = (*strongest).max(mode);
                }
            }
            ["rewrite", name] => {
                seen.rewrite.insert((*name).to_owned());
            }
            ["read", name] => {
                seen.read.insert((*name).to_owned());
            }
            ["old", works] => seen.old = Some(*works == "works"),
            _ => {}
        }
    }
    seen.locks = locks
        .into_iter()
        .filter(|(_, mode)| *mode >= LockMode::ShareUpdateExclusive)
        .map(|(name, mode)| (name, mode.as_str().to_owned()))
        .collect();
    seen
}
