//! Changed code in, the lines that turn a flag on for everyone when they run out: seeds, migrations, settings.

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use super::sdk::{changed_code, is_known_line};
use crate::change::ChangeSet;
use crate::error::ChangeError;
use crate::source::{Place, Side, SourceMap, Span};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Switch {
    pub library: &'static str,
    /// The flag, or the setting that holds for all.
    pub name: String,
    pub place: Place,
}

/// A call or a setting, the word that is always in it, and the whole with the flag's name as its group. Few changes have
/// the word, so few wait for the expression. Each takes everyone: a call with an actor, a group or a share has a further
/// argument and does not match.
type Pattern = (&'static str, &'static str, LazyLock<Regex>);

static PATTERNS: [Pattern; 7] = [
    ("Flipper", "Flipper", LazyLock::new(|| regex(r#"(?m)\bFlipper\.enable(?:\(\s*|[ \t]+)[:"']([\w-]+)["']?\s*(?:\)|$)"#))),
    ("Flipper", "Flipper", LazyLock::new(|| regex(r#"\bFlipper\[[:"']([\w-]+)["']?\]\.enable\b(?:\(\s*\))?"#))),
    ("FunWithFlags", "FunWithFlags", LazyLock::new(|| regex(r"\bFunWithFlags\.enable\(\s*:(\w+)\s*\)"))),
    ("Laravel Pennant", "Feature::", LazyLock::new(|| regex(r#"\bFeature::activateForEveryone\(\s*["']([\w-]+)["']"#))),
    ("django-waffle", "WAFFLE_", LazyLock::new(|| regex(r"(?m)^\s*(WAFFLE_(?:FLAG|SWITCH|SAMPLE)_DEFAULT)\s*=\s*True\b"))),
    (
        "django-waffle",
        "Flag.objects",
        LazyLock::new(|| {
            regex(r#"\bFlag\.objects\.(?:create|get_or_create|update_or_create)\([^()]*name=["']([\w-]+)["'][^()]*everyone=True"#)
        }),
    ),
    (
        "django-waffle",
        "Switch.objects",
        LazyLock::new(|| {
            regex(r#"\bSwitch\.objects\.(?:create|get_or_create|update_or_create)\([^()]*name=["']([\w-]+)["'][^()]*active=True"#)
        }),
    ),
];

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

pub fn changed_switches(change: &ChangeSet, sources: &mut SourceMap) -> Result<Vec<Switch>, ChangeError> {
    let mut all = Vec::new();
    for code in changed_code(change)? {
        let mut file = None;
        for (library, _, pattern) in PATTERNS.iter().filter(|(_, word, _)| code.text.contains(word)) {
            for found in pattern.captures_iter(&code.text) {
                let Some(name) = found.get(1).filter(|name| !is_known_line(&code, name.start())) else { continue };
                let id = *file.get_or_insert_with(|| sources.add(code.path.clone(), Side::Head, code.text.clone()));
                let place = Place { file: id, span: Span { start: name.start(), end: name.end() } };
                all.push(Switch { library, name: name.as_str().to_owned(), place });
            }
        }
    }
    Ok(all)
}
