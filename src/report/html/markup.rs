//! Small pieces of markup: texts in, escaped HTML out. Everything that comes from a repository goes through here.

use std::fmt::Write;

pub use crate::report::escape::html as text;
use crate::report::excerpt::Line;
use crate::report::prose::{Block, Piece, blocks, pieces};

/// Words with their `code`.
pub fn words(raw: &str) -> String {
    let mut out = String::new();
    for piece in pieces(raw) {
        match piece {
            Piece::Words(words) => out.push_str(&text(words)),
            Piece::Code(code) => {
                let _ = write!(out, "<code>{}</code>", text(code));
            }
        }
    }
    out
}

/// A text of several paragraphs, steps and code.
pub fn prose(raw: &str) -> String {
    let mut out = String::new();
    let mut steps = false;
    for block in blocks(raw) {
        let step = matches!(block, Block::Step(_));
        if step != steps {
            out.push_str(if step { "<ol>\n" } else { "</ol>\n" });
            steps = step;
        }
        let _ = match &block {
            Block::Paragraph(paragraph) => writeln!(out, "<p>{}</p>", words(paragraph)),
            Block::Step(step) => writeln!(out, "<li>{}</li>", words(step)),
            Block::Code(code) => writeln!(out, "<pre class=\"code\"><code>{}</code></pre>", text(code)),
        };
    }
    if steps {
        out.push_str("</ol>\n");
    }
    out
}

/// Source lines with their marks, behind a caption that is markup already.
pub fn figure(caption: &str, lines: &[Line]) -> String {
    let mut out = format!("<figure>\n<figcaption>{caption}</figcaption>\n<pre class=\"source\" tabindex=\"0\"><code>");
    for line in lines {
        if line.gap {
            out.push_str("<span class=\"gap\">⋯</span>\n");
        }
        let hit = if line.pieces.iter().any(|(_, marked)| *marked) { " hit" } else { "" };
        let _ = write!(out, "<span class=\"line{hit}\"><span class=\"no\">{:>4} </span>", line.number);
        for (piece, marked) in &line.pieces {
            let _ = if *marked { write!(out, "<mark>{}</mark>", text(piece)) } else { write!(out, "{}", text(piece)) };
        }
        out.push_str("</span>\n");
        for note in &line.notes {
            let _ = writeln!(out, "<span class=\"label\"><span class=\"no\">     </span>{}</span>", words(note));
        }
    }
    out.push_str("</code></pre>\n</figure>\n");
    out
}
