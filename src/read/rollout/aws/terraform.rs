//! Terraform resources of AWS and Google Cloud that say how a service is rolled out in, units out.

use super::{Way, apply, codedeploy_abort, environment, preset, weighted};
use crate::read::hcl::Resource;
use crate::read::rollout::Options;
use crate::read::rollout::atlas::{self, Atlas, File};
use crate::read::rollout::metric::{classify, percentile};
use crate::read::rollout::model::{Abort, Backend, Class, Metric, Remark, Shift, System, Threshold, Unit};
use crate::read::rollout::quantity::number;
use crate::read::tree::{Node, NodeKind};

struct Terraform<'a> {
    file: &'a File,
    atlas: &'a Atlas,
    options: &'a Options,
}

pub fn read(file: &File, atlas: &Atlas, options: &Options) -> Vec<Unit> {
    let terraform = Terraform { file, atlas, options };
    let mut units = Vec::new();
    for resource in &file.blocks {
        units.extend(match resource.kind.as_str() {
            "aws_codedeploy_deployment_group" => Some(terraform.group(resource)),
            "aws_ecs_service" => Some(terraform.ecs(resource)),
            "aws_lambda_alias" => Some(terraform.alias(resource)),
            "google_cloud_run_service" | "google_cloud_run_v2_service" => Some(terraform.cloud_run(resource)),
            "google_app_engine_service_split_traffic" => Some(terraform.app_engine(resource)),
            _ => None,
        });
    }
    units
}

/// All blocks and attributes of one name: a block that repeats is a repeated key.
fn all<'n>(node: &'n Node, key: &'n str) -> impl Iterator<Item = &'n Node> {
    node.entries().iter().filter(move |(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
}

impl Terraform<'_> {
    fn unit(&self, system: System, resource: &Resource) -> Unit {
        let name = resource.name.as_str().unwrap_or_default();
        let mut unit = Unit {
            environment: environment(&self.file.path, name),
            ..crate::read::rollout::bare(system, name.to_owned(), self.atlas.place(resource.name.span))
        };
        atlas::plain(&resource.body, &mut unit.body);
        // References read as unresolved, so the text they stand in is compared too.
        unit.body.push_str(&format!(" {}", resource.body.span.len()));
        unit
    }

    fn group(&self, resource: &Resource) -> Unit {
        let mut unit = self.unit(System::CodeDeploy, resource);
        match resource.body.get("deployment_config_name") {
            None => unit.shift = Shift::Rolling { first: None },
            Some(named) => match named.as_str().and_then(preset) {
                Some(way) => apply(&mut unit, way, self.atlas.place(named.span)),
                None => match self.configured() {
                    Some((way, place)) => apply(&mut unit, way, place),
                    None => self.open(&mut unit, named, "its deployment configuration is defined somewhere else"),
                },
            },
        }
        self.watch(&mut unit, resource.body.get("alarm_configuration"), "enabled", "alarms");
        let back = resource.body.get("auto_rollback_configuration");
        let enabled = back.and_then(|back| back.get("enabled")).and_then(Node::as_bool) == Some(true);
        let events = back.and_then(|back| back.get("events"));
        let place = back.map_or(unit.strategy, |back| self.atlas.place(back.span));
        unit.abort = codedeploy_abort(&unit, enabled.then_some(events).ok_or("auto_rollback_configuration"), place);
        unit
    }

    /// The only deployment configuration of the file, which the group of the file refers to.
    fn configured(&self) -> Option<(Way, crate::source::Place)> {
        let mut configs = self.file.blocks.iter().filter(|block| block.kind == "aws_codedeploy_deployment_config");
        let config = configs.next().filter(|_| configs.next().is_none())?;
        let routing = config.body.get("traffic_routing_config")?;
        let part = |block: &str| {
            let part = routing.get(block)?;
            let minutes = part.get("interval").and_then(number).filter(|minutes| (0.0..=10_000.0).contains(minutes))?;
            Some((part.get("percentage").and_then(number)?, (minutes * 60.0) as u64))
        };
        let way = match routing.str_at("type")? {
            "TimeBasedCanary" => part("time_based_canary").map(|(percent, seconds)| Way::Canary { percent, seconds })?,
            "TimeBasedLinear" => part("time_based_linear").map(|(percent, seconds)| Way::Linear { percent, seconds })?,
            "AllAtOnce" => Way::AllAtOnce,
            _ => return None,
        };
        Some((way, self.atlas.place(routing.span)))
    }

    fn open(&self, unit: &mut Unit, at: &Node, text: &str) {
        unit.open.push(Remark { place: self.atlas.place(at.span), text: text.to_owned() });
    }

    /// The alarms of a block, unless it is switched off.
    fn watch(&self, unit: &mut Unit, block: Option<&Node>, switch: &str, list: &str) {
        let Some(block) = block else { return };
        match block.get(switch) {
            Some(node) if node.as_str() == Some("false") => return,
            Some(node) if node.as_str().is_none() => self.open(unit, node, "whether its alarms are watched is computed"),
            _ => {}
        }
        if let Some(alarms) = block.get(list) {
            self.alarms(unit, alarms);
        }
    }

    fn alarms(&self, unit: &mut Unit, list: &Node) {
        unit.analysis.place = Some(self.atlas.place(list.span));
        if list.kind == NodeKind::Unresolved {
            return self.open(unit, list, "its alarms are computed");
        }
        for item in list.items() {
            let name = item.as_str().unwrap_or("alarm");
            unit.analysis.metrics.push(Metric {
                name: name.to_owned(),
                class: match classify(name, "", &self.options.business) {
                    Class::Other => Class::Opaque,
                    class => class,
                },
                percentile: percentile(name, ""),
                threshold: Threshold::Fires { condition: "the alarm fires".to_owned() },
                place: self.atlas.place(item.span),
            });
        }
    }

    fn ecs(&self, resource: &Resource) -> Unit {
        let mut unit = self.unit(System::Ecs, resource);
        let body = &resource.body;
        if body.at(&["deployment_controller", "type"]).is_some_and(|kind| kind.as_str() != Some("ECS")) {
            return unit;
        }
        unit.shift = Shift::Rolling { first: None };
        if let Some(configuration) = body.get("deployment_configuration") {
            unit.strategy = self.atlas.place(configuration.span);
            let minutes = |block: &str, key: &str, default: f64| {
                (configuration.at(&[block, key]).and_then(number).unwrap_or(default).clamp(0.0, 100_000.0) * 60.0) as u64
            };
            let percent = |block: &str, key: &str, default: f64| configuration.at(&[block, key]).and_then(number).unwrap_or(default);
            let place = unit.strategy;
            match configuration.str_at("strategy") {
                Some("CANARY") => {
                    let seconds = minutes("canary_configuration", "canary_bake_time_in_minutes", 10.0);
                    apply(&mut unit, Way::Canary { percent: percent("canary_configuration", "canary_percent", 5.0), seconds }, place);
                }
                Some("LINEAR") => {
                    let seconds = minutes("linear_configuration", "step_bake_time_in_minutes", 6.0);
                    apply(&mut unit, Way::Linear { percent: percent("linear_configuration", "step_percent", 10.0), seconds }, place);
                }
                Some("BLUE_GREEN") => unit.shift = Shift::Gated { gate: "its blue-green deployment".to_owned() },
                _ => {}
            }
        }
        self.watch(&mut unit, body.get("alarms"), "enable", "alarm_names");
        let rolls_back = |block: &str| {
            let on = |key: &str| body.at(&[block, key]).and_then(Node::as_bool) == Some(true);
            on("enable") && on("rollback")
        };
        unit.abort = match (rolls_back("alarms"), rolls_back("deployment_circuit_breaker")) {
            (true, _) => Abort::Automatic { how: "an alarm rolls it back".to_owned() },
            (_, true) => Abort::Automatic { how: "the circuit breaker rolls it back when tasks do not start".to_owned() },
            _ => Abort::Missing { why: "neither its circuit breaker nor its alarms roll back".to_owned(), place: unit.strategy },
        };
        unit
    }

    fn alias(&self, resource: &Resource) -> Unit {
        let mut unit = self.unit(System::LambdaAlias, resource);
        unit.shift = Shift::Rolling { first: None };
        if let Some(weights) = resource.body.at(&["routing_config", "additional_version_weights"]) {
            for (version, weight) in weights.entries() {
                if let Some(fraction) = number(weight) {
                    unit.shift = weighted(fraction, version.as_str().unwrap_or("the new version"), self.atlas.place(weight.span));
                }
            }
        }
        unit
    }

    fn cloud_run(&self, resource: &Resource) -> Unit {
        let mut unit = self.unit(System::CloudRun, resource);
        let blocks: Vec<&Node> = all(&resource.body, "traffic").collect();
        unit.shift = Shift::Rolling { first: None };
        if blocks.len() < 2 {
            return unit;
        }
        let backends: Option<Vec<Backend>> = blocks
            .iter()
            .map(|block| {
                let percent = block.get("percent").map_or(Some(0.0), number)?;
                let named = block.str_at("revision_name").or(block.str_at("revision"));
                let name = named.map_or("the latest revision".to_owned(), str::to_owned);
                let at = block.get("percent").unwrap_or(block);
                Some(Backend { name, percent, place: self.atlas.place(at.span), written: format!("percent {percent}") })
            })
            .collect();
        unit.strategy = self.atlas.place(blocks[0].span);
        unit.shift = backends.map_or(Shift::Unknown, |backends| Shift::Split { backends });
        unit
    }

    /// Allocations are fractions: 0.05 is 5 %.
    fn app_engine(&self, resource: &Resource) -> Unit {
        let mut unit = self.unit(System::AppEngine, resource);
        let Some(allocations) = resource.body.at(&["split", "allocations"]) else { return unit };
        unit.strategy = self.atlas.place(allocations.span);
        let backends: Option<Vec<Backend>> = allocations
            .entries()
            .iter()
            .map(|(version, share)| {
                let percent = (number(share)? * 10_000.0).round() / 100.0;
                let name = version.as_str().unwrap_or_default().to_owned();
                Some(Backend { name, percent, place: self.atlas.place(share.span), written: share.as_str().unwrap_or_default().to_owned() })
            })
            .collect();
        unit.shift = backends.filter(|backends| !backends.is_empty()).map_or(Shift::Unknown, |backends| Shift::Split { backends });
        unit
    }
}
