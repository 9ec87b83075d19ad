//! The catalog of a server as plain lines, and what differs between two: a connection in, a snapshot out; two snapshots in,
//! differences out.

use std::collections::BTreeMap;

use postgres::Client;
use serde::Serialize;

/// Schemas that belong to the server.
const SYSTEM: &str = "(n.nspname LIKE 'pg\\_%' OR n.nspname = 'information_schema')";

/// Objects as `(kind, name, parent, definition)`; a child whose parent table came or went is not told again. `{system}` stands
/// for the server's own schemas, `{extension}` for "belongs to an extension", which is told once, by the extension itself.
const QUERIES: [&str; 21] = [
    "SELECT 'schema', n.nspname, '', 'owner ' || pg_get_userbyid(n.nspowner) || ', ' || {acl:n.nspacl:'n':n.nspowner}
     FROM pg_namespace n WHERE NOT {system} AND NOT {extension:pg_namespace:n.oid}",
    "SELECT 'extension', e.extname, '', 'version ' || e.extversion FROM pg_extension e",
    // Tables, views, materialized views, foreign tables, with what is switched on for them.
    "SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END,
       n.nspname || '.' || c.relname, '',
       concat_ws(', ', 'owner ' || pg_get_userbyid(c.relowner), {acl:c.relacl:'r':c.relowner},
         CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
         CASE WHEN c.relrowsecurity THEN 'row level security' END, CASE WHEN c.relforcerowsecurity THEN 'forced row level security' END,
         CASE WHEN c.relreplident <> 'd' AND c.relkind IN ('r', 'p') THEN 'replica identity ' || c.relreplident::text END,
         'partition ' || pg_get_expr(c.relpartbound, c.oid), 'partitioned by ' || pg_get_partkeydef(c.oid),
         'with ' || array_to_string(c.reloptions, ' '),
         (SELECT 'inherits ' || string_agg(i.inhparent::regclass::text, ' ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
         CASE WHEN c.relkind IN ('v', 'm') THEN 'as ' || pg_get_viewdef(c.oid) END)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT {system} AND NOT {extension:pg_class:c.oid}",
    "SELECT 'column', n.nspname || '.' || c.relname || '.' || a.attname, n.nspname || '.' || c.relname,
       concat_ws(', ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
         CASE WHEN a.attgenerated = '' THEN 'default ' ELSE 'generated as ' END || pg_get_expr(d.adbin, d.adrelid),
         CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END,
         CASE WHEN a.attcollation <> t.typcollation THEN 'collation ' || a.attcollation::regcollation::text END,
         CASE WHEN a.attacl IS NOT NULL THEN 'grants ' || array_to_string(a.attacl, ' ') END)
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND NOT {system} AND NOT {extension:pg_class:c.oid}",
    // From PostgreSQL 18 on NOT NULL is a constraint too; the column says so already.
    "SELECT 'constraint', n.nspname || '.' || c.relname || '.' || k.conname, n.nspname || '.' || c.relname, pg_get_constraintdef(k.oid)
     FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE k.contype <> 'n' AND NOT {system} AND NOT {extension:pg_class:c.oid}",
    "SELECT 'index', n.nspname || '.' || i.relname, tn.nspname || '.' || c.relname,
       concat_ws(', ', pg_get_indexdef(x.indexrelid), CASE WHEN NOT x.indisvalid THEN 'invalid' END,
         CASE WHEN x.indisreplident THEN 'replica identity' END, CASE WHEN x.indisclustered THEN 'clustered' END)
     FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
       JOIN pg_class c ON c.oid = x.indrelid JOIN pg_namespace tn ON tn.oid = c.relnamespace
     WHERE NOT {system} AND NOT {extension:pg_class:c.oid} AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))",
    "SELECT 'sequence', n.nspname || '.' || c.relname, coalesce((SELECT tn.nspname || '.' || t.relname FROM pg_depend d
         JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1), ''),
       concat_ws(', ', format_type(s.seqtypid, NULL), 'start ' || s.seqstart, 'increment ' || s.seqincrement, 'min ' || s.seqmin,
         'max ' || s.seqmax, 'cache ' || s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END, 'owner ' || pg_get_userbyid(c.relowner), {acl:c.relacl:'s':c.relowner})
     FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT {system} AND NOT {extension:pg_class:c.oid}",
    "SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
       n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', '',
       concat_ws(', ', CASE WHEN p.prokind = 'a' THEN (SELECT a.aggtransfn::text FROM pg_aggregate a WHERE a.aggfnoid = p.oid)
         ELSE pg_get_functiondef(p.oid) END, 'owner ' || pg_get_userbyid(p.proowner), {acl:p.proacl:'f':p.proowner})
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE NOT {system} AND NOT {extension:pg_proc:p.oid}",
    "SELECT 'trigger', n.nspname || '.' || c.relname || '.' || t.tgname, n.nspname || '.' || c.relname,
       pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ', enabled ' || t.tgenabled::text END
     FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT t.tgisinternal AND NOT {system} AND NOT {extension:pg_class:c.oid}",
    "SELECT 'event trigger', t.evtname, '', concat_ws(' ', t.evtevent, t.evtfoid::regproc, t.evtenabled, t.evttags::text) FROM pg_event_trigger t
     WHERE NOT {extension:pg_event_trigger:t.oid}",
    "SELECT 'rule', n.nspname || '.' || c.relname || '.' || r.rulename, n.nspname || '.' || c.relname, pg_get_ruledef(r.oid)
     FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE r.rulename <> '_RETURN' AND NOT {system} AND NOT {extension:pg_class:c.oid}",
    "SELECT 'policy', n.nspname || '.' || c.relname || '.' || p.polname, n.nspname || '.' || c.relname,
       concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd,
         (SELECT string_agg(CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r) END, ' ' ORDER BY r) FROM unnest(p.polroles) r),
         pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
     FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT {system}",
    // Enums, domains, composites and ranges; the row type of a table is its table.
    "SELECT CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range type' ELSE 'type' END, n.nspname || '.' || t.typname, '',
       concat_ws(', ', (SELECT string_agg(quote_literal(e.enumlabel), ' ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
         CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault,
         (SELECT string_agg(k.conname || ' ' || pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype <> 'n'),
         (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ' ' ORDER BY a.attnum) FROM pg_attribute a
          WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped),
         (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid),
         'owner ' || pg_get_userbyid(t.typowner), {acl:t.typacl:'T':t.typowner})
     FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND (SELECT c.relkind FROM pg_class c WHERE c.oid = t.typrelid) = 'c')
       AND NOT {system} AND NOT {extension:pg_type:t.oid}",
    "SELECT 'statistics', n.nspname || '.' || s.stxname, (SELECT tn.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace tn ON tn.oid = c.relnamespace
       WHERE c.oid = s.stxrelid), pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE NOT {system}",
    "SELECT 'default privileges', concat_ws(' ', pg_get_userbyid(d.defaclrole), n.nspname, d.defaclobjtype), '', {sorted:d.defaclacl}
     FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace",
    "SELECT 'publication', p.pubname, '', concat_ws(' ', CASE WHEN p.puballtables THEN 'all tables' END, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
       (SELECT string_agg(t.schemaname || '.' || t.tablename, ' ' ORDER BY 1) FROM pg_publication_tables t WHERE t.pubname = p.pubname)) FROM pg_publication p",
    "SELECT 'foreign server', s.srvname, '', concat_ws(' ', w.fdwname, s.srvtype, s.srvversion, s.srvoptions::text)
     FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw",
    "SELECT 'cast', format_type(c.castsource, NULL) || ' to ' || format_type(c.casttarget, NULL), '', concat_ws(' ', c.castfunc::regprocedure, c.castcontext, c.castmethod)
     FROM pg_cast c WHERE c.oid >= 16384 AND NOT {extension:pg_cast:c.oid}",
    "SELECT 'operator', o.oid::regoperator::text, '', concat_ws(' ', o.oprcode::regprocedure, o.oprcom::regoperator, o.oprnegate::regoperator)
     FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE NOT {system} AND NOT {extension:pg_operator:o.oid}",
    "SELECT 'collation', n.nspname || '.' || c.collname, '', concat_ws(' ', c.collprovider, c.collcollate, c.collctype)
     FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE NOT {system} AND NOT {extension:pg_collation:c.oid}",
    "SELECT 'text search configuration', n.nspname || '.' || c.cfgname, '', pg_get_userbyid(c.cfgowner)
     FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE NOT {system} AND NOT {extension:pg_ts_config:c.oid}",
];

/// Every object of a database with its definition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    objects: BTreeMap<(String, String), Object>,
    rows: BTreeMap<String, Rows>,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq)]
struct Rows {
    columns: Vec<String>,
    /// Their number and a sum over them; `None` where they could not be read.
    digest: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Object {
    parent: String,
    definition: String,
}

/// One way in which the database after the rollback is not the one before the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub kind: String,
    pub name: String,
    /// A clause: `index orders_by_customer is not dropped`.
    pub text: String,
}

/// Reads the catalog, and the rows of every table as a digest.
pub fn snapshot(client: &mut Client) -> Result<Snapshot, postgres::Error> {
    // Names in definitions are written in full, and no function of the change shadows the server's own.
    client.batch_execute("RESET ALL; SET search_path = pg_catalog; SET statement_timeout = '5min'")?;
    let mut snapshot = Snapshot::default();
    for query in QUERIES {
        for row in client.query(&expand(query), &[])? {
            let text = |at: usize| row.get::<_, Option<String>>(at).unwrap_or_default();
            snapshot.objects.insert((text(0), text(1)), Object { parent: text(2), definition: text(3) });
        }
    }
    snapshot.rows = rows(client)?;
    Ok(snapshot)
}

/// Fills in the abbreviations of a query, and makes every column text.
fn expand(query: &str) -> String {
    let mut out = String::new();
    let mut rest = query;
    while let Some((before, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        let parts: Vec<&str> = word.split(':').collect();
        match parts.as_slice() {
            ["system"] => out.push_str(SYSTEM),
            ["extension", class, oid] => out.push_str(&format!(
                "EXISTS (SELECT FROM pg_depend x WHERE x.classid = '{class}'::regclass AND x.objid = {oid} AND x.deptype = 'e')"
            )),
            // No privileges written down are the owner's default ones.
            ["acl", acl, kind, owner] => out.push_str(&sorted(&format!("coalesce({acl}, acldefault({kind}, {owner}))"))),
            ["sorted", acl] => out.push_str(&sorted(acl)),
            _ => out.push_str(word),
        }
        rest = after;
    }
    out.push_str(rest);
    format!("SELECT o.a::text, o.b::text, o.c::text, o.d::text FROM ({out}) AS o (a, b, c, d)")
}

fn sorted(acl: &str) -> String {
    format!("'grants ' || (SELECT coalesce(string_agg(g::text, ' ' ORDER BY g::text), 'none') FROM unnest({acl}) g)")
}

const TABLES: &str = "
  SELECT n.nspname::text, c.relname::text,
    ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND NOT (n.nspname LIKE 'pg\\_%' OR n.nspname = 'information_schema')";

fn rows(client: &mut Client) -> Result<BTreeMap<String, Rows>, postgres::Error> {
    let mut all = BTreeMap::new();
    for table in client.query(TABLES, &[])? {
        let (schema, name, columns): (String, String, Vec<String>) = (table.get(0), table.get(1), table.get(2));
        let quoted: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        // A record is written by the types' own output functions, never by a cast the change may have defined.
        let digest = format!(
            "SELECT count(*) || ':' || coalesce(sum(hashtextextended(ROW({})::text, 0)::numeric), 0) FROM ONLY {}.{}",
            quoted.join(", "),
            quote(&schema),
            quote(&name)
        );
        // Rows this role may not read cannot be compared; the catalog still is.
        let digest = client.query_one(digest.as_str(), &[]).ok().map(|row| row.get::<_, String>(0));
        all.insert(format!("{schema}.{name}"), Rows { columns, digest });
    }
    Ok(all)
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Snapshot {
    /// Tables whose rows could not be read.
    pub fn unread_tables(&self) -> usize {
        self.rows.values().filter(|rows| rows.digest.is_none()).count()
    }

    fn has(&self, parent: &str) -> bool {
        ["table", "foreign table", "view", "materialized view"]
            .iter()
            .any(|kind| self.objects.contains_key(&((*kind).to_owned(), parent.to_owned())))
    }
}

/// What is other in `after` than in `before`: objects, then rows.
pub fn differences(before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let mut out = Vec::new();
    for ((kind, name), now) in &after.objects {
        match before.objects.get(&(kind.clone(), name.clone())) {
            None if !now.parent.is_empty() && !before.has(&now.parent) => {}
            None => out.push(difference(kind, name, "is not dropped")),
            Some(was) if was.definition != now.definition => out.push(changed(kind, name, &was.definition, &now.definition)),
            Some(_) => {}
        }
    }
    for ((kind, name), was) in &before.objects {
        if !after.objects.contains_key(&(kind.clone(), name.clone())) && (was.parent.is_empty() || after.has(&was.parent)) {
            out.push(difference(kind, name, "is not created again"));
        }
    }
    for (table, rows) in &before.rows {
        if let (Some(was), Some(Rows { columns, digest: Some(now) })) = (&rows.digest, after.rows.get(table))
            && rows.columns == *columns
            && was != now
        {
            let count = |digest: &str| digest.split(':').next().unwrap_or("?").to_owned();
            let (before, after) = (count(was), count(now));
            let what = if before == after {
                format!("{before} rows are there, with other values")
            } else {
                format!("has {after} rows, had {before}")
            };
            out.push(Difference { kind: "rows".to_owned(), name: table.clone(), text: format!("table {}: {what}", short(table)) });
        }
    }
    out
}

fn short(name: &str) -> &str {
    name.strip_prefix("public.").unwrap_or(name)
}

fn difference(kind: &str, name: &str, what: &str) -> Difference {
    Difference { kind: kind.to_owned(), name: name.to_owned(), text: format!("{kind} {} {what}", short(name)) }
}

fn changed(kind: &str, name: &str, was: &str, now: &str) -> Difference {
    let line = |text: &str| {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(160) {
            Some((at, _)) => format!("{}…", &line[..at]),
            None => line,
        }
    };
    let (was, now) = (line(was), line(now));
    let text = if was == now { "is not what it was".to_owned() } else { format!("is `{now}`, was `{was}`") };
    difference(kind, name, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(objects: &[(&str, &str, &str, &str)]) -> Snapshot {
        let objects = objects.iter().map(|(kind, name, parent, definition)| {
            let object = Object { parent: (*parent).to_owned(), definition: (*definition).to_owned() };
            (((*kind).to_owned(), (*name).to_owned()), object)
        });
        Snapshot { objects: objects.collect(), rows: BTreeMap::new() }
    }

    #[test]
    fn a_table_that_stays_is_told_once_and_a_changed_column_with_both_forms() {
        let before = of(&[("table", "public.a", "", ""), ("column", "public.a.x", "public.a", "integer")]);
        let after = of(&[
            ("table", "public.a", "", ""),
            ("column", "public.a.x", "public.a", "bigint"),
            ("table", "public.b", "", ""),
            ("column", "public.b.y", "public.b", "text"),
            ("index", "public.a_x", "public.a", "CREATE INDEX"),
        ]);
        let texts: Vec<String> = differences(&before, &after).into_iter().map(|found| found.text).collect();
        assert_eq!(texts, ["column a.x is `bigint`, was `integer`", "index a_x is not dropped", "table b is not dropped"]);
        assert_eq!(differences(&before, &before), []);
    }
}
