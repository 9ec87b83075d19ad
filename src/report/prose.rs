//! The prose of rules and messages: a text in, its paragraphs, steps, code and `code words` out, for a format to mark up.

/// One block of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    Paragraph(String),
    /// One step of a list, its number or dash left out.
    Step(String),
    /// Lines that keep their shape, without the indent they share.
    Code(String),
}

/// A run of words, or what stood between backticks.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Words(&'a str),
    Code(&'a str),
}

/// Splits a text: indented lines are steps when they are numbered or dashed, else code; the rest are paragraphs.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for line in text.trim().lines() {
        let words = line.trim();
        let indent = line.len() - line.trim_start().len();
        match (step(words), blocks.last_mut()) {
            _ if words.is_empty() => blocks.push(Block::Paragraph(String::new())),
            (Some(step), _) => blocks.push(Block::Step(step.to_owned())),
            (None, Some(Block::Step(last))) if indent > 2 => join(last, words),
            (None, Some(Block::Code(code))) if indent >= 2 => {
                code.push('\n');
                code.push_str(line.get(2..).unwrap_or(words));
            }
            (None, _) if indent >= 2 => blocks.push(Block::Code(line.get(2..).unwrap_or(words).to_owned())),
            (None, Some(Block::Paragraph(last))) if !last.is_empty() => join(last, words),
            (None, _) => blocks.push(Block::Paragraph(words.to_owned())),
        }
    }
    blocks.retain(|block| *block != Block::Paragraph(String::new()));
    blocks
}

fn join(text: &mut String, words: &str) {
    text.push(' ');
    text.push_str(words);
}

/// What follows the number or dash of a step.
pub fn step(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("- ") {
        return Some(rest);
    }
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    line[digits..].strip_prefix(". ").filter(|_| (1..=2).contains(&digits))
}

/// Splits one block's text at its backticks. A backtick without a partner is a word like any other.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, after)) = after.split_once('`') else { break };
        if !before.is_empty() {
            pieces.push(Piece::Words(before));
        }
        if !code.is_empty() {
            pieces.push(Piece::Code(code));
        }
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_code_and_paragraphs_are_told_apart() {
        let text = "Do it in two\nrollouts:\n  1. remove `a`;\n  2. then drop it\n     later.\nOr:\n  ALTER TABLE t\n    DROP a;\n";
        let wanted = [
            Block::Paragraph("Do it in two rollouts:".to_owned()),
            Block::Step("remove `a`;".to_owned()),
            Block::Step("then drop it later.".to_owned()),
            Block::Paragraph("Or:".to_owned()),
            Block::Code("ALTER TABLE t\n  DROP a;".to_owned()),
        ];
        assert_eq!(blocks(text), wanted);
    }

    #[test]
    fn backticks_pair_up_or_stay() {
        assert_eq!(pieces("a `b` c ` d"), [Piece::Words("a "), Piece::Code("b"), Piece::Words(" c ` d")]);
    }
}
