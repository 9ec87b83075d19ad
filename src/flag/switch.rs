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

/// Each takes everyone: a call with an actor, a group or a share has a further argument and does not match.
static PATTERNS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    let patterns = [
        ("Flipper", r#"(?m)\bFlipper\.enable(?:\(\s*|[ \t]+)[:"']([\w-]+)["']?\s*(?:\)|$)"#),
        ("Flipper", r#"\bFlipper\[[:"']([\w-]+)["']?\]\.enable\b(?:\(\s*\))?"#),
        ("FunWithFlags", r"\bFunWithFlags\.enable\(\s*:(\w+)\s*\)"),
        ("Laravel Pennant", r#"\bFeature::activateForEveryone\(\s*["']([\w-]+)["']"#),
        ("django-waffle", r"(?m)^\s*(WAFFLE_(?:FLAG|SWITCH|SAMPLE)_DEFAULT)\s*=\s*True\b"),
        ("django-waffle", r#"\bFlag\.objects\.(?:create|get_or_create|update_or_create)\([^()]*name=["']([\w-]+)["'][^()]*everyone=True"#),
        ("django-waffle", r#"\bSwitch\.objects\.(?:create|get_or_create|update_or_create)\([^()]*name=["']([\w-]+)["'][^()]*active=True"#),
    ];
    patterns.into_iter().filter_map(|(library, pattern)| Some((library, Regex::new(pattern).ok()?))).collect()
});

pub fn changed_switches(change: &ChangeSet, sources: &mut SourceMap) -> Result<Vec<Switch>, ChangeError> {
    let mut all = Vec::new();
    for code in changed_code(change)? {
        let mut file = None;
        for (library, pattern) in PATTERNS.iter() {
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
