//! PostgreSQL's lexical rules over raw bytes: a text in, tokens with byte offsets out. Nothing is ever rejected.
//! Source: PostgreSQL manual, 4.1 "Lexical Structure", and the psql manual for meta-commands and variables.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or an unquoted identifier.
    Word,
    /// `"…"`, and `U&"…"`.
    Quoted,
    /// `'…'`, where a quote is written twice. Also N'…', B'…' and X'…'.
    Text,
    /// `E'…'`, where a backslash escapes.
    Escaped,
    /// `$tag$…$tag$`.
    Dollar,
    Number,
    /// `$1`.
    Param,
    Symbol(u8),
    /// A psql meta-command: from its backslash to the end of the line.
    Meta,
    /// A template's control block: `{% … %}`.
    Control,
    /// A quote, a comment or a placeholder that has no end.
    Unterminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pub pos: usize,
    /// Runner's placeholders that were read as part of a token.
    pub placeholders: Vec<(usize, usize)>,
}

pub(super) fn is_word_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_' || b >= 0x80
}

pub(super) fn is_word_part(b: u8) -> bool {
    is_word_start(b) || b.is_ascii_digit() || b == b'$'
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Lexer { text, bytes: text.as_bytes(), pos: 0, placeholders: Vec::new() }
    }

    fn at(&self, offset: usize) -> u8 {
        self.bytes.get(offset).copied().unwrap_or(0)
    }

    fn starts(&self, offset: usize, with: &str) -> bool {
        self.bytes.get(offset..).is_some_and(|rest| rest.starts_with(with.as_bytes()))
    }

    fn find(&self, from: usize, what: &str) -> Option<usize> {
        self.text.get(from..)?.find(what).map(|i| from + i)
    }

    pub fn end_of_line(&self, from: usize) -> usize {
        self.bytes.get(from..).and_then(|rest| rest.iter().position(|b| *b == b'\n')).map_or(self.bytes.len(), |i| from + i)
    }

    pub fn next(&mut self) -> Option<Token> {
        if let Some(unterminated) = self.skip_blank() {
            return Some(unterminated);
        }
        let start = self.pos;
        let b = *self.bytes.get(start)?;
        let (kind, end) = self.scan(start, b);
        self.pos = end.clamp(start + 1, self.bytes.len());
        // `:'name'` starts at its quote; the colon is blanked.
        let start = if b == b':' && matches!(kind, Kind::Text | Kind::Quoted) { start + 1 } else { start };
        Some(Token { kind, start, end: self.pos })
    }

    /// White space, byte order mark and comments. An unclosed comment is a token.
    fn skip_blank(&mut self) -> Option<Token> {
        loop {
            let b = self.at(self.pos);
            if self.pos < self.bytes.len() && (b.is_ascii_whitespace() || b == 0x0b) {
                self.pos += 1;
            } else if self.starts(self.pos, "\u{feff}") {
                self.pos += 3;
            } else if self.starts(self.pos, "--") {
                self.pos = self.end_of_line(self.pos);
            } else if self.starts(self.pos, "/*") {
                match self.comment_end(self.pos) {
                    Some(end) => self.pos = end,
                    None => {
                        let start = std::mem::replace(&mut self.pos, self.bytes.len());
                        return Some(Token { kind: Kind::Unterminated, start, end: self.pos });
                    }
                }
            } else {
                return None;
            }
        }
    }

    /// Comments nest.
    fn comment_end(&self, start: usize) -> Option<usize> {
        let mut depth = 0usize;
        let mut i = start;
        while i + 1 < self.bytes.len() {
            match (self.bytes[i], self.bytes[i + 1]) {
                (b'/', b'*') => {
                    depth += 1;
                    i += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    i += 2;
                    if depth == 0 {
                        return Some(i);
                    }
                }
                _ => i += 1,
            }
        }
        None
    }

    fn scan(&mut self, start: usize, b: u8) -> (Kind, usize) {
        match b {
            b'\'' => self.quoted(start, Kind::Text),
            b'"' => self.quoted(start, Kind::Quoted),
            b'e' | b'E' if self.at(start + 1) == b'\'' => self.escaped(start + 1),
            b'n' | b'N' | b'b' | b'B' | b'x' | b'X' if self.at(start + 1) == b'\'' => self.quoted(start + 1, Kind::Text),
            b'u' | b'U' if self.at(start + 1) == b'&' && self.at(start + 2) == b'\'' => self.quoted(start + 2, Kind::Text),
            b'u' | b'U' if self.at(start + 1) == b'&' && self.at(start + 2) == b'"' => self.quoted(start + 2, Kind::Quoted),
            b'$' => self.dollar(start),
            b'{' if self.at(start + 1) == b'%' => match self.find(start + 2, "%}") {
                Some(end) => (Kind::Control, end + 2),
                None => (Kind::Unterminated, self.bytes.len()),
            },
            b'\\' => (Kind::Meta, self.meta_end(start)),
            b':' => self.colon(start),
            _ if b.is_ascii_digit() || (b == b'.' && self.at(start + 1).is_ascii_digit()) => (Kind::Number, self.number_end(start)),
            _ => match self.placeholder_end(start) {
                Some(_) => (Kind::Word, self.word_end(start)),
                None if is_word_start(b) => (Kind::Word, self.word_end(start)),
                None => (Kind::Symbol(b), start + 1),
            },
        }
    }

    fn meta_end(&self, start: usize) -> usize {
        let mut end = self.end_of_line(start);
        if end > start && self.at(end - 1) == b'\r' {
            end -= 1;
        }
        end
    }

    fn quoted(&mut self, open: usize, kind: Kind) -> (Kind, usize) {
        let quote = self.bytes[open];
        let mut i = open + 1;
        while i < self.bytes.len() {
            if let Some(end) = self.template_end(i, quote) {
                self.placeholders.push((i, end));
                i = end;
                continue;
            }
            if self.bytes[i] == quote {
                if self.at(i + 1) != quote {
                    return (kind, i + 1);
                }
                i += 1;
            }
            i += 1;
        }
        (Kind::Unterminated, self.bytes.len())
    }

    /// `{{ index .Options "Namespace" }}` inside quotes of the same kind: its own quotes do not end the quoted text.
    fn template_end(&self, start: usize, quote: u8) -> Option<usize> {
        if self.at(start) != b'{' || self.at(start + 1) != b'{' {
            return None;
        }
        let inner = self.text.get(start + 2..self.find(start + 2, "}}")?)?;
        let spoken = inner.trim_start_matches(['-', ' ']).starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '$'));
        let quotes = inner.bytes().filter(|b| *b == quote).count();
        (spoken && quotes > 0 && quotes % 2 == 0 && !inner.contains(['\n', ';'])).then_some(start + inner.len() + 4)
    }

    fn escaped(&self, open: usize) -> (Kind, usize) {
        let mut i = open + 1;
        while i < self.bytes.len() {
            match self.bytes[i] {
                b'\\' => i += 1,
                b'\'' if self.at(i + 1) == b'\'' => i += 1,
                b'\'' => return (Kind::Escaped, i + 1),
                _ => {}
            }
            i += 1;
        }
        (Kind::Unterminated, self.bytes.len())
    }

    fn dollar(&mut self, start: usize) -> (Kind, usize) {
        if self.placeholder_end(start).is_some() {
            return (Kind::Word, self.word_end(start));
        }
        let mut i = start + 1;
        if self.at(i).is_ascii_digit() {
            while self.at(i).is_ascii_digit() {
                i += 1;
            }
            return (Kind::Param, i);
        }
        if is_word_start(self.at(i)) {
            while is_word_part(self.at(i)) && self.at(i) != b'$' {
                i += 1;
            }
        }
        if self.at(i) != b'$' || i >= self.bytes.len() {
            return (Kind::Symbol(b'$'), start + 1);
        }
        let tag = &self.text[start..=i];
        match self.find(i + 1, tag) {
            Some(close) => (Kind::Dollar, close + tag.len()),
            None => (Kind::Unterminated, self.bytes.len()),
        }
    }

    fn number_end(&self, start: usize) -> usize {
        let mut i = start;
        while self.at(i).is_ascii_alphanumeric()
            || self.at(i) == b'_'
            || (self.at(i) == b'.' && self.at(i + 1) != b'.')
            || (matches!(self.at(i), b'+' | b'-') && matches!(self.at(i - 1), b'e' | b'E') && self.at(i + 1).is_ascii_digit())
        {
            i += 1;
        }
        i
    }

    /// A word goes on through placeholders: `${prefix}_users`.
    fn word_end(&mut self, start: usize) -> usize {
        let mut i = start;
        loop {
            if let Some(end) = self.placeholder_end(i).filter(|_| i == start || matches!(self.at(i), b'$' | b'{')) {
                self.placeholders.push((i, end));
                i = end;
            } else if i < self.bytes.len() && is_word_part(self.at(i)) {
                i += 1;
            } else {
                return i;
            }
        }
    }

    /// `${x}`, `$(x)`, `{{ x }}`, `%(x)s` and `@x@`: what runners put into a script before the server sees it.
    fn placeholder_end(&self, start: usize) -> Option<usize> {
        let close = |from: usize, end: &str| -> Option<usize> {
            let at = self.find(from, end)?;
            let inner = self.text.get(from..at)?;
            (!inner.trim().is_empty() && !inner.contains(['\n', ';'])).then_some(at + end.len())
        };
        let name_then = |from: usize, end: &str| -> Option<usize> {
            let mut i = from;
            while is_word_part(self.at(i)) || self.at(i) == b'.' {
                i += 1;
            }
            (i > from && self.starts(i, end)).then_some(i + end.len())
        };
        match (self.at(start), self.at(start + 1)) {
            (b'$', b'{') => close(start + 2, "}"),
            (b'$', b'(') => name_then(start + 2, ")"),
            (b'{', b'{') => close(start + 2, "}}"),
            (b'%', b'(') => name_then(start + 2, ")s"),
            (b'@', b) if is_word_start(b) && (start == 0 || self.at(start - 1) != b'@') => name_then(start + 1, "@"),
            _ => None,
        }
    }

    /// psql variables: `:name`, `:'name'`, `:"name"`. Casts, assignments and array slices are not.
    fn colon(&mut self, start: usize) -> (Kind, usize) {
        let before = if start == 0 { b' ' } else { self.bytes[start - 1] };
        let free = !(is_word_part(before) || matches!(before, b':' | b')' | b']' | b'\'' | b'"'));
        let next = self.at(start + 1);
        if !free || !(is_word_start(next) || matches!(next, b'\'' | b'"')) {
            return (Kind::Symbol(b':'), start + 1);
        }
        if is_word_start(next) {
            let end = self.word_end(start + 1);
            self.placeholders.push((start, end));
            return (Kind::Word, end);
        }
        let (kind, end) = self.quoted(start + 1, if next == b'"' { Kind::Quoted } else { Kind::Text });
        if kind != Kind::Unterminated {
            self.placeholders.push((start, start + 1));
        }
        (kind, end)
    }
}

/// The text with its placeholders turned into words of the same length.
pub(super) fn mask(text: &str, placeholders: &[(usize, usize)], blanks: &[(usize, usize)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (start, end) in placeholders {
        let quoted_variable = end - start == 1;
        for byte in &mut bytes[*start..*end] {
            if quoted_variable {
                *byte = b' ';
            } else if !byte.is_ascii_alphanumeric() {
                *byte = b'_';
            }
        }
    }
    for (start, end) in blanks {
        bytes[*start..*end].fill(b' ');
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
