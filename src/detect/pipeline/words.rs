//! Names in, what they speak of out: production or somewhere else, a test, a deployment. Names are cut into words first.

/// The words of a name: `deploy-prodEU_2` is deploy, prod, eu, 2.
pub fn words(name: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut word = String::new();
    let mut lower = false;
    for c in name.chars() {
        let cut = !c.is_alphanumeric() || lower && c.is_uppercase();
        if cut && !word.is_empty() {
            all.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        lower = c.is_lowercase();
    }
    if !word.is_empty() {
        all.push(word);
    }
    all
}

const PRODUCTION: &[&str] = &["prod", "production", "prd", "live"];
const BEFORE: &[&str] = &["pre", "non", "not"];
const ELSEWHERE: &[&str] = &[
    "dev",
    "develop",
    "development",
    "staging",
    "stage",
    "stg",
    "test",
    "testing",
    "tst",
    "qa",
    "uat",
    "preview",
    "previews",
    "sandbox",
    "review",
    "demo",
    "nightly",
    "pr",
    "preprod",
    "nonprod",
    "preproduction",
    "e2e",
    "local",
    "kind",
    "minikube",
    "k3d",
    "ephemeral",
    "perf",
    "performance",
    "integration",
    "int",
    "experimental",
    "training",
    "ci",
    "docs",
    "pages",
    "storybook",
    "scratch",
    "labs",
    "canary",
];

/// Where a deployment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Production,
    Elsewhere,
}

/// What names say of where it goes. Names come from the most to the least telling; the first that says something decides.
pub fn reach<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Reach> {
    names.into_iter().find_map(reach_of)
}

fn reach_of(name: &str) -> Option<Reach> {
    let words = words(name);
    let mut found = None;
    for (index, word) in words.iter().enumerate() {
        let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
        if PRODUCTION.contains(&bare) {
            let negated = index > 0 && BEFORE.contains(&words[index - 1].as_str());
            // `live` alone is as often a word of English.
            if negated {
                return Some(Reach::Elsewhere);
            }
            found = Some(Reach::Production);
        } else if ELSEWHERE.contains(&bare) && found.is_none() {
            found = Some(Reach::Elsewhere);
        }
    }
    found
}

const TESTS: &[&str] =
    &["test", "tests", "spec", "specs", "e2e", "rspec", "pytest", "jest", "vitest", "cypress", "playwright", "unittest", "unittests"];
const CHECKS: &[&str] = &[
    "lint",
    "check",
    "checks",
    "typecheck",
    "types",
    "audit",
    "scan",
    "codeql",
    "format",
    "vet",
    "validate",
    "clippy",
    "analyze",
    "analysis",
];
/// Words that say the thing only prepares or reports tests.
const AROUND: &[&str] = &[
    "setup",
    "up",
    "down",
    "build",
    "install",
    "report",
    "reporter",
    "reports",
    "result",
    "results",
    "summary",
    "upload",
    "wait",
    "prepare",
    "seed",
    "clean",
    "cleanup",
    "start",
    "stop",
    "image",
    "db",
    "data",
    "pypi",
    "publish",
    "comment",
    "generate",
    "deploy",
    "release",
    "notify",
    "update",
    "download",
    "watch",
    "env",
    "environment",
    "annotate",
    "server",
    "matrix",
    "fix",
    "deps",
    "configure",
    "init",
    "create",
    "split",
    "collect",
    "merge",
];
const DEPLOYS: &[&str] = &["deploy", "deployment"];
const NOT_DEPLOYS: &[&str] = &[
    "status",
    "credential",
    "credentials",
    "cleanup",
    "delete",
    "notify",
    "context",
    "destroy",
    "undeploy",
    "remove",
    "teardown",
    "docs",
    "doc",
    "pages",
    "check",
    "wait",
    "dry",
    "plan",
    "diff",
    "preview",
    "local",
    "test",
    "tests",
    "key",
    "keys",
    "storybook",
    "token",
    "should",
    "can",
    "verify",
    "lint",
    "build",
    "validate",
    "prepare",
    "summary",
    "setup",
    "install",
    "comment",
    "config",
    "cancel",
    "list",
    "get",
    "info",
    "event",
    "log",
    "logs",
    "monitor",
    "tag",
    "slack",
    "changelog",
    "message",
];

fn any(words: &[String], of: &[&str]) -> bool {
    words.iter().any(|word| of.contains(&word.as_str()))
}

pub fn names_test(name: &str) -> bool {
    let words = words(name);
    any(&words, TESTS) && !any(&words, AROUND)
}

pub fn names_check(name: &str) -> bool {
    let words = words(name);
    any(&words, CHECKS) && !any(&words, AROUND)
}

pub fn names_deploy(name: &str) -> bool {
    let words = words(name);
    any(&words, DEPLOYS) && !any(&words, NOT_DEPLOYS)
}

pub fn names_rollback(name: &str) -> bool {
    let joined = words(name).join("");
    ["rollback", "revert", "undo", "backout", "restore"].iter().any(|word| joined.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_where_it_goes() {
        for (name, expected) in [
            ("production", Some(Reach::Production)),
            ("eu-prod2", Some(Reach::Production)),
            ("deployToProd", Some(Reach::Production)),
            ("pre-prod", Some(Reach::Elsewhere)),
            ("preprod", Some(Reach::Elsewhere)),
            ("staging", Some(Reach::Elsewhere)),
            ("products", None),
            ("deliver", None),
        ] {
            assert_eq!(reach([name]), expected, "{name}");
        }
        assert_eq!(reach(["deploy", "staging", "production"]), Some(Reach::Elsewhere));
    }

    #[test]
    fn names_say_what_it_does() {
        assert!(names_test("unit-tests") && names_test("test:ci") && names_test("e2e"));
        assert!(!names_test("upload test results") && !names_test("build-test-image") && !names_test("latest"));
        assert!(names_deploy("deploy-prod.sh") && names_deploy("deploy_service"));
        assert!(!names_deploy("undeploy") && !names_deploy("deploy-docs") && !names_deploy("deployment-status"));
    }
}
