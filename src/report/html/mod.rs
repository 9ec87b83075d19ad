//! One self-contained page for a release ticket: an outcome in, HTML out. No script, nothing loaded, every text escaped.

mod finding;
mod forward;
mod markup;
mod plan;
mod timeline;

use std::fmt::Write as _;
use std::io::{self, Write};

use base64::Engine;
use sha2::{Digest, Sha256};

use super::Context;
use super::words::{count, lead, phase, question, range, short, status, tally, verdict};
use crate::change::{FileStatus, Revision};
use crate::finding::Status;
use crate::settings::Requirement;
use crate::verdict::{GateResult, GateStatus, Outcome, Verdict};
use markup::text;

const CSS: &str = include_str!("page.css");
/// Commits and files that are listed.
const MAX_LISTED: usize = 200;

pub fn write(outcome: &Outcome, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let mut page = String::new();
    head(outcome, &mut page);
    masthead(outcome, &mut page);
    let mut findings = String::new();
    let shown = finding::section(outcome, context, &mut findings);
    let timeline = timeline::section(outcome, &shown);
    navigation(outcome, timeline.is_some(), &mut page);
    page.push_str("<main>\n");
    gates(outcome, &mut page);
    page.push_str(&findings);
    page.push_str(timeline.as_deref().unwrap_or_default());
    plan::section(outcome, context, &mut page);
    change(outcome, &mut page);
    coverage(outcome, &mut page);
    page.push_str("</main>\n");
    footer(outcome, &mut page);
    out.write_all(page.as_bytes())
}

/// The policy allows this one style sheet, by its hash, and nothing else: no script, image, font, frame, form or connection.
fn head(outcome: &Outcome, page: &mut String) {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(CSS));
    let _ = write!(
        page,
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<meta name="referrer" content="no-referrer" />
<title>{} {} · holdshort</title>
<style>{CSS}</style>
</head>
<body>
"#,
        verdict(outcome.verdict),
        text(&range(&outcome.inspection.change)),
    );
}

fn masthead(outcome: &Outcome, page: &mut String) {
    let inspection = &outcome.inspection;
    let class = if outcome.verdict == Verdict::Hold { "hold" } else { "cleared" };
    let _ = write!(
        page,
        "<header class=\"mast {class}\">\n<div class=\"wrap\">\n<p class=\"brand\">holdshort</p>\n\
         <h1><span class=\"sign\">{}</span> <span class=\"lead\">{}</span></h1>\n<dl class=\"facts\">\n",
        verdict(outcome.verdict),
        lead(outcome)
    );
    let coverage = &outcome.coverage;
    for (name, value) in [
        ("Change", range(&inspection.change)),
        ("Compared", inspection.change.origin.clone()),
        ("Phase", phase(inspection.settings.phase).to_owned()),
        ("Read", format!("{}, {}", count(coverage.files, "file"), count(coverage.statements, "migration statement"))),
        ("Findings", tally(&outcome.findings)),
    ] {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", text(&value));
    }
    page.push_str("</dl>\n");
    for notice in &inspection.change.notices {
        let _ = writeln!(page, "<p class=\"notice\">{}</p>", text(notice));
    }
    page.push_str("</div>\n</header>\n");
}

fn navigation(outcome: &Outcome, migrations: bool, page: &mut String) {
    page.push_str("<nav class=\"wrap\" aria-label=\"Sections\">\n<ul>\n<li><a href=\"#gates\">Checklist</a></li>\n");
    if outcome.findings.iter().any(|found| found.is_active()) {
        page.push_str("<li><a href=\"#findings\">Findings</a></li>\n");
    }
    if migrations {
        page.push_str("<li><a href=\"#migrations\">Migrations and locks</a></li>\n");
    }
    page.push_str(
        "<li><a href=\"#plan\">Rollout and way back</a></li>\n<li><a href=\"#change\">Change</a></li>\n\
         <li><a href=\"#coverage\">Coverage</a></li>\n</ul>\n</nav>\n",
    );
}

fn gates(outcome: &Outcome, page: &mut String) {
    page.push_str("<section id=\"gates\" aria-labelledby=\"h-gates\">\n<h2 id=\"h-gates\">Checklist</h2>\n<ul class=\"gates\">\n");
    for gate in outcome.gates.iter().filter(|gate| gate.requirement != Requirement::Off) {
        let advisory = if gate.requirement == Requirement::Advisory { " <span class=\"quiet\">advisory</span>" } else { "" };
        let _ = writeln!(
            page,
            "<li class=\"{}\"><span class=\"status\">{}</span><div><h3>{}{advisory}</h3><p>{}</p><p class=\"quiet\">{}</p></div></li>",
            gate_class(gate),
            status(gate),
            gate.id.id(),
            text(&gate.reason),
            question(gate.id)
        );
    }
    page.push_str("</ul>\n</section>\n");
}

fn gate_class(gate: &GateResult) -> &'static str {
    match gate.status {
        GateStatus::Pass => "pass",
        GateStatus::Fail if gate.holds => "fail",
        GateStatus::Unknown if gate.holds => "fail",
        GateStatus::Fail | GateStatus::Unknown => "open",
        GateStatus::NotApplicable => "na",
    }
}

fn change(outcome: &Outcome, page: &mut String) {
    let change = &outcome.inspection.change;
    page.push_str("<section id=\"change\" aria-labelledby=\"h-change\">\n<h2 id=\"h-change\">Change</h2>\n");
    for (name, revision) in [("Base", &change.base), ("Head", &change.head)] {
        if let Revision::Commit { id, .. } = revision {
            let _ = writeln!(page, "<p>{name} <code>{}</code></p>", text(id));
        }
    }
    if !change.commits.is_empty() {
        let _ = writeln!(page, "<details open=\"\">\n<summary>{}</summary>\n<ul class=\"plain\">", count(change.commits.len(), "commit"));
        for commit in change.commits.iter().take(MAX_LISTED) {
            let subject = commit.message.lines().next().unwrap_or_default();
            let subject: String = subject.chars().take(200).collect();
            let _ = writeln!(page, "<li><code>{}</code> {}</li>", text(short(&commit.id)), text(&subject));
        }
        more(change.commits.len(), page);
        page.push_str("</ul>\n</details>\n");
    }
    let _ = writeln!(page, "<details>\n<summary>{} changed</summary>\n<ul class=\"plain\">", count(change.files.len(), "file"));
    for file in change.files.iter().take(MAX_LISTED) {
        let word = match file.status {
            FileStatus::Added => "added",
            FileStatus::Modified => "edited",
            FileStatus::Deleted => "deleted",
            FileStatus::Renamed => "renamed",
        };
        let from = file.old_path.as_ref().map(|old| format!(" from <code>{}</code>", text(old))).unwrap_or_default();
        let _ = writeln!(page, "<li><span class=\"quiet\">{word}</span> <code>{}</code>{from}</li>", text(&file.path));
    }
    more(change.files.len(), page);
    page.push_str("</ul>\n</details>\n</section>\n");
}

fn more(all: usize, page: &mut String) {
    if all > MAX_LISTED {
        let _ = writeln!(page, "<li class=\"quiet\">and {} more</li>", all - MAX_LISTED);
    }
}

fn coverage(outcome: &Outcome, page: &mut String) {
    let coverage = &outcome.coverage;
    page.push_str("<section id=\"coverage\" aria-labelledby=\"h-coverage\">\n<h2 id=\"h-coverage\">Coverage</h2>\n");
    let _ = writeln!(
        page,
        "<p>{} read, {} read, {} of them not understood.</p>",
        count(coverage.files, "file"),
        count(coverage.statements, "migration statement"),
        coverage.opaque
    );
    if !coverage.skipped.is_empty() {
        page.push_str("<h3>Not read</h3>\n<ul class=\"plain\">\n");
        for skipped in coverage.skipped.iter().take(MAX_LISTED) {
            let _ = writeln!(page, "<li><code>{}</code> {}</li>", text(&skipped.path), text(&skipped.reason));
        }
        more(coverage.skipped.len(), page);
        page.push_str("</ul>\n");
    }
    let accepted: Vec<_> = outcome.findings.iter().filter(|found| !found.is_active()).collect();
    if !accepted.is_empty() {
        page.push_str("<h3>Accepted</h3>\n<ul class=\"plain\">\n");
        for found in accepted.iter().take(MAX_LISTED) {
            let why = match &found.status {
                Status::Suppressed { reason, until: Some(until), .. } => format!("until {until}, because {reason}"),
                Status::Suppressed { reason, until: None, .. } => format!("because {reason}"),
                Status::Active | Status::Baselined => "in the baseline".to_owned(),
            };
            let place = format!("{}:{}", found.path, finding::line(outcome, found));
            let _ = writeln!(page, "<li><code>{}</code> <code>{}</code> {}</li>", text(&found.rule), text(&place), text(&why));
        }
        more(accepted.len(), page);
        page.push_str("</ul>\n");
    }
    page.push_str("</section>\n");
}

fn footer(outcome: &Outcome, page: &mut String) {
    let change = &outcome.inspection.change;
    let again = match (change.base.id(), &change.head) {
        (Some(base), Revision::Commit { id, .. }) => {
            let phase = phase(outcome.inspection.settings.phase);
            format!(" Check it again: <code>holdshort check --deployed {base} --head {id} --phase {phase}</code>")
        }
        _ => String::new(),
    };
    let _ = write!(page, "<footer>\n<p>holdshort {}.{again}</p>\n</footer>\n</body>\n</html>\n", env!("CARGO_PKG_VERSION"));
}
