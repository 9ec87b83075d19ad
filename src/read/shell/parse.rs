//! Tokens of a shell in, lists of pipelines out. Tolerant: a construct that is not closed ends with the text.

use super::lex::{Op, Token, Word, tokens};
use crate::source::Span;

/// Constructs inside each other that are followed; deeper ones are read as words.
const MAX_DEPTH: usize = 64;

/// Commands one after the other.
#[derive(Debug, Default)]
pub struct List {
    pub items: Vec<AndOr>,
}

/// `first && second || third`
#[derive(Debug)]
pub struct AndOr {
    pub first: Pipeline,
    /// `true` for `&&`.
    pub rest: Vec<(bool, Pipeline)>,
    /// Where the `&` stands.
    pub background: Option<Span>,
}

/// `a | b`
#[derive(Debug, Default)]
pub struct Pipeline {
    pub negated: bool,
    pub stages: Vec<Stage>,
}

#[derive(Debug)]
pub enum Stage {
    Simple(Simple),
    /// `{ … }`
    Group(List),
    /// `( … )`
    Subshell(List),
    /// The conditions of `if`, `while` and `until`; the bodies of these, of `for` and of the arms of `case`. Of an `if` the body
    /// behind the last condition's is that of `else`.
    Compound {
        branches: bool,
        conditions: Vec<List>,
        bodies: Vec<List>,
    },
    Function(Function),
}

#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub body: List,
}

#[derive(Debug, Default)]
pub struct Simple {
    pub assigned: Vec<Word>,
    pub words: Vec<Word>,
}

/// Parses a text; `offset` is added to every span.
pub fn parse(text: &str, offset: usize) -> List {
    let mut tokens = tokens(text);
    for token in &mut tokens {
        match token {
            Token::Op(_, span) => *span = span.shift(offset),
            Token::Word(word) => {
                word.span = word.span.shift(offset);
                word.inner.iter_mut().for_each(|span| *span = span.shift(offset));
            }
        }
    }
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let mut list = parser.list(&[]);
    // A closing word without its opening one: reading goes on behind it.
    while parser.at < parser.tokens.len() {
        parser.at += 1;
        list.items.extend(parser.list(&[]).items);
    }
    list
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn op(&self) -> Option<Op> {
        match self.tokens.get(self.at) {
            Some(Token::Op(op, _)) => Some(*op),
            _ => None,
        }
    }

    /// The unquoted word that is next.
    fn keyword(&self) -> Option<&str> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) if !word.quoted => Some(&word.text),
            _ => None,
        }
    }

    fn at_end(&self, ends: &[&str]) -> bool {
        let closes = matches!(self.op(), Some(Op::Close)) && ends.contains(&")");
        let arm = matches!(self.op(), Some(Op::ArmEnd)) && ends.contains(&";;");
        closes || arm || self.keyword().is_some_and(|word| ends.contains(&word))
    }

    /// Commands up to one of `ends`, which is left where it is.
    fn list(&mut self, ends: &[&str]) -> List {
        let mut list = List::default();
        self.depth += 1;
        while self.at < self.tokens.len() && !self.at_end(ends) {
            match self.op() {
                Some(Op::Semi | Op::Newline) => self.at += 1,
                Some(Op::And | Op::Or | Op::Pipe | Op::Background | Op::ArmEnd) => self.at += 1,
                Some(Op::Close) => {
                    if self.depth > 1 {
                        break;
                    }
                    self.at += 1;
                }
                _ => {
                    let before = self.at;
                    list.items.push(self.and_or(ends));
                    if self.at == before {
                        self.at += 1;
                    }
                }
            }
        }
        self.depth -= 1;
        list
    }

    fn and_or(&mut self, ends: &[&str]) -> AndOr {
        let first = self.pipeline(ends);
        let mut rest = Vec::new();
        loop {
            match self.op() {
                Some(op @ (Op::And | Op::Or)) => {
                    self.at += 1;
                    self.skip_newlines();
                    rest.push((op == Op::And, self.pipeline(ends)));
                }
                Some(Op::Background) => {
                    let span = self.tokens[self.at].span();
                    self.at += 1;
                    return AndOr { first, rest, background: Some(span) };
                }
                _ => return AndOr { first, rest, background: None },
            }
        }
    }

    fn skip_newlines(&mut self) {
        while self.op() == Some(Op::Newline) {
            self.at += 1;
        }
    }

    fn pipeline(&mut self, ends: &[&str]) -> Pipeline {
        let mut pipeline = Pipeline::default();
        while self.keyword() == Some("!") {
            pipeline.negated = !pipeline.negated;
            self.at += 1;
        }
        loop {
            if let Some(stage) = self.stage(ends) {
                pipeline.stages.push(stage);
            }
            if self.op() != Some(Op::Pipe) {
                return pipeline;
            }
            self.at += 1;
            self.skip_newlines();
        }
    }

    fn stage(&mut self, ends: &[&str]) -> Option<Stage> {
        if self.at_end(ends) {
            return None;
        }
        if self.depth >= MAX_DEPTH {
            return Some(Stage::Simple(self.simple()));
        }
        if self.op() == Some(Op::Open) {
            self.at += 1;
            let body = self.list(&[")"]);
            self.at += 1;
            return Some(Stage::Subshell(body));
        }
        let keyword = self.keyword().unwrap_or("").to_owned();
        match keyword.as_str() {
            "{" => {
                self.at += 1;
                let body = self.list(&["}"]);
                self.at += 1;
                Some(Stage::Group(body))
            }
            "if" => Some(self.branches()),
            "while" | "until" => {
                self.at += 1;
                let condition = self.list(&["do"]);
                Some(self.body(vec![condition]))
            }
            "for" | "select" => {
                self.at += 1;
                while self.at < self.tokens.len() && self.keyword() != Some("do") {
                    self.at += 1;
                }
                Some(self.body(Vec::new()))
            }
            "case" => Some(self.case()),
            "function" => {
                self.at += 1;
                let name = self.keyword().unwrap_or("").to_owned();
                self.at += 1;
                self.function(name)
            }
            _ => {
                if let (Some(Token::Op(Op::Open, _)), Some(Token::Op(Op::Close, _))) =
                    (self.tokens.get(self.at + 1), self.tokens.get(self.at + 2))
                    && !keyword.is_empty()
                    && !keyword.contains('=')
                {
                    self.at += 1;
                    return self.function(keyword);
                }
                Some(Stage::Simple(self.simple()))
            }
        }
    }

    fn function(&mut self, name: String) -> Option<Stage> {
        if self.op() == Some(Op::Open) {
            self.at += 2;
        }
        self.skip_newlines();
        self.depth += 1;
        let body = self.stage(&[]);
        self.depth -= 1;
        let mut list = List::default();
        list.items.extend(body.map(|stage| AndOr {
            first: Pipeline { negated: false, stages: vec![stage] },
            rest: Vec::new(),
            background: None,
        }));
        Some(Stage::Function(Function { name, body: list }))
    }

    fn body(&mut self, conditions: Vec<List>) -> Stage {
        self.at += 1;
        let body = self.list(&["done"]);
        self.at += 1;
        Stage::Compound { branches: false, conditions, bodies: vec![body] }
    }

    fn branches(&mut self) -> Stage {
        let (mut conditions, mut bodies) = (Vec::new(), Vec::new());
        while matches!(self.keyword(), Some("if" | "elif")) {
            self.at += 1;
            conditions.push(self.list(&["then"]));
            self.at += 1;
            bodies.push(self.list(&["elif", "else", "fi"]));
        }
        if self.keyword() == Some("else") {
            self.at += 1;
            bodies.push(self.list(&["fi"]));
        }
        self.at += 1;
        Stage::Compound { branches: true, conditions, bodies }
    }

    fn case(&mut self) -> Stage {
        while self.at < self.tokens.len() && self.keyword() != Some("in") {
            self.at += 1;
        }
        self.at += 1;
        let mut bodies = Vec::new();
        loop {
            while matches!(self.op(), Some(Op::Newline | Op::Semi | Op::ArmEnd)) {
                self.at += 1;
            }
            if self.at >= self.tokens.len() || self.keyword() == Some("esac") {
                break;
            }
            while self.at < self.tokens.len() && self.op() != Some(Op::Close) {
                self.at += 1;
            }
            self.at += 1;
            bodies.push(self.list(&[";;", "esac"]));
        }
        self.at += 1;
        Stage::Compound { branches: false, conditions: Vec::new(), bodies }
    }

    fn simple(&mut self) -> Simple {
        let mut simple = Simple::default();
        while let Some(token) = self.tokens.get(self.at) {
            match token {
                Token::Word(word) => {
                    let word = word.clone();
                    self.at += 1;
                    match simple.words.is_empty() && is_assignment(&word.text) {
                        true => simple.assigned.push(word),
                        false => simple.words.push(word),
                    }
                }
                // `arr=(a b)`: what is in it is no command.
                Token::Op(Op::Open, _) if simple.words.is_empty() && !simple.assigned.is_empty() => {
                    while self.at < self.tokens.len() && self.op() != Some(Op::Close) {
                        self.at += 1;
                    }
                    self.at += 1;
                }
                Token::Op(Op::Open, _) => self.at += 1,
                Token::Op(..) => break,
            }
        }
        simple
    }
}

/// `NAME=value`, `NAME+=value`, `NAME[i]=value`.
pub fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
