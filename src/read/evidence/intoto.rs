//! in-toto statements (v1) of test results and rehearsals: JSON in, records out. A DSSE envelope is not opened.

use serde_json::Value;

use super::{Provider, Record, Rehearsal, Status, full_id, optional, record, word};

/// The envelope of every statement that is read or written.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// The type of the records that a rehearsal writes.
pub const REHEARSAL: &str = "https://holdshort.dev/rehearsal/v1";

pub fn read(path: &str, value: &Value) -> Result<Vec<Record>, String> {
    if value.get("payloadType").is_some() {
        return Err("it is a signed envelope; give the statement in it, verified by the tool that knows its keys".to_owned());
    }
    let kind = word(value, "_type")?;
    if kind != STATEMENT {
        return Err(format!("`_type` is {kind}, not {STATEMENT}"));
    }
    let subjects = value.get("subject").and_then(Value::as_array).ok_or("`subject` is missing or is not a list")?;
    let predicate = value.get("predicate").filter(|predicate| predicate.is_object()).ok_or("`predicate` is missing")?;
    let mut found = match word(value, "predicateType")? {
        TEST_RESULT => test_result(path, predicate)?,
        REHEARSAL => rehearsal(path, predicate)?,
        other => return Err(format!("statements of type {other} are not known")),
    };
    let digest = |key: &str| {
        let mut ids = subjects.iter().filter_map(|subject| full_id(subject.get("digest").and_then(|digest| digest.get(key))));
        // Two subjects with different commits bind to neither.
        let first = ids.next();
        if ids.any(|other| Some(&other) != first.as_ref()) { None } else { first }
    };
    found.commit = digest("gitCommit");
    found.tree = digest("gitTree");
    Ok(vec![found])
}

/// <https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md>
fn test_result(path: &str, predicate: &Value) -> Result<Record, String> {
    let result = word(predicate, "result")?;
    let count = |key: &str| predicate.get(key).and_then(Value::as_array).map(Vec::len);
    let failed = count("failedTests").unwrap_or(0);
    let status = match result {
        "PASSED" if failed > 0 => Status::Failed,
        "PASSED" if count("passedTests") == Some(0) => Status::Empty,
        "PASSED" => Status::Passed,
        "FAILED" => Status::Failed,
        _ => Status::Unknown,
    };
    let name = predicate.pointer("/configuration/0/name").and_then(Value::as_str).unwrap_or("tests");
    let detail = if failed > 0 { format!("{result}, {failed} failed tests") } else { result.to_owned() };
    Ok(record(path, Provider::InTotoTestResult, name, status, detail))
}

fn rehearsal(path: &str, predicate: &Value) -> Result<Record, String> {
    let result = word(predicate, "result")?;
    let status = match result {
        "PASSED" => Status::Passed,
        "FAILED" => Status::Failed,
        "SKIPPED" => Status::Skipped,
        _ => Status::Unknown,
    };
    let reason = optional(predicate, "reason").filter(|_| status != Status::Passed).map(|reason| format!(": {reason}"));
    let detail = format!("{result}{}", reason.unwrap_or_default());
    let mut found = record(path, Provider::Rehearsal, "rehearsal", status, detail);
    found.completed_at = optional(predicate, "finished_at");
    found.rehearsal = Some(Rehearsal {
        document: full_id(predicate.pointer("/document/digest/gitBlob")),
        seconds: predicate.pointer("/durations/rollback_seconds").and_then(Value::as_f64).filter(|seconds| *seconds >= 0.0),
        migrations: predicate.get("migrations").and_then(Value::as_array).into_iter().flatten().filter_map(migration).collect(),
    });
    Ok(found)
}

/// One that lacks its path or its blob is none.
fn migration(value: &Value) -> Option<(String, String)> {
    Some((optional(value, "path")?, full_id(value.pointer("/digest/gitBlob"))?))
}
