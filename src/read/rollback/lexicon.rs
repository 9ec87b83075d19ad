//! The words of rollback documents: headings, durations, thresholds, placeholders, commands: text in, facts out.

use std::sync::LazyLock;

use regex::Regex;

use super::{DataStatement, Document, Estimate, Kind, Named};
use crate::source::Span;

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

static HEADINGS: LazyLock<Vec<(Kind, Regex)>> = LazyLock::new(|| {
    [
        (Kind::Trigger, r"trigger|threshold|abort|criteria|symptom|\bwhen\b|conditions?\b|decision"),
        (Kind::Verification, r"verif|validat|smoke|confirm|post-?rollback|check|success"),
        (Kind::Escalation, r"escalat|owner|on[- ]?call|contact|\bwho\b|responsib|communicat|stakeholder|notify"),
        (Kind::Time, r"estimate|duration|how long|\btime\b|timeline"),
        (Kind::Configuration, r"config|settings|environment variables|feature flags?"),
        (Kind::Data, r"\bdata\b|migration|database|schema"),
        (Kind::Commands, r"command|\bsteps?\b|procedure|roll(?:ing)?[- ]?back|back(?:ing)?[- ]?out|revert|recover|undo|instruction|how to"),
    ]
    .map(|(kind, pattern)| (kind, regex(pattern)))
    .into()
});

/// What a section is about, from its heading.
pub fn heading(title: &str) -> Kind {
    let lower = title.to_lowercase();
    HEADINGS.iter().find(|(_, pattern)| pattern.is_match(&lower)).map_or(Kind::Other, |(kind, _)| *kind)
}

/// The line around the start of a span, its blanks left out.
pub fn line(text: &str, span: Span) -> Span {
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let end = text.get(span.start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| span.start + at);
    let words = text.get(start..end).unwrap_or("");
    let from = start + (words.len() - words.trim_start().len());
    Span::new(from, (start + words.trim_end().len()).max(from))
}

static DURATION: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)(\d{1,6}(?:\.\d{1,3})?)\s*(?:(?:-|–|to)\s*(\d{1,6}(?:\.\d{1,3})?)\s*)?(h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)\b")
});
static GO: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)\b(?:PT)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?\b"));

/// The longest duration a text names, in seconds; a range counts by its end.
pub fn duration(text: &str) -> Option<u64> {
    let number = |found: Option<regex::Match>| found.and_then(|found| found.as_str().parse::<f64>().ok());
    let words = DURATION.captures_iter(text).filter_map(|found| {
        let value = number(found.get(2)).or_else(|| number(found.get(1)))?;
        let unit = match found.get(3)?.as_str().to_lowercase().chars().next()? {
            'h' => 3600.0,
            'm' => 60.0,
            _ => 1.0,
        };
        Some((value * unit).ceil() as u64)
    });
    let compact = GO.captures_iter(text).filter_map(|found| {
        let part = |at: usize| found.get(at).and_then(|part| part.as_str().parse::<u64>().ok());
        if part(1).is_none() && part(2).is_none() && part(3).is_none() {
            return None;
        }
        Some(part(1).unwrap_or(0) * 3600 + part(2).unwrap_or(0) * 60 + part(3).unwrap_or(0))
    });
    words.chain(compact).max()
}

static TIME: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)\b(estimat\w*|takes?|total time|duration|rollback time|time to (?:roll ?back|complete|recover)|complet\w+ (?:with)?in)\b")
});

pub fn speaks_of_time(line: &str) -> bool {
    TIME.is_match(line)
}

static THRESHOLD: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)(?:>=?|<=?|≥|≤|\b(?:above|over|exceed\w*|more than|at least|greater than|below|under|less than|fewer than|drops? (?:to|by)|rises? (?:to|by)))\s*(?:of\s+)?\$?\d|\d(?:\.\d+)?\s*(?:%|percent|ms\b|errors?\b|x\b|rps\b)",
    )
});

/// A number with a comparison or a unit: something that can be measured.
pub fn is_threshold(line: &str) -> bool {
    THRESHOLD.is_match(line)
}

static OWNER: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)^[\W_]*(?:primary |secondary )?(?:owners?|on-?call|contacts?|escalat\w*|responsible)\b[^:]{0,20}:[\W_]*\w")
});

pub fn names_owner(line: &str) -> bool {
    OWNER.is_match(line)
}

static FORWARD: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)forward[- ]only|irreversible|not reversible|cannot be (?:reversed|rolled back|undone)|no way back|(?:roll|fix)(?:s|ed|ing)? forward",
    )
});
static NO_LOSS: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)\bno data (?:is |are |will be )?(?:lost|loss|impact)|\bloss:?\s*none|\bnothing is lost|^\s*none\b|\bno (?:data )?loss\b")
});

pub fn data_statement(span: Span, text: &str) -> DataStatement {
    let forward_only = FORWARD.is_match(text);
    let words = text.split_whitespace().count();
    DataStatement { span, forward_only, reasoned: forward_only && words >= 6, denies_loss: NO_LOSS.is_match(text) }
}

static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:TODO|TBD|FIXME|XXX+|YYYY-MM-DD)\b|(?i:\blorem ipsum\b|\bto be (?:determined|defined|written|done)\b|\bfill (?:this )?in\b|\byour[-_ ](?:service|app|team|name)\b|Estimated Time to Complete in Minutes)|<[A-Za-z][A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+)*>|\{\{\s*[A-Za-z_]\w*\s*\}\}",
    )
});
const HTML: [&str; 34] = [
    "a",
    "b",
    "i",
    "p",
    "br",
    "hr",
    "ul",
    "ol",
    "li",
    "em",
    "code",
    "pre",
    "sub",
    "sup",
    "kbd",
    "div",
    "span",
    "img",
    "table",
    "tr",
    "td",
    "th",
    "thead",
    "tbody",
    "details",
    "summary",
    "strong",
    "small",
    "h1",
    "h2",
    "h3",
    "h4",
    "center",
    "blockquote",
];

/// What is left of a template.
pub fn placeholders(text: &str, span: Span) -> Vec<Named> {
    let found = PLACEHOLDER.find_iter(span.text(text)).filter(|found| {
        let inner = found.as_str().trim_matches(['<', '>']).to_lowercase();
        !(found.as_str().starts_with('<') && HTML.contains(&inner.split(' ').next().unwrap_or("")))
    });
    found
        .map(|found| Named { span: Span::new(span.start + found.start(), span.start + found.end()), text: found.as_str().to_owned() })
        .collect()
}

static MIGRATION: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?:[\w.-]+/)*(?:\bV\d[\w.]*__\w[\w.]*|\b\d{4}-\d{2}-\d{2}-\d{6}_\w+|\b\d{3,14}[_-][A-Za-z][\w.-]*|\b\d{14}\b)(?:/(?:up|down)\.sql)?",
    )
});

/// Words that look like a migration's file or version.
pub fn migrations(text: &str) -> Vec<Named> {
    let named =
        |found: regex::Match| Named { span: Span::new(found.start(), found.end()), text: found.as_str().trim_end_matches('.').to_owned() };
    MIGRATION.find_iter(text).map(named).collect()
}

/// The text names the migration of this path: by its file's name without direction and ending, or by its path.
pub fn names_migration(text: &str, path: &str) -> bool {
    text.contains(stem(path))
}

/// `db/000003_x.up.sql` → `000003_x`; `migrations/2024_add/up.sql` → `2024_add`.
pub fn stem(path: &str) -> &str {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or(path);
    let name = if matches!(name, "up.sql" | "down.sql" | "migration.sql") { parts.next().unwrap_or(name) } else { name };
    let name = name.strip_suffix(".sql").unwrap_or(name);
    name.strip_suffix(".up").or_else(|| name.strip_suffix(".down")).unwrap_or(name)
}

static DESTRUCTIVE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)\bgit\s+push\b.*\s(?:--force\b|-f\b)|\bgit\s+reset\s+--hard\b|\bdrop\s+(?:table|column|database|schema)\b|\btruncate\s|\bdelete\s+from\b|\bterraform\s+destroy\b|\brm\s+-\w*r\w*f|\brm\s+-\w*f\w*r|\bkubectl\s+delete\s+(?:pvc|pv|namespace|ns|statefulset)|\bdropdb\b|\baws\s+s3\s+rm\b.*--recursive|\bdown\s+-v\b",
    )
});

/// The part of a command that destroys something.
pub fn destructive(command: &str) -> Option<&str> {
    DESTRUCTIVE.find(command).map(|found| found.as_str())
}

/// A path of the repository, not a URL, a variable, a pattern or a setting.
pub fn is_path(words: &str) -> bool {
    let words = words.trim();
    let file = words.rsplit('/').next().unwrap_or(words);
    words.contains('/')
        && file.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && (1..=5).contains(&end.len()))
        && !words.starts_with(['/', '~', '-', '@'])
        && !words.contains("..")
        && !words.contains(|c: char| c.is_whitespace() || "$<>*{}=:,".contains(c))
}

/// The command lines of a code block: prompts off, comments and output left out, continued lines joined.
pub fn commands(text: &str, body: Span) -> Vec<(Span, String)> {
    let mut lines: Vec<(Span, String)> = Vec::new();
    let prompts = body.text(text).lines().any(|line| line.starts_with("$ "));
    let mut at = body.start;
    let mut open = false;
    for raw in body.text(text).split_inclusive('\n') {
        let line = raw.trim();
        let span = Span::new(at, at + raw.trim_end().len());
        at += raw.len();
        let shown = line.strip_prefix("$ ").unwrap_or(line);
        let continued = shown.strip_suffix('\\');
        if open {
            if let Some((whole, command)) = lines.last_mut() {
                *whole = whole.cover(span);
                command.push(' ');
                command.push_str(continued.unwrap_or(shown).trim());
            }
        } else if !(shown.is_empty() || shown.starts_with('#') || shown.starts_with("--") || prompts && !line.starts_with("$ ")) {
            lines.push((span, continued.unwrap_or(shown).trim().to_owned()));
        } else {
            continue;
        }
        open = continued.is_some();
    }
    lines
}

/// Facts of the YAML block at the head of a document.
pub fn front_matter(text: &str, block: Span, document: &mut Document) {
    let body = block.text(text);
    let map = match serde_yaml::from_str::<serde_yaml::Value>(body) {
        Ok(serde_yaml::Value::Mapping(map)) => map,
        Ok(serde_yaml::Value::Null) => return,
        Ok(_) => return document.broken = Some((line(text, block), "it is not a mapping of keys to values".to_owned())),
        Err(error) => return document.broken = Some((line(text, block), error.to_string())),
    };
    let at = |key: &str| {
        let mut offset = block.start;
        for raw in body.split_inclusive('\n') {
            if raw.trim_start_matches([' ', '-', '{', '"']).starts_with(key) {
                return line(text, Span::at(offset));
            }
            offset += raw.len();
        }
        line(text, block)
    };
    let get = |key: &str| map.get(key).filter(|value| !value.is_null());
    document.placeholders.extend(placeholders(text, block));
    document.runbook = get("kind").and_then(|kind| kind.as_str()) == Some("runbook");
    if let Some(value) = get("estimate") {
        let words = plain(value);
        // A bare number has no unit: it says nothing.
        if let Some(seconds) = duration(&words) {
            document.estimates.insert(0, Estimate { span: at("estimate"), seconds });
        }
    }
    for (number, threshold) in get("thresholds").and_then(|value| value.as_sequence()).into_iter().flatten().enumerate() {
        let measured = threshold.get("value").is_some_and(|value| value.is_number()) || threshold.as_str().is_some_and(is_threshold);
        if measured && number < 100 {
            document.thresholds.push(at("thresholds"));
        }
    }
    let owner =
        ["owner", "oncall", "on-call", "on_call"].into_iter().find(|key| get(key).is_some_and(|value| !plain(value).trim().is_empty()));
    document.owner = owner.map(at);
    for value in get("config").and_then(|value| value.as_sequence()).into_iter().flatten() {
        if let Some(path) = value.as_str().filter(|path| !path.contains('=') && path.contains(['/', '.'])) {
            document.config.push((Named { span: at_text(text, block, path), text: path.to_owned() }, true));
        }
    }
    let target = get("target").and_then(|target| target.get("ref")).and_then(|revision| revision.as_str());
    document.target = target.map(|revision| Named { span: at_text(text, block, revision), text: revision.to_owned() });
    if let Some(value) = get("data") {
        document.data = Some(data_statement(at("data"), &plain(value)));
    }
    if let Some(params) = get("params").and_then(|value| value.as_mapping()) {
        document.params = params.keys().filter_map(|key| key.as_str().map(str::to_owned)).collect();
    }
}

fn at_text(text: &str, block: Span, words: &str) -> Span {
    let found = block.text(text).find(words);
    found.map_or(line(text, block), |at| Span::new(block.start + at, block.start + at + words.len()))
}

/// A YAML value as words; nested values are joined.
fn plain(value: &serde_yaml::Value) -> String {
    match value {
        serde_yaml::Value::String(text) => text.clone(),
        serde_yaml::Value::Sequence(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        serde_yaml::Value::Mapping(map) => {
            map.iter().map(|(key, value)| format!("{}: {}", plain(key), plain(value))).collect::<Vec<_>>().join(". ")
        }
        serde_yaml::Value::Number(number) => number.to_string(),
        serde_yaml::Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_all_spellings() {
        assert_eq!(duration("takes 3-4 minutes"), Some(240));
        assert_eq!(duration("2m41s"), Some(161));
        assert_eq!(duration("PT3M"), Some(180));
        assert_eq!(duration("soon"), None);
        assert_eq!(duration("8–10 min"), Some(600));
    }

    #[test]
    fn headings_have_synonyms() {
        assert_eq!(heading("When to roll back"), Kind::Trigger);
        assert_eq!(heading("Back-out procedure"), Kind::Commands);
        assert_eq!(heading("Database"), Kind::Data);
        assert_eq!(heading("On-call"), Kind::Escalation);
    }

    #[test]
    fn tags_of_html_are_no_placeholders() {
        let text = "<br> <service> {{ name }} {{.Names}} TODO";
        let found: Vec<String> = placeholders(text, Span::new(0, text.len())).into_iter().map(|found| found.text).collect();
        assert_eq!(found, ["<service>", "{{ name }}", "TODO"]);
    }
}
