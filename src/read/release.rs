//! What the rollback document says of the release around it, and the moment that is judged: documents in, plain facts out.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use regex::Regex;
use serde::Serialize;

use super::rollback::{Document, Named, Section};
use super::tree::{self, Node, Syntax};
use crate::change::{ChangeSet, Revision};
use crate::settings::{MAX_DAYS, Phase, Settings, Stretch, time_zone};
use crate::source::{FileId, SourceMap, Span};

/// Facts about the release of one change.
#[derive(Debug, Default, Serialize)]
pub struct Release {
    /// The moment the rollout is judged for; none where the head is no commit and no moment was given.
    pub moment: Option<Moment>,
    /// What each rollback document says, in their order.
    pub plans: Vec<Plan>,
    /// The CI says that a deploy freeze is on.
    pub deploy_freeze: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Moment {
    pub at: Timestamp,
    pub origin: MomentOrigin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MomentOrigin {
    /// `--at`
    Given,
    /// The committer's time of the head commit.
    HeadCommit,
}

impl Release {
    /// A release is declared: by the policy, or by the front matter of a document.
    pub fn is_declared(&self, settings: &Settings) -> bool {
        settings.policy.release.is_some() || self.plans.iter().any(|plan| plan.declared)
    }

    /// The moment that windows, peak hours and freezes are held against; none where it says nothing about the rollout: a
    /// commit made at night is no reason not to merge it.
    pub fn judged(&self, settings: &Settings) -> Option<Moment> {
        self.moment.filter(|moment| moment.origin == MomentOrigin::Given || settings.phase == Phase::Deploy)
    }

    /// States the moment for the report, where a release is declared.
    pub fn notice(&self, settings: &Settings) -> Option<String> {
        let moment = self.judged(settings).filter(|_| self.is_declared(settings))?;
        Some(format!("the release is judged for {}", moment.spoken()))
    }
}

impl Moment {
    /// The moment as the report states it, with where it comes from.
    pub fn spoken(self) -> String {
        match self.origin {
            MomentOrigin::Given => format!("{} (given)", self.at),
            MomentOrigin::HeadCommit => format!("{} (the head commit's time; `--at` gives another)", self.at),
        }
    }
}

/// One document's words on its release.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub source: FileId,
    /// Where findings about what is missing stand: the front matter's first key, else the first heading.
    pub first: Span,
    /// The front matter speaks of a release.
    pub declared: bool,
    pub window: Option<Window>,
    pub on_call: Vec<Named>,
    pub stakeholders: Vec<Named>,
    /// When the stakeholders were told, and by whom.
    pub notified: Option<Notified>,
    pub smoke_tests: Vec<SmokeTest>,
    pub dashboards: Vec<Named>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Window {
    pub span: Span,
    /// Start and end, or why they are none.
    pub times: Result<(Timestamp, Timestamp), String>,
    pub approved_by: Option<Named>,
}

impl Window {
    pub fn stretch(&self) -> Option<Stretch> {
        self.times.as_ref().ok().map(|(start, end)| Stretch { start: *start, end: *end })
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Notified {
    pub span: Span,
    /// The moment, or why it is none.
    pub at: Result<Timestamp, String>,
    pub by: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct SmokeTest {
    pub named: Named,
    /// A command or path to look up; prose is not.
    pub runnable: bool,
}

/// Keys of the front matter that declare a release. `owner` and `oncall` belong to every rollback document.
const KEYS: [&str; 8] = ["window", "notify", "stakeholders", "notified", "smoke_tests", "smoke-tests", "dashboards", "post_deploy"];

pub fn read(change: &ChangeSet, settings: &Settings, documents: &[Document], sources: &SourceMap) -> Release {
    let committed = match &change.head {
        Revision::Commit { committed, .. } => Timestamp::from_second(*committed).ok(),
        _ => None,
    };
    let given = settings.at.map(|at| Moment { at, origin: MomentOrigin::Given });
    let moment = given.or(committed.map(|at| Moment { at, origin: MomentOrigin::HeadCommit }));
    let zone = settings.policy.release.as_ref().and_then(|release| release.time_zone.as_deref());
    let plans = documents.iter().map(|document| plan(document, sources.text(document.source), zone)).collect();
    Release { moment, plans, deploy_freeze: settings.deploy_freeze }
}

/// `zone` is the policy's, for times that name none.
fn plan(document: &Document, text: &str, zone: Option<&str>) -> Plan {
    let mut plan = Plan {
        source: document.source,
        first: document.first,
        declared: false,
        window: None,
        on_call: Vec::new(),
        stakeholders: Vec::new(),
        notified: None,
        smoke_tests: Vec::new(),
        dashboards: Vec::new(),
    };
    let (map, end) = front_matter(text);
    if let Some(map) = map {
        front(&mut plan, &map, zone);
    }
    body(&mut plan, document, text, end);
    plan
}

/// The mapping between the `---` at the top and the next one, its spans those of the document, and where the body starts.
fn front_matter(text: &str) -> (Option<Node>, usize) {
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let mark = line.trim_start_matches('\u{feff}').trim_end();
        match number {
            0 if mark != "---" => return (None, 0),
            0 => {}
            _ if matches!(mark, "---" | "...") => {
                let tree = tree::parse(&text[..at], Syntax::Yaml);
                return (tree.documents.into_iter().next().filter(Node::is_map), at + line.len());
            }
            _ => {}
        }
        at += line.len();
    }
    (None, 0)
}

fn front(plan: &mut Plan, map: &Node, zone: Option<&str>) {
    let declares = |key: &Node| key.as_str().is_some_and(|key| KEYS.contains(&key));
    if let Some((key, _)) = map.entries().iter().find(|(key, value)| declares(key) && !value.is_null()) {
        plan.declared = true;
        plan.first = key.span;
    }
    let list = |keys: &[&str]| keys.iter().filter_map(|key| map.get(key)).flat_map(names).collect::<Vec<Named>>();
    plan.on_call = list(&["oncall", "on_call", "on-call"]);
    plan.stakeholders = list(&["notify", "stakeholders"]);
    plan.dashboards = list(&["dashboards"]);
    let tests = list(&["smoke_tests", "smoke-tests", "post_deploy"]);
    plan.smoke_tests = tests.into_iter().map(|named| SmokeTest { named, runnable: true }).collect();
    plan.window = map.entry("window").filter(|(_, value)| !value.is_null()).map(|(key, value)| window(key, value, zone));
    plan.notified = map.entry("notified").filter(|(_, value)| !value.is_null()).map(|(key, value)| {
        let at = value.str_at("at").or_else(|| value.as_str());
        Notified {
            span: key.span.cover(value.span),
            at: at.ok_or_else(|| "it has no `at`".to_owned()).and_then(|text| moment(text, zone)),
            by: value.str_at("by").filter(|name| is_name(name)).map(str::to_owned),
        }
    });
}

/// The texts of a scalar, a list or the values of a mapping, without those that name nothing.
fn names(value: &Node) -> Vec<Named> {
    let one = |node: &Node| {
        let text = node.as_str().filter(|text| is_name(text))?;
        Some(Named { span: node.span, text: text.trim().to_owned() })
    };
    if value.is_map() {
        return value.entries().iter().flat_map(|(_, value)| names(value)).collect();
    }
    match value.as_seq() {
        Some(items) => items.iter().flat_map(names).collect(),
        None => one(value).into_iter().collect(),
    }
}

static NO_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\W*(?:none|nobody|no one|n/?a|tbd|todo|tba|fixme|xxx+|unknown|null|to be (?:determined|defined|decided)|<[^>]*>|\{\{.*\}\})?\W*$")
        .expect("a constant pattern")
});

/// Says something: not empty, and no placeholder.
pub fn is_name(text: &str) -> bool {
    !NO_NAME.is_match(text)
}

fn window(key: &Node, value: &Node, zone: Option<&str>) -> Window {
    let own = value.str_at("tz").or_else(|| value.str_at("time_zone")).or_else(|| value.str_at("timezone"));
    let approved = value.entry("approved_by").or_else(|| value.entry("approved-by")).map(|(_, value)| value);
    let approved_by = approved.and_then(|node| names(node).into_iter().next());
    let times = || -> Result<(Timestamp, Timestamp), String> {
        if !value.is_map() {
            return Err("it is no mapping with `start` and `end`".to_owned());
        }
        let at = |name: &str| {
            let text = value.str_at(name).ok_or_else(|| format!("it has no `{name}`"))?;
            moment(text, own.or(zone)).map_err(|problem| format!("`{name}`: {problem}"))
        };
        let (start, end) = (at("start")?, at("end")?);
        if end <= start {
            return Err("it ends before it starts".to_owned());
        }
        if (end.as_second() - start.as_second()) > MAX_DAYS * 24 * 3600 {
            return Err(format!("it is longer than {MAX_DAYS} days, which is no window"));
        }
        Ok((start, end))
    };
    Window { span: key.span.cover(value.span), times: times(), approved_by }
}

/// A point in time: with an offset, or local in a zone that is named beside it.
fn moment(text: &str, zone: Option<&str>) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let local: DateTime =
        text.parse().map_err(|_| format!("`{text}` is no time; write `2026-09-09T09:00Z` or `2026-09-09T09:00` with a `tz`"))?;
    if !text.contains(':') {
        return Err(format!("`{text}` has no time of day"));
    }
    let name = zone.ok_or_else(|| format!("`{text}` has no time zone; write an offset (`Z`, `+02:00`) or a `tz`"))?;
    let zone: TimeZone = time_zone(name)?;
    let skipped = |_| format!("`{text}` does not exist or comes twice in {name} (the clock is changed); write the offset");
    zone.to_ambiguous_timestamp(local).unambiguous().map_err(skipped)
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

static DASHBOARDS: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)dashboard|monitor|observab|metrics|grafana|datadog"));
static SMOKE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)smoke|post[- ]?(?:deploy|release|rollout)|after (?:the )?(?:deploy|release|rollout)|health ?check"));
static SMOKE_COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)smoke|post[-_]?deploy|synthetic|(?:curl|http|wget)\s.*/(?:health|healthz|ready|readyz|live|livez|status|ping|version)\b")
});
static STAKEHOLDERS: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)stakeholder|communicat|notif|announce"));
static URL: LazyLock<Regex> = LazyLock::new(|| regex(r#"https?://[^\s)>\]"'`|]+"#));
static ADDRESSEE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:^|[\s(`*,:|])([#@][A-Za-z][\w./-]*\w|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"));
static ON_CALL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?im)^.*\bon[- ]?call\b(?:[^:|\n]{0,30}[:|]|\s+(?:is|by|via|at|through))[\W_]*\w.*$"));

/// What sections and lines say. They name, they do not declare.
fn body(plan: &mut Plan, document: &Document, text: &str, start: usize) {
    for (number, section) in document.sections.iter().enumerate() {
        let end = document.sections.get(number + 1).map_or(text.len(), |next| next.heading.start);
        let below = Span { start: section.heading.end.min(end), end };
        if DASHBOARDS.is_match(&section.title) {
            plan.dashboards.extend(found(&URL, text, below));
        }
        if SMOKE.is_match(&section.title) {
            smoke_section(plan, document, section, below);
        }
        if STAKEHOLDERS.is_match(&section.title) {
            plan.stakeholders.extend(addressees(text, below));
        }
    }
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        let span = Span { start: at, end: at + line.len() };
        at += line.len();
        // One line says what it is about and gives the link.
        if line.len() < 2_000 && DASHBOARDS.is_match(line) {
            let known: Vec<Span> = plan.dashboards.iter().map(|named| named.span).collect();
            plan.dashboards.extend(found(&URL, text, span).into_iter().filter(|named| !known.contains(&named.span)));
        }
    }
    let named = plan.smoke_tests.is_empty();
    let commands = document.commands.iter().filter(|command| named && !command.sql && SMOKE_COMMAND.is_match(&command.text));
    plan.smoke_tests.extend(commands.map(|command| runnable(command.span, &command.text)));
    if plan.on_call.is_empty() {
        plan.on_call.extend(found(&ON_CALL, text, Span { start, end: text.len() }).into_iter().find(|line| names_somebody(&line.text)));
    }
}

/// What follows the colon of an on-call line is a name.
fn names_somebody(line: &str) -> bool {
    line.rsplit([':', '|']).find(|part| !part.trim().is_empty()).is_some_and(is_name)
}

fn smoke_section(plan: &mut Plan, document: &Document, section: &Section, below: Span) {
    let commands: Vec<SmokeTest> = document
        .commands
        .iter()
        .filter(|command| below.encloses(command.span) && !command.sql)
        .map(|command| runnable(command.span, &command.text))
        .collect();
    if commands.is_empty() && section.filled {
        plan.smoke_tests.push(SmokeTest { named: Named { span: section.heading, text: section.title.clone() }, runnable: false });
    }
    plan.smoke_tests.extend(commands);
}

fn runnable(span: Span, text: &str) -> SmokeTest {
    SmokeTest { named: Named { span, text: text.to_owned() }, runnable: true }
}

fn found(pattern: &Regex, text: &str, span: Span) -> Vec<Named> {
    let named = |found: regex::Match| Named {
        span: Span { start: span.start + found.start(), end: span.start + found.end() },
        text: found.as_str().trim().to_owned(),
    };
    pattern.find_iter(span.text(text)).map(named).collect()
}

fn addressees(text: &str, span: Span) -> Vec<Named> {
    let captures = ADDRESSEE.captures_iter(span.text(text)).filter_map(|found| found.get(1));
    captures
        .map(|found| Named {
            span: Span { start: span.start + found.start(), end: span.start + found.end() },
            text: found.as_str().to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::rollback::parse;
    use crate::source::Side;

    fn plan_of(text: &str) -> Plan {
        let mut sources = SourceMap::default();
        let id = sources.add("ROLLBACK.md", Side::Head, text);
        plan(&parse(id, text), text, None)
    }

    #[test]
    fn front_matter_names_the_release() {
        let text = "---\nkind: plan\nwindow: {start: 2026-09-09T09:00Z, end: 2026-09-09T11:00Z, approved_by: \"@lead\"}\noncall: pagerduty:PX\nnotify: [\"#deploys\", TBD]\nsmoke_tests: [make smoke]\nnotified: {at: 2026-09-08T10:00Z, by: ana}\n---\n# x\n";
        let plan = plan_of(text);
        let window = plan.window.expect("a window");
        assert!(window.times.is_ok() && window.span.text(text).starts_with("window:"), "{:?}", window.times);
        assert_eq!(window.approved_by.map(|named| named.text).as_deref(), Some("@lead"));
        assert_eq!(plan.stakeholders.iter().map(|named| named.text.as_str()).collect::<Vec<_>>(), ["#deploys"]);
        assert_eq!(plan.smoke_tests[0].named.span.text(text), "make smoke");
        assert!(plan.notified.expect("told").at.is_ok());
        assert!(plan.declared && plan.first.text(text) == "window");
    }

    #[test]
    fn a_rollback_document_alone_declares_no_release() {
        let plan = plan_of("---\nowner: \"@team\"\noncall: pager\nestimate: 3m\n---\n# Roll back\n\n## Verification\n\nAll is well.\n");
        assert!(!plan.declared && plan.smoke_tests.is_empty() && plan.dashboards.is_empty());
    }

    #[test]
    fn the_body_names_things_too() {
        let text = "# Release\n\nOn-call: @sre (pager)\n\n## Smoke tests\n\n```sh\nscripts/smoke.sh\n```\n\n## Dashboards\n\n- [latency](https://grafana.example.com/d/1)\n\n## Communication\n\nTell #deploys and support@example.com.\n";
        let plan = plan_of(text);
        assert_eq!(plan.smoke_tests[0].named.text, "scripts/smoke.sh");
        assert_eq!(plan.dashboards[0].text, "https://grafana.example.com/d/1");
        assert_eq!(plan.stakeholders.iter().map(|named| named.text.as_str()).collect::<Vec<_>>(), ["#deploys", "support@example.com"]);
        assert_eq!(plan.on_call[0].text, "On-call: @sre (pager)");
    }

    #[test]
    fn times_that_cannot_be_say_why() {
        let window = |inner: &str| plan_of(&format!("---\nwindow: {inner}\n---\n# x\n")).window.expect("a window").times;
        let problem = |inner: &str| window(inner).expect_err(inner);
        assert!(problem("{start: 2026-09-09T09:00, end: 2026-09-09T11:00}").contains("no time zone"));
        assert!(problem("{start: 2026-09-09T11:00Z, end: 2026-09-09T09:00Z}").contains("before it starts"));
        assert!(problem("{start: 2026-03-29T02:30, end: 2026-03-29T05:00, tz: Europe/Berlin}").contains("does not exist"));
        assert!(problem("{start: 2026-09-09T09:00Z}").contains("no `end`"));
        assert!(problem("next Tuesday").contains("no mapping"));
        assert!(problem("{start: 2026-09-09, end: 2026-09-10, tz: UTC}").contains("no time of day"));
        assert!(window("{start: 2026-09-09 09:00, end: 2026-09-09 11:00, tz: Europe/Berlin}").is_ok());
    }
}
