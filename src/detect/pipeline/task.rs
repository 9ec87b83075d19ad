//! A task of Azure Pipelines in, the command line that it runs out.

use crate::read::pipeline::model::Action;

/// Task, the program it starts, the inputs that hold its words, and the words where no input is given.
const TASKS: &[(&str, &str, &[&str], &str)] = &[
    ("maven", "mvn", &["goals", "options"], "package"),
    ("gradle", "gradle", &["tasks", "options"], "build"),
    ("dotnetcorecli", "dotnet", &["command", "arguments"], "build"),
    ("npm", "npm", &["command"], "install"),
    ("go", "go", &["command", "arguments"], "get"),
    ("ant", "ant", &["targets"], ""),
    ("gulp", "gulp", &["targets"], ""),
    ("grunt", "grunt", &["targets"], ""),
    ("xcode", "xcodebuild", &["actions"], "build"),
    ("make", "make", &["targets"], ""),
    ("vstest", "vstest.console", &[], ""),
    ("visualstudiotest", "vstest.console", &[], ""),
    ("pythonscript", "python", &["scriptpath"], ""),
    ("shellscript", "bash", &["scriptpath"], ""),
    ("cmdline", "", &["script"], ""),
    ("bash", "", &["script", "filepath"], ""),
    ("powershell", "", &["script", "filepath"], ""),
    ("pwsh", "", &["script", "filepath"], ""),
];

/// `Maven@4` with `goals: verify` is `mvn verify`.
pub fn command_line(name: &str, action: &Action) -> Option<String> {
    if name.contains('/') {
        return None;
    }
    let (_, program, inputs, otherwise) = TASKS.iter().find(|(task, ..)| *task == name)?;
    let input = |key: &str| action.input(key).map(|value| value.text.as_str()).filter(|text| !text.is_empty());
    let words: Vec<&str> = match input("command") {
        // `npm` with `command: custom` takes the words from another input.
        Some("custom") => input("customcommand").or_else(|| input("custom")).into_iter().collect(),
        _ => inputs.iter().filter_map(|key| input(key)).collect(),
    };
    let words = if words.is_empty() { vec![*otherwise] } else { words };
    Some(format!("{program} {}", words.join(" ")).trim().to_owned())
}
