//! What a command or an action does: words of a command line in, test, check, deployment or nothing of the kind out.

use super::words::{names_check, names_deploy, names_test, words};
use crate::read::pipeline::model::Action;
use crate::read::shell::{self, Command, Options, argv};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Runs tests.
    Test,
    /// Lints, type checks, scans.
    Check,
    /// Changes what runs somewhere. `assumed` when only a name says so.
    Deploy {
        assumed: bool,
    },
    Other,
}

/// Program, then words of which each is one of the alternatives between bars; an empty list takes the program alone.
type Pattern = (&'static str, &'static [&'static str]);

const TESTS: &[Pattern] = &[
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
    ("rails|bin/rails", &["test|spec"]),
    ("rake|bin/rake", &["test|spec|default|ci"]),
    ("jest|vitest|mocha|ava|tap|karma|c8|nyc|wdio", &[]),
    ("cypress", &["run"]),
    ("playwright", &["test"]),
    ("ng|nx|turbo", &["test|e2e"]),
    ("nx|turbo|lerna", &["run|affected|run-many", "test"]),
    ("mvn|mvnw|./mvnw", &["test|verify|install|package|integration-test"]),
    ("mvn|mvnw|./mvnw", &["clean", "test|verify|install|package|integration-test"]),
    ("gradle|gradlew|./gradlew", &["test|check|build"]),
    ("gradle|gradlew|./gradlew", &["clean", "test|check|build"]),
    ("dotnet", &["test"]),
    ("phpunit|pest|codecept|behat", &[]),
    ("php", &["artisan", "test"]),
    ("composer", &["test"]),
    ("mix|sbt|lein|swift|flutter|dart|stack|cabal|bazel|bazelisk|xcodebuild|rebar3|terraform|tofu|conftest|molecule|just|task", &["test"]),
    ("make|gmake", &["test|tests|check|verify|ci"]),
    ("ctest|prove|bats|busted|robot|behave|cucumber|newman", &[]),
    ("k6", &["run"]),
    ("helm", &["unittest"]),
    ("ct", &["install"]),
    ("python|python3", &["manage.py", "test"]),
    ("holdshort", &["check"]),
];

const CHECKS: &[Pattern] = &[
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
    ("ct", &["lint"]),
];

const DEPLOYS: &[Pattern] = &[
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

/// Words that make a command show what it would do.
const DRY: &[&str] = &[
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

/// Words that are no options and no values of options.
pub(super) fn verbs<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let word = words[at];
        if VALUE_OPTIONS.contains(&word) {
            at += 2;
            continue;
        }
        if !word.starts_with('-') && !word.starts_with('+') {
            found.push(word);
        }
        at += 1;
    }
    found
}

fn matches(pattern: &Pattern, program: &str, verbs: &[&str]) -> bool {
    let (programs, rest) = pattern;
    let one_of = |alternatives: &str, word: &str| alternatives.split('|').any(|alternative| alternative == word);
    one_of(programs, program) && verbs.len() >= rest.len() && rest.iter().zip(verbs).all(|(pattern, verb)| one_of(pattern, verb))
}

/// What a command line does. What it runs of this repository is another question.
pub fn of_words(all: &[&str]) -> Deed {
    let Some((path, rest)) = all.split_first() else { return Deed::Other };
    let program = path.rsplit('/').next().unwrap_or(path);
    let verbs = verbs(rest);
    let dry = rest.iter().any(|word| DRY.contains(word) || word.starts_with("--dry-run="));
    let has = |patterns: &[Pattern]| patterns.iter().any(|pattern| matches(pattern, program, &verbs));
    if matches!(program, "python" | "python3") && !verbs.is_empty() && rest.first() == Some(&"-m") {
        return of_words(&rest[1..]);
    }
    let skips = rest.iter().any(|word| {
        word.starts_with("-DskipTests")
            || word.starts_with("-Dmaven.test.skip")
            || word.starts_with("-bench")
            || matches!(*word, "-x" | "--no-run")
    });
    if has(TESTS) && !dry && !skips {
        return Deed::Test;
    }
    if has(CHECKS) {
        return Deed::Check;
    }
    if has(DEPLOYS) {
        return if dry { Deed::Other } else { Deed::Deploy { assumed: false } };
    }
    if program == "cap" && verbs.contains(&"deploy") {
        return Deed::Deploy { assumed: false };
    }
    if program == "ssh" {
        return remote(rest);
    }
    by_name(path, &verbs, dry)
}

/// Targets and scripts say by their name what they do.
fn by_name(path: &str, verbs: &[&str], dry: bool) -> Deed {
    let path = &without_expansions(path);
    let program = path.rsplit('/').next().unwrap_or(path);
    let name = match program {
        "make" | "gmake" | "just" | "task" | "rake" | "mage" | "inv" | "invoke" | "fab" | "composer" => verbs.first().copied(),
        "npm" | "pnpm" | "yarn" | "bun" => match verbs {
            ["run" | "run-script", script, ..] => Some(*script),
            [script, ..] if program != "npm" && !matches!(*script, "install" | "add" | "build" | "publish" | "deploy") => Some(*script),
            _ => None,
        },
        "bash" | "sh" | "source" | "." | "python" | "python3" | "ruby" | "node" => verbs.first().copied(),
        _ if path.contains('/') => Some(program),
        _ => None,
    };
    let name = name.map(without_expansions).unwrap_or_default();
    // Of a path the directories speak of tests too: `tests/run.sh`.
    let whole = if path.contains('/') { path } else { &name };
    let name = name.rsplit('/').next().unwrap_or(&name);
    if names_deploy(name) && !dry {
        return Deed::Deploy { assumed: true };
    }
    if names_test(name) || names_test(&without_expansions(whole)) || matches!(name, "ci" | "ci.sh") {
        return Deed::Test;
    }
    if names_check(name) { Deed::Check } else { Deed::Other }
}

/// The name with `$…`, `${…}` and `${{ … }}` taken out: what only the run knows says nothing.
fn without_expansions(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let length = match tail.bytes().next() {
            Some(b'{') if tail.starts_with("{{") => tail.find("}}").map_or(tail.len(), |end| end + 2),
            Some(b'{') => tail.find('}').map_or(tail.len(), |end| end + 1),
            _ => tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len()),
        };
        rest = &tail[length..];
    }
    out + rest
}

/// `ssh host 'docker compose up -d'`: what it restarts over there is a deployment.
fn remote(words: &[&str]) -> Deed {
    let told = words.join(" ");
    let restarts = [
        "compose up",
        "docker-compose up",
        "docker run",
        "systemctl restart",
        "pm2 reload",
        "pm2 restart",
        "git pull",
        "docker service update",
    ];
    if restarts.iter().any(|part| told.contains(part)) { Deed::Deploy { assumed: true } } else { Deed::Other }
}

/// What a command does.
pub fn of_command(command: &Command) -> Deed {
    let words = argv(command);
    if let [shell, flag, script, ..] = words.as_slice()
        && matches!(*shell, "bash" | "sh" | "zsh")
        && flag.starts_with('-')
        && flag.ends_with('c')
    {
        return of_text(script);
    }
    of_words(&words)
}

/// The weightiest thing that a script does: a deployment before a test before a check.
pub fn of_text(script: &str) -> Deed {
    let commands = shell::read(script, Options { errexit: true, pipefail: true }).commands;
    let deeds: Vec<Deed> = commands.iter().map(|command| of_words(&argv(command))).collect();
    weightiest(deeds)
}

pub fn weightiest(deeds: impl IntoIterator<Item = Deed>) -> Deed {
    let weight = |deed: &Deed| match deed {
        Deed::Deploy { assumed: false } => 4,
        Deed::Deploy { assumed: true } => 3,
        Deed::Test => 2,
        Deed::Check => 1,
        Deed::Other => 0,
    };
    deeds.into_iter().max_by_key(weight).unwrap_or(Deed::Other)
}

/// Actions, tasks and orbs that deploy although their name does not say so.
const DEPLOY_ACTIONS: &[&str] = &[
    "azure/k8s-deploy",
    "azure/arm-deploy",
    "azure/webapps-deploy",
    "azure/functions-action",
    "azure/container-apps-deploy-action",
    "aws-actions/amazon-ecs-deploy-task-definition",
    "google-github-actions/deploy-cloudrun",
    "google-github-actions/deploy-appengine",
    "google-github-actions/deploy-cloud-functions",
    "akhileshns/heroku-deploy",
    "amondnet/vercel-action",
    "cloudflare/wrangler-action",
    "cloudflare/pages-action",
    "nwtgck/actions-netlify",
    "dflook/terraform-apply",
    "dflook/tofu-apply",
    "firebaseextended/action-hosting-deploy",
    "einaregilsson/beanstalk-deploy",
    "azurewebapp",
    "azurefunctionapp",
    "azurermwebappdeployment",
    "kubernetesmanifest",
    "helmdeploy",
    "aws-ecs/deploy_service_update",
    "kubernetes/create-or-update-resource",
];
/// Inputs that hold a command line, and what stands before it.
const COMMAND_INPUTS: &[&str] = &["run", "command", "script", "cmd", "inlinescript", "inline-script", "test_command", "args"];

/// What an action does, by its name and inputs.
pub fn of_action(action: &Action) -> Deed {
    let uses = action.uses.text.to_ascii_lowercase();
    let name = uses.split('@').next().unwrap_or(&uses);
    if documentation(name) {
        return Deed::Other;
    }
    let short = name.rsplit('/').next().unwrap_or(name);
    let repository: Vec<&str> = name.split('/').skip(1).collect();
    let title =
        if name.starts_with("./") { short.trim_end_matches(".yml").trim_end_matches(".yaml").to_owned() } else { repository.join("-") };
    let removes = action.input("action").is_some_and(|input| matches!(input.text.as_str(), "close" | "delete" | "destroy"));
    if DEPLOY_ACTIONS.iter().any(|known| name == *known || name.starts_with(&format!("{known}/"))) && !removes {
        return Deed::Deploy { assumed: false };
    }
    if name == "pulumi/actions" || name == "hashicorp/tfc-workflows-github" {
        let up = action.input("command").is_some_and(|input| input.text == "up");
        return if up { Deed::Deploy { assumed: false } } else { Deed::Other };
    }
    if let Some(deed) = of_inputs(action, name) {
        return deed;
    }
    let title = if title.is_empty() { short.to_owned() } else { title };
    if names_deploy(&title) && !removes {
        return Deed::Deploy { assumed: true };
    }
    if names_test(&title) {
        return Deed::Test;
    }
    let tools = ["lint", "trivy", "snyk", "semgrep", "sonar", "sonarqube", "sonarcloud", "gitleaks", "codeql", "scan"];
    let names_tool = words(name).iter().any(|word| tools.contains(&word.as_str()));
    let sets_up = words(&title).iter().any(|word| matches!(word.as_str(), "init" | "setup" | "upload" | "autobuild" | "install"));
    if (names_tool || names_check(&title)) && !sets_up { Deed::Check } else { Deed::Other }
}

fn of_inputs(action: &Action, name: &str) -> Option<Deed> {
    let prefix = match name {
        "actions-rs/cargo" => "cargo ",
        "superfly/flyctl-actions" => "flyctl ",
        "gradle/gradle-build-action" | "gradle/actions/setup-gradle" | "burrunan/gradle-cache-action" => "gradle ",
        "serverless/github-action" => "serverless ",
        "cloudflare/wrangler-action" => "wrangler ",
        _ => "",
    };
    let arguments = ["arguments", "args", "command"];
    let with_prefix = |key: &str| if arguments.contains(&key) { prefix } else { "" };
    let deeds = action.with.iter().filter_map(|(key, value)| {
        let key = key.to_ascii_lowercase();
        let holds = COMMAND_INPUTS.contains(&key.as_str()) || !prefix.is_empty() && arguments.contains(&key.as_str());
        holds.then(|| match of_text(&format!("{}{}", with_prefix(&key), value.text)) {
            Deed::Other if name.contains("ssh") => remote(&[&value.text]),
            deed => deed,
        })
    });
    Some(weightiest(deeds)).filter(|deed| *deed != Deed::Other)
}

/// Publishes pages: nothing that a rollout or a canary is about.
pub fn documentation(name: &str) -> bool {
    ["deploy-pages", "gh-pages", "github-pages", "upload-pages", "static-web-apps"].iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Deed {
        of_text(text)
    }

    #[test]
    fn commands_are_told_by_their_words() {
        for text in [
            "go test ./...",
            "npm run test:ci",
            "yarn test",
            "bundle exec rspec",
            "make check",
            "./gradlew clean build",
            "python -m pytest -q",
            "bin/rails test",
            "./scripts/run-tests.sh",
        ] {
            assert_eq!(of(text), Deed::Test, "{text}");
        }
        for text in ["npm run lint", "npx eslint .", "cargo clippy", "make lint"] {
            assert_eq!(of(text), Deed::Check, "{text}");
        }
        for text in [
            "kubectl -n prod apply -f x",
            "helm --kube-context a upgrade b c",
            "terraform apply tfplan",
            "aws ecs update-service --x",
            "vercel --prod",
            "git push heroku main",
        ] {
            assert_eq!(of(text), Deed::Deploy { assumed: false }, "{text}");
        }
        for text in ["make deploy-prod", "./deploy.sh x", "npm run deploy", "ssh a@b 'cd x && docker compose up -d'"] {
            assert_eq!(of(text), Deed::Deploy { assumed: true }, "{text}");
        }
        for text in [
            "kubectl apply --dry-run=server -f x",
            "kubectl get pods",
            "helm plugin install x",
            "terraform plan",
            "mvn package -DskipTests",
            "npm ci",
            "echo go test",
            "npm run build:test",
            "make undeploy",
            "ansible-playbook --check x",
            "git push origin main",
            "docker build -t test .",
            "grep test x",
        ] {
            assert_eq!(of(text), Deed::Other, "{text}");
        }
    }
}
