//! Snapshots of what CI says of a commit: a provider's API in, one file that `--evidence` reads out. Nothing else in holdshort
//! uses the network.

mod github;
mod gitlab;
mod http;

use serde_json::Value;

use crate::read::evidence::snapshot::Snapshot;

/// What to ask, and whom.
#[derive(Debug, Clone)]
pub struct Request {
    /// Base of the API, `https://api.github.com`.
    pub api: String,
    /// `owner/name`, or a GitLab project's path or number.
    pub repository: String,
    /// Full id.
    pub commit: String,
    /// The commit's tree, if the repository at hand has it.
    pub tree: Option<String>,
    /// Header and value that authenticate.
    pub token: Option<(&'static str, String)>,
    pub now: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Github,
    Gitlab,
}

/// The API could not be asked, or its answer is not what it promises.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CollectError {
    pub message: String,
    pub help: Option<String>,
}

impl CollectError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        CollectError { message: message.into(), help: Some(help.into()) }
    }
}

/// Asks the API for everything it says of the commit.
pub fn collect(service: Service, request: &Request) -> Result<Snapshot, CollectError> {
    let client = http::Client::new(request)?;
    let (provider, tree, pages) = match service {
        Service::Github => {
            let (tree, pages) = github::pages(&client, request)?;
            ("github", Some(tree), pages)
        }
        Service::Gitlab => ("gitlab", request.tree.clone(), gitlab::pages(&client, request)?),
    };
    Ok(Snapshot {
        provider,
        repository: request.repository.clone(),
        commit: request.commit.clone(),
        tree,
        fetched_at: request.now.clone(),
        pages,
    })
}

/// The value under a pointer, or what the answer lacks.
fn text<'a>(answer: &'a Value, pointer: &str) -> Result<&'a str, CollectError> {
    answer.pointer(pointer).and_then(Value::as_str).ok_or_else(|| {
        CollectError::new(format!("the answer has no text at {pointer}"), "check that --api-url is the API's base, not the website's")
    })
}
