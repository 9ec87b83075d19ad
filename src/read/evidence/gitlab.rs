//! GitLab's pipelines, jobs and commit statuses, as its REST API prints them: JSON in, records out.

use serde_json::Value;

use super::{Provider, Record, Status, full_id, optional, record, word};

pub fn read(path: &str, value: &Value) -> Result<Vec<Record>, String> {
    let state = word(value, "status")?;
    let pipeline = value.get("pipeline").filter(|pipeline| pipeline.is_object());
    // A status that something outside of GitLab's own pipelines reported.
    let external = pipeline.is_none() && value.get("target_url").is_some();
    let (provider, name) = match (pipeline, external) {
        (Some(_), _) => (Provider::GitlabJob, word(value, "name")?.to_owned()),
        (None, true) => (Provider::GitlabStatus, word(value, "name")?.to_owned()),
        (None, false) => (Provider::GitlabPipeline, "pipeline".to_owned()),
    };
    let mut found = record(path, provider, &name, outcome(state), state);
    // A success with warnings has failed jobs that were allowed to fail: the jobs tell which.
    let detailed = value.pointer("/detailed_status/text").and_then(Value::as_str).unwrap_or("");
    if found.status == Status::Passed && detailed.contains("warning") {
        found.status = Status::Unknown;
        found.detail = detailed.to_owned();
    }
    if value.get("allow_failure").and_then(Value::as_bool) == Some(true) {
        allowed_to_fail(&mut found, state);
    }
    let commit = value.pointer("/commit/id").or_else(|| value.pointer("/pipeline/sha"));
    found.commit = if pipeline.is_some() { full_id(commit) } else { full_id(value.get("sha")) };
    let run = if external { None } else { pipeline.unwrap_or(value).get("id").and_then(Value::as_u64) };
    found.run = run.map(|id| id.to_string());
    found.id = value.get("id").and_then(Value::as_u64).unwrap_or(0);
    found.source = optional(pipeline.unwrap_or(value), "source").unwrap_or_default();
    found.completed_at = optional(value, "finished_at").or_else(|| optional(value, "updated_at"));
    Ok(vec![found])
}

/// A job the pipeline goes on without: its failure says nothing, and a manual one waits for nobody.
fn allowed_to_fail(found: &mut Record, state: &str) {
    match (found.status, state) {
        (Status::Failed, _) => found.detail = "failed, and is allowed to".to_owned(),
        (_, "manual") => found.detail = "manual, and not waited for".to_owned(),
        _ => return,
    }
    found.status = Status::Skipped;
}

/// <https://docs.gitlab.com/api/pipelines/>: the states of a pipeline; a job has the same.
fn outcome(state: &str) -> Status {
    match state {
        "success" => Status::Passed,
        "failed" | "canceled" | "canceling" => Status::Failed,
        "skipped" => Status::Skipped,
        "created" | "waiting_for_resource" | "preparing" | "pending" | "running" | "manual" | "scheduled" | "waiting_for_callback" => {
            Status::Pending
        }
        _ => Status::Unknown,
    }
}
