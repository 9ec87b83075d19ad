//! AnalysisTemplates: what a Rollout runs against its canary in, metrics and whether they can fail out.

use std::collections::BTreeSet;

use super::{GROUP, Reading};
use crate::read::rollout::metric::{classify, percentile};
use crate::read::rollout::model::{Analysis, Class, Dwell, FlawKind, Metric, Remark, Threshold, spoken};
use crate::read::rollout::object::Object;
use crate::read::rollout::quantity::{count, is_computed, number, seconds};
use crate::read::tree::Node;
use crate::source::Span;

/// Templates that name templates nest so deep at most.
const MAX_DEPTH: usize = 8;

/// Gathers the analyses of one rollout.
#[derive(Default)]
pub struct Collector {
    analysis: Analysis,
    /// Of metrics that run beside the steps: the seconds until they can first fail, by index of the metric.
    delays: Vec<(usize, u64)>,
    seen: BTreeSet<(Span, usize)>,
}

/// One run of templates.
#[derive(Clone, Copy)]
struct Run<'a> {
    /// It is over only when its metrics are.
    blocks: bool,
    /// Metrics whose outcome does not count.
    dry: &'a [Node],
}

impl Collector {
    /// An analysis beside the steps.
    pub fn background(&mut self, reading: &mut Reading, analysis: &Node) {
        let dry = analysis.get("dryRun").map(Node::items).unwrap_or_default();
        self.run(reading, analysis, Run { blocks: false, dry });
    }

    /// An analysis the rollout waits for; how long it takes at least.
    pub fn inline(&mut self, reading: &mut Reading, analysis: &Node, step: bool) -> Dwell {
        let dry = analysis.get("dryRun").map(Node::items).unwrap_or_default();
        self.run(reading, analysis, Run { blocks: step, dry })
    }

    /// The analyses of an experiment step.
    pub fn experiment(&mut self, reading: &mut Reading, experiment: &Node) -> Dwell {
        let mut dwell = Dwell::default();
        for analysis in experiment.get("analyses").map(Node::items).unwrap_or_default() {
            let run = Run { blocks: true, dry: &[] };
            let took = self.template(reading, analysis, run, 0);
            dwell.seconds = dwell.seconds.max(took.seconds);
            dwell.open |= took.open;
        }
        dwell
    }

    /// The facts, once it is known how long the rollout takes without a person: a background metric that needs longer never fails it.
    pub fn finish(mut self, length: Option<u64>) -> Analysis {
        for (at, delay) in self.delays {
            if let (Some(length), Some(metric)) = (length, self.analysis.metrics.get_mut(at))
                && delay > length
                && matches!(metric.threshold, Threshold::Fires { .. })
            {
                let why = format!("it can fail after {} at the earliest, and the steps take {}", spoken(delay), spoken(length));
                metric.threshold = Threshold::Never { why };
            }
        }
        self.analysis
    }

    fn run(&mut self, reading: &mut Reading, analysis: &Node, run: Run) -> Dwell {
        self.analysis.place.get_or_insert(reading.atlas.place(analysis.span));
        let mut dwell = Dwell::default();
        // `templateName` right below is the form of old versions.
        let single = std::slice::from_ref(analysis);
        let named = match analysis.get("templates") {
            Some(templates) => templates.items(),
            None if analysis.get("templateName").is_some() => single,
            None => &[],
        };
        for reference in named {
            let took = self.template(reading, reference, run, 0);
            dwell.seconds = dwell.seconds.max(took.seconds);
            dwell.open |= took.open;
        }
        dwell
    }

    /// One reference to a template.
    fn template(&mut self, reading: &mut Reading, reference: &Node, run: Run, depth: usize) -> Dwell {
        let open = Dwell { open: true, ..Dwell::default() };
        let Some(name) = reference.get("templateName").filter(|name| name.as_str().is_some() && !is_computed(name)) else { return open };
        let text = name.as_str().unwrap_or_default();
        self.analysis.place.get_or_insert(reading.atlas.place(name.span));
        let cluster = reference.get("clusterScope").and_then(Node::as_bool).unwrap_or(false);
        let kind = if cluster { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
        let found = reading.objects.find(kind, text, reading.rollout).filter(|found| found.group() == GROUP && depth < MAX_DEPTH).cloned();
        let Some(template) = found else {
            if reading.options.external_templates.iter().any(|known| known == text) {
                self.analysis.checks.push(format!("analysis template {text}, kept in the cluster"));
            } else {
                let remark = format!("{kind} `{text}` is not among the files");
                self.analysis.missing.push(Remark { place: reading.atlas.place(name.span), text: remark });
            }
            return open;
        };
        reading.unit.body.push_str(&template.body());
        let spec = template.node.get("spec");
        let mut dwell = Dwell::default();
        for reference in spec.and_then(|spec| spec.get("templates")).map(Node::items).unwrap_or_default() {
            let took = self.template(reading, reference, run, depth + 1);
            dwell.seconds = dwell.seconds.max(took.seconds);
            dwell.open |= took.open;
        }
        for metric in spec.and_then(|spec| spec.get("metrics")).map(Node::items).unwrap_or_default() {
            let took = self.metric(reading, &template, metric, run);
            dwell.seconds = dwell.seconds.max(took.seconds);
            dwell.open |= took.open;
        }
        dwell
    }

    fn metric(&mut self, reading: &mut Reading, template: &Object, metric: &Node, run: Run) -> Dwell {
        let name = metric.str_at("name").unwrap_or_default();
        let place = metric.get("name").map_or(metric.span, |name| name.span);
        let interval = metric.get("interval").map(seconds);
        let measurements = measurements(metric);
        let delay = metric.get("initialDelay").map_or(Some(0), seconds);
        if run.blocks && measurements.is_none() && interval.is_some() && metric.get("consecutiveSuccessLimit").is_none() {
            let message = format!("the metric `{name}` has an interval and no count, so a step that waits for it never ends");
            reading.flaw(FlawKind::Invalid, place, message);
        }
        if self.seen.insert((metric.span, usize::from(run.blocks))) {
            let query = query(metric);
            let dry = template.node.at(&["spec", "dryRun"]).map(Node::items).unwrap_or_default().iter().chain(run.dry);
            let threshold = threshold(metric, measurements, dry_run(name, dry));
            if !run.blocks
                && let (Some(delay), Some(Some(interval)), None) = (delay, interval, measurements)
            {
                let failures = metric.get("failureLimit").and_then(number).unwrap_or(0.0).max(0.0) as u64;
                self.delays.push((self.analysis.metrics.len(), delay.saturating_add(interval.saturating_mul(failures))));
            }
            self.analysis.metrics.push(Metric {
                name: name.to_owned(),
                class: match classify(name, &query, &reading.options.business) {
                    Class::Other if query.is_empty() || matches!(provider(metric), "job" | "web" | "kayenta" | "plugin") => Class::Opaque,
                    class => class,
                },
                percentile: percentile(name, &query),
                threshold,
                place: reading.atlas.place(place),
            });
        }
        let time = match (interval, measurements, delay) {
            (Some(Some(interval)), Some(count), Some(delay)) => {
                Some(delay.saturating_add(interval.saturating_mul(count.saturating_sub(1))))
            }
            (None, Some(_), Some(delay)) => Some(delay),
            _ => None,
        };
        Dwell { seconds: time.unwrap_or(0), manual: false, open: time.is_none() }
    }
}

/// How often a metric is taken; nothing when it runs as long as the rollout does, or when that is not written.
fn measurements(metric: &Node) -> Option<u64> {
    match metric.get("count") {
        Some(written) => count(written).filter(|count| *count > 0),
        None => metric.get("interval").is_none().then_some(1),
    }
}

fn dry_run<'n>(name: &str, mut entries: impl Iterator<Item = &'n Node>) -> bool {
    entries.any(|entry| {
        let pattern = entry.str_at("metricName").unwrap_or_default();
        pattern == name || regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(name))
    })
}

/// Whether a metric can fail its run (`analysis/analysis.go`, `assessMetricStatus`).
fn threshold(metric: &Node, measurements: Option<u64>, dry: bool) -> Threshold {
    let text = |key: &str| metric.str_at(key).map(str::trim).filter(|text| !text.is_empty());
    let (success, failure) = (text("successCondition"), text("failureCondition"));
    let never = |why: &str| Threshold::Never { why: why.to_owned() };
    if dry {
        return never("it is a dry run, whose outcome does not count");
    }
    let limit = metric.get("failureLimit").and_then(number);
    let consecutive = metric.get("consecutiveSuccessLimit").and_then(number).is_some_and(|limit| limit > 0.0);
    if limit.is_some_and(|limit| limit < 0.0) && !consecutive {
        return never("`failureLimit: -1` takes any number of failures");
    }
    if let (Some(limit), Some(times), false) = (limit, measurements, consecutive)
        && limit >= times as f64
    {
        return Threshold::Never { why: format!("`failureLimit` {limit} allows as many failures as there are measurements ({times})") };
    }
    let condition = match (success, failure) {
        (Some(success), Some(failure)) => format!("fails on {failure}, succeeds on {success}"),
        (Some("true"), None) => return never("its successCondition is `true`"),
        (Some(success), None) => format!("fails unless {success}"),
        (None, Some("false")) => return never("its failureCondition is `false`"),
        (None, Some(failure)) => format!("fails on {failure}"),
        (None, None) => match provider(metric) {
            "job" => "fails when the job fails".to_owned(),
            "kayenta" => "fails under the scores of Kayenta".to_owned(),
            "web" => "fails when the request does".to_owned(),
            _ => return never("it has neither successCondition nor failureCondition, so every value is a success"),
        },
    };
    Threshold::Fires { condition }
}

fn provider(metric: &Node) -> &str {
    let provider = metric.get("provider").map(Node::entries).unwrap_or_default();
    provider.first().and_then(|(key, _)| key.as_str()).unwrap_or_default()
}

/// All texts of the provider: a query, a URL, a path into JSON.
fn query(metric: &Node) -> String {
    // The pod of a job measures nothing by its fields' names.
    if provider(metric) == "job" {
        return String::new();
    }
    let mut out = String::new();
    texts(metric.get("provider"), &mut out, 0);
    out
}

fn texts(node: Option<&Node>, out: &mut String, depth: usize) {
    let Some(node) = node.filter(|_| depth < 8) else { return };
    if let Some(text) = node.as_str() {
        out.push_str(text);
        out.push('\n');
    }
    let skipped = |key: &Node| matches!(key.as_str(), Some("address" | "headers" | "authentication" | "timeoutSeconds"));
    node.entries().iter().filter(|(key, _)| !skipped(key)).for_each(|(_, value)| texts(Some(value), out, depth + 1));
    node.items().iter().for_each(|item| texts(Some(item), out, depth + 1));
}
