//! Liquibase formatted SQL: files of changesets in, one migration a changeset, its `--rollback` lines as the way back, out.

use std::sync::LazyLock;

use regex::Regex;

use super::claim::Claim;
use super::reader::Reader;
use super::{Built, script};
use crate::error::ChangeError;
use crate::read::migration::{Dialect, Migration, Wrapping};
use crate::source::{FileId, Span};

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

static HEADER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)\A\u{feff}?\s*--[ \t]*liquibase[ \t]+formatted[ \t]+sql"));
static CHANGESET: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?mi)^[ \t]*--[ \t]*changeset[ \t]+("[^"\n]*"|[^:\s][^:\n]*):("[^"\n]*"|[^\s]+)([^\n]*)$"#));
static ROLLBACK: LazyLock<Regex> = LazyLock::new(|| regex(r"(?mi)^[ \t]*--[ \t]*rollback\b[ \t]*([^\r\n]*)"));
static ROLLBACK_BLOCK: LazyLock<Regex> = LazyLock::new(|| regex(r"(?si)/\*[ \t]*liquibase[ \t]+rollback\b(.*?)\*/"));
static IGNORED: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?si)--[ \t]*ignoreLines:start.*?(?:--[ \t]*ignoreLines:end[^\n]*|\z)|--[ \t]*ignore:[^\n]*"));
static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| regex(r#"(\w+):("[^"]*"|\S+)"#));

/// The first line says that the file is Liquibase formatted SQL.
pub fn is_formatted(text: &str) -> bool {
    HEADER.is_match(text)
}

pub fn build(reader: &mut Reader, claim: &Claim, dialect: Dialect) -> Result<Built, ChangeError> {
    let mut built = Built::default();
    for path in &claim.files {
        let (source, text) = match reader.file(path)? {
            Ok(file) => file,
            Err(unread) => {
                built.unread.push(unread);
                continue;
            }
        };
        if is_formatted(&text) {
            changesets(path, source, &text, dialect, &mut built);
        } else {
            built.unread(path, "it does not start with `--liquibase formatted sql`; a changelog may still run it");
        }
    }
    Ok(built)
}

fn changesets(path: &str, source: FileId, text: &str, dialect: Dialect, built: &mut Built) {
    let headers: Vec<_> = CHANGESET.captures_iter(text).collect();
    if headers.is_empty() {
        built.skip(path, "it has no changeset");
    }
    for (i, header) in headers.iter().enumerate() {
        let Some(start) = header.get(0).map(|line| line.end()) else { continue };
        let end = headers.get(i + 1).and_then(|next| next.get(0)).map_or(text.len(), |line| line.start());
        let id = format!("{}:{}", header[1].trim_matches('"').trim(), header[2].trim_matches('"'));
        let attribute = |name: &str| {
            ATTRIBUTE
                .captures_iter(&header[3])
                .find(|found| found[1].eq_ignore_ascii_case(name))
                .map(|found| found[2].trim_matches('"').to_owned())
        };
        let is = |name: &str, value: &str| attribute(name).is_some_and(|given| given.eq_ignore_ascii_case(value));
        if attribute("dbms").is_some_and(|dbms| !runs_on(&dbms, dialect)) {
            built.skip(path, format!("changeset {id} is for another database ({})", attribute("dbms").unwrap_or_default()));
            continue;
        }
        let transaction = if is("runInTransaction", "false") { Wrapping::Autocommit } else { Wrapping::Transaction };
        let body = Span::new(start, end);
        let (up, down) = regions(text, body);
        built.migrations.push(Migration {
            id,
            path: path.to_owned(),
            up: script(source, up, transaction),
            down: down.map(|regions| script(source, regions, transaction)),
            repeatable: is("runOnChange", "true") || is("runAlways", "true"),
        });
    }
}

/// What of a changeset's body runs forward, and what back. A rollback that is declared empty is a way back without statements.
fn regions(text: &str, body: Span) -> (Vec<Span>, Option<Vec<Span>>) {
    let part = body.text(text);
    let mut down = Vec::new();
    let mut declared = false;
    for found in ROLLBACK.captures_iter(part) {
        let Some(sql) = found.get(1) else { continue };
        declared = true;
        let words = sql.as_str().trim();
        if !words.is_empty() && !words.eq_ignore_ascii_case("empty") && !words.eq_ignore_ascii_case("not required") {
            down.push(Span::new(sql.start(), sql.end()).shift(body.start));
        }
    }
    for found in ROLLBACK_BLOCK.captures_iter(part) {
        let Some(sql) = found.get(1) else { continue };
        declared = true;
        down.push(Span::new(sql.start(), sql.end()).shift(body.start));
    }
    down.sort();
    let mut up = Vec::new();
    let mut from = 0;
    for ignored in IGNORED.find_iter(part) {
        up.push(Span::new(from, ignored.start()).shift(body.start));
        from = ignored.end();
    }
    up.push(Span::new(from, part.len()).shift(body.start));
    (up, declared.then_some(down))
}

/// `dbms:postgresql,h2` and `dbms:!oracle`.
fn runs_on(dbms: &str, dialect: Dialect) -> bool {
    let name = match dialect {
        Dialect::Postgres => "postgresql",
        Dialect::Mysql => "mysql",
        Dialect::Mariadb => "mariadb",
        Dialect::Sqlite => "sqlite",
        Dialect::SqlServer => "mssql",
        Dialect::Unknown => return true,
    };
    let mut listed = false;
    for given in dbms.split(',').map(str::trim) {
        match given.strip_prefix('!') {
            Some(excluded) if excluded.eq_ignore_ascii_case(name) => return false,
            Some(_) => {}
            None if given.eq_ignore_ascii_case(name) || given.eq_ignore_ascii_case("all") => return true,
            None => listed = true,
        }
    }
    !listed
}
