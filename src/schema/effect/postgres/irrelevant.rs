//! Statements of kinds that have no op of their own: verb and kind of object in, why running clients need not care out, or what
//! they have to care about after all.

use super::scene::{Hits, Scene};
use crate::schema::effect::{Certainty, Subject, SubjectKind};

/// Why each kind concerns no running client, whatever is done to it, its removal aside. Source: each command's page in the manual.
pub const WHY: &[(&str, &str)] = &[
    ("access method", "tables and indexes go on with the method they were made with"),
    ("aggregate", "nothing calls an aggregate before it is there"),
    ("cast", "a cast is looked up when a statement is planned; the deployed statements name none that is new"),
    ("channel", "LISTEN and NOTIFY concern sessions that listen"),
    ("checkpoint", "a checkpoint takes no lock on a table"),
    ("collation", "columns keep the collation they have"),
    ("comment", "a comment takes SHARE UPDATE EXCLUSIVE for a moment, which no query and no write waits for"),
    ("constraints", "SET CONSTRAINTS holds for its own transaction"),
    ("conversion", "connections keep the conversion they began with"),
    ("cursor", "a cursor belongs to its own session"),
    ("database", "its settings reach connections made afterwards; dropping one is an op of its own"),
    ("event trigger", "it fires for schema changes, not for the statements of clients"),
    ("foreign data wrapper", "foreign tables keep their server"),
    ("group", "members keep their sessions"),
    ("language", "routines keep their language"),
    ("large object", "a large object is reached by its number; nothing else changes"),
    ("library", "it is loaded into its own session"),
    ("operator", "operators are looked up when a statement is planned; the deployed statements use none that is new"),
    ("operator class", "indexes keep the operator class they were built with"),
    ("operator family", "indexes keep the operator family they were built with"),
    ("owned", "REASSIGN OWNED changes owners; privileges that were granted stay"),
    ("plan", "EXPLAIN without ANALYZE runs nothing"),
    ("policy", "a dependency on an extension changes nothing until the extension goes"),
    ("prepared statement", "it belongs to its own session"),
    ("property graph", "tables below a graph are read as before"),
    ("role", "sessions keep the settings they began with; a dropped role is said below"),
    ("rule", "a rule works the same under another name"),
    ("security label", "labels are read by a security provider, not by queries"),
    ("server", "foreign tables keep their server"),
    ("session", "DISCARD concerns its own session"),
    ("setting", "SHOW reads"),
    ("statistics", "extended statistics take SHARE UPDATE EXCLUSIVE, which no query and no write waits for"),
    ("subscription", "a subscription writes as any other client does"),
    ("system", "a setting reaches sessions on reload or restart"),
    ("tablespace", "tables stay where they are"),
    ("text search configuration", "queries name the configuration they use"),
    ("text search dictionary", "queries name the configuration they use"),
    ("text search parser", "queries name the configuration they use"),
    ("text search template", "queries name the configuration they use"),
    ("transaction", "the mode of a transaction concerns itself"),
    ("transform", "routines keep the transforms they were made with"),
    ("trigger", "a dependency on an extension changes nothing until the extension goes"),
    ("user", "sessions keep the settings they began with; a dropped role is said below"),
    ("user mapping", "sessions keep the connections they have"),
];

/// What a query of the deployed code may name, and misses once it is dropped.
const NAMED_IN_QUERIES: &[&str] = &[
    "aggregate",
    "cast",
    "collation",
    "foreign data wrapper",
    "language",
    "operator",
    "operator class",
    "server",
    "text search configuration",
    "text search dictionary",
    "user mapping",
];

pub fn judge(scene: &mut Scene, verb: &str, object: &str) {
    let subject = || Subject::of(SubjectKind::Statement, format!("{verb} {object}"));
    match (verb, object) {
        ("alter", "system") | ("create", "database" | "tablespace") | ("drop", "tablespace" | "subscription") => {
            scene.outside_transaction();
        }
        ("drop", "role" | "user" | "group") => {
            let how = "nothing can connect as a dropped role".to_owned();
            scene.breaks(Hits::Both, subject(), how, Certainty::Sometimes);
        }
        ("drop", dropped) if NAMED_IN_QUERIES.contains(&dropped) => {
            let how = format!("a query that uses the dropped {dropped} fails");
            scene.breaks(Hits::Both, subject(), how, Certainty::Sometimes);
        }
        _ if WHY.iter().all(|(known, _)| *known != object) => {
            scene.assume(format!("{verb} {object} concerns no running client"));
        }
        _ => {}
    }
}
