//! CloudFormation and SAM templates in; functions, aliases, deployment groups and ECS services as units out.

use super::{Way, apply, codedeploy_abort, ecs, environment, preset};
use crate::read::rollout::Options;
use crate::read::rollout::atlas::{self, Atlas, File};
use crate::read::rollout::metric::{classify, percentile};
use crate::read::rollout::model::{Abort, Class, Metric, Remark, Shift, System, Threshold, Unit};
use crate::read::rollout::quantity::{flag, is_computed, number};
use crate::read::tree::Node;
use crate::source::Span;

/// One template.
pub(super) struct Template<'a> {
    pub root: &'a Node,
    pub file: &'a File,
    pub atlas: &'a Atlas,
    pub options: &'a Options,
}

/// One resource of it.
#[derive(Clone, Copy)]
pub(super) struct Resource<'a> {
    pub name: &'a Node,
    pub kind: &'a str,
    pub properties: &'a Node,
}

impl Resource<'_> {
    pub fn logical(&self) -> &str {
        self.name.as_str().unwrap_or_default()
    }
}

pub fn read(file: &File, atlas: &Atlas, options: &Options) -> Vec<Unit> {
    let mut units = Vec::new();
    for root in &file.documents {
        let template = Template { root, file, atlas, options };
        let globals = root.at(&["Globals", "Function"]);
        for resource in template.resources() {
            let unit = match resource.kind {
                "AWS::Serverless::Function" => sam_function(&template, resource, globals),
                "AWS::CodeDeploy::DeploymentGroup" => Some(deployment_group(&template, resource)),
                "AWS::ECS::Service" => Some(ecs::service(&template, resource)),
                "AWS::Lambda::Alias" => Some(alias(&template, resource)),
                _ => None,
            };
            units.extend(unit);
        }
    }
    units
}

impl<'a> Template<'a> {
    fn resources(&self) -> Vec<Resource<'a>> {
        let all = self.root.get("Resources").map(Node::entries).unwrap_or_default();
        all.iter()
            .filter_map(|(name, resource)| {
                Some(Resource { name, kind: resource.str_at("Type")?, properties: resource.get("Properties").unwrap_or(resource) })
            })
            .collect()
    }

    fn resource(&self, logical: &str) -> Option<Resource<'a>> {
        self.resources().into_iter().find(|resource| resource.logical() == logical)
    }

    /// The name a `Ref`, `GetAtt` or `Sub` refers to.
    pub fn reference(&self, node: &'a Node) -> Option<&'a str> {
        if let Some(tag) = &node.tag {
            let text = node.as_str().or_else(|| node.items().first().and_then(Node::as_str))?;
            return (&**tag == "!Ref" || &**tag == "!GetAtt").then(|| text.split('.').next().unwrap_or(text));
        }
        node.str_at("Ref").or_else(|| node.get("Fn::GetAtt").and_then(|list| list.items().first()).and_then(Node::as_str))
    }

    /// The value, a parameter's default taken for the parameter. Nothing when a function decides.
    pub fn value(&self, node: &'a Node) -> Option<&'a Node> {
        match self.reference(node) {
            Some(name) => self.root.at(&["Parameters", name, "Default"]),
            None => (!is_computed(node) && !node.entries().iter().any(|(key, _)| key.as_str().is_some_and(|key| key.starts_with("Fn::"))))
                .then_some(node),
        }
    }

    pub fn unit(&self, system: System, resource: Resource<'a>) -> Unit {
        let name = resource.logical();
        let mut unit = Unit {
            environment: environment(&self.file.path, name),
            ..crate::read::rollout::bare(system, name.to_owned(), self.atlas.place(resource.name.span))
        };
        atlas::plain(resource.properties, &mut unit.body);
        unit
    }

    pub fn open(&self, unit: &mut Unit, span: Span, text: &str) {
        unit.open.push(Remark { place: self.atlas.place(span), text: text.to_owned() });
    }

    /// The alarms of a list as metrics: an alarm has a threshold by its nature, and its resource or its name says of what.
    pub fn alarms(&self, unit: &mut Unit, list: &'a Node) {
        unit.analysis.place.get_or_insert(self.atlas.place(list.span));
        for item in list.items() {
            // Older forms give `{Name: …}`.
            let item = item.get("Name").unwrap_or(item);
            let logical = self.reference(item);
            let name = logical.or(item.as_str()).unwrap_or("alarm");
            let alarm = logical.and_then(|logical| self.resource(logical)).filter(|found| found.kind == "AWS::CloudWatch::Alarm");
            let mut query = String::new();
            if let Some(alarm) = alarm {
                atlas::plain(alarm.properties, &mut unit.body);
                for key in ["MetricName", "ExtendedStatistic", "Metrics"] {
                    if let Some(node) = alarm.properties.get(key) {
                        atlas::plain(node, &mut query);
                        query.push(' ');
                    }
                }
            }
            let condition = alarm
                .and_then(|alarm| Some(format!("alarm over {}", alarm.properties.get("Threshold")?.as_str()?)))
                .unwrap_or("the alarm fires".to_owned());
            unit.analysis.metrics.push(Metric {
                name: name.to_owned(),
                class: match classify(name, &query, &self.options.business) {
                    Class::Other if alarm.is_none() => Class::Opaque,
                    class => class,
                },
                percentile: percentile(name, &query),
                threshold: Threshold::Fires { condition },
                place: self.atlas.place(item.span),
            });
        }
    }
}

fn sam_function(template: &Template, resource: Resource, globals: Option<&Node>) -> Option<Unit> {
    let own = resource.properties.get("DeploymentPreference");
    let shared = globals.and_then(|globals| globals.get("DeploymentPreference"));
    let setting = |key: &str| own.and_then(|own| own.get(key)).or_else(|| shared.and_then(|shared| shared.get(key)));
    let aliased = resource.properties.get("AutoPublishAlias").or_else(|| globals.and_then(|globals| globals.get("AutoPublishAlias")));
    let hook = resource.properties.str_at("FunctionName").is_some_and(|name| name.contains("CodeDeployHook_"));
    // Hooks check deployments; they are not shifted themselves.
    if hook {
        return None;
    }
    let mut unit = template.unit(System::Sam, resource);
    if let Some(shared) = shared {
        atlas::plain(shared, &mut unit.body);
    }
    let place = |node: Option<&Node>| node.map_or(unit.place, |node| template.atlas.place(node.span));
    let preference = place(own.or(shared));
    let disabled = setting("Enabled").filter(|enabled| template.value(enabled).and_then(flag) == Some(false));
    let Some(alias) = aliased else {
        // Every call gets the new code as soon as it is uploaded; the platform's plain way.
        unit.shift = Shift::Rolling { first: None };
        return Some(unit);
    };
    let at_once = |why: &str| Shift::AllAtOnce { why: why.to_owned(), tolerated: false };
    if own.or(shared).is_none() {
        unit.strategy = place(Some(alias));
        unit.shift = at_once("it has an alias and no `DeploymentPreference`, so the alias moves at once");
        unit.abort = Abort::Missing { why: "nothing watches the new version".to_owned(), place: unit.strategy };
        return Some(unit);
    }
    if let Some(disabled) = disabled {
        unit.strategy = place(Some(disabled));
        unit.shift = at_once("its `DeploymentPreference` is disabled, so the alias moves at once");
        unit.abort = Abort::Missing { why: "nothing watches the new version".to_owned(), place: unit.strategy };
        return Some(unit);
    }
    unit.strategy = preference;
    way_of(template, &mut unit, setting("Type"), "CodeDeployDefault.LambdaCanary10Percent5Minutes");
    if let Some(alarms) = setting("Alarms").filter(|alarms| !alarms.items().is_empty()) {
        template.alarms(&mut unit, alarms);
    } else if let Some(alarms) = setting("Alarms").filter(|alarms| !alarms.is_null() && alarms.as_seq().is_none_or(|list| !list.is_empty()))
    {
        template.open(&mut unit, alarms.span, "its alarms are chosen by a function of the template");
    }
    for (key, what) in [("PreTraffic", "before"), ("PostTraffic", "after")] {
        if setting("Hooks").and_then(|hooks| hooks.get(key)).is_some() {
            unit.analysis.checks.push(format!("a hook function {what} the traffic"));
        }
    }
    unit.abort = match unit.analysis.metrics.is_empty() {
        true => Abort::Missing { why: "it has no `Alarms`, so nothing goes back during the shift".to_owned(), place: preference },
        false => Abort::Automatic { how: "an alarm sends all traffic back".to_owned() },
    };
    Some(unit)
}

/// The way that a name gives, or a configuration resource of this template.
fn way_of<'a>(template: &Template<'a>, unit: &mut Unit, named: Option<&'a Node>, default: &str) {
    let Some(named) = named else {
        let place = unit.strategy;
        if let Some(way) = preset(default) {
            apply(unit, way, place);
        }
        return;
    };
    let place = template.atlas.place(named.span);
    let configured = template
        .reference(named)
        .and_then(|name| template.resource(name))
        .filter(|found| found.kind == "AWS::CodeDeploy::DeploymentConfig");
    if let Some(config) = configured {
        atlas::plain(config.properties, &mut unit.body);
        match config.properties.get("TrafficRoutingConfig").and_then(|routing| routed(template, routing)) {
            Some((way, span)) => apply(unit, way, template.atlas.place(span)),
            // Healthy hosts say how many instances go at a time.
            None if config.properties.get("MinimumHealthyHosts").is_some() => unit.shift = Shift::Rolling { first: None },
            None => template.open(unit, config.name.span, "its traffic configuration cannot be read"),
        }
        return;
    }
    match template.value(named).and_then(Node::as_str).and_then(preset) {
        Some(way) => apply(unit, way, place),
        None => template.open(unit, named.span, "its deployment configuration is defined somewhere else"),
    }
}

fn routed(template: &Template, routing: &Node) -> Option<(Way, Span)> {
    let read = |part: &str, percent: &str, interval: &str| {
        let part = routing.get(part)?;
        let share = template.value(part.get(percent)?).and_then(number)?;
        let minutes = template.value(part.get(interval)?).and_then(number).filter(|minutes| (0.0..=10_000.0).contains(minutes))?;
        Some((share, (minutes * 60.0) as u64, part.get(percent)?.span))
    };
    match routing.str_at("Type")? {
        "TimeBasedCanary" => {
            let (percent, seconds, span) = read("TimeBasedCanary", "CanaryPercentage", "CanaryInterval")?;
            Some((Way::Canary { percent, seconds }, span))
        }
        "TimeBasedLinear" => {
            let (percent, seconds, span) = read("TimeBasedLinear", "LinearPercentage", "LinearInterval")?;
            Some((Way::Linear { percent, seconds }, span))
        }
        "AllAtOnce" => Some((Way::AllAtOnce, routing.span)),
        _ => None,
    }
}

fn deployment_group(template: &Template, resource: Resource) -> Unit {
    let mut unit = template.unit(System::CodeDeploy, resource);
    way_of(template, &mut unit, resource.properties.get("DeploymentConfigName"), "CodeDeployDefault.OneAtATime");
    let alarms = resource.properties.get("AlarmConfiguration");
    let watched = alarms.filter(|alarms| alarms.get("Enabled").and_then(flag).unwrap_or(true)).and_then(|alarms| alarms.get("Alarms"));
    if let Some(list) = watched {
        template.alarms(&mut unit, list);
    }
    let back = resource.properties.get("AutoRollbackConfiguration");
    let enabled = back.is_some_and(|back| back.get("Enabled").and_then(flag) == Some(true));
    let events = back.and_then(|back| back.get("Events"));
    let place = back.map_or(unit.strategy, |back| template.atlas.place(back.span));
    unit.abort = codedeploy_abort(&unit, enabled.then_some(events).ok_or("AutoRollbackConfiguration"), place);
    unit
}

/// Weights of an alias are fractions: 0.05 is 5 %.
fn alias(template: &Template, resource: Resource) -> Unit {
    let mut unit = template.unit(System::LambdaAlias, resource);
    unit.shift = Shift::Rolling { first: None };
    for version in resource.properties.at(&["RoutingConfig", "AdditionalVersionWeights"]).map(Node::items).unwrap_or_default() {
        let Some(weight) = version.get("FunctionWeight").and_then(number) else { continue };
        let place = template.atlas.place(version.span);
        unit.shift = super::weighted(weight, version.str_at("FunctionVersion").unwrap_or("the new version"), place);
    }
    unit
}
