//! What a command or an action does: words of a command line in, test, check, deployment or nothing of the kind out.

use super::program::{CHECKS, DEPLOYS, DRY, LISTS, Pattern, TESTS, value_options};
use super::task;
use super::words::{names_check, names_deploy, names_test, words};
use crate::read::pipeline::model::Action;
use crate::read::shell::{self, Command, Options, argv, behind_task_runner};

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

/// Words that are no options and no values of options.
pub(super) fn verbs<'w>(program: &str, words: &[&'w str]) -> Vec<&'w str> {
    let takes = value_options(program);
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let word = words[at];
        if takes.contains(&word) {
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

/// The name a program is known by: `python` of `/usr/bin/python3.12`, `gradlew` of `./gradlew`.
fn program_of(path: &str) -> &str {
    let program = path.rsplit('/').next().unwrap_or(path);
    let program = program.strip_suffix(".exe").or_else(|| program.strip_suffix(".bat")).unwrap_or(program);
    match program.strip_prefix("python") {
        Some(version) if version.bytes().all(|b| b.is_ascii_digit() || b == b'.') => "python",
        _ => program,
    }
}

/// What a command line does. What it runs of this repository is another question.
pub fn of_words(all: &[&str]) -> Deed {
    let Some((path, rest)) = all.split_first() else { return Deed::Other };
    let program = program_of(path);
    if let Some(inner) = module(program, rest) {
        return of_words(inner);
    }
    if let Some(inner) = behind_task_runner(all) {
        let named = inner.first().map_or(Deed::Other, |task| of_name(task, false));
        return weightiest([of_words(inner), named]);
    }
    if let ("yarn" | "npm", ["workspace", _, inner @ ..]) = (program, rest) {
        return of_words(&[&[*path], inner].concat());
    }
    let verbs = verbs(program, rest);
    let dry = rest.iter().any(|word| DRY.contains(word) || word.starts_with("--dry-run="));
    let has = |patterns: &[Pattern]| patterns.iter().any(|pattern| matches(pattern, program, &verbs));
    let listed = of_list(program, rest, &verbs);
    if (has(TESTS) || listed == Deed::Test || runs_own_tests(program, rest)) && !dry && !skips(program, rest) {
        return Deed::Test;
    }
    if has(CHECKS) || listed == Deed::Check {
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

/// A program that nothing is known of, and that is no script of this repository either: it may well test.
pub fn is_unknown(command: &Command) -> bool {
    let words = argv(command);
    let Some(first) = words.first() else { return false };
    of_command(command) == Deed::Other && !first.contains(['$', '<', '>']) && !super::program::is_known(program_of(first))
}

/// The words of the module that `python -m` runs.
fn module<'a, 'w>(program: &str, rest: &'a [&'w str]) -> Option<&'a [&'w str]> {
    let at = rest.iter().take(6).position(|word| *word == "-m").filter(|_| matches!(program, "python" | "py"))?;
    let options = rest[..at].iter().all(|word| word.starts_with('-') || matches!(*word, "dev" | "error" | "ignore" | "default"));
    rest.get(at + 1..).filter(|inner| options && !inner.is_empty())
}

/// Programs that take any number of targets: each of them counts.
fn of_list(program: &str, rest: &[&str], verbs: &[&str]) -> Deed {
    let Some((_, tests, checks)) = LISTS.iter().find(|(programs, ..)| programs.split('|').any(|known| known == program)) else {
        return Deed::Other;
    };
    let given = rest.iter().filter_map(|word| word.strip_prefix("--target=").or_else(|| word.strip_prefix("--targets=")));
    let targets = verbs.iter().copied().chain(given).flat_map(|word| word.split([',', ';', ' ']));
    let deeds = targets.filter(|target| !target.is_empty() && !target.contains('=')).map(|target| {
        let own = target.rsplit(':').next().unwrap_or(target);
        let known = |list: &str| list.split('|').any(|known| known == target || known == own);
        // `compileTestKotlin` and `assembleAndroidTest` only build.
        let builds =
            words(own).first().is_some_and(|word| matches!(word.as_str(), "compile" | "assemble" | "process" | "bundle" | "package"));
        if known(tests) || names_test(target) && !builds {
            Deed::Test
        } else if known(checks) || names_check(own) && !builds {
            Deed::Check
        } else {
            Deed::Other
        }
    });
    weightiest(deeds)
}

/// Programs whose tests are started by an option or by a target that is spelled like one.
fn runs_own_tests(program: &str, rest: &[&str]) -> bool {
    let behind = |flag: &str| rest.iter().position(|word| *word == flag).and_then(|at| rest.get(at + 1));
    match program {
        "node" => rest.contains(&"--test"),
        "earthly" => rest.iter().any(|word| word.rsplit_once('+').is_some_and(|(_, target)| names_test(target))),
        "dagger" => rest.first() == Some(&"call") && rest.iter().any(|word| names_test(word)),
        "cmake" => behind("--target").or_else(|| behind("-t")).is_some_and(|target| names_test(target) || *target == "check"),
        "julia" => rest.iter().any(|word| word.contains("Pkg.test")),
        "Rscript" => rest.iter().any(|word| word.contains("test(") || word.contains("test_") || word.contains("rcmdcheck")),
        _ => false,
    }
}

/// Options that leave the tests out. What means that to one program is something else to the next: `pytest -x`.
fn skips(program: &str, rest: &[&str]) -> bool {
    let has = |flag: &str| rest.contains(&flag);
    let value = |flag: &str| {
        let joined = rest.iter().find_map(|word| word.strip_prefix(flag)?.strip_prefix('='));
        joined.or_else(|| rest.iter().position(|word| *word == flag).and_then(|at| rest.get(at + 1).copied()))
    };
    match program {
        "gradle" | "gradlew" => rest.windows(2).any(|pair| {
            let task = pair[1].rsplit(':').next().unwrap_or(pair[1]);
            matches!(pair[0], "-x" | "--exclude-task") && (task == "check" || names_test(task))
        }),
        "go" => {
            let none = |pattern: &str| matches!(pattern.trim_matches(['\'', '"']), "^$" | "NONE" | "XXX" | "^NONE$" | "^XXX$" | "-" | "$^");
            let only_benchmarks = rest.iter().any(|word| word.starts_with("-bench")) && value("-run").is_some_and(none);
            only_benchmarks || has("-c") || has("-list")
        }
        _ => {
            let off = |word: &&&str| {
                let skip = word.starts_with("-DskipTests") || word.starts_with("-Dmaven.test.skip");
                (skip && !word.ends_with("=false") && !word.starts_with("-Dmaven.test.skip.exec")) || **word == "--no-run"
            };
            rest.iter().any(|word| off(&word))
        }
    }
}

/// Targets and scripts say by their name what they do.
fn by_name(path: &str, verbs: &[&str], dry: bool) -> Deed {
    let path = &without_expansions(path);
    let program = path.rsplit('/').next().unwrap_or(path);
    let targets: Vec<&str> = match program_of(program) {
        "make" | "gmake" | "just" | "task" | "rake" | "mage" | "inv" | "invoke" | "fab" | "poe" | "nox" | "gulp" | "grunt" => {
            verbs.iter().copied().filter(|word| !word.contains('=')).collect()
        }
        "rails" => verbs.first().copied().into_iter().collect(),
        "npm" | "pnpm" | "yarn" | "bun" | "composer" | "mise" | "deno" => match verbs {
            ["run" | "run-script" | "task", script, ..] => vec![*script],
            [script, ..]
                if !matches!(program, "npm" | "mise" | "deno")
                    && !matches!(*script, "install" | "add" | "build" | "publish" | "deploy" | "require") =>
            {
                vec![*script]
            }
            _ => Vec::new(),
        },
        "bash" | "sh" | "source" | "." | "python" | "ruby" | "node" | "pwsh" => verbs.first().copied().into_iter().collect(),
        _ if path.contains('/') => vec![path],
        _ => Vec::new(),
    };
    weightiest(targets.into_iter().map(|target| of_name(target, dry)))
}

/// What a target, or a script by its path, is called for.
fn of_name(target: &str, dry: bool) -> Deed {
    let target = without_expansions(target);
    let name = target.rsplit('/').next().unwrap_or(&target);
    if names_deploy(name) && !dry {
        return Deed::Deploy { assumed: true };
    }
    // Of a path the directories speak of tests too: `tests/run.sh`.
    if names_test(name) || names_test(&target) || matches!(name, "ci" | "ci.sh") {
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
    // The commands of the script that a shell is given are read as commands of their own.
    if let [shell, flag, ..] = words.as_slice()
        && matches!(*shell, "bash" | "sh" | "zsh" | "eval")
        && (flag.starts_with('-') && flag.ends_with('c') || *shell == "eval")
    {
        return Deed::Other;
    }
    of_words(&words)
}

/// The weightiest thing that a script does: a deployment before a test before a check.
pub fn of_text(script: &str) -> Deed {
    let commands = shell::read(script, Options { errexit: true, pipefail: true }).commands;
    weightiest(commands.iter().map(of_command))
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
/// Actions that check although their name does not say so.
const CHECK_ACTIONS: &[&str] = &[
    "pre-commit/action",
    "pre-commit-ci/lite-action",
    "astral-sh/ruff-action",
    "chartboost/ruff-action",
    "psf/black",
    "crate-ci/typos",
    "oxsecurity/megalinter",
    "errata-ai/vale-action",
    "aquasecurity/tfsec-action",
    "zizmorcore/zizmor-action",
    "jakebailey/pyright-action",
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
    if let Some(line) = task::command_line(name, action) {
        return of_text(&line);
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
    if CHECK_ACTIONS.iter().any(|known| name.starts_with(known)) {
        return Deed::Check;
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
