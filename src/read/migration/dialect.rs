//! Which database a unit's SQL is written for: lock files, directory names, the SQL itself and manifests in, a dialect and the reason for it out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::layout::claim::Claim;
use super::layout::has_postgres_variant;
use super::layout::reader::Reader;
use super::layout::tree::{self, Tree};
use super::{Dialect, Framework};
use crate::error::ChangeError;
use crate::schema::effect::ServerVersion;
use crate::settings::POLICY_FILE;

/// So much of a unit's SQL is looked at.
const VOTING_BYTES: usize = 128 * 1024;

type Told = (Dialect, String);

/// The dialect, what it was told from, and the server's version if something names it.
pub fn infer(tree: &Tree, reader: &mut Reader, claim: &Claim) -> Result<(Dialect, String, Option<ServerVersion>), ChangeError> {
    let (dialect, mut reason) = tell(tree, reader, claim)?;
    let server = server(tree, reader, claim, dialect)?;
    if let Some((_, from)) = &server {
        reason = format!("{reason}; {from}");
    }
    Ok((dialect, reason, server.map(|(version, _)| version)))
}

fn tell(tree: &Tree, reader: &mut Reader, claim: &Claim) -> Result<Told, ChangeError> {
    if let Some(dialect) = claim.policy.and_then(|policy| policy.dialect) {
        return Ok((dialect, format!("{POLICY_FILE} says {}", dialect.name())));
    }
    if let Some(told) = by_runner(reader, claim)? {
        return Ok(told);
    }
    if has_postgres_variant(&claim.files) {
        return Ok((Dialect::Postgres, "some of its files are named as PostgreSQL's variant".to_owned()));
    }
    if let Some(part) = claim.root.rsplit('/').find(|part| by_name(part).is_some())
        && let Some(dialect) = by_name(part)
    {
        return Ok((dialect, format!("the directory is called {part}")));
    }
    if let Some(told) = by_syntax(reader, claim)? {
        return Ok(told);
    }
    if let Some(told) = by_manifest(tree, reader, claim)? {
        return Ok(told);
    }
    Ok((Dialect::Postgres, "nothing says which database it is: PostgreSQL is assumed".to_owned()))
}

/// The dialect a provider, engine or directory is named after.
pub fn by_name(name: &str) -> Option<Dialect> {
    Some(match name.to_ascii_lowercase().as_str() {
        "postgres" | "postgresql" | "pg" | "pgsql" | "psql" | "cockroachdb" | "cockroach" => Dialect::Postgres,
        "mysql" | "singlestore" => Dialect::Mysql,
        "mariadb" => Dialect::Mariadb,
        "sqlite" | "sqlite3" | "turso" | "libsql" => Dialect::Sqlite,
        "mssql" | "sqlserver" | "sql-server" => Dialect::SqlServer,
        _ => return None,
    })
}

static PROVIDER: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?m)(?:^|[{,])\s*"?(?:provider|dialect|engine|backend)"?\s*[:=]\s*["']?(\w+)"#));
static DATASOURCE: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?s)datasource\s+\w+\s*\{[^}]*?provider\s*=\s*"(\w+)""#));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// What the runner's own files say, or the only database the runner has.
fn by_runner(reader: &mut Reader, claim: &Claim) -> Result<Option<Told>, ChangeError> {
    let above = tree::parent(&claim.root);
    let files: Vec<(String, &Regex)> = match claim.framework {
        Framework::Supabase => return Ok(Some((Dialect::Postgres, "Supabase runs PostgreSQL".to_owned()))),
        Framework::NodePgMigrate => return Ok(Some((Dialect::Postgres, "node-pg-migrate runs on PostgreSQL".to_owned()))),
        Framework::Prisma => {
            vec![(tree::join(&claim.root, "migration_lock.toml"), &PROVIDER), (tree::join(above, "schema.prisma"), &DATASOURCE)]
        }
        Framework::Drizzle => {
            let mut files = vec![(tree::join(&claim.root, "meta/_journal.json"), &*PROVIDER)];
            for dir in tree::ancestors(&claim.root) {
                files.extend(["drizzle.config.ts", "drizzle.config.js"].map(|name| (tree::join(dir, name), &*PROVIDER)));
            }
            files
        }
        Framework::Sqitch => vec![(tree::join(&claim.root, "sqitch.conf"), &PROVIDER)],
        _ => Vec::new(),
    };
    for (path, pattern) in files {
        let Some(text) = reader.peek(&path)? else { continue };
        let provider = pattern.captures(&text).map(|found| found[1].to_owned());
        if let Some((provider, dialect)) = provider.and_then(|provider| Some((provider.clone(), by_name(&provider)?))) {
            return Ok(Some((dialect, format!("{} says {provider}", tree::name(&path)))));
        }
    }
    Ok(None)
}

// Classes of ASCII: those of Unicode take longer to compile than a history takes to search.
static SYNTAX: LazyLock<Vec<(Dialect, Regex)>> = LazyLock::new(|| {
    vec![
        (
            Dialect::Postgres,
            regex(
                r"(?i-u)\$\w*\$|\b(?:small|big)?serial\b|\btimestamptz\b|\bjsonb\b|\bbytea\b|\w::\w|\bcreate\s+extension\b|\bconcurrently\b|\bcreate\s+type\s+(?u:\S+)\s+as\s+enum\b|\bnot\s+valid\b|\bvalidate\s+constraint\b|\busing\s+(?:gin|gist|brin)\b|\bplpgsql\b|\bgen_random_uuid\(\)|\bset\s+(?:local\s+)?(?:lock_timeout|statement_timeout|search_path)\b|\balter\s+column\s+(?u:\S+)\s+(?:set|drop)\s+not\s+null\b|\bdouble\s+precision\b|\bgenerated\s+(?:always|by\s+default)\s+as\s+identity\b|\btimestamp\s+with(?:out)?\s+time\s+zone\b",
            ),
        ),
        (
            Dialect::Mysql,
            regex(
                r"(?i-u)`\w+`|\bauto_increment\b|\bengine\s*=\s*\w+|\bmodify\s+column\b|\bchange\s+column\b|\bunsigned\b|\balgorithm\s*=\s*\w+|\bdefault\s+charset\b|\b(?:medium|long)(?:text|blob)\b|\btinyint\b|\bon\s+update\s+current_timestamp\b|^\s*delimiter\s",
            ),
        ),
        (Dialect::Sqlite, regex(r"(?i-u)\bautoincrement\b|\bpragma\s+\w+|\bwithout\s+rowid\b|\bsqlite_\w+|\bstrftime\(")),
        (
            Dialect::SqlServer,
            regex(
                r"(?im-u)^\s*go\s*$|\bnvarchar\b|\bidentity\s*\(\s*\d+\s*,\s*\d+\s*\)|\bdbo\.|\[\w+\]\.\[\w+\]|\buniqueidentifier\b|\bdatetime2\b|\bnonclustered\b",
            ),
        ),
    ]
});

/// The SQL itself, when one dialect has at least twice the marks of any other.
fn by_syntax(reader: &mut Reader, claim: &Claim) -> Result<Option<Told>, ChangeError> {
    let mut votes: BTreeMap<Dialect, (usize, String)> = BTreeMap::new();
    let mut bytes = 0;
    for path in claim.files.iter().filter(|path| path.ends_with("sql")) {
        let Some(text) = reader.peek(path)? else { continue };
        if bytes > VOTING_BYTES {
            break;
        }
        bytes += text.len();
        for (dialect, pattern) in SYNTAX.iter() {
            for found in pattern.find_iter(&text) {
                let vote = votes.entry(*dialect).or_default();
                vote.0 += 1;
                if vote.1.is_empty() {
                    vote.1 = found.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
                }
            }
        }
    }
    // SQLite and MySQL both take backquotes: AUTOINCREMENT and PRAGMA are SQLite's alone.
    if votes.contains_key(&Dialect::Sqlite) && !votes.contains_key(&Dialect::Postgres) {
        let only_backquotes = votes.get(&Dialect::Mysql).is_none_or(|mysql| mysql.1.starts_with('`'));
        if only_backquotes {
            votes.remove(&Dialect::Mysql);
        }
    }
    let Some((dialect, (count, sample))) = votes.iter().max_by_key(|(_, vote)| vote.0) else { return Ok(None) };
    let runner_up = votes.iter().filter(|(other, _)| *other != dialect).map(|(_, vote)| vote.0).max().unwrap_or(0);
    Ok((*count >= 2 * runner_up).then(|| (*dialect, format!("the SQL has {} syntax: {sample}", dialect.name()))))
}

static DRIVERS: LazyLock<Vec<(Dialect, Regex)>> = LazyLock::new(|| {
    vec![
        (
            Dialect::Postgres,
            regex(
                r#"github\.com/lib/pq|jackc/pgx|gorm\.io/driver/postgres|"pg"\s*:|"postgres"|"pg-promise"|@neondatabase/serverless|tokio-postgres|tokio_postgres|\bgem ["']pg["']|\bpsycopg\w*|\basyncpg\b|org\.postgresql|:postgrex\b|adapter:\s*postgresql|postgres(?:ql)?://|jdbc:postgresql|image:\s*["']?[\w./-]*(?:postgres|postgis|timescaledb|pgvector)|\bdocker://postgres|provider\s*=\s*"postgresql"|dialect:\s*["']postgresql["']"#,
            ),
        ),
        (
            Dialect::Mysql,
            regex(
                r#"go-sql-driver/mysql|gorm\.io/driver/mysql|"mysql2?"|\bgem ["']mysql2["']|\bpymysql\b|(?i:\bmysqlclient\b)|mysql-connector|:myxql\b|adapter:\s*mysql2|\bmysql://|jdbc:mysql|image:\s*["']?[\w./-]*mysql|\bdocker://mysql"#,
            ),
        ),
        (
            Dialect::Mariadb,
            regex(r#""mariadb"|mariadb-java-client|\bmariadb://|jdbc:mariadb|image:\s*["']?[\w./-]*mariadb|\bdocker://maria"#),
        ),
        (
            Dialect::Sqlite,
            regex(
                r#"mattn/go-sqlite3|modernc\.org/sqlite|"better-sqlite3"|"sqlite3?"|@libsql/client|\brusqlite\b|\bgem ["']sqlite3["']|\baiosqlite\b|\bsqlite://|adapter:\s*sqlite3|jdbc:sqlite|ecto_sqlite3"#,
            ),
        ),
        (Dialect::SqlServer, regex(r#"go-mssqldb|"mssql"|"tedious"|mssql-jdbc|jdbc:sqlserver|sqlserver://|image:\s*["']?[\w./-]*mssql"#)),
    ]
});

/// Drivers and servers of the nearest manifests. SQLite beside another database is its stand-in for tests; MariaDB speaks through MySQL's driver.
fn by_manifest(tree: &Tree, reader: &mut Reader, claim: &Claim) -> Result<Option<Told>, ChangeError> {
    for level in tree.manifests(&claim.root) {
        let mut named: BTreeMap<Dialect, String> = BTreeMap::new();
        for path in level {
            let Some(text) = reader.peek(path)? else { continue };
            for (dialect, pattern) in DRIVERS.iter() {
                if let Some(found) = pattern.find(&text) {
                    let word = found.as_str().trim_matches(['"', '\'', ':', ' ']);
                    named.entry(*dialect).or_insert_with(|| format!("{path} names {word}"));
                }
            }
        }
        if named.len() > 1 {
            named.remove(&Dialect::Sqlite);
        }
        if named.contains_key(&Dialect::Mariadb) {
            named.remove(&Dialect::Mysql);
        }
        if named.len() == 1 {
            return Ok(named.pop_first());
        }
    }
    Ok(None)
}

static IMAGE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?:image:\s*["']?|FROM\s+|docker://)(?:[\w.-]+/)*(postgres|postgis|timescaledb|timescaledb-ha|pgvector|mysql|mariadb|maria|server)[:/]([\w.${}:-]+)"#,
    )
});
static MAJOR: LazyLock<Regex> = LazyLock::new(|| regex(r"pg(\d+)|(?::-|^)(\d+)"));
static SUPABASE_MAJOR: LazyLock<Regex> = LazyLock::new(|| regex(r"(?m)^\s*major_version\s*=\s*(\d+)"));

/// The oldest server of this dialect that the nearest Compose file, workflow or runner configuration starts.
fn server(tree: &Tree, reader: &mut Reader, claim: &Claim, dialect: Dialect) -> Result<Option<(ServerVersion, String)>, ChangeError> {
    if claim.framework == Framework::Supabase {
        let config = tree::join(tree::parent(&claim.root), "config.toml");
        let major = reader.peek(&config)?.and_then(|text| SUPABASE_MAJOR.captures(&text).and_then(|found| found[1].parse().ok()));
        if let Some(major) = major {
            return Ok(Some((ServerVersion(major), format!("{config} says major_version {major}"))));
        }
    }
    for level in tree.manifests(&claim.root) {
        let mut oldest: Option<(ServerVersion, String)> = None;
        for path in level.into_iter().filter(|path| names_images(path)) {
            let Some(text) = reader.peek(path)? else { continue };
            for found in IMAGE.captures_iter(&text).filter(|found| image_dialect(&found[1]) == dialect) {
                let Some(major) = major(&found[1], &found[2]) else { continue };
                if oldest.as_ref().is_none_or(|(known, _)| major < *known) {
                    oldest = Some((major, format!("{path} runs {}:{}", &found[1], &found[2])));
                }
            }
        }
        if oldest.is_some() {
            return Ok(oldest);
        }
    }
    Ok(None)
}

fn names_images(path: &str) -> bool {
    [".yml", ".yaml", "atlas.hcl", "Dockerfile"].iter().any(|end| path.ends_with(end))
}

fn image_dialect(image: &str) -> Dialect {
    match image {
        "mysql" => Dialect::Mysql,
        "mariadb" | "maria" => Dialect::Mariadb,
        "server" => Dialect::SqlServer,
        _ => Dialect::Postgres,
    }
}

/// `16.2-alpine`, `16-3.4`, `2.11.0-pg15`, `${VERSION:-16}`. TimescaleDB's own version is not the server's.
fn major(image: &str, tag: &str) -> Option<ServerVersion> {
    let found = MAJOR.captures_iter(tag).find(|found| found.get(1).is_some()).or_else(|| {
        let own = image.starts_with("timescaledb") || image == "pgvector";
        MAJOR.captures(tag).filter(|_| !own)
    })?;
    let digits = found.get(1).or(found.get(2))?;
    digits.as_str().parse().ok().map(ServerVersion)
}
