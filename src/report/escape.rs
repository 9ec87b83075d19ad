//! Makes text from the repository harmless on its way out: control and bidi characters, and what CI runners would execute.

/// Replaces what a terminal or a CI log would act on by visible stand-ins. Line ends are kept.
pub fn neutralise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let shown: String = line.chars().map(visible).collect();
        // GitHub's runner reads `##[command]` anywhere in a line and `::command::` at the start of one, whatever blanks
        // stand before it. A thin space inside the mark breaks it; a character without width might be skipped.
        let shown = shown.replace("##[", "##\u{2009}[");
        match shown.trim_start().strip_prefix("::") {
            Some(rest) => {
                out.push_str(&shown[..shown.len() - rest.len() - 2]);
                out.push_str(":\u{2009}:");
                out.push_str(rest);
            }
            None => out.push_str(&shown),
        }
    }
    out
}

/// The same for text that must stay on one line.
pub fn one_line(text: &str) -> String {
    neutralise(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Text as HTML text or attribute value, its line ends kept. Nothing in it is markup, and printed to a log nothing is a command.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars().map(|c| if matches!(c, '\n' | '\t') { c } else { visible(c) }) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '[' if out.ends_with("##") => out.push_str("&#91;"),
            ':' if out.ends_with(':') => out.push_str("&#58;"),
            other => out.push(other),
        }
    }
    out
}

/// A character as it may be printed: controls become their Unicode pictures, bidi and invisible ones a replacement mark.
pub fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => '\u{fffd}',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}' => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_terminal_or_a_runner_obeys_gets_through() {
        let out = neutralise("a\u{1b}[31m\u{202e}\n  ::error::x\nlog ##[error]y\r");
        assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}') && !out.contains('\r'));
        assert!(!out.contains("##["));
        assert!(out.lines().all(|line| !line.trim_start().starts_with("::")), "{out}");
        assert_eq!(one_line("a\n b"), "a b");
        assert_eq!(html("<b a='\"'>&\u{202e}\n##[x"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}\n##&#91;x");
    }
}
