//! Rollout readers on fixtures of each system, and on hostile manifests.

use std::fmt::Write;
use std::path::Path;

use holdshort::change::{self, ChangeSet, Revision, Snapshot};
use holdshort::read::rollout::model::{Shift, Stage};
use holdshort::rollout::{self, Rolled, RolloutFacts};
use holdshort::settings::{Phase, Settings};
use holdshort::source::SourceMap;

fn change_of<'a>(base: &[(&'a str, &'a str)], head: &[(&'a str, &'a str)]) -> ChangeSet {
    let (base_tree, head_tree) = (Snapshot::from_memory(base.iter().copied()), Snapshot::from_memory(head.iter().copied()));
    let files = change::compare(&base_tree, &head_tree);
    ChangeSet {
        base: Revision::Directory,
        head: Revision::Directory,
        origin: "a test".to_owned(),
        base_tree,
        head_tree,
        files,
        commits: Vec::new(),
        notices: Vec::new(),
    }
}

fn read(base: &[(&str, &str)], head: &[(&str, &str)]) -> RolloutFacts {
    let change = change_of(base, head);
    let settings = Settings::builtin(Phase::Merge);
    let mut sources = SourceMap::default();
    let rollback = holdshort::read::rollback::read(&change, &settings, &[], &mut sources).expect("a document");
    rollout::inspect(&change, &rollback, &mut sources, &settings).expect("readable")
}

/// The facts of one fixture directory, a few lines a unit.
fn facts(system: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/read/rollout").join(system);
    let files: Vec<(String, String)> = walkdir::WalkDir::new(&root)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("a fixture"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(&root).expect("below").to_string_lossy().into_owned();
            (path, std::fs::read_to_string(entry.path()).expect("text"))
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let facts = read(&[], &files);
    let mut out = String::new();
    facts.units.iter().for_each(|rolled| unit(rolled, &mut out));
    for unread in &facts.unread {
        let certain = if unread.what.progressive { ", a staged rollout" } else { "" };
        writeln!(out, "unread {}: {}{certain}", unread.what.path, unread.what.reason).expect("written");
    }
    out
}

fn unit(rolled: &Rolled, out: &mut String) {
    let unit = &rolled.unit;
    let scope = if rolled.production { "production" } else { "elsewhere" };
    let mut line = |text: String| writeln!(out, "{text}").expect("written");
    line(format!("{} {} in `{}` ({}), {scope}", unit.system.title(), unit.name, unit.namespace, rolled.path));
    line(match &unit.shift {
        Shift::Split { backends } => {
            let shares: Vec<String> =
                backends.iter().map(|backend| format!("{} {} % ({})", backend.name, backend.percent, backend.written)).collect();
            format!("  split {}", shares.join(", "))
        }
        other => format!("  {other:?}"),
    });
    unit.stages.iter().for_each(|stage| line(format!("  {}", stage_line(stage))));
    for metric in &unit.analysis.metrics {
        line(format!("  metric {} {:?} {} {:?}", metric.name, metric.class, metric.percentile.as_deref().unwrap_or("-"), metric.threshold));
    }
    unit.analysis.missing.iter().for_each(|missing| line(format!("  missing {}", missing.text)));
    unit.analysis.checks.iter().for_each(|check| line(format!("  check {check}")));
    match &unit.abort {
        holdshort::read::rollout::model::Abort::Automatic { how } => line(format!("  abort: {how}")),
        holdshort::read::rollout::model::Abort::Missing { why, .. } => line(format!("  no abort: {why}")),
        holdshort::read::rollout::model::Abort::Unknown => {}
    }
    if let Some(bound) = &unit.rollback {
        line(format!("  rollback {:?} s: {}", bound.seconds, bound.why));
    }
    unit.flaws.iter().for_each(|flaw| line(format!("  {:?}: {}", flaw.kind, flaw.message)));
    unit.open.iter().for_each(|open| line(format!("  open: {}", open.text)));
}

fn stage_line(stage: &Stage) -> String {
    let why = stage.rounded.as_ref().map(|rounded| format!(" ({})", rounded.why)).unwrap_or_default();
    format!("{} % {}{why}", stage.percent, stage.dwell.describe())
}

#[test]
fn argo_rollouts_with_their_templates() {
    insta::assert_snapshot!(facts("argo"));
}

#[test]
fn flagger_canaries() {
    insta::assert_snapshot!(facts("flagger"));
}

#[test]
fn workloads_of_kubernetes() {
    insta::assert_snapshot!(facts("kubernetes"));
}

#[test]
fn routes_with_weights() {
    insta::assert_snapshot!(facts("traffic"));
}

#[test]
fn cloudformation_and_sam() {
    insta::assert_snapshot!(facts("aws"));
}

#[test]
fn terraform_of_aws_and_google() {
    insta::assert_snapshot!(facts("terraform"));
}

#[test]
fn nomad_jobs() {
    insta::assert_snapshot!(facts("nomad"));
}

#[test]
fn swarm_services() {
    insta::assert_snapshot!(facts("swarm"));
}

#[test]
fn kustomize_overlays() {
    insta::assert_snapshot!(facts("kustomize"));
}

#[test]
fn helm_values_and_templates() {
    insta::assert_snapshot!(facts("helm"));
}

#[test]
fn stages_of_a_rollback_document() {
    insta::assert_snapshot!(facts("document"));
}

const ROLLOUT: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\nspec:\n";

/// What a stranger may send never panics, never takes long, and never passes for a rollout in stages.
#[test]
fn hostile_manifests_neither_panic_nor_pass() {
    let deep = format!("{ROLLOUT}  strategy: {{canary: {{steps: {}}}}}\n", "[".repeat(100_000));
    let bomb = {
        let mut text = format!("{ROLLOUT}  x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
        for level in 1..10 {
            let items = vec![format!("*x{}", level - 1); 9].join(", ");
            text.push_str(&format!("  x{level}: &x{level} [{items}]\n"));
        }
        text
    };
    let numbers = format!(
        "{ROLLOUT}  replicas: 99999999999999999999\n  strategy: {{canary: {{maxSurge: -5%, steps: [{{setWeight: 1e999}}, {{setWeight: -3}}, {{setWeight: .nan}}, {{pause: {{duration: 999999999999999h}}}}]}}}}\n"
    );
    let types =
        format!("{ROLLOUT}  replicas: [1]\n  strategy: {{canary: {{steps: {{setWeight: {{}}}}, analysis: [], trafficRouting: yes}}}}\n");
    let flagger = "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: [x]}\nspec: {analysis: {interval: 9223372036854775807s, threshold: 1e300, stepWeight: 1e-300, maxWeight: 1e300, iterations: -1}}\n";
    let cycle = "resources: [../a]\n";
    let control =
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: \"a\\e[31m::error::b\"}\nspec: {strategy: {canary: {}}}\n";
    let regex = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec: {dryRun: [{metricName: \"((((a{1000}){1000}){1000}\"}], metrics: [{name: m}], templates: [{templateName: t}]}\n";
    let uses = format!("{ROLLOUT}  strategy: {{canary: {{analysis: {{templates: [{{templateName: t}}]}}, steps: []}}}}\n");
    let texts: Vec<(&str, &str)> = vec![
        ("deploy/deep.yaml", &deep),
        ("deploy/bomb.yaml", &bomb),
        ("deploy/numbers.yaml", &numbers),
        ("deploy/types.yaml", &types),
        ("deploy/flagger.yaml", flagger),
        ("deploy/a/kustomization.yaml", "resources: [../b]\n"),
        ("deploy/b/kustomization.yaml", cycle),
        ("deploy/control.yaml", control),
        ("deploy/regex.yaml", regex),
        ("deploy/uses.yaml", &uses),
        ("deploy/broken.nomad", "job \"x\" { group \"y\" { update { canary = "),
        ("deploy/bom.yaml", "\u{feff}apiVersion: argoproj.io/v1alpha1\r\nkind: Rollout\r\nspec:\r\n"),
        ("deploy/tail.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec:\n  strategy: {canary: {steps: [{setWeight: 5"),
    ];
    let facts = read(&[], &texts);
    for rolled in &facts.units {
        assert!(rolled.unit.stages.iter().all(|stage| stage.percent > 0.0 && stage.percent < 100.0), "{:?}", rolled.unit);
    }
    let staged: Vec<&str> =
        facts.units.iter().filter(|rolled| rolled.unit.shift == Shift::Staged).map(|rolled| rolled.path.as_str()).collect();
    assert_eq!(staged, ["deploy/flagger.yaml"], "steps of 1e-300 percent are steps, and cut off");
    for path in ["deploy/deep.yaml", "deploy/tail.yaml", "deploy/broken.nomad"] {
        assert!(facts.unread.iter().any(|unread| unread.what.path == path && unread.touched), "{path} is not said to be unread");
    }
}

#[test]
fn a_unit_is_followed_over_files_and_tools() {
    let rollout = |replicas: u32| {
        format!("{ROLLOUT}  replicas: {replicas}\n  strategy: {{canary: {{steps: [{{setWeight: 5}}, {{pause: {{}}}}]}}}}\n")
    };
    let (same, deployment) = (rollout(20), "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {template: {}}\n");
    let reach = |base: &[(&str, &str)], head: &[(&str, &str)]| {
        let facts = read(base, head);
        (format!("{:?}", facts.units[0].reach), facts.units[0].before.as_ref().map(|before| before.system.title()))
    };
    let code = ("main.go", "package main\n");
    let introduced = |before| ("Introduced".to_owned(), before);
    assert_eq!(reach(&[], &[("k8s/a.yaml", &same)]), introduced(None));
    assert_eq!(reach(&[("k8s/a.yaml", deployment)], &[("k8s/a.yaml", &same)]), introduced(Some("Deployment")));
    assert_eq!(reach(&[("k8s/a.yaml", &rollout(2))], &[("k8s/a.yaml", &same)]), introduced(Some("Argo Rollout")));
    assert_eq!(reach(&[("k8s/a.yaml", &rollout(21))], &[("k8s/b.yaml", &same)]), ("Touched".to_owned(), Some("Argo Rollout")));
    assert_eq!(reach(&[("k8s/a.yaml", &same)], &[("k8s/a.yaml", &same), code]), ("Carries".to_owned(), Some("Argo Rollout")));
    let elsewhere = [("shop/k8s/a.yaml", same.as_str()), ("mail/main.go", "package main\n")];
    assert_eq!(reach(&[("shop/k8s/a.yaml", &same)], &elsewhere), ("Aside".to_owned(), Some("Argo Rollout")));
}
