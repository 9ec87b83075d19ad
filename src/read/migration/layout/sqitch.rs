//! Sqitch: `sqitch.plan` in, the deploy and revert scripts of its changes, in the plan's order, out.

use std::sync::LazyLock;

use regex::Regex;

use super::claim::Claim;
use super::reader::Reader;
use super::tree::Tree;
use super::{Built, script, tree, whole};
use crate::error::ChangeError;
use crate::read::migration::{Migration, Wrapping};

static SETTING: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^\s*(\w+)\s*=\s*(\S+)\s*$").expect("a constant pattern"));

/// Directories of the scripts.
pub struct Places {
    pub deploy: String,
    pub revert: String,
    pub verify: String,
    extension: String,
}

/// Where the scripts of a plan in `root` are, by the `sqitch.conf` beside it.
pub fn places(reader: &mut Reader, root: &str) -> Result<Places, ChangeError> {
    let conf = reader.peek(&tree::join(root, "sqitch.conf"))?.unwrap_or_else(|| "".into());
    let setting = |key: &str| {
        SETTING
            .captures_iter(&conf)
            .find(|found| &found[1] == key)
            .map(|found| found[2].trim_matches(['"', '/']).trim_start_matches("./").to_owned())
    };
    let top = match setting("top_dir") {
        Some(top) if top != "." => tree::join(root, &top),
        _ => root.to_owned(),
    };
    let place = |key: &str, default: &str| setting(key).map_or_else(|| tree::join(&top, default), |dir| tree::join(root, &dir));
    Ok(Places {
        deploy: place("deploy_dir", "deploy"),
        revert: place("revert_dir", "revert"),
        verify: place("verify_dir", "verify"),
        extension: setting("extension").unwrap_or_else(|| "sql".to_owned()),
    })
}

pub fn build(tree: &Tree, reader: &mut Reader, claim: &Claim) -> Result<Built, ChangeError> {
    let mut built = Built::default();
    let places = places(reader, &claim.root)?;
    let plan_path = tree::join(&claim.root, "sqitch.plan");
    let plan = match reader.file(&plan_path)? {
        Ok((_, text)) => text,
        Err(unread) => {
            built.unread.push(unread);
            return Ok(built);
        }
    };
    let mut listed = Vec::new();
    for change in changes(&plan) {
        let path = tree::join(&places.deploy, &format!("{change}.{}", places.extension));
        let back = tree::join(&places.revert, &format!("{change}.{}", places.extension));
        listed.push(path.clone());
        let up = match reader.file(&path)? {
            // The script's own BEGIN and COMMIT count: psql runs it statement by statement.
            Ok((source, text)) => script(source, vec![whole(&text)], Wrapping::Autocommit),
            Err(unread) => {
                built.unread.push(unread);
                continue;
            }
        };
        let exists = tree.has(tree::parent(&back), tree::name(&back));
        let down = match if exists { Some(reader.file(&back)?) } else { None } {
            Some(Ok((source, text))) => Some(script(source, vec![whole(&text)], Wrapping::Autocommit)),
            Some(Err(unread)) => {
                built.unread.push(unread);
                None
            }
            None => None,
        };
        built.migrations.push(Migration { id: change, path, up, down, repeatable: false });
    }
    for path in tree.below(&places.deploy).iter().filter(|path| path.ends_with(".sql") && !listed.contains(path)) {
        built.skip(path, "it is not in sqitch.plan, so Sqitch does not deploy it");
    }
    Ok(built)
}

/// Names of the changes. A reworked change is listed twice: its older script carries the tag that followed it (`users@v1`).
fn changes(plan: &str) -> Vec<String> {
    let mut entries: Vec<(String, bool)> = Vec::new();
    for line in plan.lines() {
        let line = line.split('#').next().unwrap_or_default().trim_start_matches('\u{feff}').trim();
        let Some(word) = line.split_whitespace().next() else { continue };
        if word.starts_with('%') {
            continue;
        }
        match word.strip_prefix('@') {
            Some(tag) => entries.push((tag.to_owned(), true)),
            None => entries.push((word.trim_start_matches('+').to_owned(), false)),
        }
    }
    let mut names = Vec::new();
    for (i, (name, _)) in entries.iter().enumerate().filter(|(_, entry)| !entry.1) {
        let later = &entries[i + 1..];
        let reworked = later.iter().any(|entry| !entry.1 && entry.0 == *name);
        let tag = later.iter().find(|entry| entry.1).filter(|_| reworked);
        names.push(tag.map_or_else(|| name.clone(), |tag| format!("{name}@{}", tag.0)));
    }
    names
}
