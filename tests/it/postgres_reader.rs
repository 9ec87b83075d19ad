//! The PostgreSQL reader: scripts in, statements out; snapshots by family, and what must hold for any input.

use std::fs;
use std::path::Path;

use holdshort::read::migration::{Dialect, sql};
use holdshort::schema::op::{Op, OpaqueReason, RoutineKind, SchemaOp, Statement};
use holdshort::source::Span;

fn read(text: &str) -> Vec<Statement> {
    sql::read(Dialect::Postgres, text, &[Span::new(0, text.len())])
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/read/postgres").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every op with those of its bodies.
fn all_ops<'a>(statements: &'a [Statement], found: &mut Vec<&'a Op>) {
    for op in statements.iter().flat_map(|statement| &statement.ops) {
        found.push(op);
        match &op.kind {
            SchemaOp::Do { body, .. } => all_ops(body, found),
            SchemaOp::CreateRoutine(routine) => all_ops(&routine.body, found),
            _ => {}
        }
    }
}

fn opaque(text: &str) -> Vec<(OpaqueReason, String)> {
    let statements = read(text);
    let mut ops = Vec::new();
    all_ops(&statements, &mut ops);
    let reason = |op: &&Op| match &op.kind {
        SchemaOp::Opaque { reason, detail } => Some((*reason, detail.clone())),
        _ => None,
    };
    ops.iter().filter_map(reason).collect()
}

#[test]
fn every_valid_form_is_read() {
    let text = fixture("forms.sql");
    let statements = read(&text);
    assert!(statements.len() >= 250, "only {} statements", statements.len());
    for statement in &statements {
        let mut ops = Vec::new();
        all_ops(std::slice::from_ref(statement), &mut ops);
        assert!(!ops.is_empty(), "no op for {}", statement.span.text(&text));
        for op in ops {
            assert!(!matches!(op.kind, SchemaOp::Opaque { .. }), "{:?} for {}", op.kind, statement.span.text(&text));
        }
    }
}

fn check_spans(text: &str, region: Span, statements: &[Statement]) {
    for statement in statements {
        assert!(region.encloses(statement.span), "statement {:?} outside {region:?} of {text:?}", statement.span);
        assert!(text.get(statement.span.start..statement.span.end).is_some(), "{:?} of {text:?}", statement.span);
        for op in &statement.ops {
            assert!(region.encloses(op.span), "op {:?} outside {region:?} of {text:?}", op);
            assert!(text.get(op.span.start..op.span.end).is_some(), "{:?} of {text:?}", op);
            match &op.kind {
                SchemaOp::Do { body, .. } => check_spans(text, region, body),
                SchemaOp::CreateRoutine(routine) => check_spans(text, region, &routine.body),
                _ => {}
            }
        }
    }
}

const CORPORA: &[&str] = &["forms.sql", "hidden.sql", "placeholders.sql", "dump.sql"];

#[test]
fn every_prefix_of_every_statement_is_read_without_a_panic() {
    for name in CORPORA {
        let text = fixture(name);
        for statement in read(&text) {
            let start = statement.span.start;
            for end in (start + 1..=statement.span.end).step_by(5).filter(|end| text.is_char_boundary(*end)) {
                let region = Span::new(start, end);
                check_spans(&text, region, &sql::read(Dialect::Postgres, &text, &[region]));
            }
        }
    }
}

#[test]
fn mutated_scripts_are_read_without_a_panic() {
    let mut state = 42u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let noise: Vec<char> = "'\"$();:,.\\-/*{}%@é\u{feff}[]=E0 \n".chars().collect();
    for name in CORPORA {
        let original = fixture(name);
        let chars: Vec<char> = original.chars().collect();
        for _ in 0..40 {
            let from = random(chars.len());
            let mut window: Vec<char> = chars[from..(from + 1500).min(chars.len())].to_vec();
            for _ in 0..1 + random(8) {
                let at = random(window.len());
                match random(3) {
                    0 => window[at] = noise[random(noise.len())],
                    1 => window.insert(at, noise[random(noise.len())]),
                    _ if window.len() > 1 => drop(window.remove(at)),
                    _ => {}
                }
            }
            let text: String = window.into_iter().collect();
            let region = Span::new(0, text.len());
            check_spans(&text, region, &sql::read(Dialect::Postgres, &text, &[region]));
        }
    }
}

#[test]
fn deep_and_long_statements_are_opaque_and_do_not_overflow_the_stack() {
    let deep = [
        format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("SELECT {}true", "NOT ".repeat(100_000)),
        format!("SELECT 1{}", " + 1".repeat(90_000)),
        format!("SELECT {}1{}", "f(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(3_000), " END".repeat(3_000)),
    ];
    for text in deep {
        let found = opaque(&text);
        assert!(matches!(found.as_slice(), [(OpaqueReason::TooLarge, _)]), "{found:?}");
    }
    let commented = format!("{}{}SELECT 1", "/*".repeat(100_000), "*/".repeat(100_000));
    assert_eq!(opaque(&commented), []);
    // The statement after an over-long one is still read.
    let after = format!("SELECT {}1{}; DROP TABLE t;", "(".repeat(500), ")".repeat(500));
    assert!(matches!(read(&after)[1].ops[0].kind, SchemaOp::DropTable { .. }));
}

#[test]
fn a_long_insert_is_read_by_its_head() {
    let rows = vec!["(1, 'it''s; (', NULL)"; 60_000].join(", ");
    let text = format!("INSERT INTO app.t (a, \"B\", c) VALUES {rows}; DROP TABLE x;");
    let statements = read(&text);
    let SchemaOp::Insert(insert) = &statements[0].ops[0].kind else { panic!("{:?}", statements[0].ops[0]) };
    assert_eq!(insert.rows, Some(60_000));
    assert_eq!(insert.columns.iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["a", "B", "c"]);
    assert_eq!(statements[0].ops[0].span.text(&text), "app.t");
    assert_eq!(statements.len(), 2);
}

#[test]
fn writes_in_a_with_clause_are_ops_of_their_own() {
    let writes = |text: &str| {
        let kind = |op: &Op| serde_json::to_value(&op.kind).unwrap()["op"].as_str().unwrap().to_owned();
        read(text)[0].ops.iter().map(kind).collect::<Vec<_>>()
    };
    assert_eq!(
        writes("WITH a AS (UPDATE ONLY t SET x = 1 RETURNING *), b AS (DELETE FROM u RETURNING *) SELECT 1"),
        ["update", "delete", "select"]
    );
    assert_eq!(writes("WITH a AS (MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE RETURNING *) SELECT 1"), ["merge", "select"]);
    assert_eq!(writes("WITH a AS (INSERT INTO t VALUES (1) RETURNING *) DELETE FROM t"), ["insert", "delete"]);
}

#[test]
fn only_regions_are_read() {
    let text = "DROP TABLE a;\n-- down\nDROP TABLE b;\nDROP TABLE c";
    let at = text.find("-- down").unwrap();
    let statements = sql::read(Dialect::Postgres, text, &[Span::new(at, text.len() - 13)]);
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].span.text(text), "DROP TABLE b");
}

#[test]
fn what_is_not_sql_is_never_passed_over() {
    use OpaqueReason::{Dynamic, External, Syntax, Unsupported};
    for (text, expected) in [
        ("ALTER TABLE t ADD COLUM x int y;", Syntax),
        ("SELECT 'abc", Syntax),
        ("/* open", Syntax),
        ("DO $$ BEGIN", Syntax),
        ("FOO BAR;", Syntax),
        ("INSERT INTO t VALUES (1,, 2);", Syntax),
        ("INSERT INTO t VALUES (1 2);", Syntax),
        ("INSERT INTO t VALUES (1) (2);", Syntax),
        ("INSERT INTO t VALUES (1), ;", Syntax),
        ("ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b;", Unsupported),
        ("DROP COLLATION c CASCADE;", Unsupported),
        ("CREATE SCHEMA s CREATE TABLE t (a int);", Unsupported),
        ("${statement};", Dynamic),
        ("\\i other.sql", External),
        ("\\ir other.sql", External),
        ("\\! rm x", External),
        ("SELECT 'DROP TABLE t' \\gexec", Dynamic),
        ("{% if x %} DROP TABLE t;", Dynamic),
        ("EXECUTE p(1);", Dynamic),
        ("DO $$ BEGIN EXECUTE format('DROP TABLE %I', x); END $$;", Dynamic),
        ("DO $$ BEGIN FOR r IN EXECUTE q LOOP NULL; END LOOP; END $$;", Dynamic),
        ("DO $$ BEGIN ALTER TABEL t DROP c; END $$;", Syntax),
        ("DO LANGUAGE plpython3u $$ x $$;", Dynamic),
    ] {
        let found = opaque(text);
        assert!(found.iter().any(|(reason, _)| *reason == expected), "{text}: {found:?}");
    }
}

#[test]
fn batches_are_told_from_whole_tables() {
    let bounded = |text: &str| match read(text).pop().and_then(|mut s| s.ops.pop()).map(|op| op.kind) {
        Some(SchemaOp::Update(update)) => update.bounded,
        Some(SchemaOp::Delete(delete)) => delete.bounded,
        other => panic!("{text}: {other:?}"),
    };
    for text in [
        "UPDATE t SET a = 1 WHERE id = 5",
        "UPDATE t SET a = 1 WHERE 'x' = slug AND b",
        "UPDATE t SET a = 1 WHERE id BETWEEN 1 AND 1000",
        "UPDATE t SET a = 1 WHERE a IS NULL AND id > 5 AND id <= 10",
        "DELETE FROM t WHERE id IN (1, 2)",
        "DELETE FROM t WHERE id IN (SELECT id FROM t WHERE x LIMIT 100)",
        "DELETE FROM t WHERE ctid = ANY (ARRAY(SELECT ctid FROM t LIMIT 100))",
        "WITH b AS (SELECT id FROM t LIMIT 100) UPDATE t SET a = 1 FROM b WHERE t.id = b.id",
    ] {
        assert!(bounded(text), "{text}");
    }
    for text in [
        "UPDATE t SET a = 1",
        "UPDATE t SET a = 1 WHERE a IS NULL",
        "UPDATE t SET a = 1 WHERE active = true",
        "UPDATE t SET a = 1 WHERE id > 5",
        "UPDATE t SET a = 1 WHERE id = 5 OR b",
        "UPDATE t SET a = 1 WHERE a = b",
        "DELETE FROM t WHERE id IN (SELECT t_id FROM u)",
        "UPDATE t SET a = 1 WHERE id NOT IN (1, 2)",
        "UPDATE t SET a = 1 WHERE id NOT BETWEEN 1 AND 5",
    ] {
        assert!(!bounded(text), "{text}");
    }
}

#[test]
fn ops_point_at_what_they_act_on() {
    for (text, expected) in [
        ("ALTER TABLE users DROP COLUMN email", "email"),
        ("ALTER TABLE users ALTER COLUMN \"Email\" SET NOT NULL", "\"Email\""),
        ("ALTER TABLE u ADD CONSTRAINT c CHECK (a > 0) NOT VALID", "CONSTRAINT c CHECK (a > 0) NOT VALID"),
        ("CREATE INDEX ON u (a)", "CREATE INDEX"),
        ("CREATE INDEX i ON u (a)", "i"),
        ("DROP TABLE IF EXISTS s.u", "s.u"),
        ("UPDATE u SET a = 1", "u"),
        ("DO $$ BEGIN ALTER TABLE u DROP COLUMN x; END $$", "x"),
        ("DO 'BEGIN EXECUTE ''DROP TABLE u''; END'", "u"),
    ] {
        let statements = read(text);
        let mut ops = Vec::new();
        all_ops(&statements, &mut ops);
        assert_eq!(ops.last().map(|op| op.span.text(text)), Some(expected), "{text}");
    }
}

#[test]
fn a_routine_drop_keeps_its_kind_and_argument_types() {
    let statements = read("DROP FUNCTION f(int, OUT text, VARIADIC numeric[])");
    let SchemaOp::DropRoutine { routine, .. } = &statements[0].ops[0].kind else { panic!("{statements:?}") };
    assert_eq!(routine.kind, RoutineKind::Function);
    let types: Vec<String> = routine.args.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(types, ["integer", "numeric[]"]);
}

/// The facts of a fixture as compact lines, easier to review than a tree.
fn snapshot(name: &str) -> Vec<serde_json::Value> {
    let text = fixture(name);
    let line = |statement: &Statement| {
        let ops: Vec<_> = statement.ops.iter().map(|op| serde_json::json!({ "at": op.span.text(&text), "op": op.kind })).collect();
        serde_json::json!({ "sql": statement.span.text(&text), "ops": ops })
    };
    read(&text).iter().map(line).collect()
}

macro_rules! families {
    ($($test:ident: $file:literal,)*) => { $(
        #[test]
        fn $test() {
            insta::assert_json_snapshot!($file, snapshot($file));
        }
    )* };
}

families! {
    facts_of_tables: "tables.sql",
    facts_of_constraints: "constraints.sql",
    facts_of_indexes: "indexes.sql",
    facts_of_views: "views.sql",
    facts_of_types: "types.sql",
    facts_of_routines: "routines.sql",
    facts_of_triggers: "triggers.sql",
    facts_of_privileges: "privileges.sql",
    facts_of_replication: "replication.sql",
    facts_of_data: "data.sql",
    facts_of_sessions: "session.sql",
    facts_of_maintenance: "maintenance.sql",
    facts_of_hidden_sql: "hidden.sql",
    facts_of_placeholders: "placeholders.sql",
    facts_of_a_dump: "dump.sql",
}

/// A statement that is said to concern no client has a reason for it.
#[test]
fn every_irrelevant_statement_says_why() {
    use holdshort::schema::effect::postgres::irrelevant::WHY;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/read/postgres");
    let mut seen = 0;
    for entry in fs::read_dir(directory).expect("fixtures") {
        let Ok(text) = fs::read_to_string(entry.expect("an entry").path()) else { continue };
        let statements = read(&text);
        let mut ops = Vec::new();
        all_ops(&statements, &mut ops);
        for op in ops {
            if let SchemaOp::Irrelevant { verb, object, .. } = &op.kind {
                seen += 1;
                assert!(WHY.iter().any(|(known, _)| known == object), "{verb} {object}");
            }
        }
    }
    assert!(seen > 20, "{seen} irrelevant statements in the fixtures");
}
