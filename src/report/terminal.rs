//! Text for a terminal: words and a style in, wrapped and coloured lines out, harmless whatever they carry.

use std::io::{self, Write};

use super::Style;
use super::escape::neutralise;
use super::prose::step;

/// Wraps a text behind a lead-in that takes `indent` columns; its own line breaks are kept, indented lines are not wrapped.
pub fn paragraph(lead: &str, indent: usize, text: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let blank = " ".repeat(indent);
    let mut lead = lead;
    for line in neutralise(text.trim()).lines() {
        let room = style.width.saturating_sub(indent).max(24);
        for piece in wrap(line, room) {
            writeln!(out, "{lead}{piece}")?;
            lead = &blank;
        }
    }
    Ok(())
}

/// Breaks a line at its blanks. Words that are longer than the room and lines of code stay whole, so that they can be copied.
fn wrap(line: &str, room: usize) -> Vec<String> {
    let indent = &line[..line.len() - line.trim_start().len()];
    let code = indent.len() >= 2 && step(line.trim_start()).is_none();
    if code || line.chars().count() <= room {
        return vec![line.to_owned()];
    }
    let hang = if indent.is_empty() { "" } else { "   " };
    let mut pieces = vec![indent.to_owned()];
    let mut empty = true;
    for word in line.split_whitespace() {
        let last = pieces.last_mut().expect("pieces starts with one element");
        if !empty && last.chars().count() + 1 + word.chars().count() > room {
            pieces.push(format!("{indent}{hang}{word}"));
        } else {
            if !empty {
                last.push(' ');
            }
            last.push_str(word);
        }
        empty = false;
    }
    pieces
}

pub fn paint(text: &str, code: &str, style: Style) -> String {
    if style.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wrap_behind_their_lead_and_steps_hang() {
        let mut out = Vec::new();
        let style = Style { color: false, width: 40 };
        paragraph("do ", 3, "one two three four five six seven eight nine\n  1. ten eleven twelve thirteen fourteen", style, &mut out)
            .unwrap();
        let wanted = "do one two three four five six seven\n   eight nine\n     1. ten eleven twelve thirteen\n        fourteen\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
