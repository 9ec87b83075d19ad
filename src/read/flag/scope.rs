//! A path or an environment's name in, whether production is meant out.

/// The environment that a path names in a directory or file name, or nothing.
pub fn of_path(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    let mut words = lower.split(['/', '.', '-', '_']);
    words.rfind(|word| PRODUCTION.contains(word) || OTHER.contains(word)).unwrap_or_default().to_owned()
}

const PRODUCTION: [&str; 5] = ["prod", "production", "live", "prd", "main"];
const OTHER: [&str; 20] = [
    "dev",
    "develop",
    "development",
    "test",
    "testing",
    "tests",
    "staging",
    "stage",
    "stg",
    "preprod",
    "qa",
    "local",
    "localhost",
    "sandbox",
    "uat",
    "nonprod",
    "integration",
    "ci",
    "preview",
    "e2e",
];

/// Production, or nothing says otherwise.
pub fn is_production(environment: &str) -> bool {
    let lower = environment.to_ascii_lowercase();
    let mut words = lower.split(['/', '.', '-', '_', ' ']);
    let other = lower.split(['/', '.', '-', '_', ' ']).any(|word| OTHER.contains(&word) || matches!(word, "non" | "pre"));
    !other || (words.any(|word| PRODUCTION.contains(&word)) && !lower.contains("non") && !lower.contains("pre"))
}

/// Parts of a path below which files are examples, not what ships.
const NOT_SHIPPED: [&str; 14] = [
    "test",
    "tests",
    "testdata",
    "fixture",
    "fixtures",
    "__snapshots__",
    "__tests__",
    "spec",
    "example",
    "examples",
    "golden",
    "docs",
    "storybook",
    "node_modules",
];

pub fn is_shipped(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    !lower.split('/').any(|part| NOT_SHIPPED.contains(&part)) && !lower.ends_with(".schema.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_words_of_the_path() {
        assert_eq!(of_path("flags/dev/x/features.yml"), "dev");
        assert_eq!(of_path("appsettings.Development.json"), "development");
        assert_eq!(of_path("src/devices/flags.json"), "");
        assert!(is_production("") && is_production("us-prod") && is_production("main"));
        assert!(!is_production("dev") && !is_production("pre-prod") && !is_production("preprod") && !is_production("non-prod"));
    }
}
