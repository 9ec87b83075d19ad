//! A snapshot by directory: paths in, the files of each directory and the manifests near it out.

use std::collections::BTreeMap;

use crate::change::{EntryKind, Snapshot};

/// Never a repository's own migrations, and often huge.
const UNSEEN: &[&str] = &["node_modules", ".git", "target", "dist", ".venv", "site-packages"];

/// Seldom run against production. They are named in the report, not read.
const LEFT_OUT: &[&str] = &[
    "vendor",
    "third_party",
    "test",
    "tests",
    "testdata",
    "test-data",
    "test_data",
    "__tests__",
    "fixtures",
    "fixture",
    "spec",
    "specs",
    "e2e",
    "example",
    "examples",
    "sample",
    "samples",
];

/// Files that name a runner, a driver or a server.
const MANIFESTS: &[&str] = &[
    "Cargo.toml",
    "diesel.toml",
    "go.mod",
    "package.json",
    "Gemfile",
    "requirements.txt",
    "pyproject.toml",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "mix.exs",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.yml",
    "compose.yaml",
    "database.yml",
    "atlas.hcl",
    ".env.example",
    "flyway.conf",
    "flyway.toml",
    "application.yml",
    "application.properties",
    "drizzle.config.ts",
    "drizzle.config.js",
    "schema.prisma",
    "dbmate.yml",
    "Dockerfile",
    "sqitch.conf",
    "composer.json",
];

pub struct Tree {
    /// Directory → names of the files in it.
    pub dirs: BTreeMap<String, Vec<String>>,
    manifests: Vec<String>,
}

impl Tree {
    pub fn new(snapshot: &Snapshot) -> Self {
        let mut dirs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut manifests = Vec::new();
        for entry in &snapshot.entries {
            let unseen = parent(&entry.path).split('/').any(|part| UNSEEN.contains(&part));
            if unseen || entry.kind == EntryKind::Submodule {
                continue;
            }
            let (dir, file) = (parent(&entry.path), name(&entry.path));
            dirs.entry(dir.to_owned()).or_default().push(file.to_owned());
            let workflow = dir.ends_with(".github/workflows") || file == ".gitlab-ci.yml";
            if (MANIFESTS.contains(&file) || workflow) && left_out(dir).is_none() {
                manifests.push(entry.path.clone());
            }
        }
        Tree { dirs, manifests }
    }

    pub fn has(&self, dir: &str, file: &str) -> bool {
        self.dirs.get(dir).is_some_and(|files| files.iter().any(|name| name == file))
    }

    /// Paths of the files directly in a directory.
    pub fn files(&self, dir: &str) -> Vec<String> {
        self.dirs.get(dir).into_iter().flatten().map(|file| join(dir, file)).collect()
    }

    /// Paths of the files below a directory, at any depth.
    pub fn below(&self, dir: &str) -> Vec<String> {
        self.dirs.keys().filter(|key| within(key, dir)).flat_map(|key| self.files(key)).collect()
    }

    /// Manifests, those nearest to a directory first: its own, then each parent's, then all others.
    pub fn manifests(&self, dir: &str) -> Vec<Vec<&str>> {
        let mut levels: Vec<Vec<&str>> = Vec::new();
        let mut rest: Vec<&str> = self.manifests.iter().map(String::as_str).collect();
        for level in ancestors(dir) {
            // `config/`, `prisma/` and `.github/workflows/` speak for the directory they are in.
            let homes = ["", ".github/workflows", "config", "prisma", "src/main/resources"].map(|sub| match sub {
                "" => level.to_owned(),
                sub => join(level, sub),
            });
            let (here, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|path| homes.iter().any(|home| home == parent(path)));
            levels.push(here);
            rest = others;
        }
        levels.push(rest);
        levels
    }
}

pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

pub fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// `path` is `dir` or lies below it.
pub fn within(path: &str, dir: &str) -> bool {
    dir.is_empty() || path == dir || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

/// The directory, its parent, and so on to the root.
pub fn ancestors(dir: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(dir), |dir| (!dir.is_empty()).then(|| parent(dir)))
}

/// The part of a path that says it is not a product's own migrations.
pub fn left_out(dir: &str) -> Option<&str> {
    dir.split('/').find(|part| LEFT_OUT.contains(part))
}
