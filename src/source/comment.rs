//! Comments that speak to holdshort: a path and its text in, the suppressions written in it out, good or malformed, with their places.

use super::span::{LineIndex, Span};

/// `holdshort: allow RULE[, RULE] [until DATE,] because REASON` in a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// From `holdshort:` to the end of the comment's text.
    pub span: Span,
    /// 0-based.
    pub line: usize,
    /// Nothing but the comment stands on its line, so it speaks for what follows.
    pub own_line: bool,
    pub rules: Vec<String>,
    /// `YYYY-MM-DD`, the last day it counts.
    pub until: Option<String>,
    pub reason: String,
}

/// A comment that begins like a suppression and cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub span: Span,
    pub problem: String,
}

const MARK: &str = "holdshort:";
/// What other tools call it. Written here, it would be passed over in silence.
const OTHER_WORDS: [&str; 12] =
    ["allows", "allowed", "accept", "ignore", "ignores", "disable", "suppress", "skip", "noqa", "nolint", "off", "except"];

/// How a language begins a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Language {
    openers: &'static [&'static str],
    /// A line of a block comment may begin with `*`.
    stars: bool,
    /// A quote is written twice to stand for itself; no backslashes.
    doubled_quotes: bool,
}

const SQL: Language = Language { openers: &["--", "/*", "#"], stars: true, doubled_quotes: true };
const HASH: Language = Language { openers: &["#"], stars: false, doubled_quotes: false };
const INI: Language = Language { openers: &["#", ";"], stars: false, doubled_quotes: false };
const SLASH: Language = Language { openers: &["//", "/*"], stars: true, doubled_quotes: false };
const SLASH_OR_HASH: Language = Language { openers: &["//", "/*", "#"], stars: true, doubled_quotes: false };
const MARKUP: Language = Language { openers: &["<!--"], stars: false, doubled_quotes: false };
const DASHES: Language = Language { openers: &["--"], stars: false, doubled_quotes: false };
const ANY: Language = Language { openers: &["--", "#", "//", "/*", "<!--", ";"], stars: true, doubled_quotes: false };

impl Language {
    fn of(path: &str) -> Language {
        let lower = path.to_ascii_lowercase();
        let name = lower.rsplit('/').next().unwrap_or(&lower);
        if name == "jenkinsfile" {
            return SLASH;
        }
        match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "sql" | "pgsql" | "psql" | "ddl" => SQL,
            "yaml" | "yml" | "sh" | "bash" | "zsh" | "py" | "rb" | "ex" | "exs" | "toml" | "r" | "pl" | "mk" | "env" => HASH,
            "ini" | "cfg" | "conf" | "properties" => INI,
            "tf" | "tfvars" | "hcl" | "nomad" | "php" | "cue" => SLASH_OR_HASH,
            "json" | "jsonc" | "json5" | "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "go" | "java" | "kt" | "kts" | "rs"
            | "cs" | "scala" | "swift" | "groovy" | "gradle" | "prisma" | "proto" | "c" | "h" | "cpp" => SLASH,
            "md" | "markdown" | "html" | "htm" | "xml" | "svg" | "vue" => MARKUP,
            "lua" | "hs" | "elm" => DASHES,
            _ if name.starts_with("dockerfile") || name.ends_with("makefile") || matches!(name, "justfile" | "gemfile" | "codeowners") => {
                HASH
            }
            _ => ANY,
        }
    }

    /// Where the first comment of a line begins; a string's text is no comment.
    fn comment_start(self, line: &str) -> Option<usize> {
        if self.stars && line.trim_start().starts_with('*') {
            return Some(line.len() - line.trim_start().len());
        }
        let bytes = line.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
            let after_blank = at == 0 || bytes[at - 1].is_ascii_whitespace();
            let opens = |opener: &&&str| rest.starts_with(opener.as_bytes()) && (opener.len() > 1 || after_blank);
            if self.openers.iter().find(opens).is_some() {
                return Some(at);
            }
            match bytes[at] {
                // An apostrophe inside a word (`it's`) opens nothing.
                quote @ (b'\'' | b'"' | b'`') if !after_word => at = self.string_end(bytes, at, quote),
                _ => at += 1,
            }
        }
        None
    }

    /// The byte after a string that begins at `at`; the line's end when it does not end there.
    fn string_end(self, bytes: &[u8], at: usize, quote: u8) -> usize {
        let mut at = at + 1;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if !self.doubled_quotes => at += 2,
                byte if byte == quote => return at + 1,
                _ => at += 1,
            }
        }
        at
    }
}

/// All suppressions of a text, in the comments of its language.
pub fn suppressions(path: &str, text: &str, lines: &LineIndex) -> (Vec<Suppression>, Vec<Malformed>) {
    let language = Language::of(path);
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for (at, _) in text.match_indices(MARK) {
        let line = lines.line_of(at);
        let span = lines.line_span(text, line);
        let Some(opener) = language.comment_start(span.text(text)).filter(|opener| span.start + opener < at) else { continue };
        let body = comment_body(&text[at + MARK.len()..span.end]);
        let mark = Span::new(at, at + MARK.len() + body.len());
        let (word, rest) = body.trim_start().split_once(char::is_whitespace).unwrap_or((body.trim(), ""));
        if OTHER_WORDS.contains(&word.to_ascii_lowercase().as_str()) {
            bad.push(Malformed { span: mark, problem: format!("`{word}` is not the word, `allow` is") });
        }
        if word != "allow" {
            continue;
        }
        match parse(rest) {
            Ok((rules, until, reason)) => {
                let own_line = text[span.start..span.start + opener].trim().is_empty();
                good.push(Suppression { span: mark, line, own_line, rules, until, reason });
            }
            Err(problem) => bad.push(Malformed { span: mark, problem }),
        }
    }
    (good, bad)
}

/// Nothing but comments or blanks: a suppression above speaks past such a line.
pub fn is_quiet(path: &str, line: &str) -> bool {
    let (language, bare) = (Language::of(path), line.trim_start());
    bare.is_empty() || language.comment_start(bare) == Some(0) || (language.stars && bare.starts_with("*/"))
}

fn comment_body(rest: &str) -> &str {
    let end = [rest.find("*/"), rest.find("-->")].into_iter().flatten().min().unwrap_or(rest.len());
    rest[..end].trim_end()
}

type Parsed = (Vec<String>, Option<String>, String);

fn parse(rest: &str) -> Result<Parsed, String> {
    let because = rest.find("because").ok_or("it gives no reason: write `because` and why")?;
    let reason = rest[because + "because".len()..].trim().to_owned();
    if reason.split_whitespace().count() < 2 {
        return Err("its reason is missing or a single word".to_owned());
    }
    let head = rest[..because].trim().trim_end_matches(',');
    let (rules, until) = match head.split_once(" until ") {
        Some((rules, date)) => (rules, Some(date.trim().trim_end_matches(',').to_owned())),
        None => (head, None),
    };
    if let Some(date) = &until
        && date.parse::<jiff::civil::Date>().is_err()
    {
        return Err(format!("`{date}` is not a date: write YYYY-MM-DD"));
    }
    let rules: Vec<String> = rules.split(',').map(|rule| rule.trim().to_owned()).filter(|rule| !rule.is_empty()).collect();
    match rules.iter().find(|rule| rule.contains(char::is_whitespace) || !rule.contains('/')) {
        Some(word) => Err(format!("`{word}` is not the id of a rule: write `family/name`, several with commas")),
        None if rules.is_empty() => Err("it names no rule".to_owned()),
        None => Ok((rules, until, reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, text: &str) -> (Vec<Suppression>, Vec<Malformed>) {
        suppressions(path, text, &LineIndex::new(text))
    }

    #[test]
    fn reads_rules_date_and_reason_in_any_comment() {
        let (good, bad) = read(
            "a.sql",
            "-- holdshort: allow schema/drop-column until 2027-01-31, because nothing reads it\nDROP x; /* holdshort: allow lock/a, lock/b because tiny table */\n",
        );
        assert!(bad.is_empty());
        assert_eq!(good[0].rules, ["schema/drop-column"]);
        assert_eq!(good[0].until.as_deref(), Some("2027-01-31"));
        assert_eq!(good[0].reason, "nothing reads it");
        assert!(good[0].own_line && !good[1].own_line);
        assert_eq!(good[1].rules, ["lock/a", "lock/b"]);
        assert_eq!(good[1].reason, "tiny table");
    }

    #[test]
    fn each_language_has_its_own_comments() {
        let allow = "holdshort: allow lock/a because tiny table";
        let read_as = |path: &str, line: &str| read(path, &line.replace("{}", allow)).0.len();
        for (path, line) in [
            ("a.yaml", "on: true # {}"),
            ("a.yaml", "# {}"),
            ("a.yaml", "name: it's on # {}"),
            ("a.json", "\"on\": true, // {}"),
            ("a.json", "/* {} */"),
            ("a.tf", "x = 1 # {}"),
            ("a.tf", "// {}"),
            ("a.md", "<!-- {} -->"),
            ("deploy.sh", "psql -c x # {}"),
            ("Dockerfile", "# {}"),
            ("a.toml", "# {}"),
            ("a.ini", "; {}"),
            ("a.go", " * {}"),
            ("a.sql", " * {}"),
            ("a.sql", "SELECT 'it''s' -- {}"),
        ] {
            assert_eq!(read_as(path, line), 1, "{path}: {line}");
        }
        for (path, line) in [
            ("a.yaml", "note: \"a # {}\""),
            ("a.yaml", "note: a#{}"),
            ("a.yaml", "// {}"),
            ("a.json", "\"x\": \"// {}\""),
            ("a.json", "# {}"),
            ("a.md", "# {}"),
            ("a.md", "{}"),
            ("a.sql", "INSERT INTO t VALUES ('-- {}');"),
            ("a.go", "x := \"// {}\""),
            ("a.py", "x = '# {}'"),
        ] {
            assert_eq!(read_as(path, line), 0, "{path}: {line}");
        }
    }

    #[test]
    fn a_suppression_that_cannot_be_understood_is_told() {
        for (text, problem) in [
            ("# holdshort: allow lock/a", "gives no reason"),
            ("# holdshort: allow lock/a because", "reason is missing"),
            ("# holdshort: allow lock/a because yes", "single word"),
            ("# holdshort: allow lock/a until soon, because no time", "soon"),
            ("# holdshort: allow because it is fine", "names no rule"),
            ("# holdshort: allow everything because it is fine", "`everything` is not the id"),
            ("# holdshort: allow lock/a lock/b because it is fine", "with commas"),
            ("# holdshort: ignore lock/a because it is fine", "`ignore` is not the word"),
        ] {
            let (good, bad) = read("a.py", text);
            assert!(good.is_empty() && bad.len() == 1 && bad[0].problem.contains(problem), "{text}: {bad:?}");
        }
        let (good, bad) = read("a.py", "# holdshort: this table is new\n# see holdshort.yaml\nx = 'holdshort: allow lock/a'\n");
        assert!(good.is_empty() && bad.is_empty());
    }
}
