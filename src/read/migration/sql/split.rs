//! A script to its statements: a text in, pieces with byte offsets out. Comments, blank statements and COPY's data are left out.

use std::borrow::Cow;
use std::ops::Range;

use super::lex::{self, Kind, Lexer, Token};
use crate::schema::op::OpaqueReason;

pub(super) struct Split<'a> {
    /// The text with placeholders and meta-commands made harmless; every byte keeps its offset.
    pub text: Cow<'a, str>,
    pub tokens: Vec<Token>,
    pub pieces: Vec<Piece>,
    /// Where a runner's placeholders stand.
    pub placeholders: Vec<(usize, usize)>,
}

#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub start: usize,
    pub end: usize,
    pub tokens: Range<usize>,
    pub kind: PieceKind,
    /// A runner's placeholder stands in it.
    pub templated: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum PieceKind {
    Sql,
    /// `\copy …`, the client's COPY: its text, which is blanked in the statements around it.
    ClientCopy(String),
    Opaque(OpaqueReason, String),
}

pub(super) fn split(text: &str) -> Split<'_> {
    let mut splitter = Splitter { text, lexer: Lexer::new(text), tokens: Vec::new(), pieces: Vec::new(), blanks: Vec::new(), first: 0 };
    splitter.run();
    let Splitter { lexer, tokens, mut pieces, blanks, .. } = splitter;
    for piece in &mut pieces {
        let from = lexer.placeholders.partition_point(|p| p.0 + 1 < piece.start);
        piece.templated = lexer.placeholders.get(from).is_some_and(|p| p.0 < piece.end);
    }
    let masked = if lexer.placeholders.is_empty() && blanks.is_empty() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(lex::mask(text, &lexer.placeholders, &blanks))
    };
    Split { text: masked, tokens, pieces, placeholders: lexer.placeholders }
}

struct Splitter<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    tokens: Vec<Token>,
    pieces: Vec<Piece>,
    blanks: Vec<(usize, usize)>,
    /// Index of the current statement's first token.
    first: usize,
}

impl Splitter<'_> {
    fn run(&mut self) {
        let mut nest = Nest::default();
        while let Some(token) = self.lexer.next() {
            match token.kind {
                Kind::Meta => {
                    if self.meta(token) {
                        nest = Nest::default();
                    }
                }
                Kind::Control => {
                    self.close(self.tokens.len());
                    self.push_opaque(token, OpaqueReason::Dynamic, "a template's control block decides what runs");
                    self.blanks.push((token.start, token.end));
                    nest = Nest::default();
                }
                Kind::Unterminated => {
                    let start = self.tokens.get(self.first).map_or(token.start, |t| t.start);
                    self.tokens.push(token);
                    let whole = Token { start, ..token };
                    self.push_opaque(whole, OpaqueReason::Syntax, "a quote or a comment is not closed");
                    return;
                }
                Kind::Symbol(b';') if !nest.is_open() => {
                    let copy_data = self.reads_copy_data();
                    self.close(self.tokens.len());
                    if copy_data {
                        self.skip_copy_data();
                    }
                    nest = Nest::default();
                }
                _ => {
                    self.tokens.push(token);
                    nest.take(self.text, &self.tokens[self.first..]);
                }
            }
        }
        self.close(self.tokens.len());
    }

    fn close(&mut self, end: usize) {
        if let (Some(first), Some(last)) = (self.tokens.get(self.first), end.checked_sub(1).and_then(|i| self.tokens.get(i)))
            && end > self.first
        {
            let (start, end_byte) = (first.start, last.end);
            self.pieces.push(Piece { start, end: end_byte, tokens: self.first..end, kind: PieceKind::Sql, templated: false });
        }
        self.first = end;
    }

    fn push_opaque(&mut self, token: Token, reason: OpaqueReason, detail: &str) {
        let tokens = self.first..self.tokens.len();
        self.pieces.push(Piece {
            start: token.start,
            end: token.end,
            tokens,
            kind: PieceKind::Opaque(reason, detail.to_owned()),
            templated: false,
        });
        self.first = self.tokens.len();
    }

    fn word(&self, index: usize) -> &str {
        self.tokens.get(index).filter(|t| t.kind == Kind::Word).and_then(|t| self.text.get(t.start..t.end)).unwrap_or("")
    }

    fn reads_copy_data(&self) -> bool {
        self.word(self.first).eq_ignore_ascii_case("copy")
            && (self.first..self.tokens.len().saturating_sub(1))
                .any(|i| self.word(i).eq_ignore_ascii_case("from") && self.word(i + 1).eq_ignore_ascii_case("stdin"))
    }

    /// The rows after `COPY … FROM stdin;` go up to a line that holds `\.` alone.
    fn skip_copy_data(&mut self) {
        let mut line = self.lexer.end_of_line(self.lexer.pos) + 1;
        while line < self.text.len() {
            let end = self.lexer.end_of_line(line);
            let is_end = self.text.as_bytes()[line..end].strip_suffix(b"\r").unwrap_or(&self.text.as_bytes()[line..end]) == b"\\.";
            line = end + 1;
            if is_end {
                break;
            }
        }
        self.lexer.pos = line.min(self.text.len());
    }

    /// A psql meta-command. True when it ends the statement before it.
    fn meta(&mut self, token: Token) -> bool {
        let line = self.text.get(token.start + 1..token.end).unwrap_or("");
        let name: String = line.chars().take_while(|c| !c.is_whitespace() && *c != '\\' && *c != ';').collect();
        self.blanks.push((token.start, token.end));
        let sends_buffer = matches!(name.as_str(), "g" | "gx" | "gset" | "gdesc" | "gexec" | "crosstabview" | "watch" | "bind");
        if sends_buffer {
            self.close(self.tokens.len());
        }
        match name.as_str() {
            "" if line.starts_with(';') => {
                // `\;` separates statements that travel in one message: read on right after it.
                self.blanks.pop();
                self.blanks.push((token.start, token.start + 2));
                self.lexer.pos = token.start + 2;
                self.close(self.tokens.len());
                return true;
            }
            "i" | "ir" | "include" | "include_relative" => self.push_meta(token, OpaqueReason::External, line),
            "!" | "gexec" | "if" | "elif" | "else" | "endif" => {
                let reason = if name == "!" { OpaqueReason::External } else { OpaqueReason::Dynamic };
                self.push_meta(token, reason, line);
            }
            "copy" => {
                let tokens = self.tokens.len()..self.tokens.len();
                let kind = PieceKind::ClientCopy(self.text.get(token.start..token.end).unwrap_or("").to_owned());
                self.pieces.push(Piece { start: token.start, end: token.end, tokens, kind, templated: false });
                if line.to_ascii_lowercase().contains(" from stdin") || line.to_ascii_lowercase().contains(" from pstdin") {
                    self.lexer.pos = token.end;
                    self.skip_copy_data();
                }
            }
            _ if is_harmless(&name) => {}
            _ => self.push_meta(token, OpaqueReason::Unsupported, line),
        }
        sends_buffer
    }

    fn push_meta(&mut self, token: Token, reason: OpaqueReason, line: &str) {
        // A statement that is still open goes on after the command; it keeps its tokens.
        self.pieces.push(Piece {
            start: token.start,
            end: token.end,
            tokens: self.tokens.len()..self.tokens.len(),
            kind: PieceKind::Opaque(reason, format!("psql \\{}", line.trim_end())),
            templated: false,
        });
    }
}

/// Meta-commands that neither run SQL nor read another script.
fn is_harmless(name: &str) -> bool {
    matches!(
        name,
        "echo"
            | "qecho"
            | "warn"
            | "timing"
            | "set"
            | "unset"
            | "pset"
            | "restrict"
            | "unrestrict"
            | "c"
            | "connect"
            | "encoding"
            | "x"
            | "a"
            | "t"
            | "H"
            | "f"
            | "C"
            | "T"
            | "o"
            | "out"
            | "p"
            | "print"
            | "q"
            | "quit"
            | "r"
            | "reset"
            | "s"
            | "w"
            | "conninfo"
            | "errverbose"
            | "prompt"
            | "getenv"
            | "setenv"
            | "html"
            | "l"
            | "sf"
            | "sv"
            | "z"
            | "."
            | "g"
            | "gx"
            | "gset"
            | "gdesc"
            | "crosstabview"
            | "watch"
            | "bind"
    ) || name.starts_with('d') // `\d…` describes objects.
}

/// Where a semicolon does not end the statement: `BEGIN ATOMIC … END` bodies and a rule's list of commands.
#[derive(Default)]
struct Nest {
    rule: bool,
    routine: bool,
    parens: usize,
    atomic: usize,
}

impl Nest {
    fn is_open(&self) -> bool {
        self.atomic > 0 || (self.rule && self.parens > 0)
    }

    fn take(&mut self, text: &str, statement: &[Token]) {
        let word = |i: usize| statement.get(i).filter(|t| t.kind == Kind::Word).and_then(|t| text.get(t.start..t.end)).unwrap_or("");
        let is = |i: usize, what: &str| word(i).eq_ignore_ascii_case(what);
        let last = statement.len() - 1;
        if last <= 3 && is(0, "create") {
            self.rule |= is(last, "rule");
            self.routine |= is(last, "function") || is(last, "procedure");
        }
        match statement[last].kind {
            Kind::Symbol(b'(') => self.parens += 1,
            Kind::Symbol(b')') => self.parens = self.parens.saturating_sub(1),
            Kind::Word if self.routine => {
                let begins = is(last, "atomic") && last > 0 && is(last - 1, "begin");
                if begins || (self.atomic > 0 && is(last, "case")) {
                    self.atomic += 1;
                } else if self.atomic > 0 && is(last, "end") {
                    self.atomic -= 1;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        split(text).pieces.iter().map(|piece| &text[piece.start..piece.end]).collect()
    }

    #[test]
    fn semicolons_in_quotes_comments_and_bodies_do_not_split() {
        assert_eq!(pieces("\u{feff}a ';' ; b E'\\';' ; c \";\" ;; d $x$;$y$;$x$"), ["a ';'", "b E'\\';'", "c \";\"", "d $x$;$y$;$x$"]);
        assert_eq!(pieces("a /* ; /* ; */ ; */ b -- ;\n; c"), ["a /* ; /* ; */ ; */ b", "c"]);
        assert_eq!(pieces("a U&'\\0061;' ; $1 ; x$y$z ; b"), ["a U&'\\0061;'", "$1", "x$y$z", "b"]);
        let atomic = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END";
        assert_eq!(pieces(&format!("{atomic}; b")), [atomic, "b"]);
        let rule = "CREATE OR REPLACE RULE r AS ON UPDATE TO t DO (SELECT 1; SELECT 2)";
        assert_eq!(pieces(&format!("{rule}; b")), [rule, "b"]);
        // Outside a rule an open parenthesis is a mistake of one statement alone.
        assert_eq!(pieces("SELECT (1; b"), ["SELECT (1", "b"]);
    }

    #[test]
    fn copy_data_and_harmless_commands_are_left_out() {
        assert_eq!(pieces("COPY t FROM stdin;\n1\t'\n\\.\nb;\n\\echo 'x\n\\set a 1\nc"), ["COPY t FROM stdin", "b", "c"]);
        assert_eq!(pieces("COPY t FROM stdin;\r\n;\r\n\\.\r\nb"), ["COPY t FROM stdin", "b"]);
        assert_eq!(pieces("COPY t FROM stdin;"), ["COPY t FROM stdin"]);
        assert_eq!(pieces("a \\; b \\gset x_\nc"), ["a", "b", "c"]);
    }

    #[test]
    fn a_template_keeps_its_own_quotes() {
        let text = r#"CREATE INDEX i ON "{{ index .Options "Namespace" }}".users (id); SELECT replace('{{', '}}');"#;
        let split = split(text);
        assert_eq!(split.pieces.len(), 2);
        assert!(split.pieces.iter().all(|piece| piece.kind == PieceKind::Sql));
        assert!(split.pieces[0].templated && !split.pieces[1].templated);
    }

    #[test]
    fn placeholders_become_words_of_the_same_length() {
        let text = "SELECT ${a.b}, :n, :'s', :\"i\", x::int, a[1:n], y := 2, {{ v }}, %(p)s, @q@, $(r), é";
        let split = split(text);
        assert_eq!(split.text, "SELECT __a_b_, _n,  's',  \"i\", x::int, a[1:n], y := 2, ___v___, __p_s, _q_, __r_, é");
        assert_eq!(split.text.len(), text.len());
        assert!(split.pieces[0].templated);
    }
}
