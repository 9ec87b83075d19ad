//! A command in, the program and arguments that really run out: `sudo`, `npx`, `poetry run` and their like taken away.

use super::Command;
use super::parse::is_assignment;

/// Runners that take the command behind their own options, by their words.
const RUNNERS: &[&[&str]] = &[
    &["sudo"],
    &["time"],
    &["exec"],
    &["command"],
    &["env"],
    &["nice"],
    &["nohup"],
    &["npx"],
    &["bunx"],
    &["pnpx"],
    &["pnpm", "dlx"],
    &["pnpm", "exec"],
    &["yarn", "exec"],
    &["yarn", "dlx"],
    &["npm", "exec"],
    &["bundle", "exec"],
    &["poetry", "run"],
    &["uv", "run"],
    &["uvx"],
    &["uv", "tool", "run"],
    &["pipx", "run"],
    &["opam", "exec"],
    &["percy", "exec"],
    &["mise", "exec"],
    &["xvfb-run"],
    &["dotenv"],
    &["op", "run"],
    &["doppler", "run"],
    &["aws-vault", "exec"],
    &["chamber", "exec"],
    &["dotenvx", "run"],
    &["infisical", "run"],
    &["nix", "develop"],
];
/// Options of the runners above that take a word.
const TAKE_A_WORD: &[&str] =
    &["-u", "--user", "-g", "-n", "-p", "--package", "-e", "--env-file", "-f", "--with", "--group", "--extra", "-a", "-s"];
/// Where one of these stands alone all the same.
const STAND_ALONE: &[(&str, &[&str])] =
    &[("xvfb-run", &["-a"]), ("sudo", &["-n", "-s"]), ("time", &["-p"]), ("command", &["-p"]), ("npx", &["-n"])];
/// Runners of tasks: what follows is a program, or the name of a task that is written down elsewhere.
const TASK_RUNNERS: &[&str] = &["hatch", "pixi", "pdm", "rye", "pipenv", "devbox", "mise"];
/// Programs that take a duration first.
const TIMED: &[&str] = &["timeout", "gtimeout"];
const SERVICES: &[&[&str]] = &[
    &["docker", "compose", "run"],
    &["docker", "compose", "exec"],
    &["docker-compose", "run"],
    &["docker-compose", "exec"],
    &["docker", "run"],
    &["docker", "exec"],
];
/// Options of `docker run` and `compose run` that stand alone.
const ALONE: &[&str] = &[
    "--rm",
    "-d",
    "-i",
    "-t",
    "-it",
    "-T",
    "--no-deps",
    "--quiet-pull",
    "--service-ports",
    "--init",
    "--privileged",
    "-q",
    "--use-aliases",
    "--build",
];

/// The words of what runs, from the program on.
pub fn argv(command: &Command) -> Vec<&str> {
    let mut words: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
    // Runners wrap runners; each turn takes at least one word away.
    loop {
        let count = words.len();
        words = unwrapped(words);
        if words.len() == count || words.is_empty() {
            return words;
        }
    }
}

/// What a runner of tasks is asked to run: the name of a task, or a command.
pub fn behind_task_runner<'a, 'w>(words: &'a [&'w str]) -> Option<&'a [&'w str]> {
    match words {
        [runner, "run" | "r", rest @ ..] if TASK_RUNNERS.contains(runner) => {
            Some(behind_options(runner, rest)).filter(|rest| !rest.is_empty())
        }
        _ => None,
    }
}

fn unwrapped(words: Vec<&str>) -> Vec<&str> {
    let starts = |prefix: &[&str]| words.len() > prefix.len() && words.iter().zip(prefix).all(|(word, part)| word == part);
    if let Some(prefix) = RUNNERS.iter().find(|prefix| starts(prefix)) {
        return behind_options(prefix[0], &words[prefix.len()..]).to_vec();
    }
    if TIMED.contains(&words[0]) && words.len() > 2 {
        let rest = behind_options("", &words[1..]);
        return rest.get(1..).unwrap_or(&[]).to_vec();
    }
    if let Some(prefix) = SERVICES.iter().find(|prefix| starts(prefix)) {
        // Without a command behind the service, the image's own runs: the words stay as they are.
        return service_command(&words[prefix.len()..]).map_or(words.clone(), <[&str]>::to_vec);
    }
    words
}

/// Options, assignments and `--` skipped.
fn behind_options<'a, 'w>(runner: &str, words: &'a [&'w str]) -> &'a [&'w str] {
    let alone = |word: &str| STAND_ALONE.iter().any(|(known, options)| *known == runner && options.contains(&word));
    if let Some(at) = words.iter().take(6).position(|word| *word == "--") {
        return &words[at + 1..];
    }
    let mut at = 0;
    while at + 1 < words.len() && (words[at].starts_with('-') || is_assignment(words[at])) {
        at += if TAKE_A_WORD.contains(&words[at]) && !alone(words[at]) { 2 } else { 1 };
    }
    words.get(at..).unwrap_or(&[])
}

fn service_command<'a, 'w>(words: &'a [&'w str]) -> Option<&'a [&'w str]> {
    let mut at = 0;
    while at < words.len() && words[at].starts_with('-') {
        let alone = ALONE.contains(&words[at]) || words[at].contains('=');
        at += if alone { 1 } else { 2 };
    }
    words.get(at + 1..).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::argv;
    use crate::read::shell::{Options, read};

    fn run(text: &str) -> String {
        let script = read(text, Options { errexit: true, pipefail: false });
        argv(&script.commands[0]).join(" ")
    }

    #[test]
    fn runners_are_taken_away() {
        assert_eq!(run("sudo -u app env A=1 bundle exec rspec -f d"), "rspec -f d");
        assert_eq!(run("timeout 10m npx --yes jest"), "jest");
        assert_eq!(run("aws-vault exec prod -- terraform apply"), "terraform apply");
        assert_eq!(run("docker compose run --rm -e A=1 web bundle exec rake spec"), "rake spec");
        assert_eq!(run("docker compose run web"), "docker compose run web");
        assert_eq!(run("xvfb-run -a npm test"), "npm test");
        assert_eq!(run("sudo -n make test"), "make test");
        assert_eq!(run("hatch run test"), "hatch run test");
        assert_eq!(run("npx"), "npx");
        assert_eq!(run("A=1 go test ./..."), "go test ./...");
    }
}
