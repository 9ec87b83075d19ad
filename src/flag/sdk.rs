//! Changed code in, the literal fallbacks it passes to flag SDKs out. A call counts only in a file that imports its SDK.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;

use super::is_code;
use crate::change::{ChangeSet, FileStatus};
use crate::error::ChangeError;
use crate::read;
use crate::source::{Place, Side, SourceMap, Span};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fallback {
    pub sdk: &'static str,
    /// When it is written as a text.
    pub key: Option<String>,
    pub on: bool,
    /// The literal.
    pub place: Place,
}

struct Call {
    name: &'static str,
    key: usize,
    default: usize,
}

struct Sdk {
    title: &'static str,
    /// One of these in the file means the SDK is used.
    imports: &'static [&'static str],
    /// File endings this row is for; empty for all.
    endings: &'static [&'static str],
    calls: &'static [Call],
}

const fn call(name: &'static str, key: usize, default: usize) -> Call {
    Call { name, key, default }
}

const JS: &[&str] = &["js", "jsx", "ts", "tsx", "mjs", "cjs", "vue", "svelte"];

/// From the SDKs' sources: the order of arguments differs between and within vendors.
const SDKS: &[Sdk] = &[
    Sdk {
        title: "OpenFeature",
        imports: &["open-feature/go-sdk"],
        endings: &["go"],
        calls: &[call("BooleanValue", 1, 2), call("BooleanValueDetails", 1, 2), call("Boolean", 1, 2)],
    },
    Sdk {
        title: "OpenFeature",
        imports: &["@openfeature/", "dev.openfeature", "openfeature", "OpenFeature"],
        endings: &["js", "jsx", "ts", "tsx", "mjs", "cjs", "java", "kt", "py", "cs", "rb", "php", "swift", "vue", "svelte"],
        calls: &[
            call("getBooleanValue", 0, 1),
            call("getBooleanDetails", 0, 1),
            call("getBooleanEvaluationDetails", 0, 1),
            call("useBooleanFlagValue", 0, 1),
            call("useBooleanFlagDetails", 0, 1),
            call("get_boolean_value", 0, 1),
            call("get_boolean_details", 0, 1),
            call("get_boolean_value_async", 0, 1),
            call("GetBooleanValueAsync", 0, 1),
            call("fetch_boolean_value", 0, 1),
        ],
    },
    Sdk { title: "LaunchDarkly", imports: &["launchdarkly"], endings: &["rs"], calls: &[call("bool_variation", 1, 2)] },
    Sdk {
        title: "LaunchDarkly",
        imports: &["launchdarkly"],
        endings: &["go"],
        calls: &[call("BoolVariation", 0, 2), call("BoolVariationCtx", 1, 3)],
    },
    Sdk {
        title: "LaunchDarkly",
        imports: &["launchdarkly-react", "launchdarkly-js-client", "launchdarkly/js-client", "launchdarkly/react"],
        endings: JS,
        calls: &[call("variation", 0, 1), call("boolVariation", 0, 1), call("useBoolVariation", 0, 1)],
    },
    Sdk {
        title: "LaunchDarkly",
        imports: &["launchdarkly", "LaunchDarkly", "ldclient"],
        endings: &["js", "ts", "mjs", "cjs", "java", "py", "rb", "php", "cs"],
        calls: &[call("variation", 0, 2), call("boolVariation", 0, 2), call("BoolVariation", 0, 2)],
    },
    Sdk {
        title: "Unleash",
        imports: &["unleash", "Unleash"],
        endings: &["js", "ts", "mjs", "cjs", "rb", "php", "rs", "java", "cs"],
        calls: &[call("isEnabled", 0, 2), call("is_enabled", 0, 2), call("is_enabled?", 0, 2), call("IsEnabled", 0, 2)],
    },
    Sdk {
        title: "GrowthBook",
        imports: &["growthbook"],
        endings: &[],
        calls: &[
            call("getFeatureValue", 0, 1),
            call("useFeatureValue", 0, 1),
            call("get_feature_value", 0, 1),
            call("feature_value", 0, 1),
        ],
    },
    Sdk {
        title: "ConfigCat",
        imports: &["configcat"],
        endings: &["js", "ts", "tsx", "py", "rb", "php", "go", "rs"],
        calls: &[call("getValueAsync", 0, 1), call("get_value", 0, 1), call("GetBoolValue", 0, 1), call("getValue", 0, 1)],
    },
    Sdk {
        title: "DevCycle",
        imports: &["@devcycle/react", "@devcycle/js"],
        endings: JS,
        calls: &[call("variableValue", 0, 1), call("useVariableValue", 0, 1)],
    },
    Sdk {
        title: "DevCycle",
        imports: &["devcycle"],
        endings: &[],
        calls: &[call("variableValue", 1, 2), call("VariableValue", 1, 2), call("variable_value", 1, 2)],
    },
];

/// Calls that reach over more than this many bytes are left.
const MAX_CALL: usize = 2_000;

/// One changed file of code.
pub struct ChangedCode {
    pub path: String,
    pub text: Arc<str>,
    /// Its lines at base, trimmed.
    known: HashSet<String>,
}

/// Changed files of running code that head has, generated ones left out.
pub fn changed_code(change: &ChangeSet) -> Result<Vec<ChangedCode>, ChangeError> {
    let mut all = Vec::new();
    for file in change.files.iter().filter(|file| file.status != FileStatus::Deleted && is_code(&file.path)) {
        let Some(entry) = change.head_tree.entry(&file.path) else { continue };
        let Ok(text) = read::text(&change.head_tree, entry)? else { continue };
        if text.contains("Code generated by OpenFeature CLI") {
            continue;
        }
        let old = match change.base_tree.entry(file.old_path.as_deref().unwrap_or(&file.path)) {
            Some(entry) => read::text(&change.base_tree, entry)?.ok(),
            None => None,
        };
        let known = old.as_deref().map(|old| old.lines().map(|line| line.trim().to_owned()).collect()).unwrap_or_default();
        all.push(ChangedCode { path: file.path.clone(), text, known });
    }
    Ok(all)
}

/// Whether base has the line at an offset too.
pub fn is_known_line(code: &ChangedCode, at: usize) -> bool {
    code.known.contains(line_at(&code.text, at))
}

pub fn changed_fallbacks(change: &ChangeSet, sources: &mut SourceMap) -> Result<Vec<Fallback>, ChangeError> {
    let mut found = Vec::new();
    for code in changed_code(change)? {
        let mut calls = fallbacks(&code.path, &code.text);
        calls.retain(|(.., span)| !is_known_line(&code, span.start));
        if calls.is_empty() {
            continue;
        }
        let id = sources.add(code.path, Side::Head, code.text);
        found.extend(calls.into_iter().map(|(sdk, key, on, span)| Fallback { sdk, key, on, place: Place { file: id, span } }));
    }
    Ok(found)
}

fn line_at(text: &str, at: usize) -> &str {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |line| line + 1);
    text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("").trim()
}

/// SDK, key, fallback and its place for each call with a literal boolean.
fn fallbacks(path: &str, text: &str) -> Vec<(&'static str, Option<String>, bool, Span)> {
    let ending = path.rsplit('.').next().unwrap_or_default();
    let mut found: Vec<(&'static str, Option<String>, bool, Span)> = Vec::new();
    let mut taken = HashSet::new();
    let of_file = SDKS.iter().filter(|sdk| sdk.endings.is_empty() || sdk.endings.contains(&ending));
    for sdk in of_file.filter(|sdk| sdk.imports.iter().any(|import| text.contains(import))) {
        for call in sdk.calls {
            for (at, _) in text.match_indices(call.name) {
                let open = at + call.name.len();
                let whole = at
                    .checked_sub(1)
                    .and_then(|before| text.as_bytes().get(before))
                    .is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_');
                if !whole || text.as_bytes().get(open) != Some(&b'(') || taken.contains(&at) {
                    continue;
                }
                let arguments = arguments(text, open + 1);
                if arguments.len() <= call.default.min(call.key) {
                    continue;
                }
                taken.insert(at);
                if let Some((on, span)) = default(text, &arguments, call.default) {
                    let key = arguments.get(call.key).and_then(|span| literal(span.text(text)));
                    found.push((sdk.title, key, on, span));
                }
            }
        }
    }
    found
}

/// The fallback by its position, or by its name where a language has named arguments.
fn default(text: &str, arguments: &[Span], position: usize) -> Option<(bool, Span)> {
    let named = arguments.iter().find_map(|span| {
        let words = span.text(text);
        let (name, value) = words.split_once([':', '='])?;
        matches!(name.trim(), "default_value" | "defaultValue" | "default" | "fallback").then_some((value.trim(), *span))
    });
    let (value, span) = named.or_else(|| arguments.get(position).map(|span| (span.text(text).trim(), *span)))?;
    match value {
        "true" | "True" => Some((true, span)),
        "false" | "False" => Some((false, span)),
        _ => None,
    }
}

fn literal(text: &str) -> Option<String> {
    let value = text.split_once(':').filter(|(name, _)| name.trim().ends_with("key")).map_or(text, |(_, value)| value).trim();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains(quote)).then(|| inner.to_owned())
}

/// The arguments of a call, without the blanks around them; empty when the call does not end.
fn arguments(text: &str, start: usize) -> Vec<Span> {
    let bytes = text.as_bytes();
    let end = bytes.len().min(start + MAX_CALL);
    let (mut all, mut depth, mut from, mut at) = (Vec::new(), 0usize, start, start);
    while at < end {
        match bytes[at] {
            quote @ (b'"' | b'`' | b'\'') => {
                at += 1;
                while at < end && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' if depth == 0 => {
                all.push(trimmed(text, from, at));
                return all;
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                all.push(trimmed(text, from, at));
                from = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    Vec::new()
}

fn trimmed(text: &str, start: usize, end: usize) -> Span {
    let words = text.get(start..end).unwrap_or("");
    let from = start + (words.len() - words.trim_start().len());
    Span { start: from, end: from + words.trim().len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(path: &str, text: &str) -> Vec<bool> {
        fallbacks(path, text).into_iter().map(|(_, _, on, _)| on).collect()
    }

    #[test]
    fn the_sdk_says_where_the_fallback_stands() {
        assert_eq!(on("a.ts", "import '@openfeature/server-sdk'; c.getBooleanValue('x', true, {a: false})"), [true]);
        assert_eq!(on("a.go", "import \"launchdarkly/go\"\nc.BoolVariation(\"x\", ctx(1, 2), true)"), [true]);
        assert_eq!(on("a.rs", "use launchdarkly_server_sdk; c.bool_variation(&ctx, \"x\", true)"), [true]);
        assert_eq!(on("a.py", "import openfeature\nc.get_boolean_value('x', default_value=True)"), [true]);
        // No SDK is imported; somebody else's isEnabled.
        assert!(on("a.ts", "isEnabled('x', {}, true)").is_empty());
        // A context, not a fallback.
        assert!(on("a.ts", "import 'unleash-client'; isEnabled('x', true)").is_empty());
    }
}
