//! Routes that split traffic by weight (Gateway API, Istio, Knative) in, the share of each backend in this revision out.

use super::atlas::Atlas;
use super::model::{Backend, Shift, System, Unit};
use super::object::Object;
use super::quantity::number;
use crate::read::tree::Node;
use crate::source::Span;

/// A unit for each rule of the route that has two backends or more.
pub fn read(object: &Object, atlas: &Atlas) -> Vec<Unit> {
    let spec = |key: &str| object.node.at(&["spec", key]).map(Node::items).unwrap_or_default();
    match (object.group(), object.kind()) {
        ("gateway.networking.k8s.io", "HTTPRoute") => {
            split(object, atlas, System::GatewayApi, spec("rules"), "backendRefs", &gateway_name, Some(1.0))
        }
        ("networking.istio.io", "VirtualService") => split(object, atlas, System::Istio, spec("http"), "route", &istio_name, None),
        ("serving.knative.dev", "Service") => knative(object, atlas, spec("traffic")).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn gateway_name(backend: &Node) -> Option<String> {
    backend.str_at("name").map(str::to_owned)
}

fn istio_name(route: &Node) -> Option<String> {
    let host = route.at(&["destination", "host"])?.as_str()?;
    Some(match route.at(&["destination", "subset"]).and_then(Node::as_str) {
        Some(subset) => format!("{host}/{subset}"),
        None => host.to_owned(),
    })
}

/// `default` is what a backend without a weight counts; Istio gives it none beside others.
fn split(
    object: &Object,
    atlas: &Atlas,
    system: System,
    rules: &[Node],
    key: &str,
    name: &dyn Fn(&Node) -> Option<String>,
    default: Option<f64>,
) -> Vec<Unit> {
    let mut units = Vec::new();
    for (number_of_rule, rule) in rules.iter().enumerate() {
        let backends = rule.get(key).map(Node::items).unwrap_or_default();
        if backends.len() < 2 {
            continue;
        }
        let weights: Vec<(Option<f64>, Span)> = backends
            .iter()
            .map(|backend| match backend.get("weight") {
                Some(weight) => (number(weight).filter(|weight| *weight >= 0.0), weight.span),
                None => (Some(default.unwrap_or(0.0)), backend.span),
            })
            .collect();
        let mut unit = super::unit(system, object, atlas);
        unit.strategy = atlas.place(rule.get(key).map_or(rule.span, |node| node.span));
        if rules.len() > 1 {
            let label = rule.str_at("name").map_or_else(|| (number_of_rule + 1).to_string(), str::to_owned);
            unit.name = format!("{} rule {label}", unit.name);
        }
        let total: f64 = weights.iter().filter_map(|(weight, _)| *weight).sum();
        unit.shift = if weights.iter().any(|(weight, _)| weight.is_none()) || total <= 0.0 {
            Shift::Unknown
        } else {
            let shares = backends.iter().zip(&weights).map(|(backend, (weight, span))| Backend {
                name: name(backend).unwrap_or_default(),
                percent: (weight.unwrap_or(0.0) * 10_000.0 / total).round() / 100.0,
                place: atlas.place(*span),
                written: backend.str_at("weight").map_or("no weight".to_owned(), |weight| format!("weight {weight}")),
            });
            Shift::Split { backends: shares.collect() }
        };
        units.push(unit);
    }
    units
}

/// Without `traffic` the newest revision gets everything as soon as it is ready.
fn knative(object: &Object, atlas: &Atlas, traffic: &[Node]) -> Option<Unit> {
    let mut unit = super::unit(System::Knative, object, atlas);
    if traffic.is_empty() {
        unit.shift = Shift::Rolling { first: None };
        return Some(unit);
    }
    unit.strategy = atlas.place(traffic.first()?.span.cover(traffic.last()?.span));
    let backends: Option<Vec<Backend>> = traffic
        .iter()
        .map(|target| {
            let latest = target.str_at("latestRevision") == Some("true") || target.get("revisionName").is_none();
            let name = if latest { "the latest revision".to_owned() } else { target.str_at("revisionName")?.to_owned() };
            let percent = target.get("percent").map_or(Some(0.0), number)?;
            let at = target.get("percent").unwrap_or(target);
            Some(Backend { name, percent, place: atlas.place(at.span), written: format!("percent {percent}") })
        })
        .collect();
    unit.shift = match backends {
        None => Shift::Unknown,
        Some(backends) if backends.len() == 1 && backends[0].name == "the latest revision" => Shift::Rolling { first: None },
        Some(backends) => Shift::Split { backends },
    };
    Some(unit)
}
