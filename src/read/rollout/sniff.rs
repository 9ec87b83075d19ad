//! A path and its text in, what kind of rollout manifest it may be out. Cheap: most files of a repository are none.

use crate::read::flag::is_shipped;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Objects of Kubernetes, and Kustomize files.
    Kubernetes,
    /// Values of a Helm chart.
    Values,
    /// CloudFormation and SAM.
    CloudFormation,
    Compose,
    Nomad,
    Terraform,
}

/// Kinds of Kubernetes objects that say something about a rollout.
const KINDS: [&str; 16] = [
    "Rollout",
    "AnalysisTemplate",
    "ClusterAnalysisTemplate",
    "Canary",
    "MetricTemplate",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "HTTPRoute",
    "VirtualService",
    "Service",
    "HorizontalPodAutoscaler",
    "ScaledObject",
    "Kustomization",
    "Component",
    "List",
];

const RESOURCES: [&str; 4] = ["AWS::Serverless::Function", "AWS::CodeDeploy::", "AWS::ECS::Service", "AWS::Lambda::Alias"];

/// Terraform resources that say how a service is rolled out.
pub const TERRAFORM: [&str; 7] = [
    "aws_codedeploy_deployment_group",
    "aws_codedeploy_deployment_config",
    "aws_ecs_service",
    "aws_lambda_alias",
    "google_cloud_run_service",
    "google_cloud_run_v2_service",
    "google_app_engine_service_split_traffic",
];

/// Directories below which manifests are material, not what ships.
const NOT_DEPLOYED: [&str; 6] = ["hack", "e2e", "sample", "samples", "vendor", "third_party"];

/// Whether the name alone allows a manifest.
pub fn may_be(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    if !is_shipped(path) || lower.split('/').any(|part| NOT_DEPLOYED.contains(&part)) {
        return false;
    }
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let lock = matches!(name, "package.json" | "package-lock.json" | "pnpm-lock.yaml" | "composer.json" | "tsconfig.json");
    // Workflows are pipelines; another reader has them.
    !lock
        && !lower.starts_with(".github/")
        && (name == "kustomization"
            || [".yaml", ".yml", ".json", ".template", ".nomad", ".hcl", ".tf"].iter().any(|ending| name.ends_with(ending)))
}

/// What the file is, as far as a glance tells.
pub fn format(path: &str, text: &str) -> Option<Format> {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    if name.ends_with(".tf") {
        return TERRAFORM.iter().any(|resource| text.contains(resource)).then_some(Format::Terraform);
    }
    if name.ends_with(".nomad") || name.ends_with(".hcl") {
        return text.lines().any(|line| line.starts_with("job ")).then_some(Format::Nomad);
    }
    if matches!(name, "kustomization" | "kustomization.yaml" | "kustomization.yml") {
        return Some(Format::Kubernetes);
    }
    if RESOURCES.iter().any(|resource| text.contains(resource)) && text.contains("Resources") {
        return Some(Format::CloudFormation);
    }
    if text.contains("apiVersion") && text.lines().filter_map(kind_of_line).any(|kind| says_something(kind, text)) {
        return Some(Format::Kubernetes);
    }
    if name.ends_with(".json") || name.ends_with(".template") {
        return None;
    }
    if text.contains("update_config") && text.contains("services:") {
        return Some(Format::Compose);
    }
    if text.contains("- op:") && text.contains("path: /") {
        // A JSON patch that a kustomization may name.
        return Some(Format::Kubernetes);
    }
    (name.starts_with("values") && ["canary", "blueGreen", "stepWeight"].iter().any(|word| text.contains(word))).then_some(Format::Values)
}

/// A Service is a rollout only in Knative.
fn says_something(kind: &str, text: &str) -> bool {
    KINDS.contains(&kind) && (kind != "Service" || text.contains("serving.knative.dev"))
}

/// The kind that a line at the outer level names: `kind: Rollout`, `"kind": "Rollout",`. In a JSON text or a list any level counts.
fn kind_of_line(line: &str) -> Option<&str> {
    let trimmed = line.trim_start_matches([' ', '-']);
    let value = match trimmed.strip_prefix("kind:") {
        Some(value) => value,
        None => trimmed.strip_prefix("\"kind\":")?,
    };
    Some(value.split('#').next().unwrap_or(value).trim().trim_matches(['"', '\'', ',', ' ']))
}

/// Kinds of a text that is a template, so that what cannot be parsed can still be named. In written order.
pub fn template_kinds(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with(' ')).filter_map(kind_of_line).filter(|kind| KINDS.contains(kind)).collect()
}

/// Has actions of a Go template that a tool fills in before the cluster sees the file. `{{args.x}}` and `{{ inputs }}` stay in.
pub fn is_template(text: &str) -> bool {
    text.contains("{{")
        && [
            "{{-",
            "{{ .",
            "{{.",
            "{{ include",
            "{{ if",
            "{{ range",
            "{{ with",
            "{{ $",
            "{{ end",
            "{{if",
            "{{end",
            "{{ template",
            "{{ toYaml",
        ]
        .iter()
        .any(|action| text.contains(action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_say_something_is_parsed() {
        let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout # the canary\n";
        assert_eq!(format("deploy/a.yaml", rollout), Some(Format::Kubernetes));
        assert_eq!(format("deploy/a.yaml", "apiVersion: v1\nkind: ConfigMap\n"), None);
        assert_eq!(format("a.json", "{\"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n \"items\": []}"), Some(Format::Kubernetes));
        assert_eq!(format("docker-compose.yml", "services:\n  web:\n    image: x\n"), None);
        assert!(may_be("deploy/rollout.yaml") && !may_be("docs/rollout.yaml") && !may_be(".github/workflows/ci.yml"));
        assert!(is_template("name: {{ .Values.name }}") && !is_template("value: '{{args.service-name}}'"));
    }
}
