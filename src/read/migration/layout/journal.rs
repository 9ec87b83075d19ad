//! Drizzle: `meta/_journal.json` in, the migrations it lists, in its order, out.

use super::claim::Claim;
use super::reader::Reader;
use super::{Built, script, tree, whole};
use crate::error::ChangeError;
use crate::read::migration::{Migration, Wrapping};

pub fn build(reader: &mut Reader, claim: &Claim) -> Result<Built, ChangeError> {
    let mut built = Built::default();
    let journal = tree::join(&claim.root, "meta/_journal.json");
    let tags = match reader.peek(&journal)?.and_then(|text| tags(&text)) {
        Some(tags) => tags,
        None => {
            built.unread(&journal, "it is not a Drizzle journal; migrations are taken in the order of their names");
            claim.files.iter().map(|path| tree::name(path)).filter_map(|name| name.strip_suffix(".sql")).map(str::to_owned).collect()
        }
    };
    for path in claim.files.iter().filter(|path| tree::parent(path) == claim.root) {
        if tree::name(path).strip_suffix(".sql").is_some_and(|tag| !tags.iter().any(|listed| listed == tag)) {
            built.skip(path, "it is not in meta/_journal.json, so Drizzle does not apply it");
        }
    }
    for tag in tags {
        let path = tree::join(&claim.root, &format!("{tag}.sql"));
        match reader.file(&path)? {
            Ok((source, text)) => {
                let up = script(source, vec![whole(&text)], Wrapping::AllPending);
                built.migrations.push(Migration { id: tag, path, up, down: None, repeatable: false });
            }
            Err(unread) => built.unread.push(unread),
        }
    }
    Ok(built)
}

/// Tags by `idx`.
fn tags(text: &str) -> Option<Vec<String>> {
    let journal: serde_json::Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    let mut entries: Vec<(i64, String)> = Vec::new();
    for entry in journal.get("entries")?.as_array()? {
        entries.push((entry.get("idx")?.as_i64()?, entry.get("tag")?.as_str()?.to_owned()));
    }
    entries.sort_by_key(|entry| entry.0);
    Some(entries.into_iter().map(|entry| entry.1).collect())
}
