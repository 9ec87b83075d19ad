//! Tells which directories are migrations of which runner: a tree and the policy in, claims with their files out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::marker::{self, Style};
use super::numbered::{NUMBERED, PAIR, UNDERSCORED};
use super::reader::Reader;
use super::tree::{self, Tree};
use super::versioned::{REPEATABLE, VERSIONED};
use super::{code, liquibase, sqitch};
use crate::error::ChangeError;
use crate::read::Unread;
use crate::read::migration::{Framework, dialect};
use crate::settings::{MigrationPolicy, POLICY_FILE};

/// A directory, the runner it belongs to, and the files that may be its migrations.
#[derive(Debug)]
pub struct Claim<'a> {
    pub root: String,
    pub framework: Framework,
    /// Sorted paths.
    pub files: Vec<String>,
    /// Migrations in code.
    pub unread: Vec<Unread>,
    /// The policy entry whose path is the root or above it.
    pub policy: Option<&'a MigrationPolicy>,
}

struct Finder<'a, 'r, 's> {
    tree: &'a Tree,
    reader: &'r mut Reader<'s>,
    policy: &'a [MigrationPolicy],
    claims: Vec<Claim<'a>>,
    taken: HashSet<String>,
}

pub fn find<'a>(
    tree: &'a Tree,
    reader: &mut Reader,
    policy: &'a [MigrationPolicy],
    skipped: &mut Vec<Unread>,
) -> Result<Vec<Claim<'a>>, ChangeError> {
    let mut finder = Finder { tree, reader, policy, claims: Vec::new(), taken: HashSet::new() };
    finder.by_policy(skipped);
    finder.by_lock_file()?;
    finder.by_directory()?;
    finder.by_changesets()?;
    finder.by_version_names()?;
    finder.by_numbers(skipped)?;
    finder.join_years();
    finder.policy_leftovers();
    finder.by_code()?;
    Ok(finder.claims)
}

fn path_of(policy: &MigrationPolicy) -> &str {
    policy.path.trim_start_matches("./").trim_matches('/')
}

impl<'a> Finder<'a, '_, '_> {
    fn policy_for(&self, root: &str) -> Option<&'a MigrationPolicy> {
        self.policy.iter().filter(|entry| !entry.ignore && tree::within(root, path_of(entry))).max_by_key(|entry| path_of(entry).len())
    }

    fn claim(&mut self, root: &str, framework: Framework, mut files: Vec<String>) {
        files.sort();
        self.taken.extend(files.iter().map(|file| tree::parent(file).to_owned()));
        self.taken.insert(root.to_owned());
        self.claims.push(Claim { root: root.to_owned(), framework, files, unread: Vec::new(), policy: self.policy_for(root) });
    }

    /// Directories no claim has, with the SQL files in each.
    fn free(&self) -> Vec<(&'a str, Vec<String>)> {
        let free = self.tree.dirs.keys().filter(|dir| !self.taken.contains(*dir));
        let sql = |dir: &str| self.tree.files(dir).into_iter().filter(|path| is_sql(path)).collect::<Vec<_>>();
        free.map(|dir| (dir.as_str(), sql(dir))).filter(|(_, files)| !files.is_empty()).collect()
    }

    fn by_policy(&mut self, skipped: &mut Vec<Unread>) {
        let mut entries: Vec<&MigrationPolicy> = self.policy.iter().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(path_of(entry).len()));
        for entry in entries {
            let path = path_of(entry);
            let inside: Vec<String> = self.tree.below(path).into_iter().filter(|file| !self.taken.contains(tree::parent(file))).collect();
            if inside.is_empty() {
                continue;
            }
            if entry.ignore {
                self.taken.extend(inside.iter().map(|file| tree::parent(file).to_owned()));
                skipped.push(Unread { path: path.to_owned(), place: None, reason: format!("{POLICY_FILE} says to ignore it") });
            } else if let Some(layout) = entry.layout {
                self.claim(path, layout, inside);
            }
        }
    }

    fn by_lock_file(&mut self) -> Result<(), ChangeError> {
        for (dir, names) in &self.tree.dirs {
            if self.taken.contains(dir) {
                continue;
            }
            let has = |name: &str| names.iter().any(|file| file == name);
            if has("migration_lock.toml") {
                self.claim(dir, Framework::Prisma, self.tree.below(dir));
            } else if has("_journal.json") && tree::name(dir) == "meta" {
                let root = tree::parent(dir);
                let mut files = self.tree.files(root);
                files.extend(self.tree.files(dir));
                self.claim(root, Framework::Drizzle, files);
                self.taken.insert(dir.clone());
            } else if has("sqitch.plan") {
                let places = sqitch::places(self.reader, dir)?;
                let files: Vec<String> =
                    [&places.deploy, &places.revert, &places.verify].iter().flat_map(|place| self.tree.below(place)).collect();
                self.claim(dir, Framework::Sqitch, files);
            } else if has("atlas.sum") {
                let files = self.tree.files(dir);
                let framework = match self.by_content(dir, &files)? {
                    Some(Framework::Plain) | None => Framework::Atlas,
                    Some(other) => other,
                };
                self.claim(dir, framework, files);
            } else if dir == "supabase/migrations" || dir.ends_with("/supabase/migrations") {
                self.claim(dir, Framework::Supabase, self.tree.files(dir));
            }
        }
        Ok(())
    }

    /// `<number>_<name>/up.sql` and `<number>_<name>/migration.sql`.
    fn by_directory(&mut self) -> Result<(), ChangeError> {
        let mut roots: BTreeMap<String, &str> = BTreeMap::new();
        for (dir, files) in self.free() {
            if !tree::name(dir).starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            for main in ["up.sql", "migration.sql"] {
                if files.iter().any(|file| tree::name(file) == main) {
                    roots.insert(tree::parent(dir).to_owned(), main);
                }
            }
        }
        for (root, main) in roots {
            let below = self.tree.below(&root);
            let framework = if main == "migration.sql" {
                let drizzle = below.iter().any(|file| tree::name(file) == "snapshot.json");
                if drizzle { Framework::Drizzle } else { Framework::Prisma }
            } else {
                self.diesel_or_hasura(&root, &below)?
            };
            let depth = root.split('/').filter(|part| !part.is_empty()).count() + 2;
            let files = below.into_iter().filter(|file| file.split('/').count() == depth).collect();
            self.claim(&root, framework, files);
        }
        Ok(())
    }

    fn diesel_or_hasura(&mut self, root: &str, files: &[String]) -> Result<Framework, ChangeError> {
        if self.runner(root, &[Framework::Diesel])?.is_some() {
            return Ok(Framework::Diesel);
        }
        for dir in tree::ancestors(root) {
            let config = self.reader.peek(&tree::join(dir, "config.yaml"))?;
            if config.is_some_and(|text| text.contains("metadata_directory") || text.contains("migrations_directory")) {
                return Ok(Framework::Hasura);
            }
        }
        let milliseconds = |file: &String| tree::name(tree::parent(file)).split('_').next().is_some_and(|version| version.len() == 13);
        let hasura = files.iter().any(milliseconds) && files.iter().all(milliseconds);
        Ok(if hasura { Framework::Hasura } else { Framework::Diesel })
    }

    /// Liquibase formatted SQL is told by its first line, wherever it is.
    fn by_changesets(&mut self) -> Result<(), ChangeError> {
        let mut roots: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (dir, files) in self.free() {
            for file in files {
                if self.reader.peek(&file)?.is_some_and(|text| liquibase::is_formatted(&text)) {
                    roots.entry(changelog_root(dir).to_owned()).or_default().push(file);
                }
            }
        }
        for (root, files) in roots {
            self.claim(&root, Framework::Liquibase, files);
        }
        Ok(())
    }

    /// `V1__x.sql`, `R__x.sql`. The runner looks into subdirectories, so they are one unit unless versions repeat.
    fn by_version_names(&mut self) -> Result<(), ChangeError> {
        let is_version = |file: &String| VERSIONED.is_match(tree::name(file)) || REPEATABLE.is_match(tree::name(file));
        let dirs: BTreeMap<&str, Vec<String>> = self.free().into_iter().filter(|(_, files)| files.iter().any(is_version)).collect();
        let mut roots: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for dir in dirs.keys() {
            roots.entry(version_root(dir, &dirs)).or_default().push(dir);
        }
        for (root, members) in roots {
            let mut seen = BTreeSet::new();
            let names = members.iter().flat_map(|dir| &dirs[dir]).map(|file| tree::name(file));
            let repeats =
                names.filter_map(|name| VERSIONED.captures(name)).any(|found| !seen.insert((found[1].to_owned(), found[2].to_owned())));
            let framework = self.runner(root, &[Framework::Refinery])?.unwrap_or(Framework::Flyway);
            if repeats && members.len() > 1 {
                for dir in members {
                    self.claim(dir, framework, dirs[dir].clone());
                }
            } else {
                let files = members.iter().flat_map(|dir| dirs[dir].clone()).collect();
                self.claim(root, framework, files);
            }
        }
        Ok(())
    }

    fn by_numbers(&mut self, skipped: &mut Vec<Unread>) -> Result<(), ChangeError> {
        for (dir, files) in self.free() {
            match self.by_content(dir, &files)? {
                Some(framework) => self.claim(dir, framework, self.tree.files(dir)),
                None if says_migrations(tree::name(dir)) && self.policy_for(dir).is_none() => {
                    let reason = format!("no file name is one a known runner takes; name the directory in {POLICY_FILE} to include it");
                    skipped.push(Unread { path: dir.to_owned(), place: None, reason });
                }
                None => {}
            }
        }
        Ok(())
    }

    /// `migrations/2023/` and `migrations/2024/` are one history, unless numbers begin anew in each.
    fn join_years(&mut self) {
        let is_year = |claim: &Claim| {
            let numeric = tree::name(&claim.root).chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | 'v'));
            claim.framework == Framework::Plain && numeric && says_migrations(tree::name(tree::parent(&claim.root)))
        };
        let parents: BTreeSet<String> =
            self.claims.iter().filter(|claim| is_year(claim)).map(|claim| tree::parent(&claim.root).to_owned()).collect();
        for parent in parents {
            let member = |claim: &Claim| {
                tree::parent(&claim.root) == parent && is_year(claim) || claim.root == parent && claim.framework == Framework::Plain
            };
            let files: Vec<String> = self.claims.iter().filter(|claim| member(claim)).flat_map(|claim| claim.files.clone()).collect();
            let mut seen = BTreeSet::new();
            let numbers = files.iter().filter_map(|file| NUMBERED.captures(tree::name(file)));
            if numbers.map(|found| found.get(1).or(found.get(3)).map(|version| version.as_str())).all(|version| seen.insert(version)) {
                self.claims.retain(|claim| !member(claim));
                self.claim(&parent, Framework::Plain, files);
            }
        }
    }

    /// The runner that file names, markers in the texts and the nearest manifest speak for.
    fn by_content(&mut self, dir: &str, files: &[String]) -> Result<Option<Framework>, ChangeError> {
        let named = |pattern: &Regex| files.iter().any(|file| pattern.is_match(tree::name(file)));
        if named(&VERSIONED) {
            return Ok(Some(self.runner(dir, &[Framework::Refinery])?.unwrap_or(Framework::Flyway)));
        }
        let mut has_ddl = false;
        for file in files.iter().filter(|file| is_sql(file)) {
            let Some(text) = self.reader.peek(file)? else { continue };
            has_ddl |= DDL.is_match(&text);
            let numbered = NUMBERED.is_match(tree::name(file));
            match marker::style(&text) {
                Some(Style::Goose) => return Ok(Some(Framework::Goose)),
                Some(Style::Dbmate) => return Ok(Some(Framework::Dbmate)),
                Some(Style::NodePg) if numbered => return Ok(Some(Framework::NodePgMigrate)),
                Some(_) if numbered => return Ok(Some(Framework::Plain)),
                _ => {}
            }
        }
        if named(&PAIR) {
            let known = self.runner(dir, &[Framework::Sqlx, Framework::GolangMigrate, Framework::NodePgMigrate])?;
            return Ok(Some(known.unwrap_or(Framework::GolangMigrate)));
        }
        let home = dir.split('/').any(says_migrations) || self.policy_for(dir).is_some();
        let maybe_home = MAYBE_HOME.contains(&tree::name(dir)) || MAYBE_HOME.contains(&tree::name(tree::parent(dir)));
        if !named(&NUMBERED) || !(home || maybe_home && has_ddl && named(&COUNTED)) {
            return Ok(None);
        }
        let known = self.runner(dir, &[Framework::Sqlx, Framework::NodePgMigrate])?;
        Ok(known.filter(|framework| *framework != Framework::Sqlx || named(&UNDERSCORED)).or(Some(Framework::Plain)))
    }

    /// The first of `among` that the nearest manifest depends on.
    fn runner(&mut self, dir: &str, among: &[Framework]) -> Result<Option<Framework>, ChangeError> {
        for level in self.tree.manifests(dir) {
            for path in level {
                let found = RUNNERS.iter().filter(|(manifest, framework, _)| tree::name(path) == *manifest && among.contains(framework));
                for (_, framework, pattern) in found {
                    if self.reader.peek(path)?.is_some_and(|text| pattern.is_match(&text)) {
                        return Ok(Some(*framework));
                    }
                }
            }
        }
        Ok(None)
    }

    /// A directory the policy names is a unit even when nothing tells its runner.
    fn policy_leftovers(&mut self) {
        for entry in self.policy.iter().filter(|entry| !entry.ignore && entry.layout.is_none()) {
            let path = path_of(entry);
            if !self.claims.iter().any(|claim| tree::within(&claim.root, path)) {
                let files: Vec<String> = self.tree.below(path).into_iter().filter(|file| is_sql(file)).collect();
                if !files.is_empty() {
                    self.claim(path, Framework::Plain, files);
                }
            }
        }
    }

    fn by_code(&mut self) -> Result<(), ChangeError> {
        let ignored: Vec<&str> = self.policy.iter().filter(|entry| entry.ignore).map(path_of).collect();
        for dir in self.tree.dirs.keys().filter(|dir| !ignored.iter().any(|path| tree::within(dir, path))) {
            for path in self.tree.files(dir) {
                let Some((framework, reason)) = code::recognise(self.reader, &path)? else { continue };
                let unread = Unread { path: path.clone(), place: None, reason };
                let root = if framework == Framework::Liquibase { changelog_root(dir) } else { dir.as_str() };
                let same = |claim: &&mut Claim| claim.root == root || claim.framework == framework && tree::within(root, &claim.root);
                if let Some(claim) = self.claims.iter_mut().find(same) {
                    claim.unread.push(unread);
                } else {
                    self.claim(root, framework, Vec::new());
                    if let Some(claim) = self.claims.last_mut() {
                        claim.unread.push(unread);
                    }
                }
            }
        }
        Ok(())
    }
}

static DDL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:create|alter|drop)\s+(?:unique\s+|or\s+replace\s+|materialized\s+)*(?:table|index|view|type|schema|function|extension)\b")
        .expect("a constant pattern")
});
/// At least two digits and a name: what a directory that is not called `migrations` needs, or `v0.sql` would count.
static COUNTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\d{2,}[_.-]").expect("a valid pattern"));

/// Manifest, runner, and what in it says that the runner is used.
static RUNNERS: LazyLock<Vec<(&str, Framework, Regex)>> = LazyLock::new(|| {
    let depends = |name: &str| Regex::new(&format!(r"(?m)^\s*(?:\[[\w.-]*dependencies\.)?{name}\s*[\].=]")).expect("a constant pattern");
    let text = |pattern: &str| Regex::new(pattern).expect("a constant pattern");
    vec![
        ("Cargo.toml", Framework::Sqlx, depends("sqlx")),
        ("Cargo.toml", Framework::Refinery, depends("refinery")),
        ("Cargo.toml", Framework::Diesel, depends("diesel")),
        ("diesel.toml", Framework::Diesel, text(r"")),
        ("go.mod", Framework::GolangMigrate, text(r"golang-migrate/migrate")),
        ("package.json", Framework::NodePgMigrate, text(r#""node-pg-migrate"\s*:"#)),
    ]
});

/// Directory names that hold migrations only when the files look like it.
const MAYBE_HOME: &[&str] = &[
    "sql",
    "schema",
    "schemas",
    "ddl",
    "patches",
    "upgrades",
    "updates",
    "deltas",
    "evolutions",
    "changesets",
    "versions",
    "db",
    "database",
];

pub fn says_migrations(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("migration") || name == "migrate" || name.ends_with("_migrate") || name.starts_with("changelog")
}

fn is_sql(path: &str) -> bool {
    [".sql", ".pgsql", ".psql"].iter().any(|extension| path.ends_with(extension))
}

fn changelog_root(dir: &str) -> &str {
    let is_home = |dir: &&str| says_migrations(tree::name(dir)) || tree::name(dir).contains("liquibase");
    tree::ancestors(dir).filter(is_home).last().unwrap_or(dir)
}

/// The topmost directory above that is called migrations or has versioned files; a directory of one database stays alone.
fn version_root<'d>(dir: &'d str, dirs: &BTreeMap<&str, Vec<String>>) -> &'d str {
    let mut root = dir;
    for above in tree::ancestors(dir) {
        if dirs.contains_key(above) || says_migrations(tree::name(above)) {
            root = above;
        }
        if dialect::by_name(tree::name(above)).is_some() {
            break;
        }
    }
    root
}
