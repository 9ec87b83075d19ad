//! Build script: the rule files and the demo's trees in, embedded slices and one named test a rule file out.
//!
//! A check needs no examples and should not wait for YAML, so the rules are embedded twice: as written, and as JSON without them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=fixtures/demo");

    let rules = files(&root.join("rules"))?;
    let mut embedded = String::new();
    slice(&mut embedded, "RULES", &root.join("rules"), &rules);
    fs::write(out.join("rules.rs"), embedded)?;
    fs::write(out.join("rules.json"), bare(&rules)?)?;

    let mut tests = String::new();
    for path in &rules {
        let id = relative(path, &root.join("rules")).replace(".yaml", "");
        let name = id.replace(['/', '-'], "_");
        write!(tests, "#[test]\nfn {name}() {{ super::check_rule({id:?}); }}\n").expect("a string can be written to");
    }
    fs::write(out.join("rule_tests.rs"), tests)?;

    let mut demo = String::new();
    for (name, side) in [("BASE", "base"), ("HEAD", "head")] {
        let tree = root.join("fixtures/demo").join(side);
        slice(&mut demo, name, &tree, &files(&tree)?);
    }
    fs::write(out.join("demo.rs"), demo)
}

/// The rules without their examples, as one JSON array.
fn bare(paths: &[PathBuf]) -> io::Result<String> {
    let mut rules = Vec::new();
    for path in paths {
        let wrong = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
        let mut rule: serde_yaml::Value = serde_yaml::from_str(&fs::read_to_string(path)?).map_err(|error| wrong(&error))?;
        rule.as_mapping_mut().ok_or_else(|| wrong(&"not a mapping"))?.remove("examples");
        rules.push(rule);
    }
    Ok(serde_json::to_string(&rules)?)
}

/// All files below a directory, sorted.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn slice(out: &mut String, name: &str, root: &Path, paths: &[PathBuf]) {
    writeln!(out, "pub const {name}: &[(&str, &str)] = &[").expect("a string can be written to");
    for path in paths {
        writeln!(out, "    ({:?}, include_str!({:?})),", relative(path, root), path.display()).expect("a string can be written to");
    }
    out.push_str("];\n");
}
