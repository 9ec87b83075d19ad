//! Text as Markdown that shows exactly that text: nothing in it is markup, a mention, an issue link, a formula or an address.

use super::escape::{neutralise, one_line};
use super::prose::{Block, Piece, blocks, pieces};

/// One line of words; what stands between backticks becomes code.
pub fn words(raw: &str) -> String {
    let line = one_line(raw);
    let mut out = String::new();
    for piece in pieces(&line) {
        match piece {
            Piece::Words(words) => escape(words, &mut out),
            Piece::Code(text) => out.push_str(&code(text)),
        }
    }
    guard_start(out)
}

/// A text of several paragraphs, steps and code.
pub fn block(raw: &str) -> String {
    let mut out = String::new();
    let mut before = None;
    for (number, block) in blocks(raw).iter().enumerate() {
        let step = matches!(block, Block::Step(_));
        if number > 0 {
            out.push_str(if step && before == Some(true) { "\n" } else { "\n\n" });
        }
        before = Some(step);
        match block {
            Block::Paragraph(text) => out.push_str(&words(text)),
            Block::Step(text) => out.push_str(&format!("1. {}", words(text))),
            Block::Code(text) => out.push_str(&fenced(text)),
        }
    }
    out
}

/// A code span nothing can break out of: its fence is longer than any run of backticks inside. A `|` would end a table's cell.
pub fn code(text: &str) -> String {
    let text = one_line(text).replace('|', "¦");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A block of code nothing can break out of.
pub fn fenced(text: &str) -> String {
    let text = neutralise(text);
    let fence = "`".repeat((longest_run(&text) + 1).max(3));
    format!("{fence}\n{text}\n{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn escape(words: &str, out: &mut String) {
    for (at, c) in words.char_indices() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A word joiner keeps mentions, issue numbers and addresses from being linked.
            '@' | '#' => {
                out.push(c);
                out.push('\u{2060}');
            }
            ':' if words[at..].starts_with("://") => out.push_str(":\u{2060}"),
            '.' if words[..at].to_ascii_lowercase().ends_with("www") => out.push_str("\u{2060}."),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
}

/// A line that would begin a list or an underline gets its first sign escaped.
fn guard_start(line: String) -> String {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if line.starts_with(['-', '+', '=']) {
        format!("\\{line}")
    } else if digits > 0 && line[digits..].starts_with(['.', ')']) {
        format!("{}\\{}", &line[..digits], &line[digits..])
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        let out = words("[x](https://e.example) <img src=x> @team #12 *a* $b$ 1|2 www.e.example");
        assert_eq!(
            out,
            "\\[x\\](https:\u{2060}//e.example) &lt;img src=x&gt; @\u{2060}team #\u{2060}12 \\*a\\* \\$b\\$ 1\\|2 www\u{2060}.e.example"
        );
        assert_eq!(words("1. no list"), "1\\. no list");
        assert_eq!(words("- no list"), "\\- no list");
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(words("drop `a``b"), "drop `a`\\`b");
        assert_eq!(code("a``b`"), "``` a``b` ```");
        assert_eq!(fenced("x\n````\ny"), "`````\nx\n````\ny\n`````");
    }
}
