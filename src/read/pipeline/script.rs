//! Scripts that pipelines run: a command in, the make target, package script or shell script it names out; all of them read.

use super::Reader;
use super::model::{Job, Pipeline, Step, System};
use crate::error::ChangeError;
use crate::read::shell::{Command, argv, behind_task_runner};

/// Rounds of following: a workflow runs `make ci`, which runs `./build.sh`, which runs another.
const MAX_ROUNDS: usize = 4;
/// Scripts read because others run them.
const MAX_SCRIPTS: usize = 300;

/// What a file's name says of it.
pub fn system(name: &str) -> Option<System> {
    match name {
        "makefile" | "gnumakefile" => Some(System::Make),
        "justfile" | ".justfile" => Some(System::Just),
        "package.json" => Some(System::PackageScripts),
        _ if name.ends_with(".sh") || name.ends_with(".bash") => Some(System::Shell),
        _ => None,
    }
}

/// Other people's scripts, kept in this repository.
pub fn is_vendored(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "node_modules" | "vendor" | "third_party" | "testdata" | "fixtures"))
}

/// A script that a command runs: the file, and the job in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    pub path: String,
    /// Target or script name; `None` for a shell script as a whole.
    pub job: Option<String>,
}

/// Stands for the target that make and just take when none is named.
pub const FIRST: &str = "";

/// What of this repository a command runs. `directory` is where it runs, from the root.
pub fn called(command: &Command, directory: Option<&str>) -> Vec<Called> {
    let all = argv(command);
    let words = behind_task_runner(&all).unwrap_or(&all);
    let Some((program, rest)) = words.split_first() else { return Vec::new() };
    let at = |path: &str| join(directory.unwrap_or(""), path);
    let plain = |word: &&&str| !word.starts_with('-') && !word.contains('=') && !word.contains('$');
    let one = |path: Option<String>, job: Option<&str>| path.map(|path| Called { path, job: job.map(str::to_owned) }).into_iter().collect();
    match *program {
        "make" | "gmake" => {
            let sub = rest.iter().position(|word| *word == "-C").and_then(|at| rest.get(at + 1));
            let file = sub.map_or("Makefile".to_owned(), |sub| format!("{sub}/Makefile"));
            target(rest, sub.copied()).map(|target| one(at(&file), Some(target))).unwrap_or_default()
        }
        "just" => target(rest, None).map(|target| one(at("justfile"), Some(target))).unwrap_or_default(),
        "npm" | "yarn" | "pnpm" | "bun" => {
            let script = match rest.iter().filter(plain).collect::<Vec<_>>().as_slice() {
                [run, script, ..] if **run == "run" || **run == "run-script" => Some(**script),
                [test, ..] if matches!(**test, "test" | "t") => Some("test"),
                [script, ..] if *program != "npm" => Some(**script),
                _ => None,
            };
            let sub = rest.iter().position(|word| matches!(*word, "--prefix" | "--cwd" | "-C" | "--dir")).and_then(|at| rest.get(at + 1));
            let file = sub.map_or("package.json".to_owned(), |sub| format!("{sub}/package.json"));
            script.map(|script| one(at(&file), Some(script))).unwrap_or_default()
        }
        "bash" | "sh" | "source" | "." => one(rest.iter().find(plain).and_then(|path| at(path)), None),
        path if path.contains('/') && !path.contains('$') => one(at(path), None),
        _ => Vec::new(),
    }
}

/// The target a command names: the first one (`FIRST`) when it names none, nothing when only the run knows it.
fn target<'w>(words: &[&'w str], not: Option<&str>) -> Option<&'w str> {
    let named = words.iter().find(|word| !word.starts_with('-') && !word.contains('=') && Some(**word) != not);
    match named {
        Some(word) => Some(*word).filter(|word| !word.contains('$') && !word.contains("<<")),
        None => Some(FIRST),
    }
}

/// `path` seen from `directory`, `..` and `.` taken away; `None` when it leaves the repository or is no plain path.
fn join(directory: &str, path: &str) -> Option<String> {
    if path.starts_with(['/', '~']) || path.contains("${{") || directory.contains('$') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Reads what the pipelines found so far run, and what that runs.
pub(super) fn follow(reader: &mut Reader) -> Result<(), ChangeError> {
    let mut from = 0;
    for _ in 0..MAX_ROUNDS {
        let mut paths: Vec<String> = reader.found.all[from..].iter().flat_map(paths).collect();
        paths.sort();
        paths.dedup();
        from = reader.found.all.len();
        for path in paths {
            let Some(entry) = reader.tree.entry(&path).or_else(|| other_case(reader, &path)).cloned() else { continue };
            let name = entry.path.rsplit('/').next().unwrap_or(&entry.path).to_ascii_lowercase();
            let kind = system(&name).or_else(|| is_script(&name).then_some(System::Shell));
            if let Some(kind) = kind.filter(|_| reader.seen.len() < MAX_SCRIPTS) {
                reader.file(&entry, kind)?;
            }
        }
        if reader.found.all.len() == from {
            break;
        }
    }
    Ok(())
}

fn other_case<'a>(reader: &'a Reader, path: &str) -> Option<&'a crate::change::Entry> {
    let (directory, name) = path.rsplit_once('/').map_or(("", path), |(directory, name)| (directory, name));
    let names: &[&str] = match name {
        "Makefile" => &["GNUmakefile", "makefile"],
        "justfile" => &["Justfile", ".justfile"],
        _ => &[],
    };
    names.iter().find_map(|name| reader.tree.entry(&join(directory, name)?))
}

/// `bin/release`: no ending, so most likely a script. Binaries are told apart when they are read.
fn is_script(name: &str) -> bool {
    !name.contains('.')
}

/// Where programs of a repository lie that have no ending.
pub(super) fn is_program(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let place = directory.rsplit('/').next().unwrap_or("");
    let here = matches!(place, "" | "bin" | "script" | "scripts" | "tools" | "ops" | "deploy" | "ci" | "hack" | ".ci");
    here && is_script(name) && !is_vendored(path)
}

fn paths(pipeline: &Pipeline) -> Vec<String> {
    let steps = pipeline.jobs.iter().flat_map(|job: &Job| &job.steps);
    let mut all: Vec<String> = steps.flat_map(|step: &Step| step_paths(pipeline, step)).collect();
    all.dedup();
    all
}

fn step_paths(pipeline: &Pipeline, step: &Step) -> Vec<String> {
    step.commands.iter().flat_map(|command| called(command, directory(pipeline, step))).map(|called| called.path).collect()
}

/// Where a step's commands run: what it says, else for a Makefile or package.json the directory it is in.
pub fn directory<'a>(pipeline: &'a Pipeline, step: &'a Step) -> Option<&'a str> {
    let own = || match pipeline.system {
        System::Make | System::Just | System::PackageScripts => pipeline.path.rsplit_once('/').map(|(directory, _)| directory),
        _ => None,
    };
    step.directory.as_deref().or_else(own)
}
