//! Finds migrations: every path of a tree in, units with their runner, order, directions and transactions out.

pub(super) mod claim;
mod code;
mod directory;
mod journal;
mod liquibase;
mod marker;
mod moved;
mod numbered;
mod parse;
pub(super) mod reader;
mod relevance;
mod sqitch;
pub(in crate::read) mod tree;
mod versioned;

use std::collections::HashMap;
use std::sync::Arc;

use self::claim::Claim;
use self::reader::Reader;
use self::tree::Tree;
use super::dialect;
use super::{Framework, Migration, Script, Unit, Wrapping};
use crate::change::{Blob, Snapshot};
use crate::error::{Error, PolicyError};
use crate::read::Unread;
use crate::schema::effect::ServerVersion;
use crate::settings::{MigrationPolicy, POLICY_FILE};
use crate::source::{FileId, Side, SourceMap, Span};

pub(super) use self::numbered::has_postgres_variant;
pub use self::parse::parse;

/// The migrations of one tree.
#[derive(Debug, Default)]
pub struct Found {
    /// Sorted by root.
    pub units: Vec<Unit>,
    /// Looks like a migration and is none, or is left out on purpose: a path and why. For the report's coverage.
    pub skipped: Vec<Unread>,
    /// Histories of base that head has replaced by others.
    pub lost: Vec<Unread>,
}

/// The migrations of both trees. What the change adds or edits is parsed in full, the history as far as the catalog needs it.
///
/// Errors: a file cannot be read from the repository, or the policy gives a server version that is not a number.
pub fn read_both(base: &Snapshot, head: &Snapshot, sources: &mut SourceMap, policy: &[MigrationPolicy]) -> Result<(Found, Found), Error> {
    let mut known = Known::new();
    let mut base = find(base, Side::Base, sources, policy, &mut known)?;
    let mut head = find(head, Side::Head, sources, policy, &mut known)?;
    head.lost = moved::adopt(&mut base.units, &head.units, sources);
    parse::parse_change(&mut base.units, &mut head.units, sources);
    Ok((base, head))
}

/// The migrations of one tree, in the order their runner applies them; statements are left empty for [`parse`].
pub fn read_units(snapshot: &Snapshot, side: Side, sources: &mut SourceMap, policy: &[MigrationPolicy]) -> Result<Found, Error> {
    find(snapshot, side, sources, policy, &mut Known::new())
}

/// Texts of the other side, to share what did not change.
type Known = HashMap<String, (Blob, Arc<str>)>;

/// What a builder makes of a claim.
#[derive(Debug, Default)]
struct Built {
    migrations: Vec<Migration>,
    unread: Vec<Unread>,
    skipped: Vec<Unread>,
}

impl Built {
    fn unread(&mut self, path: &str, reason: impl Into<String>) {
        self.unread.push(Unread { path: path.to_owned(), place: None, reason: reason.into() });
    }

    fn skip(&mut self, path: &str, reason: impl Into<String>) {
        self.skipped.push(Unread { path: path.to_owned(), place: None, reason: reason.into() });
    }
}

fn find(snapshot: &Snapshot, side: Side, sources: &mut SourceMap, policy: &[MigrationPolicy], known: &mut Known) -> Result<Found, Error> {
    let tree = Tree::new(snapshot);
    let mut reader = Reader::new(snapshot, side, sources, known);
    let mut found = Found::default();
    let claims = claim::find(&tree, &mut reader, policy, &mut found.skipped)?;
    for claim in claims {
        if claim.policy.is_none()
            && let Some(part) = tree::left_out(&claim.root)
        {
            let reason = format!("not inspected: `{part}/` holds tests, examples or copies; name it in {POLICY_FILE} to include it");
            found.skipped.push(Unread { path: claim.root, place: None, reason });
            continue;
        }
        let (unit, skipped) = build_unit(&tree, &mut reader, &claim)?;
        found.skipped.extend(skipped);
        found.units.push(unit);
    }
    if side == Side::Head {
        report_missing(policy, &mut found);
    }
    found.units.sort_by(|a, b| a.root.cmp(&b.root).then(a.framework.cmp(&b.framework)));
    found.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    found.skipped.dedup();
    Ok(found)
}

fn build_unit(tree: &Tree, reader: &mut Reader, claim: &Claim) -> Result<(Unit, Vec<Unread>), Error> {
    let (dialect, reason, guessed) = dialect::infer(tree, reader, claim)?;
    let server = match claim.policy.and_then(|policy| policy.server_version.as_deref()) {
        Some(version) => Some(server_version(version)?),
        None => guessed,
    };
    let mut built = match claim.framework {
        Framework::Prisma | Framework::Diesel => directory::build(reader, claim)?,
        Framework::Hasura if claim.files.iter().any(|file| tree::name(file) == "up.sql") => directory::build(reader, claim)?,
        Framework::Drizzle if claim.files.iter().any(|file| tree::name(file) == "_journal.json") => journal::build(reader, claim)?,
        Framework::Drizzle => directory::build(reader, claim)?,
        Framework::Flyway | Framework::Refinery => versioned::build(tree, reader, claim)?,
        Framework::Sqitch => sqitch::build(tree, reader, claim)?,
        Framework::Liquibase => liquibase::build(reader, claim, dialect)?,
        _ => numbered::build(reader, claim)?,
    };
    built.unread.extend(claim.unread.iter().cloned());
    if matches!(claim.framework, Framework::GolangMigrate | Framework::Plain) {
        numbered::other_endings(tree, claim, &mut built);
    }
    let unit = Unit {
        root: claim.root.clone(),
        framework: claim.framework,
        dialect,
        dialect_reason: reason,
        server,
        migrations: built.migrations,
        unread: built.unread,
        moved_from: None,
    };
    Ok((unit, built.skipped))
}

fn server_version(text: &str) -> Result<ServerVersion, Error> {
    let major = text.trim().split('.').next().unwrap_or_default();
    major.parse().map(ServerVersion).map_err(|_| {
        Error::Policy(PolicyError {
            path: POLICY_FILE.to_owned(),
            position: None,
            message: format!("server_version `{text}` is not a version"),
            help: Some("write the version the database runs, for example `server_version: \"16\"`".to_owned()),
        })
    })
}

/// A directory on the way is called as those of migrations are.
pub fn lies_among_migrations(path: &str) -> bool {
    path.split('/').any(claim::says_migrations)
}

/// A path of the policy that holds no migration is most likely misspelt: it must not pass in silence.
fn report_missing(policy: &[MigrationPolicy], found: &mut Found) {
    for entry in policy.iter().filter(|entry| !entry.ignore) {
        let path = entry.path.trim_matches('/');
        if !found.units.iter().any(|unit| tree::within(&unit.root, path)) {
            let reason = format!("{POLICY_FILE} names it, but no migrations are there");
            found.skipped.push(Unread { path: path.to_owned(), place: None, reason });
        }
    }
}

/// A script that runs `regions` of a file.
fn script(source: FileId, regions: Vec<Span>, transaction: Wrapping) -> Script {
    Script { source, regions, transaction, statements: Vec::new() }
}

/// The whole text but a byte order mark.
fn whole(text: &str) -> Span {
    Span::new(if text.starts_with('\u{feff}') { 3 } else { 0 }, text.len())
}

/// Digits compared as numbers of any length.
fn number(digits: &str) -> (usize, String) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits.to_owned())
}

/// Digits as the number they mean: `0001` is `1`.
fn plain_number(digits: &str) -> String {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}
