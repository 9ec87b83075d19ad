//! Programs that CI runs, by what they are for: tables of patterns over the words of a command line.

/// Program, then words of which each is one of the alternatives between bars; an empty list takes the program alone.
pub type Pattern = (&'static str, &'static [&'static str]);

pub const TESTS: &[Pattern] = &[
    ("go", &["test"]),
    ("gotestsum", &[]),
    ("ginkgo", &[]),
    ("cargo", &["test|nextest|llvm-cov|tarpaulin"]),
    ("npm|pnpm|yarn|bun", &["test|t"]),
    ("deno", &["test"]),
    ("pytest|py.test|parallel_rspec", &[]),
    ("coverage", &["run"]),
    ("tox|nox", &[]),
    ("rspec", &[]),
    ("rails", &["test|spec"]),
    ("rake", &["test|spec|default|ci"]),
    ("jest|vitest|mocha|ava|tap|karma|c8|nyc|wdio", &[]),
    ("cypress", &["run"]),
    ("playwright", &["test"]),
    ("ng", &["test|e2e"]),
    ("lerna", &["run", "test"]),
    ("unittest|nose|nose2|nosetests|trial|green|doctest|ward", &[]),
    ("dotnet", &["test|vstest"]),
    ("phpunit|pest|codecept|behat", &[]),
    ("php", &["artisan", "test"]),
    ("composer", &["test"]),
    ("mix|swift|flutter|dart|stack|cabal|bazel|bazelisk|rebar3|terraform|tofu|conftest|molecule|just|task|hatch|rush|meson|opa", &["test"]),
    ("pants|./pants|gleam|forge|hardhat|truffle|anchor|raco|elm-test-rs|fastlane|maestro|detox|richgo|vcpkg|chainsaw", &["test"]),
    ("crystal", &["spec"]),
    ("dune", &["test|runtest"]),
    ("zig", &["test"]),
    ("zig", &["build", "test"]),
    ("nix", &["flake", "check"]),
    ("promtool", &["test"]),
    ("mise", &["run|r", "test|ci"]),
    ("vstest.console|Invoke-Pester|testcafe|wtr|web-test-runner|borp|uvu|start-server-and-test|elm-test|gotest", &[]),
    ("make|gmake", &["test|tests|check|verify|ci"]),
    ("ctest|prove|bats|busted|robot|behave|cucumber|newman", &[]),
    ("k6", &["run"]),
    ("helm", &["unittest"]),
    ("ct", &["install"]),
    ("python|python3", &["manage.py", "test"]),
    ("holdshort", &["check"]),
];

pub const CHECKS: &[Pattern] = &[
    ("golangci-lint|staticcheck|gosec|govulncheck", &[]),
    ("go", &["vet"]),
    ("eslint|tslint|stylelint|tsc|vue-tsc|xo|biome|oxlint|knip", &[]),
    ("rubocop|standardrb|brakeman|bundler-audit|erblint|reek", &[]),
    ("bundle", &["audit"]),
    ("flake8|pylint|ruff|mypy|pyright|bandit|safety|pip-audit|isort|black|pyre", &[]),
    ("cargo", &["clippy|fmt|deny|audit|check|machete"]),
    (
        "shellcheck|hadolint|actionlint|zizmor|yamllint|tflint|tfsec|checkov|trivy|grype|snyk|semgrep|gitleaks|trufflehog|sqlfluff|squawk|spectral",
        &[],
    ),
    ("markdownlint|kubeconform|kubeval|kube-linter|kube-score|ktlint|detekt|phpstan|psalm|swiftlint|codespell|typos|commitlint", &[]),
    ("npm|yarn|pnpm", &["audit"]),
    ("buf", &["lint|breaking"]),
    ("pre-commit", &["run"]),
    ("terraform|tofu", &["validate|fmt"]),
    ("mix", &["credo|dialyzer|format"]),
    ("deno", &["lint|fmt|check"]),
    ("helm", &["lint"]),
    ("statix|deadnix|vulture|pydocstyle|interrogate|djlint|ansible-lint|vale|lychee|pa11y|lighthouse|lhci", &[]),
    ("dart|flutter", &["analyze"]),
    ("swift", &["format", "lint"]),
    ("dotnet", &["format"]),
    ("ct", &["lint"]),
];

pub const DEPLOYS: &[Pattern] = &[
    ("kubectl|oc", &["apply|replace|patch"]),
    ("kubectl|oc", &["set", "image|env"]),
    ("kubectl|oc", &["rollout", "restart|latest"]),
    ("kubectl", &["argo", "rollouts", "promote|set"]),
    ("kubectl-argo-rollouts", &["promote|set"]),
    ("helm", &["upgrade|install"]),
    ("helmfile", &["apply|sync"]),
    ("terraform|tofu|terragrunt", &["apply"]),
    ("terragrunt", &["run-all", "apply"]),
    ("pulumi", &["up"]),
    (
        "cdk|sam|serverless|sls|fly|flyctl|kamal|firebase|netlify|zappa|chalice|kapp|eb|copilot|mina|shipit|okteto|garden|vercel",
        &["deploy"],
    ),
    ("vercel", &[]),
    ("wrangler", &["deploy|publish"]),
    ("wrangler", &["pages", "deploy|publish"]),
    ("gcloud", &["run|app|functions", "deploy"]),
    ("gcloud", &["beta|alpha", "run|app|functions", "deploy"]),
    ("gcloud", &["run", "services", "update|update-traffic|replace"]),
    ("gcloud", &["beta|alpha", "run", "services", "update|update-traffic|replace"]),
    ("gcloud", &["app", "services", "set-traffic"]),
    ("gcloud", &["deploy", "releases", "create|promote"]),
    ("aws", &["ecs", "update-service"]),
    ("aws", &["deploy", "create-deployment"]),
    ("aws", &["lambda", "update-function-code|update-alias"]),
    ("aws", &["cloudformation", "deploy|update-stack"]),
    ("aws", &["elasticbeanstalk", "update-environment"]),
    ("az", &["webapp|functionapp", "deploy|deployment|up"]),
    ("az", &["containerapp", "up|update"]),
    ("az", &["deployment", "group|sub", "create"]),
    ("cf", &["push|deploy|v3-push|v3-zdt-push|zero-downtime-push"]),
    ("railway", &["up"]),
    ("nomad", &["job", "run"]),
    ("nomad", &["run"]),
    ("docker", &["stack", "deploy"]),
    ("ansible-playbook", &[]),
    ("argocd", &["app", "sync|set"]),
    ("git", &["push", "heroku|dokku"]),
    ("heroku", &["container:release"]),
    ("skaffold", &["run|deploy"]),
    ("werf", &["converge"]),
    ("ecs-deploy|nais-deploy", &[]),
];

/// Programs that take any number of targets, the targets that test, and those that check; others say it by their name.
pub const LISTS: &[(&str, &str, &str)] = &[
    ("mvn|mvnw|mvnd", "test|verify|install|package|integration-test|deploy|surefire:test|failsafe:verify", "validate"),
    ("gradle|gradlew", "test|check|build", "detekt|ktlint|spotlessCheck"),
    ("turbo|nx|moon|rush|lage|wireit|npm-run-all|run-p|run-s|concurrently", "test|e2e", "lint"),
    ("sbt|lein|ant|ninja|scons|xcodebuild|mill", "test|check|test-without-building", "scalafmtCheck"),
];

/// Options that take the next word, so that it is not taken for a verb.
const VALUE_OPTIONS: &[&str] = &[
    "-n",
    "--namespace",
    "--context",
    "--kubeconfig",
    "--kube-context",
    "--cluster",
    "-C",
    "--cwd",
    "--prefix",
    "--stack",
    "--profile",
    "--region",
    "--project",
    "-e",
    "--environment",
    "--env",
    "-a",
    "--app",
    "--stage",
    "--dir",
    "-w",
    "--workspace",
    "--filter",
    "-F",
    "--manifest-path",
    "--directory",
    "-p",
];

/// The same of programs to which the short ones above mean something else.
const OWN_VALUE_OPTIONS: &[(&str, &[&str])] = &[
    (
        "mvn|mvnw|mvnd",
        &[
            "-T",
            "-P",
            "-pl",
            "-f",
            "-s",
            "-rf",
            "-gs",
            "-t",
            "-l",
            "-b",
            "--threads",
            "--activate-profiles",
            "--projects",
            "--file",
            "--settings",
        ],
    ),
    (
        "gradle|gradlew",
        &["-x", "-p", "-b", "-c", "-g", "-I", "--exclude-task", "--project-dir", "--build-file", "--init-script", "--console", "--tests"],
    ),
    ("xcodebuild", &["-scheme", "-workspace", "-project", "-destination", "-sdk", "-configuration", "-derivedDataPath", "-testPlan"]),
    ("ant", &["-f", "-file", "-buildfile", "-lib"]),
    ("ninja", &["-C", "-f", "-j"]),
    ("make|gmake", &["-C", "-f", "-I", "-o", "-W", "--directory", "--file"]),
];

/// Options of a program that take the next word.
pub fn value_options(program: &str) -> &'static [&'static str] {
    let own = OWN_VALUE_OPTIONS.iter().find(|(programs, _)| programs.split('|').any(|known| known == program));
    own.map_or(VALUE_OPTIONS, |(_, options)| options)
}

/// Words that make a command show what it would do.
pub const DRY: &[&str] = &[
    "--dry-run",
    "--check",
    "--syntax-check",
    "--noop",
    "--no-execute-changeset",
    "--validate-only",
    "--help",
    "--version",
    "-h",
    "--list-tests",
    "--collect-only",
];

/// Programs that are known to test nothing, however they are called.
const PLAIN: &[&str] = &[
    "echo|printf|true|false|:|exit|return|cd|pushd|popd|ls|cat|tee|cp|mv|rm|mkdir|rmdir|ln|touch|chmod|chown|pwd|sleep|wait|date|env|export",
    "set|unset|shift|eval|trap|test|[|[[|let|read|local|declare|source|.|which|type|command|alias|ulimit|umask|kill|id|whoami|hostname|uname",
    "grep|egrep|rg|sed|awk|cut|tr|sort|uniq|head|tail|wc|find|xargs|diff|jq|yq|tar|gzip|gunzip|zip|unzip|base64|sha256sum|md5sum|seq|du|df",
    "curl|wget|ssh|scp|rsync|nc|git|gh|glab|apt|apt-get|apk|yum|dnf|brew|choco|pip|pip3|pipx|uv|poetry|conda|gem|bundle|npm|npx|yarn|pnpm|bun",
    "node|python|ruby|perl|php|java|javac|go|cargo|rustc|rustup|gcc|g++|clang|cc|ld|make|cmake|docker|docker-compose|podman|buildah|skopeo",
    "buildctl|kaniko|tsc|webpack|vite|esbuild|rollup|parcel|kubectl|helm|aws|gcloud|az|vault|openssl|gpg|psql|mysql|redis-cli|codecov|sonar",
    "bash|sh|zsh|pwsh|sudo|time|timeout|nohup|buildkite-agent|circleci|circleci-agent",
];

/// Whether anything is known of a program, so that it does not test is known too.
pub fn is_known(program: &str) -> bool {
    let lists = LISTS.iter().map(|(programs, ..)| *programs);
    let patterns = [TESTS, CHECKS, DEPLOYS].into_iter().flatten().map(|(programs, _)| *programs);
    lists.chain(patterns).chain(PLAIN.iter().copied()).any(|programs| programs.split('|').any(|known| known == program))
}
