//! A database that the user gives: a URL in, a connection to a database that is empty out, or why it is refused.

use std::str::FromStr;

use postgres::{Client, Config, NoTls};

use super::RehearseError;
use super::run::database;

/// Whatever a fresh database does not have.
const OBJECTS: &str = "
  SELECT string_agg(what, ', ') FROM (
    SELECT what FROM (
      SELECT n.nspname || '.' || c.relname AS what FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
      UNION ALL
      SELECT n.nspname || '.' || p.proname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
      UNION ALL
      SELECT n.nspname || '.' || t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND t.typtype IN ('e', 'd', 'r')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e')
      UNION ALL
      SELECT 'schema ' || nspname FROM pg_catalog.pg_namespace n WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'public') AND nspname NOT LIKE 'pg\\_%'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid AND d.deptype = 'e')
      UNION ALL
      SELECT 'large object ' || oid FROM pg_catalog.pg_largeobject_metadata
    ) found ORDER BY what LIMIT 5
  ) few";

/// Opens the database of a URL; anything that is not empty is refused, and so is a superuser nobody asked for.
pub fn open(url: &str, units: usize, superuser: bool) -> Result<Config, RehearseError> {
    if units > 1 {
        return Err(RehearseError::usage(
            format!("the change migrates {units} databases, and --database-url names one"),
            "leave --database-url out: each then gets a database of its own in a throwaway cluster",
        ));
    }
    // The error may quote the URL, and that may hold a password.
    let mut config = Config::from_str(url)
        .map_err(|_| RehearseError::usage("--database-url is not a PostgreSQL URL", "write it as postgres://user@host:port/database"))?;
    config.application_name("holdshort rehearse");
    let mut client = connect(&config)?;
    let found: Option<String> = client.query_one(OBJECTS, &[]).map_err(|error| database("look into the database", &error))?.get(0);
    if let Some(found) = found {
        return Err(RehearseError::usage(
            format!("the database is not empty: it has {found}"),
            "a rehearsal runs the change and its rollback: give a database made for it, `createdb rehearsal`",
        ));
    }
    let row = client.query_one("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user", &[]);
    let is_superuser: bool = row.map_err(|error| database("look up the role", &error))?.get(0);
    if is_superuser && !superuser {
        return Err(RehearseError::usage(
            "the role of --database-url is a superuser: SQL of the change could run programs on the server's machine",
            "connect as a role that owns the empty database and nothing else, or pass --superuser for a change you trust",
        ));
    }
    Ok(config)
}

pub fn connect(config: &Config) -> Result<Client, RehearseError> {
    config.connect(NoTls).map_err(|error| database("connect to the database", &error))
}

/// Runs the policy's set-up as the role that was given.
pub fn set_up(config: &Config, scripts: &[(String, String)]) -> Result<(), RehearseError> {
    let mut client = connect(config)?;
    scripts.iter().try_for_each(|(path, text)| client.batch_execute(text).map_err(|error| database(&format!("run {path}"), &error)))
}

pub fn server_version(client: &mut Client) -> Result<String, RehearseError> {
    let row = client.query_one("SELECT pg_catalog.current_setting('server_version')", &[]);
    Ok(row.map_err(|error| database("ask for the server's version", &error))?.get(0))
}
