//! A throwaway repository for tests that go through the command line.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    /// A repository whose first commit has these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let scratch = Scratch { directory: tempfile::tempdir().expect("a directory") };
        scratch.git(&["init", "-q"]);
        scratch.commit("first", files);
        scratch
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn git(&self, args: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"])
            .args(args)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // A Wednesday, 10:30 in Berlin.
            .envs([("GIT_COMMITTER_DATE", "2026-09-09T08:30:00Z"), ("GIT_AUTHOR_DATE", "2026-09-09T08:30:00Z")])
            .stdout(Stdio::null())
            .status()
            .expect("git runs");
        assert!(status.success(), "git {args:?}");
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, text).expect("a file");
    }

    pub fn commit(&self, message: &str, files: &[(&str, &str)]) {
        files.iter().for_each(|(path, text)| self.write(path, text));
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Runs the binary without any variable of a CI around it.
    pub fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["GITHUB_ACTIONS", "GITHUB_SERVER_URL", "GITLAB_CI", "GIT_DIR", "CI", "CI_DEPLOY_FREEZE"] {
            command.env_remove(variable);
        }
        command.envs(variables.iter().copied()).output().expect("the binary runs")
    }

    /// The JSON report on the last commit.
    pub fn check(&self, args: &[&str], variables: &[(&str, &str)]) -> Value {
        let output = self.run(&[&["check", "--base", "HEAD^", "--head", "HEAD", "--format", "json"], args].concat(), variables);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// One gate of a report.
pub fn gate<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["gates"].as_array().expect("gates").iter().find(|gate| gate["id"] == id).expect("the gate")
}

/// Ids of the rules that fired with this severity, each once.
pub fn fired(report: &Value, prefix: &str, severity: &str) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings").iter().filter(|finding| finding["severity"] == severity);
    let mut ids: Vec<String> =
        findings.filter_map(|finding| finding["rule"].as_str()).filter(|id| id.starts_with(prefix)).map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    ids
}
