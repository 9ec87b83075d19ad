//! The way forward and the way back beside each other: an outcome in, two columns out.

use std::fmt::Write;

use super::markup::{text, words};
use crate::read::rollback::{Document, Kind};
use crate::report::Context;
use crate::source::Span;
use crate::verdict::Outcome;

/// Lines of one kind that are shown of a document.
const MAX_LINES: usize = 12;

pub fn section(outcome: &Outcome, context: &Context, page: &mut String) {
    page.push_str(
        "<section id=\"plan\" aria-labelledby=\"h-plan\">\n<h2 id=\"h-plan\">Rollout and way back</h2>\n<div class=\"columns\">\n",
    );
    super::forward::column(outcome, page);
    page.push_str("<div>\n<h3>Way back</h3>\n");
    let documents = &outcome.inspection.rollback.documents;
    if documents.is_empty() {
        page.push_str("<p class=\"missing\">There is no rollback document.</p>\n");
    }
    for document in documents {
        way_back(document, outcome, context, page);
    }
    inverses(outcome, page);
    page.push_str("</div>\n</div>\n</section>\n");
}

fn way_back(document: &Document, outcome: &Outcome, context: &Context, page: &mut String) {
    let sources = &outcome.inspection.sources;
    let source = sources.text(document.source);
    let path = sources.path(document.source);
    let name = match context.link(&outcome.inspection.change, path, 1) {
        Some(url) => format!("<a href=\"{}\" rel=\"noreferrer\">{}</a>", text(&url), text(path)),
        None => format!("<code>{}</code>", text(path)),
    };
    let _ = writeln!(page, "<p>{name}</p>\n<dl class=\"plan\">");
    let line = |span: Span| clip(span.text(source));
    let seconds = document.estimates.iter().map(|estimate| estimate.seconds).max();
    row("Takes", seconds.map(duration).as_slice(), page);
    row("Trigger", &document.thresholds.iter().map(|span| line(*span)).collect::<Vec<_>>(), page);
    row("Owner", document.owner.map(line).as_slice(), page);
    row("Data", document.data.as_ref().map(|data| line(data.span)).as_slice(), page);
    row("Configuration", &document.config.iter().map(|(named, _)| clip(&named.text)).collect::<Vec<_>>(), page);
    page.push_str("</dl>\n");
    for (kind, title) in [(Kind::Commands, "Commands"), (Kind::Verification, "Verification")] {
        let lines: Vec<String> =
            document.commands.iter().filter(|command| command.section == kind).map(|command| clip(&command.text)).collect();
        if !lines.is_empty() {
            let _ = writeln!(page, "<h4>{title}</h4>\n<pre class=\"code\" tabindex=\"0\"><code>{}</code></pre>", text(&lines.join("\n")));
        }
    }
}

fn row(name: &str, values: &[String], page: &mut String) {
    if values.is_empty() {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd class=\"quiet\">not said</dd></div>");
        return;
    }
    let _ = write!(page, "<div><dt>{name}</dt>");
    for value in values.iter().take(MAX_LINES) {
        let _ = write!(page, "<dd>{}</dd>", words(value));
    }
    page.push_str("</div>\n");
}

fn clip(line: &str) -> String {
    let line = line.trim().trim_start_matches(['-', '*', ' ']);
    if line.chars().count() <= 240 { line.to_owned() } else { line.chars().take(240).chain("…".chars()).collect() }
}

fn duration(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// What replaying each down script came to.
fn inverses(outcome: &Outcome, page: &mut String) {
    let inverses = &outcome.inspection.inverses;
    if inverses.is_empty() {
        return;
    }
    page.push_str("<h4>Down scripts, replayed</h4>\n<ul class=\"plain\">\n");
    for inverse in inverses.iter().take(MAX_LINES) {
        let migration = outcome.inspection.head_units.get(inverse.unit).and_then(|unit| unit.migrations.get(inverse.migration));
        let id = migration.map_or("", |migration| migration.id.as_str());
        let came_to = match (&inverse.not_compared, inverse.differences.as_slice()) {
            (Some(reason), _) => format!("cannot be told: {reason}"),
            (None, []) => "undoes its up script".to_owned(),
            (None, differences) => {
                let texts: Vec<&str> = differences.iter().take(MAX_LINES).map(|difference| difference.text.as_str()).collect();
                format!("does not undo its up script: {}", texts.join("; "))
            }
        };
        let _ = writeln!(page, "<li><code>{}</code> {}</li>", text(id), text(&came_to));
    }
    page.push_str("</ul>\n");
}
