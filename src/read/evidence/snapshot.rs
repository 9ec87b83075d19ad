//! What `holdshort evidence collect` wrote: one commit, its tree, and the pages of the provider's API as they came: JSON in,
//! records out.

use serde_json::{Value, json};

use super::{Record, full_id, json as read_json, word};

/// The kind a snapshot names itself by.
pub const KIND: &str = "https://holdshort.dev/evidence-snapshot/v1";

/// One snapshot, to be written.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// `github` or `gitlab`.
    pub provider: &'static str,
    pub repository: String,
    pub commit: String,
    pub tree: Option<String>,
    pub fetched_at: String,
    /// Pages in the order they came, and single documents.
    pub pages: Vec<Value>,
}

impl Snapshot {
    pub fn to_json(&self) -> Value {
        json!({
            "kind": KIND,
            "provider": self.provider,
            "repository": self.repository,
            "commit": self.commit,
            "tree": self.tree,
            "fetched_at": self.fetched_at,
            "pages": self.pages,
        })
    }
}

/// Reads the pages. What they say of other commits stays bound to those; the tree belongs to the commit of the snapshot.
pub fn read(path: &str, value: &Value) -> Result<Vec<Record>, String> {
    let kind = word(value, "kind")?;
    if kind != KIND {
        return Err(format!("`kind` is {kind}, not {KIND}"));
    }
    let commit = full_id(value.get("commit")).ok_or("`commit` is no full commit id")?;
    let tree = full_id(value.get("tree"));
    let pages = value.get("pages").filter(|pages| pages.is_array()).ok_or("`pages` is missing or is not a list")?;
    let mut records = Vec::new();
    read_json(path, pages, 0, &mut records)?;
    for record in records.iter_mut().filter(|record| record.commit.as_deref() == Some(&commit) && record.tree.is_none()) {
        record.tree = tree.clone();
    }
    Ok(records)
}
