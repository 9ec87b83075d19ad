//! Pipeline readers on fixtures, and on hostile input.

use std::fmt::Write;
use std::path::Path;

use holdshort::change::{self, ChangeSet, Revision, Snapshot};
use holdshort::read::pipeline::model::{Job, Pipeline, Step};
use holdshort::read::pipeline::{Both, read};
use holdshort::read::shell::Fate;
use holdshort::source::{SourceMap, Span};

fn read_files(files: &[(&str, &str)]) -> (Both, SourceMap) {
    let head_tree = Snapshot::from_memory(files.iter().copied());
    let base_tree = Snapshot::default();
    let change = ChangeSet {
        base: Revision::Empty,
        head: Revision::Directory,
        origin: "a test".to_owned(),
        files: change::compare(&base_tree, &head_tree),
        base_tree,
        head_tree,
        commits: Vec::new(),
        notices: Vec::new(),
    };
    let mut sources = SourceMap::default();
    let both = read(&change, &mut sources).expect("texts in memory are readable");
    (both, sources)
}

/// One line a fact; places as `line:column`.
fn facts(fixture: &str, path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/read/pipeline").join(fixture);
    let text = std::fs::read_to_string(&file).expect("the fixture is there");
    let (both, sources) = read_files(&[(path, &text)]);
    let mut out = String::new();
    for pipeline in &both.head.all {
        let at = |span: Span| {
            let start = sources.start(holdshort::source::Place { file: pipeline.source, span });
            format!("{}:{}", start.line, start.column)
        };
        describe(pipeline, &at, &mut out);
    }
    for unread in &both.head.unread {
        writeln!(out, "unread: {} {}", unread.path, unread.reason).expect("written");
    }
    out
}

fn describe(pipeline: &Pipeline, at: &dyn Fn(Span) -> String, out: &mut String) {
    let name = pipeline.name.as_deref().unwrap_or("-");
    writeln!(out, "{} {name} inputs {:?}", pipeline.system.name(), pipeline.inputs).expect("written");
    for trigger in &pipeline.triggers {
        let limits = [&trigger.branches, &trigger.branches_ignored, &trigger.paths, &trigger.paths_ignored, &trigger.after];
        writeln!(out, "  on {:?} {} {limits:?}", trigger.event, at(trigger.name.span)).expect("written");
    }
    if let Some(concurrency) = &pipeline.concurrency {
        writeln!(out, "  concurrency {:?} cancels {:?}", concurrency.group, concurrency.cancels).expect("written");
    }
    for unknown in &pipeline.unknown {
        writeln!(out, "  unknown {} {}", at(unknown.span), unknown.reason).expect("written");
    }
    pipeline.jobs.iter().for_each(|job| describe_job(job, at, out));
}

fn describe_job(job: &Job, at: &dyn Fn(Span) -> String, out: &mut String) {
    let needs: Vec<String> = job.needs.iter().map(|need| format!("{}{}", need.job, if need.implied { " (implied)" } else { "" })).collect();
    writeln!(out, "  job {} {} needs {needs:?}", job.id.text, at(job.id.span)).expect("written");
    if let Some(condition) = &job.condition {
        writeln!(out, "    if {}", condition.text).expect("written");
    }
    if job.environment.is_some() || !job.environments.is_empty() {
        writeln!(out, "    environment {:?} {:?}", job.environment.as_ref().map(|named| &named.text), job.environments).expect("written");
    }
    if let Some(concurrency) = &job.concurrency {
        writeln!(out, "    concurrency {:?} cancels {:?}", concurrency.group, concurrency.cancels).expect("written");
    }
    if let Some(optional) = &job.optional {
        writeln!(out, "    optional: {}{}", optional.text, if optional.sometimes { " (sometimes)" } else { "" }).expect("written");
    }
    if job.manual {
        writeln!(out, "    manual").expect("written");
    }
    if let Some(calls) = &job.calls {
        writeln!(out, "    calls {} {}", calls.uses.text, at(calls.uses.span)).expect("written");
    }
    job.steps.iter().for_each(|step| describe_step(step, at, out));
}

fn describe_step(step: &Step, at: &dyn Fn(Span) -> String, out: &mut String) {
    let extra = [
        step.optional.as_ref().map(|optional| format!("optional: {}", optional.text)),
        step.directory.as_ref().map(|directory| format!("in {directory}")),
        step.condition.as_ref().map(|condition| format!("if {}", condition.text)),
        step.afterwards.then(|| "afterwards".to_owned()),
    ];
    let extra: Vec<String> = extra.into_iter().flatten().collect();
    writeln!(out, "    step {} {}", at(step.span), extra.join("; ")).expect("written");
    if let Some(action) = &step.action {
        let with: Vec<String> = action.with.iter().map(|(key, value)| format!("{key}={}", value.text)).collect();
        writeln!(out, "      uses {} {with:?}", action.uses.text).expect("written");
    }
    for command in &step.commands {
        let fate = match &command.fate {
            Fate::Swallowed { how, by } => format!("{how:?} by {}", at(*by)),
            other => format!("{other:?}"),
        };
        writeln!(out, "      {} `{}` {fate}", at(command.span), command.text()).expect("written");
    }
}

#[test]
fn github_workflows() {
    insta::assert_snapshot!(facts("github/deploy.yml", ".github/workflows/deploy.yml"));
}

#[test]
fn gitlab_pipelines() {
    insta::assert_snapshot!(facts("gitlab/.gitlab-ci.yml", ".gitlab-ci.yml"));
}

#[test]
fn circleci_workflows() {
    insta::assert_snapshot!(facts("circleci/config.yml", ".circleci/config.yml"));
}

#[test]
fn azure_pipelines() {
    insta::assert_snapshot!(facts("azure/azure-pipelines.yml", "azure-pipelines.yml"));
}

#[test]
fn jenkinsfiles() {
    insta::assert_snapshot!(facts("jenkins/Jenkinsfile", "Jenkinsfile"));
}

#[test]
fn buildkite_pipelines() {
    insta::assert_snapshot!(facts("buildkite/pipeline.yml", ".buildkite/pipeline.yml"));
}

#[test]
fn makefiles() {
    insta::assert_snapshot!(facts("make/Makefile", "Makefile"));
}

#[test]
fn justfiles() {
    insta::assert_snapshot!(facts("just/justfile", "justfile"));
}

#[test]
fn package_scripts() {
    insta::assert_snapshot!(facts("package/package.json", "package.json"));
}

#[test]
fn shell_scripts() {
    insta::assert_snapshot!(facts("shell/release.sh", "scripts/release.sh"));
}

#[test]
fn hostile_files_are_read_or_said_to_be_unread() {
    let deep = format!("on: push\njobs: {}", "{a: ".repeat(5_000));
    let nested = format!("on: push\njobs: {{a: {{steps: [{{run: '{}'}}]}}}}", "$( (".repeat(20_000));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned() + &(1..12).map(|n| format!("b{n}: &b{n} [*a,*a,*a]\n")).collect::<String>();
    let loops = ".a: {extends: .b}\n.b: {extends: .a}\nx: {extends: .a, script: [!reference [x, script]]}\n".to_owned();
    let jenkins = "pipeline { stages { ".to_owned() + &"stage('a') { stages { ".repeat(20_000);
    let makefile = "a: a\n\t@$(MAKE) a\n\\\n\t\\\n:\n::\n=\n".repeat(2_000);
    for (path, text) in [
        (".github/workflows/a.yml", deep.as_str()),
        (".github/workflows/b.yml", nested.as_str()),
        (".github/workflows/c.yml", "on: [push\n"),
        (".github/workflows/d.yml", "- 1\n- 2\n"),
        (".github/workflows/e.yml", "\u{feff}on: push\r\njobs:\r\n  a: {steps: [{run: \"x\\ny || true\"}]}\r\n"),
        (".gitlab-ci.yml", bomb.as_str()),
        (".gitlab-ci.yml", loops.as_str()),
        (".gitlab-ci.yml", "include: {local: .gitlab-ci.yml}\na: {script: [a]}\n"),
        (
            ".circleci/config.yml",
            "workflows: {a: {jobs: [b, [c], {d: {requires: e}}]}}\ncommands: {b: {steps: [b]}}\njobs: {b: {steps: [b, {when: {steps: [b]}}]}}\n",
        ),
        ("azure-pipelines.yml", "stages: [{stage: a, jobs: [{job: {a: b}}, null, 1]}]\nsteps: x\n"),
        ("Jenkinsfile", jenkins.as_str()),
        ("Jenkinsfile", "pipeline { \"\"\" ' } \\"),
        (".buildkite/pipeline.yml", "steps: [{group: a, steps: [{group: b, steps: []}]}, null, {command: null}]\n"),
        ("Makefile", makefile.as_str()),
        ("justfile", "a:\n    #!x\n\n:\n@:\na b c\n"),
        ("package.json", "{\"scripts\": {\"a\": 1, \"b\": null, \"a\": \"b\"}"),
        ("run.sh", "make -C . a; npm run; bash; ./; ../../x; source $(a\n"),
    ] {
        let (both, _) = read_files(&[(path, text)]);
        assert!(!both.head.all.is_empty() || !both.head.unread.is_empty(), "{path} is passed over: {text:.60}");
    }
}
