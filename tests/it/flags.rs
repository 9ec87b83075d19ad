//! Flag readers on fixtures, sizes and hostile input.

use std::fmt::Write;
use std::path::Path;

use holdshort::flag::compare::compare;
use holdshort::read::flag::{State, claims, read_flags};
use holdshort::source::FileId;

use crate::scratch::{Scratch, fired, gate};

const TODAY: &str = "2026-06-01";

/// One line a flag: key, environment, state, reason, flaws.
fn facts(fixture: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/read/flag").join(fixture);
    let text = std::fs::read_to_string(&path).expect("the fixture is there");
    let name = fixture.rsplit('/').next().expect("a name");
    assert!(claims(name, &text), "{name} is not claimed");
    let file = read_flags(name, &text, FileId(0), &[], TODAY);
    let mut out = String::new();
    for flag in &file.flags {
        let environment = if flag.environment.is_empty() { "-" } else { &flag.environment };
        writeln!(out, "{} [{environment}] {}: {}", flag.key, flag.state.describe(), flag.reason).expect("written");
        flag.reach.iter().for_each(|reach| writeln!(out, "    reaches others by {reach}").expect("written"));
        flag.flaws.iter().for_each(|flaw| writeln!(out, "    flaw: {}", flaw.message).expect("written"));
    }
    file.unread.iter().for_each(|unread| writeln!(out, "unread: {}", unread.reason).expect("written"));
    out
}

#[test]
fn terraform_resources() {
    insta::assert_snapshot!(facts("terraform/flags.tf"));
}

#[test]
fn go_feature_flag_files() {
    insta::assert_snapshot!(facts("go-feature-flag/flags.goff.yaml"));
}

#[test]
fn flipt_files() {
    insta::assert_snapshot!(facts("flipt/features.yml"));
}

#[test]
fn unleash_bootstrap() {
    insta::assert_snapshot!(facts("unleash/export.json"));
}

#[test]
fn microsoft_settings() {
    insta::assert_snapshot!(facts("microsoft/appsettings.json"));
}

#[test]
fn flagd_files() {
    insta::assert_snapshot!(facts("flagd/shop.flagd.yaml"));
}

#[test]
fn openfeature_operator_objects() {
    insta::assert_snapshot!(facts("openfeature/operator.yaml"));
}

#[test]
fn openfeature_manifests() {
    insta::assert_snapshot!(facts("openfeature/flags.json"));
}

#[test]
fn go_feature_flag_in_toml() {
    insta::assert_snapshot!(facts("go-feature-flag/flags.goff.toml"));
}

#[test]
fn go_feature_flag_in_json() {
    insta::assert_snapshot!(facts("go-feature-flag/flags.goff.json"));
}

#[test]
fn launchdarkly_file_data() {
    insta::assert_snapshot!(facts("launchdarkly/flagdata.json"));
}

#[test]
fn gitlab_style_files() {
    insta::assert_snapshot!(facts("gitlab/new_page.yml"));
}

#[test]
fn firebase_templates() {
    insta::assert_snapshot!(facts("firebase/remoteconfig.template.json"));
}

#[test]
fn appconfig_documents() {
    insta::assert_snapshot!(facts("appconfig/flags.json"));
}

#[test]
fn growthbook_features() {
    insta::assert_snapshot!(facts("growthbook/features.json"));
}

#[test]
fn flagsmith_environments() {
    insta::assert_snapshot!(facts("flagsmith/environment.json"));
}

#[test]
fn configcat_configurations() {
    insta::assert_snapshot!(facts("configcat/configcat-v6.json"));
}

#[test]
fn configcat_local_files() {
    insta::assert_snapshot!(facts("configcat/configcat-local.json"));
}

#[test]
fn flipper_exports() {
    insta::assert_snapshot!(facts("flipper/export.json"));
}

#[test]
fn waffle_fixtures() {
    insta::assert_snapshot!(facts("waffle/initial.json"));
}

#[test]
fn versioned_feature_lists() {
    insta::assert_snapshot!(facts("lifecycle/versioned_feature_list.yaml"));
}

#[test]
fn collector_feature_gates() {
    insta::assert_snapshot!(facts("lifecycle/metadata.yaml"));
}

#[test]
fn maps_of_flags() {
    insta::assert_snapshot!(facts("map/values-prod.yaml"));
}

#[test]
fn registries_in_typescript() {
    insta::assert_snapshot!(facts("registry/experimental.ts"));
}

#[test]
fn registries_in_go() {
    insta::assert_snapshot!(facts("registry/gates.go"));
}

fn many(count: usize, default: &str) -> String {
    let rule = r#"{"if": [{"in": ["@example.com", {"var": ["email"]}]}, "on", {"if": [{"==": [{"var": "country"}, "de"]}, "on", "off"]}]}"#;
    let padding = "x".repeat(250);
    let flags: Vec<String> = (0..count)
        .map(|n| {
            format!(
                r#""flag-{n}": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "{default}", "targeting": {rule}, "metadata": {{"note": "{padding}"}}}}"#
            )
        })
        .collect();
    format!("{{\"flags\": {{{}}}}}", flags.join(",\n"))
}

#[test]
fn many_flags_are_read_and_compared() {
    let (base, head) = (many(500, "off"), many(500, "on"));
    let before = read_flags("a.flagd.json", &base, FileId(0), &[], TODAY).flags;
    let after = read_flags("a.flagd.json", &head, FileId(1), &[], TODAY).flags;
    let changes = compare(&before, &after, &[]);
    assert_eq!((changes.len(), &after[499].state), (500, &State::OffTargeted));
}

#[test]
fn hostile_targeting_neither_overflows_nor_hangs() {
    let flag = |targeting: &str| {
        format!(
            r#"{{"flags": {{"x": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off", "targeting": {targeting}}}}}}}"#
        )
    };
    let nest = |depth: usize| flag(&format!("{}\"on\"{}", "{\"if\": [{\"!\": [".repeat(depth) + "1", "]}, 1, 2]}".repeat(depth)));
    for depth in [40, 100, 10_000] {
        let file = read_flags("a.flagd.json", &nest(depth), FileId(0), &[], TODAY);
        assert!(!file.unread.is_empty() || file.flags[0].state != State::On, "depth {depth}");
    }
    let wide = flag(&format!("{{\"if\": [{}\"off\"]}}", "{\"var\": \"a\"}, \"on\", ".repeat(100_000)));
    assert_eq!(read_flags("a.flagd.json", &wide, FileId(0), &[], TODAY).flags[0].state, State::OffTargeted);
    // Every flag refers to one large evaluator: work must not be their product.
    let large = format!("{{\"or\": [{}]}}", vec!["{\"==\": [{\"var\": \"a\"}, 1]}"; 20_000].join(","));
    let flags: Vec<String> = (0..2_000)
        .map(|n| format!(r#""f{n}": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off", "targeting": {{"if": [{{"$ref": "e"}}, "on", "off"]}}}}"#))
        .collect();
    let bomb = format!("{{\"$evaluators\": {{\"e\": {large}}}, \"flags\": {{{}}}}}", flags.join(","));
    let file = read_flags("a.flagd.json", &bomb, FileId(0), &[], TODAY);
    // Past the budget a flag is unknown, never off by guess.
    assert_eq!((&file.flags[0].state, &file.flags[1_999].state), (&State::OffTargeted, &State::Unknown));
}

#[test]
fn files_that_only_look_like_flags_are_left() {
    for (path, text) in [
        ("frontend/flags.json", r#"{"flags": {"de": "🇩🇪", "fr": "🇫🇷"}}"#),
        ("chart/templates/deploy.yaml", "flags: {{ .Values.flags }}\n  - x: [\n"),
        ("features.yml", "features:\n  - sepal_length\n  - sepal_width\n"),
        ("flags.schema.json", r#"{"flags": {"x": {"state": "ENABLED", "variants": {"on": true}}}}"#),
        ("testdata/a.flagd.json", r#"{"flags": {"x": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}}}"#),
    ] {
        assert!(!claims(path, text) || read_flags(path, text, FileId(0), &[], TODAY) == Default::default(), "{path}");
    }
}

#[test]
fn the_policy_says_which_environments_serve_users() {
    let flags = "version: \"1.5\"\nflags:\n  - {key: cart, name: Cart, type: BOOLEAN_FLAG_TYPE, enabled: true}\n";
    let fires = |path: &str, policy: &str| {
        let repo = Scratch::new(&[("holdshort.yaml", policy)]);
        repo.commit("change", &[(path, flags)]);
        !fired(&repo.check(&[], &[]), "flag/new-default-on", "block").is_empty()
    };
    let policy = "environments: {production: [staging], other: [lab]}\n";
    for (path, by_name, listed) in [("flags/lab/features.yml", true, false), ("flags/staging/features.yml", false, true)] {
        assert_eq!((fires(path, "rules: {}\n"), fires(path, policy)), (by_name, listed), "{path}");
    }
}

#[test]
fn a_file_whose_flags_cannot_be_read_any_more_is_no_pass() {
    let registry = |value: &str| format!("export const featureFlags = {{\n{value}}};\n");
    let status = |head: &str| {
        let repo = Scratch::new(&[("src/featureFlags.ts", &registry("  checkout: false,\n"))]);
        repo.commit("change", &[("src/featureFlags.ts", head)]);
        gate(&repo.check(&[], &[]), "flags-off")["status"].as_str().expect("a status").to_owned()
    };
    let of_value = |value: &str| status(&registry(value));
    assert_eq!(
        ["  checkout: 1,\n", "  checkout: isOn,\n", "  checkout: !true,\n", ""].map(of_value),
        ["unknown", "unknown", "pass", "not-applicable"]
    );
}
