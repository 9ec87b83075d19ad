//! Shell text in, words and operators with byte spans out: quotes, comments, heredocs and substitutions as a shell takes them.
//!
//! Of the published parsers one is GPL and the others give no byte spans or stop at the first thing they do not know, and CI
//! systems put their own templates (`${{ … }}`, `<< … >>`) into scripts. This one never fails: what it does not know is a word.

use serde::Serialize;

use crate::source::Span;

/// Command substitutions inside each other that are followed.
const MAX_DEPTH: usize = 16;
/// How far the end of a `[[ … ]]` or a template is looked for.
const MAX_REACH: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Word {
    /// Quotes and backslashes taken away; expansions stand as they are written.
    pub text: String,
    pub span: Span,
    /// Has a `$…`, a backtick or a template in it, so that its value is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expands: bool,
    /// Some of it is quoted, so that it is no keyword.
    #[serde(skip)]
    pub quoted: bool,
    /// Texts of `$(…)`, `<(…)` and backticks: commands of their own.
    #[serde(skip)]
    pub inner: Vec<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    And,
    Or,
    Semi,
    Newline,
    Pipe,
    Background,
    Open,
    Close,
    /// `;;`, `;&`, `;;&`
    ArmEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Word(Word),
    Op(Op, Span),
}

impl Token {
    pub fn span(&self) -> Span {
        match self {
            Token::Word(word) => word.span,
            Token::Op(_, span) => *span,
        }
    }
}

/// All tokens of a text. Redirections and their targets, comments and heredoc bodies are left out.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, out: Vec::new(), heredocs: Vec::new(), command_start: true };
    lexer.run();
    lexer.out
}

struct Lexer<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    out: Vec<Token>,
    /// Delimiters of heredocs whose bodies begin on the next line; whether tabs are stripped.
    heredocs: Vec<(String, bool)>,
    command_start: bool,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn op(&mut self, op: Op, length: usize) {
        self.out.push(Token::Op(op, Span { start: self.at, end: self.at + length }));
        self.at += length;
        self.command_start = true;
    }

    fn run(&mut self) {
        while self.at < self.bytes.len() {
            match (self.bytes[self.at], self.peek(1)) {
                (b' ' | b'\t' | b'\r', _) => self.at += 1,
                (b'\\', b'\n') => self.at += 2,
                (b'\\', b'\r') if self.peek(2) == b'\n' => self.at += 3,
                (b'\n', _) => {
                    self.op(Op::Newline, 1);
                    self.skip_heredocs();
                }
                (b'#', _) => self.skip_line(),
                (b'&', b'&') => self.op(Op::And, 2),
                (b'&', b'>') => self.redirection(),
                (b'&', _) => self.op(Op::Background, 1),
                (b'|', b'|') => self.op(Op::Or, 2),
                (b'|', b'&') => self.op(Op::Pipe, 2),
                (b'|', _) => self.op(Op::Pipe, 1),
                (b';', b';') => self.op(Op::ArmEnd, if self.peek(2) == b'&' { 3 } else { 2 }),
                (b';', b'&') => self.op(Op::ArmEnd, 2),
                (b';', _) => self.op(Op::Semi, 1),
                (b'(', b'(') if self.command_start => self.verbatim("))"),
                (b'(', _) => self.op(Op::Open, 1),
                (b')', _) => self.op(Op::Close, 1),
                (b'<' | b'>', b'(') => self.word(),
                // CircleCI's `<< parameters.x >>`.
                (b'<', b'<') if self.template_end().is_some() => self.word(),
                (b'<' | b'>', _) => self.redirection(),
                (b'[', b'[') if self.command_start && self.peek(2).is_ascii_whitespace() => self.verbatim("]]"),
                _ => self.word(),
            }
        }
    }

    /// The text from here on, as far as it is looked at.
    fn reach(&self) -> &str {
        let rest = &self.text[self.at..];
        let mut end = rest.len().min(MAX_REACH);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        &rest[..end]
    }

    /// The end of a template that begins here.
    fn template_end(&self) -> Option<usize> {
        let inside = self.reach().strip_prefix("<<")?;
        let close = inside.find(">>").filter(|close| *close < 200)?;
        let name = inside[..close].trim();
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b' '));
        (plain && name.contains('.')).then_some(self.at + 2 + close + 2)
    }

    fn skip_line(&mut self) {
        while self.at < self.bytes.len() && self.bytes[self.at] != b'\n' {
            self.at += 1;
        }
    }

    fn skip_heredocs(&mut self) {
        for (delimiter, strip) in std::mem::take(&mut self.heredocs) {
            while self.at < self.bytes.len() {
                let start = self.at;
                self.skip_line();
                let line = self.text[start..self.at].trim_end_matches('\r');
                self.at = (self.at + 1).min(self.bytes.len());
                if (if strip { line.trim_start_matches('\t') } else { line }) == delimiter {
                    break;
                }
            }
        }
    }

    /// `[[ … ]]` and `(( … ))`: one word, whatever is in it.
    fn verbatim(&mut self, end: &str) {
        let start = self.at;
        let length = self.reach().find(end).map_or(2, |at| at + end.len());
        self.at += length;
        let text = self.text[start..self.at].to_owned();
        let expands = text.contains('$');
        self.push(Word { text, span: Span { start, end: self.at }, expands, quoted: true, inner: Vec::new() });
    }

    /// Skips `>`, `2>&1`, `<<EOF` and what they point at.
    fn redirection(&mut self) {
        let heredoc = self.bytes[self.at] == b'<' && self.peek(1) == b'<' && self.peek(2) != b'<';
        while matches!(self.peek(0), b'<' | b'>' | b'&' | b'|') && self.at < self.bytes.len() {
            self.at += 1;
        }
        let strip = heredoc && self.peek(0) == b'-';
        if strip {
            self.at += 1;
        }
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        let (start, count) = (self.at, self.out.len());
        if start < self.bytes.len() && !matches!(self.bytes[start], b'\n' | b';' | b'|' | b')' | b'(') {
            let at_start = self.command_start;
            self.word();
            self.command_start = at_start;
        }
        let target = self.out.drain(count..).next();
        if let (true, Some(Token::Word(word))) = (heredoc, target) {
            self.heredocs.push((word.text, strip));
        }
    }

    fn push(&mut self, word: Word) {
        // Behind these a command begins anew.
        let keyword = matches!(word.text.as_str(), "if" | "then" | "else" | "elif" | "do" | "while" | "until" | "!" | "{" | "time");
        self.command_start = keyword && self.command_start && !word.quoted;
        self.out.push(Token::Word(word));
    }

    fn word(&mut self) {
        let start = self.at;
        let mut word = Word { text: String::new(), span: Span::at(start), expands: false, quoted: false, inner: Vec::new() };
        while self.at < self.bytes.len() {
            let byte = self.bytes[self.at];
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b')' => break,
                // `name()` and `arr=(…)`.
                b'(' => break,
                b'<' | b'>' if self.peek(1) == b'(' && self.at == start => {
                    self.at += 1;
                    self.substitution(&mut word, 1);
                }
                b'<' if self.template_end().is_some() => {
                    let end = self.template_end().unwrap_or(self.at + 1);
                    word.text.push_str(&self.text[self.at..end]);
                    word.expands = true;
                    self.at = end;
                }
                b'<' | b'>' => {
                    // A number before it is a file descriptor.
                    if word.text.bytes().all(|b| b.is_ascii_digit()) {
                        return self.redirection();
                    }
                    break;
                }
                b'\'' => self.single(&mut word),
                b'"' => self.double(&mut word),
                b'\\' => self.escape(&mut word),
                b'$' | b'`' => self.dollar(&mut word),
                b'#' if self.at == start => break,
                _ => self.literal(&mut word),
            }
        }
        if self.at == start {
            // A byte that begins no word: taken as one, so that reading goes on.
            self.literal(&mut word);
        }
        word.span.end = self.at;
        self.push(word);
    }

    fn literal(&mut self, word: &mut Word) {
        let Some(char) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
            self.at += 1;
            return;
        };
        word.text.push(char);
        self.at += char.len_utf8();
    }

    fn single(&mut self, word: &mut Word) {
        word.quoted = true;
        let start = self.at + 1;
        let end = self.text[start..].find('\'').map_or(self.text.len(), |at| start + at);
        word.text.push_str(&self.text[start..end]);
        self.at = (end + 1).min(self.text.len());
    }

    fn double(&mut self, word: &mut Word) {
        word.quoted = true;
        self.at += 1;
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' if matches!(self.peek(1), b'"' | b'\\' | b'$' | b'`') => {
                    word.text.push(char::from(self.peek(1)));
                    self.at += 2;
                }
                b'\\' if self.peek(1) == b'\n' => self.at += 2,
                b'$' | b'`' => self.dollar(word),
                _ => self.literal(word),
            }
        }
    }

    fn escape(&mut self, word: &mut Word) {
        self.at += 1;
        match self.peek(0) {
            b'\n' => self.at += 1,
            b'\r' if self.peek(1) == b'\n' => self.at += 2,
            _ => {
                word.quoted = true;
                if self.at < self.bytes.len() {
                    self.literal(word);
                }
            }
        }
    }

    /// `$x`, `${x}`, `${{ x }}`, `$(…)`, `$((…))`, `$'…'` and backticks.
    fn dollar(&mut self, word: &mut Word) {
        let rest = &self.text[self.at..];
        word.expands = true;
        if rest.starts_with("${{") {
            return self.verbatim_into(word, "}}");
        }
        if rest.starts_with("${") {
            return self.verbatim_into(word, "}");
        }
        if rest.starts_with("$((") {
            return self.verbatim_into(word, "))");
        }
        if rest.starts_with("$(") {
            self.at += 1;
            word.text.push('$');
            return self.substitution(word, 1);
        }
        if let Some(inside) = rest.strip_prefix('`') {
            let end = inside.find('`').map_or(rest.len(), |at| at + 2);
            word.inner.push(Span { start: self.at + 1, end: (self.at + end).saturating_sub(1).max(self.at + 1) });
            word.text.push_str(&rest[..end]);
            self.at += end;
            return;
        }
        self.literal(word);
    }

    fn verbatim_into(&mut self, word: &mut Word, end: &str) {
        let rest = &self.text[self.at..];
        let length = rest.find(end).map_or(rest.len(), |at| at + end.len());
        word.text.push_str(&rest[..length]);
        self.at += length;
    }

    /// At the `(` of a substitution: takes it whole, with what is nested in it.
    fn substitution(&mut self, word: &mut Word, depth: usize) {
        let start = self.at + 1;
        let end = closing(self.bytes, start, depth);
        word.expands = true;
        word.inner.push(Span { start, end });
        let stop = (end + 1).min(self.text.len());
        word.text.push_str(self.text.get(self.at..stop).unwrap_or(""));
        self.at = stop;
    }
}

/// Where the parenthesis that was opened before `at` closes, quotes and nested ones left out.
fn closing(bytes: &[u8], mut at: usize, mut depth: usize) -> usize {
    let mut quote = 0u8;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (b'\'', b'\'') | (b'"', b'"') => quote = 0,
            (b'\'', _) => {}
            (_, b'\\') => at += 1,
            (0, b'\'' | b'"') => quote = bytes[at],
            (0, b'(') => depth += 1,
            (0, b')') => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The commands inside a word's substitutions, each a text with its place, as deep as it is followed.
pub fn substitutions<'t>(text: &'t str, word: &Word, depth: usize) -> Vec<(usize, &'t str)> {
    if depth >= MAX_DEPTH {
        return Vec::new();
    }
    word.inner.iter().filter_map(|span| Some((span.start, text.get(span.start..span.end)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Vec<String> {
        let shown = |token| match token {
            Token::Word(word) => word.text,
            Token::Op(op, _) => format!("{op:?}"),
        };
        tokens(text).into_iter().map(shown).collect()
    }

    #[test]
    fn words_are_unquoted_and_operators_in_quotes_are_text() {
        assert_eq!(shape(r#"echo "a && b" 'c || d' e\ f"#), ["echo", "a && b", "c || d", "e f"]);
        assert_eq!(shape("go test ./... || true # no && matter"), ["go", "test", "./...", "Or", "true"]);
        assert_eq!(shape("a \\\n  b\nc"), ["a", "b", "Newline", "c"]);
    }

    #[test]
    fn redirections_heredocs_and_templates_are_no_commands() {
        assert_eq!(shape("a >out 2>&1 <<EOF b\nrm -rf / || true\nEOF\nc"), ["a", "b", "Newline", "c"]);
        assert_eq!(shape("cat <<-'X'\n\tmake deploy\n\tX\nd"), ["cat", "Newline", "d"]);
        assert_eq!(shape("x ${{ inputs.a || 'b' }} << parameters.env >>-y"), ["x", "${{ inputs.a || 'b' }}", "<< parameters.env >>-y"]);
        assert_eq!(shape("a &> log; b 2>/dev/null"), ["a", "Semi", "b"]);
    }

    #[test]
    fn conditions_in_brackets_are_one_word() {
        assert_eq!(shape("if [[ $a == b || -n $CI ]]; then"), ["if", "[[ $a == b || -n $CI ]]", "Semi", "then"]);
        assert_eq!(shape("x=$(a \"$(b)\" ')' | c) d"), ["x=$(a \"$(b)\" ')' | c)", "d"]);
    }

    #[test]
    fn hostile_texts_end() {
        for text in ["$(", "\"", "'", "`", "<<", "${{", "((", "[[ ", "\\", "a<<EOF", ">", "&>", "\u{1f600}\\", "$(((", ")"] {
            let _ = tokens(text);
        }
        assert!(tokens(&"$(".repeat(200_000)).len() < 10);
        let _ = tokens(&"(".repeat(200_000));
    }
}
