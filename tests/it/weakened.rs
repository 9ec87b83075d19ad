//! Ways to take a check out of CI, and ways to write the same check otherwise: the first are found, the second are not.

use std::collections::BTreeMap;

use holdshort::rule::load::documented;
use holdshort::rule::verify::run;
use holdshort::rule::{Example, Rule};

const CI: &str = ".github/workflows/ci.yml";

/// A workflow of one job whose one step runs `script`.
fn ci(script: &str) -> String {
    let lines: Vec<String> = script.lines().map(|line| format!("          {line}\n")).collect();
    format!("on: [push, pull_request]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: |\n{}", lines.concat())
}

struct Lab {
    rules: Vec<Rule>,
}

impl Lab {
    fn new() -> Lab {
        Lab { rules: documented().expect("the built-in rules load") }
    }

    /// What the change of some files is found to be: `severity rule` of each finding about pipelines, each once. What head leaves
    /// empty is deleted.
    fn change(&self, base: &[(&str, &str)], head: &[(&str, &str)]) -> Vec<String> {
        let files = |files: &[(&str, &str)]| -> BTreeMap<String, String> {
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
        };
        let mut example: Example = serde_json::from_value(serde_json::json!({ "name": "a" })).expect("an example");
        example.base = files(base);
        example.head = files(head);
        example.delete = head.iter().filter(|(_, text)| text.is_empty()).map(|(path, _)| (*path).to_owned()).collect();
        let outcome = run(&example, &self.rules).expect("the change can be inspected");
        let about = outcome.findings.iter().filter(|finding| finding.rule.starts_with("pipeline/"));
        let mut found: Vec<String> = about
            .map(|finding| format!("{:?} {}", finding.severity, finding.rule.trim_start_matches("pipeline/")).to_lowercase())
            .collect();
        found.sort();
        found.dedup();
        found
    }

    fn file(&self, path: &str, base: &str, head: &str) -> Vec<String> {
        self.change(&[(path, base)], &[(path, head)])
    }

    fn script(&self, base: &str, head: &str) -> Vec<String> {
        self.file(CI, &ci(base), &ci(head))
    }
}

#[test]
fn another_way_to_run_the_tests_is_no_removal() {
    let lab = Lab::new();
    for (base, head) in [
        ("pytest", "pytest -x"),
        ("go test ./...", "go test -race -benchmem -timeout 5m ./..."),
        ("./gradlew build", "./gradlew build -x javadoc"),
        ("./gradlew test", "./gradlew :app:test"),
        ("./gradlew test", "./gradlew ktlintCheck testDebugUnitTest"),
        ("mvn verify", "mvn -B -T 1C verify"),
        ("mvn verify", "./mvnw -B -P ci verify"),
        ("pytest", "python -m unittest discover"),
        ("npm test", "node --test"),
        ("bin/rails test", "bin/rails test:all"),
        ("npm test", "yarn workspace web test"),
        ("npm test", "turbo run lint test"),
        ("npm test", "xvfb-run -a npm test"),
        ("pytest", "hatch run test"),
        ("pytest", "pixi run test"),
        ("npm test", "mise run test"),
        ("npm test", "deno task test"),
        ("pytest", "pants test ::"),
        ("pytest", "earthly +test"),
        ("make test", "zig build test"),
        ("cargo test", "nix flake check"),
        ("pytest", "dagger call test"),
    ] {
        let found = lab.script(base, head);
        assert!(found.is_empty(), "{base} -> {head}: {found:?}");
    }
    let azure = "azure-pipelines.yml";
    for (base, head) in [
        ("steps:\n- script: mvn verify\n", "steps:\n- task: Maven@4\n  inputs: {goals: verify}\n"),
        ("steps:\n- script: dotnet test\n", "steps:\n- task: DotNetCoreCLI@2\n  inputs: {command: test}\n"),
    ] {
        let found = lab.file(azure, base, head);
        assert!(found.is_empty(), "{base} -> {head}: {found:?}");
    }
}

#[test]
fn every_way_to_run_tests_can_be_weakened() {
    let lab = Lab::new();
    for test in [
        "pytest -x",
        "python -m unittest",
        "python3.12 -m pytest",
        "node --test",
        "go test -bench=. ./...",
        "./gradlew :app:test",
        "mvn -B -T 1C verify",
        "hatch run test",
        "turbo run build test",
        "bin/rails test:all",
        "sbt clean test",
    ] {
        assert_eq!(lab.script(test, &format!("{test} || true")), ["block check-made-optional"], "{test}");
        assert_eq!(lab.script(test, "echo done"), ["block check-removed"], "{test}");
    }
    for (base, head) in [
        ("./gradlew build", "./gradlew build -x test"),
        ("./gradlew build", "./gradlew build -x :app:test"),
        ("mvn verify", "mvn verify -DskipTests"),
        ("go test ./...", "go test -run '^$' -bench=. ./..."),
    ] {
        assert_eq!(lab.script(base, head), ["block check-removed"], "{head}");
    }
    // What nobody knows may be the test in another dress.
    assert_eq!(lab.script("pytest", "frobnicate all"), ["warn check-removed"]);
    assert_eq!(lab.script("pytest", "./build.sh"), ["warn check-removed"]);
    let task = |name: &str, rest: &str| format!("steps:\n- script: make\n- task: {name}\n{rest}");
    let azure = "azure-pipelines.yml";
    assert_eq!(lab.file(azure, &task("VSTest@3", ""), "steps:\n- script: make\n"), ["block check-removed"]);
    let dotnet = "  inputs: {command: test}\n";
    let soft = format!("  continueOnError: true\n{dotnet}");
    assert_eq!(lab.file(azure, &task("DotNetCoreCLI@2", dotnet), &task("DotNetCoreCLI@2", &soft)), ["block check-made-optional"]);
    let line = |script: &str| task("CmdLine@2", &format!("  inputs:\n    script: {script}\n"));
    assert_eq!(lab.file(azure, &line("pytest"), &line("pytest || true")), ["block check-made-optional"]);
}

#[test]
fn a_failure_that_something_else_is_done_about_does_not_count() {
    let lab = Lab::new();
    for head in [
        "pytest || curl -d failed https://hooks.example.com",
        "pytest || touch failed",
        "pytest || docker compose logs",
        "pytest || RC=$?\necho $RC",
        "if ! pytest; then echo failed; fi",
        "if pytest; then echo ok; else echo '::warning::tests failed'; fi",
        "bash -c 'pytest || true'",
        "run() { pytest; }\nrun || true",
        "run() { pytest; }",
        "exit 0\npytest",
        "if false; then pytest; fi",
    ] {
        assert_eq!(lab.script("pytest", head), ["block check-made-optional"], "{head}");
    }
    for head in ["pytest || { echo failed; ./notify.sh; }", "echo \"$(pytest)\" > out.txt", "if pytest; then ./upload.sh; fi\nls"] {
        assert_eq!(lab.script("pytest", head), ["warn check-made-optional"], "{head}");
    }
    for head in [
        "pytest || { cat log; exit 1; }",
        "rc=0\npytest || rc=$?\n./upload.sh\nexit $rc",
        "if ! pytest; then echo bad; exit 1; fi",
        "pytest || pytest --lf",
        "out=$(pytest)\necho \"$out\"",
        "bash -c 'pytest'",
        "run() { pytest; }\nrun",
    ] {
        let found = lab.script("pytest", head);
        assert!(found.is_empty(), "{head}: {found:?}");
    }
    assert_eq!(lab.file(CI, "on: push\njobs: {}\n", &ci("pytest || curl https://hooks.example.com")), ["block test-cannot-fail"]);
    // The script that CI runs.
    let script = |text: &str| format!("#!/bin/sh\nset -e\n{text}\n");
    let both = |test: &str| [(CI.to_owned(), ci("./scripts/check.sh")), ("scripts/check.sh".to_owned(), script(test))];
    let (base, head) = (both("pytest"), both("exit 0\npytest"));
    let lent = |files: &[(String, String); 2]| files.clone().map(|(path, text)| (&*path.leak(), &*text.leak()));
    assert_eq!(lab.change(&lent(&base), &lent(&head)), ["block check-made-optional"]);
}

const DEPLOY: &str = ".github/workflows/deploy.yml";

fn deploy(condition: &str, environment: &str) -> String {
    let condition = if condition.is_empty() { String::new() } else { format!("    if: ${{{{ {condition} }}}}\n") };
    format!(
        "on: {{push: {{branches: [main]}}}}\njobs:\n  build: {{runs-on: x, steps: [{{run: make build}}]}}\n  test: {{runs-on: x, steps: [{{run: \
         pytest}}]}}\n  deploy:\n    needs: [build, test]\n{condition}    environment: {environment}\n    runs-on: x\n    steps:\n      - run: helm \
         upgrade app ./chart -n prod\n"
    )
}

#[test]
fn a_deployment_behind_a_red_test_is_found_whatever_its_condition_mentions() {
    let lab = Lab::new();
    for condition in [
        "always()",
        "always() && needs.build.result == 'success'",
        "success() || failure()",
        "always() && needs.test.result != 'cancelled'",
    ] {
        let found = lab.file(DEPLOY, &deploy("", "production"), &deploy(condition, "production"));
        assert_eq!(found, ["block deploy-after-failure"], "{condition}");
    }
    for condition in [
        "always() && !contains(needs.*.result, 'failure')",
        "!failure() && !cancelled()",
        "always() && needs.test.result == 'success'",
        "always() && (needs.test.result == 'success' || needs.test.result == 'skipped')",
        "success() && github.ref == 'refs/heads/main'",
    ] {
        let found = lab.file(DEPLOY, &deploy("", "production"), &deploy(condition, "production"));
        assert!(found.is_empty(), "{condition}: {found:?}");
    }
    let gitlab = |when: &str| {
        format!(
            "stages: [test, deploy]\ntest: {{stage: test, script: [pytest]}}\ndeploy: {{stage: deploy, {when}environment: production, script: [helm upgrade a b]}}\n"
        )
    };
    assert_eq!(lab.file(".gitlab-ci.yml", &gitlab(""), &gitlab("when: always, ")), ["block deploy-after-failure"]);
    let buildkite = |rest: &str| {
        format!("steps:\n  - {{label: t, command: pytest}}\n  - wait: ~\n{rest}  - {{label: production, command: helm upgrade a b}}\n")
    };
    let found = lab.file(".buildkite/pipeline.yml", &buildkite(""), &buildkite("    continue_on_failure: true\n"));
    assert_eq!(found, ["block deploy-after-failure"]);
    let circle = |requires: &str| {
        format!(
            "version: 2.1\njobs:\n  test: {{steps: [{{run: pytest}}]}}\n  deploy-production: {{steps: [{{run: helm upgrade a b}}]}}\nworkflows:\n  \
             ci:\n    jobs: [test, {{deploy-production: {{requires: [{requires}]}}}}]\n"
        )
    };
    let found = lab.file(".circleci/config.yml", &circle("test"), &circle("{test: [success, failed]}"));
    assert_eq!(found, ["block deploy-after-failure"]);
}

#[test]
fn another_environment_on_the_job_does_not_move_the_deployment() {
    let lab = Lab::new();
    let found = lab.file(DEPLOY, &deploy("", "production"), &deploy("", "staging"));
    assert_eq!(found, ["block environment-removed"]);
}

#[test]
fn every_system_has_its_own_way_to_switch_a_test_off() {
    let lab = Lab::new();
    let circle = |job: &str, workflow: &str| {
        format!(
            "version: 2.1\njobs:\n  test:\n    docker: [{{image: a}}]\n    steps:\n{job}workflows:\n  ci:\n{workflow}    jobs: [test]\n"
        )
    };
    let run = "      - run: pytest\n";
    let config = ".circleci/config.yml";
    let jenkins =
        |when: &str, step: &str| format!("pipeline {{ agent any\n stages {{ stage('t') {{ {when}\n steps {{ {step} }} }} }} }}\n");
    let plain = jenkins("", "sh 'pytest'");
    let hub = |key: &str| format!("on: [push, pull_request]\njobs:\n  test:\n    runs-on: x\n    steps:\n      - run: pytest\n{key}");
    let kite = |key: &str| format!("steps:\n  - label: t\n    command: pytest\n{key}");
    let lab_ci = |key: &str| format!("test:\n  script: [pytest]\n{key}");
    let azure = |key: &str| format!("steps:\n- script: pytest\n{key}");
    let (skipped, optional) = ("block check-skipped", "block check-made-optional");
    let cases = [
        ("azure-pipelines.yml", azure(""), azure("  enabled: false\n"), skipped),
        (".buildkite/pipeline.yml", kite(""), kite("    skip: flaky\n"), skipped),
        (".buildkite/pipeline.yml", kite(""), kite("    soft_fail: [{exit_status: '*'}]\n"), optional),
        (config, circle(run, ""), circle("      - run: {command: pytest, when: on_fail}\n", ""), skipped),
        (
            config,
            circle(run, ""),
            circle("      - run:\n          shell: /bin/bash\n          command: |\n            pytest\n            echo done\n", ""),
            "warn check-made-optional",
        ),
        (config, circle(run, ""), circle(run, "    when: false\n"), skipped),
        (config, circle(run, ""), circle(&format!("      - run: circleci-agent step halt\n{run}"), ""), skipped),
        (config, circle(run, ""), circle("      - when: {condition: false, steps: [{run: pytest}]}\n", ""), skipped),
        ("Jenkinsfile", plain.clone(), jenkins("", "sh(script: 'pytest', returnStatus: true)"), optional),
        ("Jenkinsfile", plain.clone(), jenkins("", "sh '''#!/bin/bash\npytest\necho done\n'''"), "warn check-made-optional"),
        ("Jenkinsfile", plain.clone(), jenkins("when { expression { false } }", "sh 'pytest'"), skipped),
        (CI, hub(""), hub("        continue-on-error: ${{ github.event_name == 'pull_request' }}\n"), "warn check-made-optional"),
        (CI, hub(""), hub("        if: ${{ false && github.event_name == 'push' }}\n"), skipped),
        (".gitlab-ci.yml", lab_ci(""), lab_ci("  allow_failure: {exit_codes: [1]}\n"), optional),
    ];
    for (path, base, head, expected) in cases {
        assert_eq!(lab.file(path, &base, &head), [expected], "{head}");
    }
    for (path, base, head) in [
        ("Jenkinsfile", plain.clone(), jenkins("", "script { def rc = sh(script: 'pytest', returnStatus: true)\n error('x') }")),
        (CI, hub(""), hub("        continue-on-error: ${{ matrix.experimental }}\n")),
        (".gitlab-ci.yml", lab_ci(""), lab_ci("  allow_failure: {exit_codes: [137]}\n")),
    ] {
        let found = lab.file(path, &base, &head);
        assert!(!found.iter().any(|found| found.contains("check-")), "{head}: {found:?}");
    }
}

#[test]
fn the_job_that_collects_the_checks_keeps_collecting_them() {
    let lab = Lab::new();
    let all = |needs: &str, step: &str| {
        format!(
            "on: pull_request\njobs:\n  test: {{runs-on: x, steps: [{{run: pytest}}]}}\n  lint: {{runs-on: x, steps: [{{run: ruff check .}}]}}\n  \
             ci-success:\n    runs-on: x\n    if: always()\n    needs: [{needs}]\n    steps:\n{step}"
        )
    };
    let jq = "      - run: jq -e 'all(.result==\"success\")' <<< '${{ toJSON(needs) }}'\n";
    let green = |more: &str| {
        format!("      - uses: re-actors/alls-green@release/v1\n        with:\n          jobs: ${{{{ toJSON(needs) }}}}\n{more}")
    };
    let contains = "      - if: contains(needs.*.result, 'failure')\n        run: exit 1\n";
    let echo = "      - run: echo ok\n";
    let (both, file) = ("test, lint", CI);
    for (base, head) in [
        (all(both, jq), all("lint", jq)),
        (all(both, jq), all(both, echo)),
        (all(both, &green("")), all(both, echo)),
        (all(both, &green("")), all(both, &green("          allowed-failures: test\n"))),
        (all(both, contains), all(both, echo)),
    ] {
        assert_eq!(lab.file(file, &base, &head), ["block check-removed"], "{head}");
    }
    for head in [all("lint, test", contains), all(both, &green(""))] {
        let found = lab.file(file, &all(both, jq), &head);
        assert!(found.is_empty(), "{head}: {found:?}");
    }
}

#[test]
fn a_pipeline_that_starts_less_often_is_found() {
    let lab = Lab::new();
    let on = |on: &str, condition: &str| format!("on: {on}\njobs:\n  test:\n    runs-on: x\n{condition}    steps: [{{run: pytest}}]\n");
    for (base, head, expected) in [
        ("pull_request", "{pull_request: {types: [labeled]}}", "block trigger-narrowed"),
        ("{pull_request: {}}", "{pull_request: {branches-ignore: ['**']}}", "warn trigger-narrowed"),
        ("[merge_group, pull_request]", "[merge_group]", "block trigger-narrowed"),
        ("{pull_request: {paths: ['src/**']}}", "{pull_request: {paths: ['src/**', '!src/app/**']}}", "warn trigger-narrowed"),
        ("{pull_request: {paths: ['**']}}", "{pull_request: {paths: ['docs/**']}}", "warn trigger-narrowed"),
        ("[push, pull_request]", "{push: {branches: [main]}, pull_request: }", "note trigger-narrowed"),
    ] {
        assert_eq!(lab.file(CI, &on(base, ""), &on(head, "")), [expected], "{head}");
    }
    for (base, head) in [
        ("    if: github.event_name != 'schedule'\n", "    if: github.event_name == 'schedule'\n"),
        ("    if: always()\n", "    if: github.ref == 'refs/heads/main'\n"),
    ] {
        assert_eq!(lab.file(CI, &on("[push, pull_request]", base), &on("[push, pull_request]", head)), ["warn check-skipped"], "{head}");
    }
    let (rust, more) = ("needs.changes.outputs.rust == 'true'", "!cancelled() && !failure() && needs.changes.outputs.rust == 'true'");
    for (base, head) in [(rust, more), (more, rust), ("a == 'b' && c", "c"), ("true", "success() && !failure()")] {
        let at = |condition: &str| on("[push, pull_request]", &format!("    if: ${{{{ {condition} }}}}\n"));
        assert!(lab.file(CI, &at(base), &at(head)).is_empty(), "{head}");
    }
}

#[test]
fn what_cannot_be_read_is_not_said_to_be_gone() {
    let lab = Lab::new();
    let broken = lab.file(CI, &ci("pytest"), &(ci("pytest") + "  foo: [\n"));
    assert!(
        broken.iter().any(|found| found == "warn check-removed") && !broken.iter().any(|found| found.starts_with("block check")),
        "{broken:?}"
    );
    // Emptied, or no workflow any more: nothing is left that could run.
    for head in ["\n", "- a\n"] {
        let found = lab.file(CI, &ci("pytest"), head);
        assert!(found.iter().any(|found| found == "block check-removed"), "{head:?}: {found:?}");
    }
    let called = "on: [push, pull_request]\njobs:\n  ci:\n    uses: acme/workflows/.github/workflows/python.yml@v1\n";
    let moved = lab.file(CI, &ci("pytest"), called);
    assert!(moved.iter().any(|found| found == "warn check-removed"), "{moved:?}");
    let moved = lab.file("azure-pipelines.yml", "steps:\n- script: pytest\n", "extends:\n  template: python.yml@tpl\n");
    assert!(moved.iter().any(|found| found == "warn check-removed"), "{moved:?}");
}

#[test]
fn actions_that_check_are_known() {
    let lab = Lab::new();
    let uses = |step: &str| {
        format!("on: [push, pull_request]\njobs:\n  lint:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n{step}")
    };
    let ruff = uses("      - run: ruff check .\n");
    for action in ["pre-commit/action@v3", "astral-sh/ruff-action@v3"] {
        let head = uses(&format!("      - uses: {action}\n"));
        assert!(lab.file(CI, &ruff, &head).is_empty(), "{action}");
        assert_eq!(lab.file(CI, &head, &uses("")), ["warn check-removed"], "{action}");
    }
}

#[test]
fn a_variable_that_begins_like_that_of_ci_asks_nothing() {
    let lab = Lab::new();
    let script = "#!/bin/bash\necho \"deploying $CITY\"\nkubectl -n prod apply -f k8s/\n";
    assert_eq!(lab.change(&[("a", "a")], &[("deploy.sh", script)]), ["warn laptop-deploy"]);
    // Nor does a name without an ending hide it.
    assert_eq!(lab.change(&[("a", "a")], &[("bin/deploy", script)]), ["warn laptop-deploy"]);
    assert!(lab.change(&[("a", "a")], &[("bin/deploy", &script.replace("/bin/bash", "/usr/bin/python"))]).is_empty());
}

#[test]
fn an_input_that_leaves_the_tests_out_is_found() {
    let lab = Lab::new();
    let callee = "on: {workflow_call: {inputs: {run_tests: {type: boolean, default: true}}}}\njobs:\n  test:\n    if: inputs.run_tests\n    runs-on: \
                  x\n    steps: [{run: pytest}]\n";
    let call = |uses: &str, with: &str| format!("on: [push, pull_request]\njobs:\n  ci:\n    uses: {uses}\n{with}");
    let here = "./.github/workflows/tests.yml";
    let other = "acme/workflows/.github/workflows/python.yml@v1";
    for (uses, with, expected) in
        [(here, "    with: {run_tests: false}\n", "block check-skipped"), (other, "    with: {skip-tests: true}\n", "warn check-skipped")]
    {
        let base = [(".github/workflows/tests.yml", callee), (CI, &*call(uses, ""))];
        assert_eq!(lab.change(&base, &[(CI, &call(uses, with))]), [expected], "{with}");
    }
    let base = [(".github/workflows/tests.yml", callee), (CI, &*call(here, ""))];
    assert!(lab.change(&base, &[(CI, &call(here, "    with: {run_tests: true}\n"))]).is_empty());
}
