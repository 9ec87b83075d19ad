//! What `holdshort init` writes: an inspection in, a policy, a rollback document and a CI job that fit the repository out.

mod ci;
mod document;
mod look;
mod policy;

use crate::detect::Inspection;
use crate::error::Error;
use crate::settings::POLICY_FILE;

/// A file to write, or why it is not.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaffold {
    pub path: String,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Write(String),
    /// What is there already, or is not needed, as a clause.
    LeftAlone(String),
}

/// The files for this repository. `remote` is the address it is pushed to, if any.
pub fn scaffold(inspection: &Inspection, remote: Option<&str>) -> Result<Vec<Scaffold>, Error> {
    let found = look::look(inspection, remote)?;
    let tree = &inspection.change.head_tree;
    let mut files = Vec::new();
    let mut add = |path: &str, text: Option<String>, not_needed: &str| {
        let content = match text {
            _ if tree.contains(path) => Content::LeftAlone("it is there already".to_owned()),
            Some(text) => Content::Write(text),
            None => Content::LeftAlone(not_needed.to_owned()),
        };
        files.push(Scaffold { path: path.to_owned(), content });
    };
    add(POLICY_FILE, Some(policy::text(inspection, &found)), "");
    match document::place(inspection) {
        Ok(path) => add(&path, Some(document::text(inspection, &found)), ""),
        Err((path, why)) => files.push(Scaffold { path, content: Content::LeftAlone(why) }),
    }
    for (path, text) in ci::files(&found) {
        let content = match tree.contains(path) {
            true => Content::LeftAlone("it is there already".to_owned()),
            false => Content::Write(text),
        };
        files.push(Scaffold { path: path.to_owned(), content });
    }
    Ok(files)
}
