//! A shell script in, its simple commands out, each with what its failure does to the script (`Fate`).

mod argv;
mod fate;
mod lex;
mod parse;
mod rescue;

use serde::Serialize;

pub use argv::{argv, behind_task_runner};
pub use lex::Word;
pub use parse::is_assignment;

use crate::source::Span;

/// How the shell was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Options {
    /// `-e`: a failed command ends the script.
    pub errexit: bool,
    /// A pipe fails when any of its commands does.
    pub pipefail: bool,
}

/// What happens when a command fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "on_failure")]
pub enum Fate {
    /// The script fails.
    Fails,
    /// The script goes on as if it had passed.
    Swallowed { how: Swallow, by: Span },
    /// The script looks at it: what it then does is not followed.
    Handled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Swallow {
    /// `|| true`
    OrTrue,
    /// A pipe without `pipefail`.
    Pipe,
    /// `set +e`, or a shell that was started without `-e`.
    NoErrexit,
    /// `a && b` that is not the last command: `-e` does not look at `a`.
    AndList,
    /// `&` and nothing waits.
    Background,
    /// `|| x` or a branch of `if`, of which it is not known whether it fails.
    Rescue,
    /// `echo "$(a)"`: the status is that of `echo`.
    Substitution,
    /// Behind `exit 0`, below `if false`, in a function that nothing calls: it does not even run.
    NeverRuns,
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    /// Assignments and redirections left out; never empty.
    pub words: Vec<Word>,
    pub span: Span,
    pub fate: Fate,
    /// Variables set before it, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<String>,
}

impl Command {
    /// As written, its words joined by one blank.
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }
}

/// What was read of one script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// In written order, those of substitutions and functions included.
    pub commands: Vec<Command>,
}

/// Reads a script; it never fails, since what is no shell is read as words.
pub fn read(text: &str, options: Options) -> Script {
    let list = parse::parse(text, 0);
    let mut commands = fate::commands(text, &list, options);
    commands.sort_by_key(|command| command.span.start);
    Script { commands }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Options = Options { errexit: true, pipefail: true };
    const GITHUB: Options = Options { errexit: true, pipefail: false };
    const PLAIN: Options = Options { errexit: false, pipefail: false };

    /// The fate of the command that begins with `t`.
    fn fate(text: &str, options: Options) -> String {
        let script = read(text, options);
        let command = script.commands.iter().find(|command| command.words[0].text == "t").unwrap_or_else(|| panic!("no t in {text}"));
        match &command.fate {
            Fate::Swallowed { how, .. } => format!("{how:?}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_failure_that_is_swallowed_is_told() {
        assert_eq!(fate("t a || true", STRICT), "OrTrue");
        assert_eq!(fate("t a || :\nb", STRICT), "OrTrue");
        assert_eq!(fate("t || exit 0", STRICT), "OrTrue");
        assert_eq!(fate("t || echo failed", STRICT), "OrTrue");
        assert_eq!(fate("t || { echo failed; exit 0; }", STRICT), "OrTrue");
        assert_eq!(fate("a && t || true", STRICT), "OrTrue");
        assert_eq!(fate("set +e\nt\nb", STRICT), "NoErrexit");
        assert_eq!(fate("t; b", PLAIN), "NoErrexit");
        assert_eq!(fate("t | tee log", GITHUB), "Pipe");
        assert_eq!(fate("t && b\nc", STRICT), "AndList");
        assert_eq!(fate("t & \nb", STRICT), "Background");
        assert_eq!(fate("if x; then\n  t || true\nfi", STRICT), "OrTrue");
        assert_eq!(fate("( t || true )", STRICT), "OrTrue");
        assert_eq!(fate("(set +e; t; b)", STRICT), "NoErrexit");
    }

    #[test]
    fn what_stands_in_its_place_handles_it_only_if_it_fails() {
        for text in [
            "t || curl -d failed https://x",
            "t || { echo failed; curl x; }",
            "t || docker compose logs",
            "t || RC=$?\necho $RC",
            "if ! t; then echo failed; fi",
            "if t; then echo ok; else echo '::warning::no'; fi",
            "sh -c 't || true'",
            "run() { t; }\nrun || true",
            "say() { echo no; }\nt || say",
        ] {
            assert_eq!(fate(text, STRICT), "OrTrue", "{text}");
        }
        for text in ["t || ./notify.sh", "t || { echo failed; ./notify.sh; }", "if t; then a; fi\nb", "if ! t; then ./notify.sh; fi"] {
            assert_eq!(fate(text, STRICT), "Rescue", "{text}");
        }
        assert_eq!(fate("echo \"$(t)\" > out", STRICT), "Substitution");
        assert_eq!(fate("bash -c 't; echo done'", STRICT), "NoErrexit");
        for text in ["exit 0\nt", "if false; then t; fi", "false && t", "true || t", "f() { t; }\nb", "f() { return 0; t; }\nf"] {
            assert_eq!(fate(text, STRICT), "NeverRuns", "{text}");
        }
        for text in ["f() { t; }\nf", "sh -ec 't'", "f() { t; }\nf || true\nf", "if true; then t; fi", "[ x ] && exit 0\nt"] {
            assert_eq!(fate(text, STRICT), "Fails", "{text}");
        }
    }

    #[test]
    fn a_failure_that_counts_is_left_alone() {
        for text in [
            "t a",
            "t; b",
            "t || exit 1",
            "t || { echo failed; exit 1; }",
            "t && b",
            "a && t\nb",
            "a | t",
            "set -o pipefail\nt | tee log",
            "set -e; t; b",
            "for x in 1 2; do t; done",
            "cd a && t",
            "a || true\nt",
            "case x in a) t;; esac",
        ] {
            let options = if text.contains("pipefail") || !text.contains("set -e") { GITHUB } else { PLAIN };
            assert_eq!(fate(text, options), "Fails", "{text}");
        }
        assert_eq!(fate("a\nt", PLAIN), "Fails");
    }

    #[test]
    fn a_status_that_is_looked_at_is_handled() {
        for text in [
            "set +e\nt\nrc=$?\nexit $rc",
            "if t; then a; else b; exit 1; fi",
            "if ! t; then exit 1; fi",
            "for i in 1 2 3; do if t; then exit 0; fi; done; exit 1",
            "if t; then ok=1; fi\n[ -n \"$ok\" ] || exit 1",
            "t || rc=1\nexit $rc",
            "t || failed=1\nif [ $failed = 1 ]; then false; fi",
            "t || ((errors++))\n[ $errors = 0 ]",
            "t || echo failed=1 >> $GITHUB_OUTPUT",
            "t || die 'no'",
            "t || t --again",
            "die2() { echo no; exit 1; }\nt || die2",
            "t || { log; [ $? = 5 ]; }",
            "[ \"$(t)\" = a ]",
            "until t; do sleep 1; done",
            "f() { t; }\n\"$@\"",
            "t || retry",
            "! t",
            "t | tee x; exit ${PIPESTATUS[0]}",
            "t & wait $!",
        ] {
            assert_eq!(fate(text, GITHUB), "Handled", "{text}");
        }
    }

    #[test]
    fn commands_of_substitutions_and_arms_are_found() {
        let script = read("x=$(a `b`)\ncase $x in\n  p|q) c;;\n  *) d ;;\nesac\nwhile e; do f; done <in", STRICT);
        let words: Vec<&str> = script.commands.iter().map(|command| command.words[0].text.as_str()).collect();
        assert_eq!(words, ["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn hostile_nesting_ends() {
        for part in ["(", "{ ", "if ", "$(", "case a in b) ", "! ", "a | ", "while "] {
            let _ = read(&part.repeat(100_000), STRICT);
        }
    }
}
