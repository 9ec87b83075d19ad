//! GitHub's REST API: a commit in, its tree and the pages of its check runs, workflow runs and statuses out.

use serde_json::Value;

use super::http::Client;
use super::{CollectError, Request, text};

/// The commit's tree, and every page. Source: <https://docs.github.com/en/rest> (2022-11-28).
pub fn pages(client: &Client, request: &Request) -> Result<(String, Vec<Value>), CollectError> {
    let mut parts = request.repository.split('/');
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    let (Some(owner), Some(name), None) = (parts.next(), parts.next(), parts.next()) else { return Err(misnamed(request)) };
    if !plain(owner) || !plain(name) || name.starts_with("..") {
        return Err(misnamed(request));
    }
    let (at, commit) = (format!("/repos/{owner}/{name}"), &request.commit);
    let found = client.get(&format!("{at}/commits/{commit}"))?;
    if text(&found, "/sha")? != commit {
        return Err(CollectError::new(format!("the API knows {commit} under another id"), "give the full id of the commit"));
    }
    let tree = text(&found, "/commit/tree/sha")?.to_owned();
    let mut all = client.pages(&format!("{at}/commits/{commit}/check-runs?filter=latest"), |page| length(page, "check_runs"), total)?;
    all.extend(client.pages(&format!("{at}/actions/runs?head_sha={commit}"), |page| length(page, "workflow_runs"), total)?);
    all.extend(client.pages(&format!("{at}/commits/{commit}/status"), |page| length(page, "statuses"), total)?);
    Ok((tree, all))
}

fn length(page: &Value, key: &str) -> Option<usize> {
    page.get(key)?.as_array().map(Vec::len)
}

fn total(page: &Value) -> Option<u64> {
    page.get("total_count")?.as_u64()
}

fn misnamed(request: &Request) -> CollectError {
    CollectError::new(format!("`{}` is not owner/name", request.repository), "name the repository with --repository owner/name")
}
