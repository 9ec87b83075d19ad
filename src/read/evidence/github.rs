//! GitHub's check runs, workflow runs and commit statuses, as its REST API and `gh run list --json` print them: JSON in, records out.

use serde_json::Value;

use super::{Provider, Record, Status, full_id, optional, record, word};

/// The lists of the API, by the key that holds them.
const LISTS: [&str; 3] = ["check_runs", "workflow_runs", "statuses"];

/// How many items a list of the API has altogether, and how many of them are in this page: `(key, all, here)`.
pub fn counts(page: &Value) -> Option<(&'static str, u64, u64)> {
    let key = LISTS.into_iter().find(|key| page.get(*key).is_some())?;
    let here = page.get(key)?.as_array()?.len() as u64;
    Some((key, page.get("total_count")?.as_u64()?, here))
}

/// A page of the API: `check_runs`, `workflow_runs` or the combined status of a commit.
pub fn read_page(path: &str, page: &Value) -> Result<Vec<Record>, String> {
    if let Some(statuses) = page.get("statuses") {
        let items = statuses.as_array().ok_or("`statuses` is not a list")?;
        return items.iter().map(|item| status(path, page, item)).collect();
    }
    let (key, runs) =
        ["check_runs", "workflow_runs"].iter().find_map(|key| Some((*key, page.get(*key)?))).ok_or("nothing known is in it")?;
    let items = runs.as_array().ok_or_else(|| format!("`{key}` is not a list"))?;
    items.iter().map(|item| run(path, item)).collect()
}

/// A single check run or workflow run.
pub fn read_one(path: &str, value: &Value) -> Result<Vec<Record>, String> {
    run(path, value).map(|record| vec![record])
}

fn run(path: &str, value: &Value) -> Result<Record, String> {
    let workflow = ["workflow_id", "workflowName", "run_attempt"].iter().any(|key| value.get(*key).is_some());
    let provider = if workflow { Provider::GithubWorkflowRun } else { Provider::GithubCheckRun };
    let name = if workflow { optional(value, "workflowName").or_else(|| optional(value, "name")) } else { optional(value, "name") };
    let name = name.ok_or("`name` is missing")?;
    let (status, detail) = outcome(word(value, "status")?, value.get("conclusion").and_then(Value::as_str));
    let mut found = record(path, provider, &name, status, detail);
    found.commit = full_id(value.get("head_sha").or_else(|| value.get("headSha")));
    found.tree = full_id(value.pointer("/head_commit/tree_id"));
    let id = value.get("id").or_else(|| value.get("databaseId")).and_then(Value::as_u64);
    found.run = if workflow { id.map(|id| id.to_string()) } else { run_of(value) };
    found.id = id.unwrap_or(0);
    found.attempt = value.get("run_attempt").or_else(|| value.get("attempt")).and_then(Value::as_u64).unwrap_or(0);
    // Two apps, two workflows, or a push and a schedule may use one name: neither replaces the other. A check that is run
    // again stays in its suite.
    found.source = match workflow {
        true => [optional(value, "path"), optional(value, "event")].into_iter().flatten().collect::<Vec<_>>().join(" "),
        false => {
            let slug = value.pointer("/app/slug").and_then(Value::as_str).map(str::to_owned);
            let suite = value.pointer("/check_suite/id").and_then(Value::as_u64).map(|id| format!("suite {id}"));
            slug.into_iter().chain(suite.or_else(|| run_of(value))).collect::<Vec<_>>().join(" ")
        }
    };
    found.completed_at = ["completed_at", "updated_at", "updatedAt"].iter().find_map(|key| optional(value, key));
    Ok(found)
}

/// <https://docs.github.com/en/rest/checks/runs>: a conclusion counts only when the run is completed.
fn outcome(status: &str, conclusion: Option<&str>) -> (Status, String) {
    if status != "completed" {
        return (Status::Pending, status.to_owned());
    }
    let conclusion = conclusion.unwrap_or("no conclusion");
    let status = match conclusion {
        "success" => Status::Passed,
        "failure" | "cancelled" | "timed_out" | "startup_failure" => Status::Failed,
        "action_required" => Status::Pending,
        "skipped" | "neutral" => Status::Skipped,
        "stale" => Status::Stale,
        _ => Status::Unknown,
    };
    (status, conclusion.to_owned())
}

fn status(path: &str, page: &Value, item: &Value) -> Result<Record, String> {
    let state = word(item, "state")?;
    let status = match state {
        "success" => Status::Passed,
        "failure" | "error" => Status::Failed,
        "pending" => Status::Pending,
        _ => Status::Unknown,
    };
    let mut found = record(path, Provider::GithubStatus, word(item, "context")?, status, state);
    found.commit = full_id(page.get("sha"));
    found.id = item.get("id").and_then(Value::as_u64).unwrap_or(0);
    found.completed_at = optional(item, "updated_at");
    Ok(found)
}

/// The workflow run a check run belongs to stands only in its address: `…/actions/runs/123/job/456`.
fn run_of(value: &Value) -> Option<String> {
    let url = optional(value, "details_url").or_else(|| optional(value, "html_url"))?;
    let (_, rest) = url.split_once("/actions/runs/")?;
    Some(rest.chars().take_while(char::is_ascii_digit).collect())
}
