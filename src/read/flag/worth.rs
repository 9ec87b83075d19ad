//! An expression of code in, what it is worth in production while nobody sets a variable out: `process.env.X ?? true` is true.

use std::sync::LazyLock;

use regex::Regex;

use crate::source::Span;

/// A text and its copy without comments and without what stands in strings.
#[derive(Clone, Copy)]
pub struct Source<'t> {
    pub text: &'t str,
    pub code: &'t str,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Worth {
    Bool(bool),
    Text(String),
    /// A variable that is not set.
    Unset,
    /// The name of the environment: `process.env.NODE_ENV`.
    Environment,
}

impl Worth {
    fn truthy(&self) -> bool {
        match self {
            Worth::Bool(on) => *on,
            Worth::Text(text) => !text.is_empty(),
            Worth::Unset => false,
            Worth::Environment => true,
        }
    }
}

/// Expressions nest no deeper than this where anybody reads them.
const MAX_DEPTH: usize = 24;

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"^(?:process\.env(?:\.(\w+)|\[\s*['"](\w+)['"]\s*\])|import\.meta\.env\.(\w+)|os\.environ(?:\.get\(\s*['"](\w+)['"]\s*\)|\[\s*['"](\w+)['"]\s*\])|os\.[gG]etenv\(\s*['"](\w+)['"]\s*\))!?$"#,
    )
    .expect("a constant pattern")
});
static FALLBACK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^os\.(?:environ\.get|getenv)\(").expect("a constant pattern"));
/// Calls that change no more than the case and the rim of a text, or make a boolean of something.
static RIM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\??\.(?:toLowerCase|toUpperCase|trim|toString|lower|upper|strip|casefold)\(\s*\)$").expect("a constant pattern")
});
static CAST: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\s+(?:as|satisfies)\s+[\w.<>\[\]| ]+$").expect("a constant pattern"));
static THUNK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?:async\s*)?\(\s*\)\s*=>\s*|^lambda\s*:\s*").expect("a constant pattern"));
/// What only a boolean is written with.
static LOGIC: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[=!]==?|&&|\|\||\?\?|^!|\bnot\s|\s(?:and|or|in)\s|^(?:Boolean|bool)\(").expect("a constant pattern"));

impl<'t> Source<'t> {
    /// What stands at a span once comments and strings are blanked.
    pub fn bare(&self, span: Span) -> &'t str {
        self.code.get(span.start..span.end).unwrap_or_default()
    }

    pub fn trim(&self, start: usize, end: usize) -> Span {
        let words = self.code.get(start..end).unwrap_or_default();
        let from = start + (words.len() - words.trim_start().len());
        Span { start: from, end: from + words.trim().len() }
    }

    /// Whether a value, or a field of it, is read from an environment variable.
    pub fn is_variable(&self, span: Span) -> bool {
        ["process.env", "import.meta.env", "os.environ", "getenv(", "Getenv("].iter().any(|word| self.bare(span).contains(word))
    }

    pub fn is_logic(&self, span: Span) -> bool {
        LOGIC.is_match(self.bare(span))
    }

    /// Nothing when it cannot be told.
    pub fn worth(&self, span: Span) -> Option<Worth> {
        self.expression(span, 0)
    }

    fn expression(&self, span: Span, depth: usize) -> Option<Worth> {
        if depth > MAX_DEPTH {
            return None;
        }
        let span = self.trim(span.start, span.end);
        let bare = self.bare(span);
        let inner = |from: usize, to: usize| self.expression(Span { start: span.start + from, end: span.start + to }, depth + 1);
        if let Some(found) = THUNK.find(bare) {
            return inner(found.end(), bare.len());
        }
        if let Some(found) = CAST.find(bare) {
            return inner(0, found.start());
        }
        if bare.starts_with('(') && closes_at_end(bare) {
            return inner(1, bare.len() - 1);
        }
        if let Some((at, _)) = split(bare, &["?", " if ", "=>"]) {
            let colon = split(&bare[at..], &[":"]).filter(|_| bare[at..].starts_with('?') && split(&bare[..at], &["?"]).is_none())?.0;
            return if inner(0, at)?.truthy() { inner(at + 1, at + colon) } else { inner(at + colon + 1, bare.len()) };
        }
        for (words, join) in OPERATORS {
            if let Some((at, word)) = split(bare, words) {
                return join(word, inner(0, at), inner(at + word.len(), bare.len()));
            }
        }
        for word in ["!", "not "] {
            if bare.starts_with(word) {
                return inner(word.len(), bare.len()).map(|worth| Worth::Bool(!worth.truthy()));
            }
        }
        self.atom(span, bare, &inner)
    }

    fn atom(&self, span: Span, bare: &str, inner: &dyn Fn(usize, usize) -> Option<Worth>) -> Option<Worth> {
        match bare {
            "true" | "True" | "TRUE" | "import.meta.env.PROD" => return Some(Worth::Bool(true)),
            "false" | "False" | "FALSE" | "import.meta.env.DEV" => return Some(Worth::Bool(false)),
            _ => {}
        }
        let quote = bare.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'));
        if let Some(quote) = quote {
            let text = span.text(self.text);
            let plain = bare.len() >= 2 && bare[1..].find(quote) == Some(bare.len() - 2) && !(quote == '`' && text.contains("${"));
            return plain.then(|| Worth::Text(text[1..text.len() - 1].to_owned()));
        }
        if let Some(name) = VARIABLE.captures(span.text(self.text)).and_then(|found| found.iter().skip(1).flatten().next()) {
            let name = name.as_str();
            let environment = name == "MODE" || name == "ENVIRONMENT" || name == "STAGE" || name == "ENV" || name.ends_with("_ENV");
            return Some(if environment || name.ends_with("_ENVIRONMENT") { Worth::Environment } else { Worth::Unset });
        }
        if let Some(found) = RIM.find(bare) {
            return inner(0, found.start());
        }
        let (open, _) = bare.match_indices('(').next().filter(|(at, _)| closes_at_end(&bare[*at..]))?;
        if matches!(&bare[..open], "Boolean" | "bool") {
            return inner(open + 1, bare.len() - 1).map(|worth| Worth::Bool(worth.truthy()));
        }
        let comma = split(&bare[open + 1..bare.len() - 1], &[","]).filter(|_| FALLBACK.is_match(bare))?.0;
        inner(open + 2 + comma, bare.len() - 1)
    }
}

type Join = fn(&str, Option<Worth>, Option<Worth>) -> Option<Worth>;

/// By rank, the loosest first; each is split at its last place, so the left side is whole.
const OPERATORS: [(&[&str], Join); 4] = [
    (&["??", "||", " or "], |word, left, right| match (left, right) {
        (Some(left), right) => {
            if left != Worth::Unset && (word == "??" || left.truthy()) {
                Some(left)
            } else {
                right
            }
        }
        // Whatever is on the left, the right makes it true.
        (None, Some(Worth::Bool(true))) if word != "??" => Some(Worth::Bool(true)),
        (None, _) => None,
    }),
    (&["&&", " and "], |_, left, right| match (left, right) {
        (Some(left), right) => {
            if left.truthy() {
                right
            } else {
                Some(Worth::Bool(false))
            }
        }
        (None, Some(right)) if !right.truthy() => Some(Worth::Bool(false)),
        (None, _) => None,
    }),
    (&["!==", "===", "!=", "=="], |word, left, right| equal(&left?, &right?).map(|same| Worth::Bool(same != word.starts_with('!')))),
    // A comparison of sizes, a sum: not followed.
    (&[" in ", "<", ">", "+", " is "], |_, _, _| None),
];

fn equal(left: &Worth, right: &Worth) -> Option<bool> {
    match (left, right) {
        (Worth::Environment, Worth::Text(name)) | (Worth::Text(name), Worth::Environment) => {
            Some(matches!(name.to_ascii_lowercase().as_str(), "production" | "prod" | "prd" | "live"))
        }
        (Worth::Environment, Worth::Bool(_) | Worth::Unset) | (Worth::Bool(_) | Worth::Unset, Worth::Environment) => Some(false),
        (Worth::Environment, Worth::Environment) => None,
        (left, right) => Some(left == right),
    }
}

/// Whether the bracket that a text starts with is closed by its last character.
fn closes_at_end(bare: &str) -> bool {
    let mut depth = 0usize;
    for (at, byte) in bare.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1 == bare.len() && byte == b')';
        }
    }
    false
}

/// The last place outside of brackets where one of some operators stands, and which.
fn split(bare: &str, words: &[&'static str]) -> Option<(usize, &'static str)> {
    let (mut depth, mut found, mut skip) = (0usize, None, 0);
    for (at, byte) in bare.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 0 || at < skip {
            continue;
        }
        // `?.` only reaches on, and `??` is an operator of its own.
        let Some(word) = words.iter().find(|word| bare.as_bytes()[at..].starts_with(word.as_bytes())) else { continue };
        if *word == "?" && matches!(bare.as_bytes().get(at + 1), Some(b'.' | b'?')) {
            skip = at + 2;
            continue;
        }
        skip = at + word.len();
        found = Some((at, *word));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::language::{LANGUAGES, language_of};
    use crate::usage::scan::scan;

    fn worth(path: &str, text: &str) -> Option<bool> {
        let code = scan(text, &LANGUAGES[language_of(path).expect("a language")]).code;
        Source { text, code: &code }.worth(Span { start: 0, end: text.len() }).map(|worth| worth.truthy())
    }

    #[test]
    fn expressions_are_worked_out_as_far_as_they_are_plain() {
        for (text, wanted) in [
            ("!false", Some(true)),
            ("!!process.env.X", Some(false)),
            ("process.env.X ?? true", Some(true)),
            ("process.env.X || false", Some(false)),
            ("process.env.X !== '0'", Some(true)),
            ("process.env['X'] === 'true'", Some(false)),
            ("process.env.X?.toLowerCase() !== 'off'", Some(true)),
            ("(process.env.X ?? 'true') === 'true'", Some(true)),
            ("process.env.NODE_ENV === 'production'", Some(true)),
            ("process.env.NODE_ENV !== 'production'", Some(false)),
            ("process.env.NODE_ENV === \"development\" || process.env.X === 'x'", Some(false)),
            ("import.meta.env.PROD && user.isAdmin", None),
            ("import.meta.env.DEV && user.isAdmin", Some(false)),
            ("user.isAdmin || true", Some(true)),
            ("user.isAdmin ?? true", None),
            ("() => true", Some(true)),
            ("true as boolean", Some(true)),
            ("a ? true : false", None),
            ("a ? b : c || true", None),
            ("process.env.NODE_ENV === 'production' ? true : false", Some(true)),
            ("a ? true : process.env.X ? true : false", None),
            ("count > 1", None),
            ("isOn", None),
        ] {
            assert_eq!(worth("a.ts", text), wanted, "{text}");
        }
        for (text, wanted) in [
            ("os.environ.get('X', 'true').lower() == 'true'", Some(true)),
            ("os.getenv('X') == '1'", Some(false)),
            ("not False", Some(true)),
            ("bool(os.environ.get('X'))", Some(false)),
        ] {
            assert_eq!(worth("a.py", text), wanted, "{text}");
        }
        let deep = "(".repeat(50_000) + &"!".repeat(50_000);
        assert_eq!(worth("a.ts", &deep), None);
    }
}
