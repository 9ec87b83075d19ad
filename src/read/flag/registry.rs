//! Code in, the flags of its registries out: object literals named after flags, with booleans, fallbacks of environment
//! variables, or lifecycle stages (Unleash's own server, Kubernetes feature gates, React Native, Bitwarden, Superset).

use std::sync::LazyLock;

use regex::Regex;

use super::decide::{Outcome, Serve};
use super::lifecycle::stage_purpose;
use super::worth::{Source, Worth};
use super::{Draft, Format, Purpose, Reading, purpose, scope};
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
        opens: LazyLock::new(|| {
            Regex::new(
                r"\bmap\[[\w.]*\bFeature\][\w.]*\b(FeatureSpec|VersionedSpecs)\s*(\{)|(?m)^\s*(?:var\s+)?(\w*(?i:flag|toggle|feature)\w*)\s*(?:map\[[\w.]+\]bool\s*)?:?=\s*map\[[\w.]+\]bool\s*(\{)",
            )
            .ok()
        }),
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

struct Entry {
    /// Empty for an item of a list.
    key: Span,
    value: Span,
}

pub fn read(reading: &mut Reading<'_>) {
    let (Some(opens), Some(language)) = (declaration(reading.path), language_of(reading.path)) else { return };
    let blanked = scan(reading.text, &LANGUAGES[language]).code;
    let code = Code { source: Source { text: reading.text, code: &blanked }, python: reading.path.ends_with(".py") };
    let mut end = 0;
    for found in opens.captures_iter(&blanked) {
        let mut groups = found.iter().skip(1).flatten();
        let (Some(name), Some(brace)) = (groups.next(), groups.next()) else { continue };
        if brace.start() < end {
            continue;
        }
        let Some(parts) = code.parts(brace.start()) else {
            return reading.unread(Span { start: name.start(), end: name.end() }, "the braces of a registry of flags do not close");
        };
        end = parts.last().map_or(brace.end(), |part| part.end);
        let entries = code.entries(parts);
        // A map of booleans counts when its name leaves no doubt, else when a value of it is the fallback of a variable.
        let certain = leaves_no_doubt(name.as_str());
        if !certain && !entries.iter().any(|entry| code.source.is_variable(entry.value)) {
            continue;
        }
        let known = entries.iter().any(|entry| code.outcome(entry.value, 0).is_some_and(|outcome| !is_unknown(&outcome)));
        let doubt = match (known, certain && holds_states(name.as_str())) {
            (true, _) => Doubt::Anything,
            (_, true) => Doubt::Value,
            _ => Doubt::Logic,
        };
        entries.iter().for_each(|entry| flag(reading, &code, entry, doubt, certain));
    }
}

fn bare(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

fn leaves_no_doubt(name: &str) -> bool {
    let bare = bare(name);
    ["featureflag", "featuretoggle", "flagdefault", "defaultflag", "defaultfeature", "featurespec", "versionedspecs"]
        .iter()
        .any(|word| bare.contains(word))
}

/// `featureFlags`, `featureFlagDefaults`; not `featureFlagRoutes`.
fn holds_states(name: &str) -> bool {
    let bare = bare(name);
    ["flags", "toggles", "features", "defaults", "values", "value", "states", "specs"].iter().any(|word| bare.ends_with(word))
}

/// What of a registry is a flag of unknown state when it cannot be worked out.
#[derive(Clone, Copy, PartialEq)]
enum Doubt {
    /// Nothing says that it holds booleans: what is written with the operators of a boolean.
    Logic,
    /// It is called a map of states: every value but functions.
    Value,
    /// Others of its entries are on or off.
    Anything,
}

fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome.serve, Serve::Unknown(_))
}

fn flag(reading: &mut Reading<'_>, code: &Code<'_>, entry: &Entry, doubt: Doubt, certain: bool) {
    let shorthand = Entry { key: entry.value, value: entry.value };
    let entry = if code.is_shorthand(entry) && doubt != Doubt::Logic { &shorthand } else { entry };
    let Some(key) = code.key(entry) else { return };
    if let Some(inner) = code.booleans(entry.value) {
        let environment = if scope::of_path(key) == key.to_ascii_lowercase() { key } else { "" };
        for (name, entry) in inner {
            let Some(outcome) = code.outcome(entry.value, 1) else { continue };
            let key = if environment.is_empty() { format!("{key}.{name}") } else { name.to_owned() };
            push(reading, code, &entry, key, environment, outcome);
        }
        return;
    }
    if !certain && code.source.worth(entry.value) == Some(Worth::Unset) {
        return;
    }
    let Some(outcome) = code.outcome(entry.value, 0).or_else(|| code.doubtful(entry.value, doubt)) else { return };
    push(reading, code, entry, key.to_owned(), "", outcome);
}

fn push(reading: &mut Reading<'_>, code: &Code<'_>, entry: &Entry, key: String, environment: &str, outcome: Outcome) {
    let scalar = |span: Span, text: &str| Node::new(span, NodeKind::Scalar { text: text.into(), style: Style::Quoted });
    let (name, body) = (scalar(entry.key, &key), scalar(entry.value, ""));
    let draft = Draft::new(Format::Registry, &name, &body, outcome.decision());
    reading.push(Draft { purpose: code.purpose(entry.value), environment: environment.to_owned(), ..draft });
}

struct Code<'t> {
    source: Source<'t>,
    python: bool,
}

/// Fields of a flag's object that hold its state, the surest first.
const STATE: [&str; 8] = ["enabled", "defaultValue", "default_value", "default", "Default", "isEnabled", "active", "value"];

impl<'t> Code<'t> {
    fn bare(&self, span: Span) -> &'t str {
        self.source.bare(span)
    }

    /// The parts of a bracket's inside that commas separate; nothing when it does not close.
    fn parts(&self, open: usize) -> Option<Vec<Span>> {
        let (mut parts, mut depth, mut from) = (Vec::new(), 0usize, open + 1);
        for (at, byte) in self.source.code.bytes().enumerate().skip(open + 1) {
            match byte {
                b'{' | b'[' | b'(' => depth += 1,
                b'}' | b']' | b')' if depth == 0 => {
                    parts.push(self.source.trim(from, at));
                    parts.retain(|part| part.start < part.end);
                    return Some(parts);
                }
                b'}' | b']' | b')' => depth -= 1,
                b',' if depth == 0 => {
                    parts.push(self.source.trim(from, at));
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
                Some(colon) => {
                    let (key, value) =
                        (self.source.trim(part.start, part.start + colon), self.source.trim(part.start + colon + 1, part.end));
                    Entry { key, value }
                }
                None => Entry { key: Span::at(part.start), value: part },
            }
        };
        parts.into_iter().map(entry).collect()
    }

    /// `{ checkout }` of a language that has braces for nothing but objects.
    fn is_shorthand(&self, entry: &Entry) -> bool {
        let name = self.bare(entry.value);
        !self.python && entry.key.start == entry.key.end && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    }

    /// The name in `name`, `'name'`, `"name"` and `[Flag.Name]`.
    fn key(&self, entry: &Entry) -> Option<&'t str> {
        let raw = self.source.text.get(entry.key.start..entry.key.end)?;
        let bare = raw.trim_matches(['"', '\'', '`', '[', ']']);
        let name = bare.rsplit('.').next().filter(|_| raw.starts_with('[')).unwrap_or(bare);
        (!name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':'))).then_some(name)
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
        self.worked_out(value).or_else(|| self.fallback(value))
    }

    fn worked_out(&self, value: Span) -> Option<Outcome> {
        let on = match self.source.worth(value)? {
            Worth::Bool(on) => on,
            Worth::Text(text) if self.source.is_variable(value) => boolean(&text)?,
            Worth::Unset => false,
            // The name of something, not whether it is on.
            Worth::Text(_) | Worth::Environment => return None,
        };
        let unless = if self.source.is_variable(value) { " in production unless a variable says otherwise" } else { "" };
        let outcome = Outcome::boolean(on, value, format!("`{}` is {on}{unless}", self.short(value)));
        Some(if self.python { off_like("True", outcome) } else { outcome })
    }

    /// The last argument of a call that reads a variable.
    fn fallback(&self, value: Span) -> Option<Outcome> {
        let bare = self.bare(value);
        if !self.source.is_variable(value) || self.source.is_logic(value) {
            return None;
        }
        let open = value.start + bare.find('(')?;
        let last = *self.parts(open)?.last()?;
        let word = self.bare(last);
        let on = boolean(word)?;
        Some(off_like(word, Outcome::boolean(on, last, format!("it falls back to `{word}` while the variable is not set"))))
    }

    /// A value that may be a boolean and cannot be worked out; texts, numbers, lists and types are none.
    fn doubtful(&self, value: Span, doubt: Doubt) -> Option<Outcome> {
        let bare = self.bare(value);
        let literal = bare.starts_with(['"', '\'', '`', '[', '{', '-', '/']) || bare.starts_with(|c: char| c.is_ascii_digit());
        let nothing = matches!(bare, "null" | "undefined" | "None" | "nil") || bare.starts_with("new ") || bare.starts_with("...");
        let function = bare.contains("=>") || bare.starts_with("function") || bare.starts_with("async ") || bare.starts_with("func(");
        let logic = self.source.is_logic(value) && !function;
        let text = matches!(self.source.worth(value), Some(Worth::Text(_) | Worth::Environment));
        let may_be = match doubt {
            Doubt::Logic => logic,
            Doubt::Value => logic || !function,
            Doubt::Anything => true,
        };
        let computed =
            || Outcome::new(Serve::Unknown("it is computed when the program runs".to_owned()), value, format!("`{}`", self.short(value)));
        (may_be && !literal && !nothing && !text).then(computed)
    }

    /// An expression for a sentence: in one line, and not long.
    fn short(&self, value: Span) -> String {
        let words: Vec<&str> = value.text(self.source.text).split_whitespace().collect();
        let line = words.join(" ");
        if line.chars().count() > 80 { line.chars().take(79).chain(['…']).collect() } else { line }
    }

    /// An object with a field for the state, or a list of specifications of which the last counts.
    fn nested(&self, value: Span, depth: usize) -> Option<Outcome> {
        let entries = self.entries(self.parts(value.start)?);
        let field = |name: &str| entries.iter().find(|entry| self.key(entry) == Some(name));
        if let Some(entry) = STATE.iter().find_map(|name| field(name)) {
            return self.outcome(entry.value, depth + 1).or_else(|| self.doubtful(entry.value, Doubt::Value));
        }
        if let Some(last) = entries.iter().rfind(|entry| self.bare(entry.value).starts_with('{') && entry.key.start == entry.key.end) {
            return self.outcome(last.value, depth + 1);
        }
        let on = entries.iter().find(|entry| boolean(self.bare(entry.value)) == Some(true))?;
        let key = self.key(on)?;
        let reason = "none of its fields is known to hold its state".to_owned();
        Some(Outcome::new(Serve::Unknown(reason), on.value, format!("`{key}` is `{}`", self.bare(on.value))))
    }

    /// The entries of an object that holds nothing but booleans, none of them the state of the object itself.
    fn booleans(&self, value: Span) -> Option<Vec<(&'t str, Entry)>> {
        if !self.bare(value).starts_with('{') {
            return None;
        }
        let entries = self.entries(self.parts(value.start)?);
        let named: Option<Vec<_>> = entries.into_iter().map(|entry| Some((self.key(&entry)?, entry))).collect();
        let is_boolean = |(name, entry): &(&str, Entry)| {
            !STATE.contains(name)
                && (boolean(self.bare(entry.value)).is_some() || matches!(self.source.worth(entry.value), Some(Worth::Bool(_))))
        };
        named.filter(|named| !named.is_empty() && named.iter().all(is_boolean))
    }

    /// By a declared purpose or stage, never by the name.
    fn purpose(&self, value: Span) -> Purpose {
        static STAGE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bPreRelease:\s*(?:\w+\.)?(\w+)").ok());
        static KIND: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"\b(?:purpose|type):\s*['"]([\w-]+)['"]"#).ok());
        let text = value.text(self.source.text);
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
        let expected = [("license", State::Off), ("mode", State::On), ("banner", State::Off), ("odd", State::Unknown)]
            .map(|(key, state)| (key.to_owned(), state));
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
    fn expressions_maps_and_go() {
        let text = "export const featureFlags = {\n  a: process.env.A ?? true,\n  b: { c: true, d: !true },\n  production: { e: true },\n  staging: { f: true },\n  g,\n  h: () => isOn(),\n  name: 'x',\n  limit: 5,\n  i: { title: 'x', beta: true },\n};\n";
        let expected = [
            ("a", State::On),
            ("b.c", State::On),
            ("b.d", State::Off),
            ("e", State::On),
            ("f", State::On),
            ("g", State::Unknown),
            ("h", State::Unknown),
            ("i", State::Unknown),
        ];
        assert_eq!(flags("src/featureFlags.ts", text), expected.map(|(key, state)| (key.to_owned(), state)));
        let file = read_flags("src/featureFlags.ts", text, FileId(0), &[], "2026-06-01");
        assert_eq!((file.flags[3].environment.as_str(), file.flags[4].environment.as_str()), ("production", "staging"));
        let go = "var DefaultFeatureFlags = map[string]bool{\n\t\"cart\": true,\n\tflags.Pay: os.Getenv(\"PAY\") == \"1\",\n}\n";
        assert_eq!(flags("flags.go", go), [("cart".to_owned(), State::On), ("flags.Pay".to_owned(), State::Off)]);
    }

    #[test]
    fn other_objects_are_left() {
        for (path, text) in [
            ("cli.ts", "export const flags = {\n  force: true,\n};\n"),
            ("a.ts", "const options = { featureFlags: true };\n"),
            ("a.py", "features = {'sepal': True}\n"),
            ("a.go", "var flags = map[string]bool{\n\t\"verbose\": true,\n}\n"),
            ("a.ts", "export const featureFlagKeys = {\n  a: 'a',\n  b: `b`,\n};\n"),
            ("a.ts", "export const featureFlagRoutes = {\n  cart: CartPage,\n  list: (all) => all,\n};\n"),
            ("a.ts", "export const featureConfig = {\n  url: process.env.URL,\n  key: process.env.KEY ?? 'x',\n};\n"),
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
