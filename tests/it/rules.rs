//! Every rule file's examples, as one named test a rule.

fn check_rule(id: &str) {
    let rules = holdshort::rule::load::documented().expect("the built-in rules load");
    let rule = rules.iter().find(|rule| rule.id == id).expect("every file is a rule");
    let wrong = holdshort::rule::verify::verify(rule, &rules).expect("examples can be inspected");
    let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

mod examples {
    include!(concat!(env!("OUT_DIR"), "/rule_tests.rs"));
}
