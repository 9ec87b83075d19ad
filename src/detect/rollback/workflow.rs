//! Workflows that a rollback command starts by hand: `gh workflow run` in, what keeps it from starting out.

use std::collections::BTreeSet;

use super::resolve::{is_lookup, text};
use crate::change::Snapshot;
use crate::read::tree::{Node, Syntax, parse};

/// What is wrong with `gh workflow run FILE …`, as a sentence; `words` begin at the file.
pub fn problem(tree: &Snapshot, words: &[&str]) -> Option<String> {
    let workflow = words.iter().find(|word| word.ends_with(".yml") || word.ends_with(".yaml"))?;
    if !is_lookup(workflow) {
        return None;
    }
    let file = workflow.rsplit('/').next().unwrap_or(workflow);
    let Some(text) = text(tree, &format!(".github/workflows/{file}")) else {
        return Some(format!("The workflow {file} does not exist at this revision."));
    };
    let parsed = parse(&text, Syntax::Yaml);
    // YAML 1.1 readers take the key `on` for true.
    let on = parsed.documents.first().and_then(|document| document.get("on").or_else(|| document.get("true")));
    let Some(dispatch) = on.and_then(dispatch) else {
        return Some(format!("The workflow {file} cannot be started by hand: it has no `workflow_dispatch`."));
    };
    let inputs = dispatch.and_then(|dispatch| dispatch.get("inputs")).map(Node::entries).unwrap_or_default();
    let known: BTreeSet<&str> = inputs.iter().filter_map(|(key, _)| key.as_str()).collect();
    let given = given(words);
    if let Some(unknown) = given.iter().find(|name| !known.contains(*name)) {
        return Some(format!("The workflow {file} has no input `{unknown}`."));
    }
    let required = |input: &Node| input.get("required").and_then(Node::as_bool) == Some(true) && input.get("default").is_none();
    // Inputs may come as JSON from standard input.
    let missing = inputs.iter().filter(|(_, input)| required(input)).find_map(|(key, _)| key.as_str().filter(|key| !given.contains(key)));
    missing
        .filter(|_| !words.contains(&"--json"))
        .map(|name| format!("The workflow {file} needs the input `{name}`, and the command does not give it."))
}

/// Whether the workflow can be started by hand; with the trigger's own settings, if it has any.
fn dispatch(on: &Node) -> Option<Option<&Node>> {
    const NAME: &str = "workflow_dispatch";
    if on.as_str() == Some(NAME) || on.items().iter().any(|item| item.as_str() == Some(NAME)) {
        return Some(None);
    }
    on.entry(NAME).map(|(_, settings)| Some(settings))
}

/// Names of the inputs that `-f name=value` gives.
fn given<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut all = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let value = match *word {
            "-f" | "-F" | "--field" | "--raw-field" => words.get(at + 1).copied(),
            _ => word.strip_prefix("--field=").or_else(|| word.strip_prefix("--raw-field=")),
        };
        all.extend(value.and_then(|value| value.trim_matches(['"', '\'']).split_once('=')).map(|(name, _)| name));
    }
    all
}
