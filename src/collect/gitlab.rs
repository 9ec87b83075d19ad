//! GitLab's REST API: a commit in, its pipelines with their jobs, and its statuses, out.

use serde_json::Value;

use super::http::Client;
use super::{CollectError, Request};

/// Every page. Source: <https://docs.gitlab.com/api/pipelines/>, <https://docs.gitlab.com/api/jobs/>,
/// <https://docs.gitlab.com/api/commits/#list-commit-statuses>.
pub fn pages(client: &Client, request: &Request) -> Result<Vec<Value>, CollectError> {
    let (at, commit) = (format!("/projects/{}", encode(&request.repository)), &request.commit);
    let mut all = Vec::new();
    // Child pipelines are only listed when they are asked for.
    for list in [format!("{at}/pipelines?sha={commit}"), format!("{at}/pipelines?sha={commit}&source=parent_pipeline")] {
        for page in client.pages(&list, length, |_| None)? {
            for pipeline in page.as_array().into_iter().flatten() {
                let id = pipeline.get("id").and_then(Value::as_u64);
                let id =
                    id.ok_or_else(|| CollectError::new("a pipeline has no number", "check that --api-url is GitLab's API, `…/api/v4`"))?;
                // The list leaves out whether a success has warnings.
                all.push(client.get(&format!("{at}/pipelines/{id}"))?);
                all.extend(client.pages(&format!("{at}/pipelines/{id}/jobs?include_retried=false"), length, |_| None)?);
            }
        }
    }
    let statuses = client.pages(&format!("{at}/repository/commits/{commit}/statuses"), length, |_| None)?;
    all.extend(statuses.into_iter().map(external));
    Ok(all)
}

/// Jobs are listed as statuses again; they are known already, and better. Only a status from elsewhere has an address of its own.
fn external(page: Value) -> Value {
    let is_external = |status: &Value| {
        let target = status.get("target_url").and_then(Value::as_str).unwrap_or_default();
        !target.is_empty() && !target.contains("/-/jobs/")
    };
    Value::Array(page.as_array().into_iter().flatten().filter(|status| is_external(status)).cloned().collect())
}

fn length(page: &Value) -> Option<usize> {
    page.as_array().map(Vec::len)
}

/// A project's path as one part of a URL.
fn encode(project: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    project.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}
