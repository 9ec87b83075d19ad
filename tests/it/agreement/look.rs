//! What a server holds and does at one moment: the lines its own function `holdshort.look` prints in, plain data out.

use std::collections::BTreeMap;

use holdshort::schema::op::LockMode;
use serde::Deserialize;

/// Makes the function that is asked between statements. It reads PostgreSQL's own catalog only, so it counts as no scan.
pub const INSTALL: &str = r#"
CREATE SCHEMA holdshort;
CREATE FUNCTION holdshort.look() RETURNS SETOF text LANGUAGE sql SET search_path = pg_catalog AS $look$
  SELECT json_build_object('relation', json_build_object(
           'oid', c.oid::bigint, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
           'child', EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid),
           'node', pg_relation_filenode(c.oid)::bigint,
           'scans', pg_stat_get_xact_numscans(c.oid)
             + (SELECT coalesce(sum(pg_stat_get_xact_numscans(indexrelid)), 0) FROM pg_index WHERE indrelid = c.oid),
           'columns', (SELECT coalesce(json_agg(json_build_object(
                'number', attnum, 'name', attname, 'not_null', attnotnull,
                'filled', atthasdef OR attidentity <> '', 'type', format_type(atttypid, atttypmod)) ORDER BY attnum), '[]')
              FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)))::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'holdshort')
    AND n.nspname NOT LIKE 'pg\_%'
  UNION ALL
  SELECT json_build_object('lock', json_build_object('oid', relation::bigint, 'mode', mode))::text
  FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted;
$look$;
GRANT USAGE ON SCHEMA holdshort TO PUBLIC;
"#;

#[derive(Debug, Clone, Deserialize)]
pub struct Relation {
    pub oid: u64,
    pub schema: String,
    pub name: String,
    /// `pg_class.relkind`.
    pub kind: String,
    /// A partition or an heir: what is done to it follows from its parent.
    pub child: bool,
    pub node: Option<u64>,
    pub scans: u64,
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Column {
    pub number: i64,
    pub name: String,
    pub not_null: bool,
    /// Has a default, an identity or a generation expression.
    pub filled: bool,
    #[serde(rename = "type")]
    pub ty: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Held {
    oid: u64,
    mode: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Relation(Relation),
    Lock(Held),
}

/// One look: relations and the strongest lock held on each, by `pg_class.oid`.
#[derive(Debug, Default, Clone)]
pub struct Look {
    pub relations: BTreeMap<u64, Relation>,
    pub locks: BTreeMap<u64, LockMode>,
}

impl Look {
    pub fn add(&mut self, line: &str) {
        match serde_json::from_str::<Line>(line) {
            Ok(Line::Relation(relation)) => {
                self.relations.insert(relation.oid, relation);
            }
            Ok(Line::Lock(held)) => {
                let spelled = |mode: &LockMode| format!("{}Lock", mode.as_str().replace(' ', "")).eq_ignore_ascii_case(&held.mode);
                if let Some(mode) = LockMode::ALL.into_iter().find(spelled) {
                    let strongest = self.locks.entry(held.oid).or_insert(mode);
                    *strongest = (*strongest).max(mode);
                }
            }
            // The script's own output.
            Err(_) => {}
        }
    }

    pub fn find(&self, schema: &str, name: &str) -> Option<&Relation> {
        self.relations.values().find(|relation| relation.name == name && relation.schema == schema)
    }
}

impl Relation {
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    pub fn column(&self, number: i64) -> Option<&Column> {
        self.columns.iter().find(|column| column.number == number)
    }
}
