//! Code in, the flags of its registries out: object literals named after flags, with booleans, fallbacks of environment
//! variables, or lifecycle stages (Unleash's own server, Kubernetes feature gates, React Native, Bitwarden, Superset).

use std::sync::LazyLock;

use regex::Regex;

use super::decide::{Outcome, Serve};
use super::lifecycle::stage_purpose;
use super::{Draft, Format, Purpose, Reading, purpose};
use crate::read::tree::{Node, NodeKind, Style};
use crate::source::Span;
use crate::usage::language::{LANGUAGES, language_of};
use crate::usage::scan::scan;

/// How a language opens a registry; the first group is its name, the last its brace.
struct Declaration {
    endings: &'static [&'static str],
    opens: LazyLock<Option<Regex>>,
}

static DECLARATIONS: [Declaration; 3] = [
    Declaration {
        endings: &["ts", "tsx", "js", "jsx", "mjs", "cjs"],
        opens: LazyLock::new(|| {
            Regex::new(
                r"(?m)^(?:export\s+)?(?:const|let|var)\s+(\w*(?i:flag|toggle|feature|experiment)\w*)\s*(?::[^=\n]+)?=\s*(?:Object\.freeze\(\s*)?(\{)",
            )
            .ok()
        }),
    },
    Declaration {
        endings: &["py"],
        opens: LazyLock::new(|| Regex::new(r"(?m)^(\w*(?i:flag|toggle|feature|experiment)\w*)\s*(?::[^=\n]+)?=\s*(\{)").ok()),
    },
    Declaration {
        endings: &["go"],
        opens: LazyLock::new(|| Regex::new(r"\bmap\[[\w.]*\bFeature\][\w.]*\b(FeatureSpec|VersionedSpecs)\s*(\{)").ok()),
    },
];

/// Literals nest: a registry, a flag, its specification.
const MAX_DEPTH: usize = 4;

fn declaration(path: &str) -> Option<&'static Regex> {
    let ending = path.rsplit_once('.')?.1;
    DECLARATIONS.iter().find(|declaration| declaration.endings.contains(&ending))?.opens.as_ref()
}

pub fn is_code(path: &str) -> bool {
    declaration(path).is_some()
}

pub fn claims(path: &str, text: &str) -> bool {
    declaration(path).is_some_and(|opens| opens.is_match(text))
}

/// A text and its copy without comments and without what stands in strings.
struct Code<'t> {
    text: &'t str,
    code: String,
}

struct Entry {
    /// Empty for an item of a list.
    key: Span,
    value: Span,
}

pub fn read(reading: &mut Reading<'_>) {
    let (Some(opens), Some(language)) = (declaration(reading.path), language_of(reading.path)) else { return };
    let code = Code { text: reading.text, code: scan(reading.text, &LANGUAGES[language]).code };
    let mut end = 0;
    for found in opens.captures_iter(&code.code) {
        let (Some(name), Some(brace)) = (found.get(1), found.get(2)) else { continue };
        if brace.start() < end {
            continue;
        }
        let Some(parts) = code.parts(brace.start()) else {
            return reading.unread(Span { start: name.start(), end: name.end() }, "the braces of a registry of flags do not close");
        };
        end = parts.last().map_or(brace.end(), |part| part.end);
        let entries = code.entries(parts);
        // A map of booleans counts when its name leaves no doubt, else when a value of it is the fallback of a variable.
        let switches = entries.iter().any(|entry| code.is_variable(entry.value));
        if !switches && !leaves_no_doubt(name.as_str()) {
            continue;
        }
        for entry in &entries {
            flag(reading, &code, entry);
        }
    }
}

fn leaves_no_doubt(name: &str) -> bool {
    let bare: String = name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
    ["featureflag", "featuretoggle", "flagdefault", "defaultflag", "defaultfeature", "featurespec", "versionedspecs"]
        .iter()
        .any(|word| bare.contains(word))
}

fn flag(reading: &mut Reading<'_>, code: &Code<'_>, entry: &Entry) {
    let Some(key) = code.key(entry) else { return };
    let Some(outcome) = code.outcome(entry.value, 0) else { return };
    let scalar = |span: Span, text: &str| Node::new(span, NodeKind::Scalar { text: text.into(), style: Style::Quoted });
    let (name, body) = (scalar(entry.key, key), scalar(entry.value, ""));
    reading.push(Draft { purpose: code.purpose(entry.value), ..Draft::new(Format::Registry, &name, &body, outcome.decision()) });
}

impl Code<'_> {
    /// What stands at a span once comments and strings are blanked.
    fn bare(&self, span: Span) -> &str {
        self.code.get(span.start..span.end).unwrap_or_default()
    }

    fn trim(&self, start: usize, end: usize) -> Span {
        let words = self.code.get(start..end).unwrap_or_default();
        let from = start + (words.len() - words.trim_start().len());
        Span { start: from, end: from + words.trim().len() }
    }

    /// The parts of a bracket's inside that commas separate; nothing when it does not close.
    fn parts(&self, open: usize) -> Option<Vec<Span>> {
        let (mut parts, mut depth, mut from) = (Vec::new(), 0usize, open + 1);
        for (at, byte) in self.code.bytes().enumerate().skip(open + 1) {
            match byte {
                b'{' | b'[' | b'(' => depth += 1,
                b'}' | b']' | b')' if depth == 0 => {
                    parts.push(self.trim(from, at));
                    parts.retain(|part| part.start < part.end);
                    return Some(parts);
                }
                b'}' | b']' | b')' => depth -= 1,
                b',' if depth == 0 => {
                    parts.push(self.trim(from, at));
                    from = at + 1;
                }
                _ => {}
            }
        }
        None
    }

    fn entries(&self, parts: Vec<Span>) -> Vec<Entry> {
        let entry = |part: Span| {
            let bare = self.bare(part);
            let colon = bare.find(':').filter(|colon| !bare[..*colon].contains(['{', '(', '?']));
            match colon {
                Some(colon) => Entry { key: self.trim(part.start, part.start + colon), value: self.trim(part.start + colon + 1, part.end) },
                None => Entry { key: Span::at(part.start), value: part },
            }
        };
        parts.into_iter().map(entry).collect()
    }

    /// The name in `name`, `'name'`, `"name"` and `[Flag.Name]`.
    fn key(&self, entry: &Entry) -> Option<&str> {
        let raw = entry.key.text(self.text).trim_matches(['"', '\'', '`', '[', ']']);
        let name = raw.rsplit('.').next().filter(|_| entry.key.text(self.text).starts_with('[')).unwrap_or(raw);
        (!name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':'))).then_some(name)
    }

    /// Whether a value, or a field of it, is read from an environment variable.
    fn is_variable(&self, value: Span) -> bool {
        ["process.env", "os.environ", "getenv("].iter().any(|word| self.bare(value).contains(word))
    }

    /// What a value serves before anybody sets anything.
    fn outcome(&self, value: Span, depth: usize) -> Option<Outcome> {
        let bare = self.bare(value);
        if let Some(on) = boolean(bare) {
            return Some(off_like(bare, Outcome::boolean(on, value, format!("it is `{bare}`"))));
        }
        if depth >= MAX_DEPTH {
            return None;
        }
        if bare.starts_with('{') {
            return self.nested(value, depth);
        }
        if !self.is_variable(value) {
            return None;
        }
        // `variable !== 'false'` is on until somebody says no; `=== 'true'` is off.
        let text = value.text(self.text);
        for (test, on) in [("!== 'false'", true), ("!== \"false\"", true), ("=== 'true'", false), ("=== \"true\"", false)] {
            if text.ends_with(test) {
                let serve = if on { Serve::On } else { Serve::Off };
                return Some(Outcome::new(serve, value, format!("`{test}` decides while the variable is not set")));
            }
        }
        let open = value.start + bare.find('(')?;
        let last = *self.parts(open)?.last()?;
        let word = self.bare(last);
        let on = boolean(word)?;
        Some(off_like(word, Outcome::boolean(on, last, format!("it falls back to `{word}` while the variable is not set"))))
    }

    /// An object with a field for the state, or a list of specifications of which the last counts.
    fn nested(&self, value: Span, depth: usize) -> Option<Outcome> {
        let entries = self.entries(self.parts(value.start)?);
        let field = |name: &str| entries.iter().find(|entry| self.key(entry) == Some(name));
        let state = ["enabled", "defaultValue", "default_value", "default", "Default"].iter().find_map(|name| field(name));
        match state {
            Some(entry) => self.outcome(entry.value, depth + 1),
            None => {
                let last = entries.iter().rfind(|entry| self.bare(entry.value).starts_with('{') && entry.key.start == entry.key.end)?;
                self.outcome(last.value, depth + 1)
            }
        }
    }

    /// By a declared purpose or stage, never by the name.
    fn purpose(&self, value: Span) -> Purpose {
        static STAGE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bPreRelease:\s*(?:\w+\.)?(\w+)").ok());
        static KIND: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"\b(?:purpose|type):\s*['"]([\w-]+)['"]"#).ok());
        let text = value.text(self.text);
        // The last specification is the newest.
        let last = |regex: &Option<Regex>| regex.as_ref().and_then(|regex| regex.captures_iter(text).last()).and_then(|found| found.get(1));
        match last(&STAGE) {
            Some(stage) => stage_purpose(stage.as_str()),
            None => purpose(last(&KIND).map(|kind| kind.as_str())),
        }
    }
}

fn boolean(word: &str) -> Option<bool> {
    match word {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// The edit in the spelling of the value it replaces.
fn off_like(word: &str, outcome: Outcome) -> Outcome {
    let off = match word {
        "True" => "False",
        "TRUE" => "FALSE",
        _ => "false",
    };
    let edit = outcome.off.is_some().then(|| off.to_owned());
    outcome.with_off(edit)
}

#[cfg(test)]
mod tests {
    use crate::read::flag::{Purpose, State, claims, read_flags};
    use crate::source::FileId;

    fn flags(path: &str, text: &str) -> Vec<(String, State)> {
        assert!(claims(path, text), "{path}");
        read_flags(path, text, FileId(0), &[], "2026-06-01").flags.into_iter().map(|flag| (flag.key, flag.state)).collect()
    }

    #[test]
    fn registries_of_variables_and_booleans() {
        let text = "const flags: IFlags = {\n    // on: true,\n    license: false,\n    mode: parseBool(\n        process.env.MODE, // { \n        true,\n    ),\n    banner: {\n        name: 'x',\n        enabled: parseBool(process.env.BANNER, false),\n        payload: { value: process.env.P ?? '' },\n    },\n    odd: user.isAdmin,\n};\n";
        let expected = [("license", State::Off), ("mode", State::On), ("banner", State::Off)].map(|(key, state)| (key.to_owned(), state));
        assert_eq!(flags("src/experimental.ts", text), expected);
        let python = "DEFAULT_FEATURE_FLAGS: dict[str, bool] = {\n    \"A\": True,  # \"Z\": True\n    'B': False,\n}\n";
        assert_eq!(flags("config.py", python), [("A".to_owned(), State::On), ("B".to_owned(), State::Off)]);
        let enumerated = "export const DefaultFeatureFlagValue = {\n  [FeatureFlag.NewCart]: FALSE,\n} satisfies X;\n";
        assert_eq!(flags("flag.enum.ts", enumerated), [("NewCart".to_owned(), State::Off)]);
    }

    #[test]
    fn stages_say_what_may_be_on() {
        let text = "var gates = map[featuregate.Feature]featuregate.VersionedSpecs{\n\tOld: {\n\t\t{Version: v(\"0.1\"), Default: false, PreRelease: featuregate.Alpha},\n\t\t{Version: v(\"0.2\"), Default: true, PreRelease: featuregate.Beta},\n\t},\n\tNew: {{Version: v(\"0.3\"), Default: true, PreRelease: featuregate.Alpha}},\n}\n";
        let read = read_flags("pkg/features/gates.go", text, FileId(0), &[], "2026-06-01").flags;
        let got: Vec<_> = read.iter().map(|flag| (flag.key.as_str(), flag.state.clone(), flag.purpose.clone())).collect();
        assert_eq!(got, [("Old", State::On, Purpose::Lifecycle("beta".into())), ("New", State::On, Purpose::Release)]);
    }

    #[test]
    fn other_objects_are_left() {
        for (path, text) in [
            ("cli.ts", "export const flags = {\n  force: true,\n};\n"),
            ("a.ts", "const options = { featureFlags: true };\n"),
            ("a.py", "features = {'sepal': True}\n"),
        ] {
            assert!(read_flags(path, text, FileId(0), &[], "2026-06-01").flags.is_empty(), "{path}");
        }
    }

    #[test]
    fn hostile_code_ends() {
        let open = format!("const featureFlags = {}", "{a:".repeat(50_000));
        assert!(read_flags("a.ts", &open, FileId(0), &[], "2026-06-01").flags.is_empty());
        let many = read_flags("a.ts", &"const featureFlags = {\n".repeat(200_000), FileId(0), &[], "2026-06-01");
        assert_eq!((many.flags.len(), many.unread.len()), (0, 1));
    }
}
