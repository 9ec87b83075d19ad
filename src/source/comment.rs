//! Comments that speak to holdshort: a text in, the suppressions written in it out, good or malformed, with their places.

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

const OPENERS: [&str; 6] = ["--", "#", "//", "/*", "<!--", ";"];
const MARK: &str = "holdshort:";

/// All suppressions of a text. The mark counts only behind a comment opener on its line.
pub fn suppressions(text: &str, lines: &LineIndex) -> (Vec<Suppression>, Vec<Malformed>) {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for (at, _) in text.match_indices(MARK) {
        let line = lines.line_of(at);
        let span = lines.line_span(text, line);
        let before = &text[span.start..at];
        let Some(opener) = OPENERS.iter().filter_map(|opener| before.rfind(opener)).min() else { continue };
        let body = comment_body(&text[at + MARK.len()..span.end]);
        let end = at + MARK.len() + body.len();
        let Some(rest) = body.trim_start().strip_prefix("allow") else { continue };
        let mark = Span::new(at, end);
        match parse(rest) {
            Ok((rules, until, reason)) => {
                good.push(Suppression { span: mark, line, own_line: before[..opener].trim().is_empty(), rules, until, reason })
            }
            Err(problem) => bad.push(Malformed { span: mark, problem }),
        }
    }
    (good, bad)
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
    if rules.is_empty() {
        return Err("it names no rule".to_owned());
    }
    Ok((rules, until, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Suppression>, Vec<Malformed>) {
        suppressions(text, &LineIndex::new(text))
    }

    #[test]
    fn reads_rules_date_and_reason_in_any_comment() {
        let (good, bad) = read(
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
    fn a_reason_is_required_and_strings_do_not_count() {
        let (good, bad) = read(
            "# holdshort: allow lock/a\nx = 'holdshort: allow lock/a because yes it is'\n// holdshort: allow lock/a until soon, because no time\n",
        );
        assert!(good.is_empty());
        assert_eq!(bad.len(), 2);
        assert!(bad[1].problem.contains("soon"));
    }
}
