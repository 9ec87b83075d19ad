//! A scratch repository for tests of the command line: files in, commits and runs of the binary out.

use std::path::Path;
use std::process::{Command, Output, Stdio};

pub struct Repo(pub tempfile::TempDir);

impl Repo {
    pub fn new() -> Repo {
        let repo = Repo(tempfile::tempdir().expect("a directory"));
        repo.git(&["init", "-q"]);
        repo
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"])
            .args(args)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, text).expect("a file");
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Commits everything; the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["GITHUB_ACTIONS", "GITLAB_CI", "GIT_DIR", "CI", "GITHUB_RUN_ID", "CI_PIPELINE_ID", "GITHUB_JOB", "GITHUB_TOKEN"] {
            command.env_remove(variable);
        }
        command
    }

    pub fn holdshort(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the binary runs")
    }
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Everything a failed assertion wants to show.
pub fn all(output: &Output) -> String {
    format!("exit {:?}\n{}\n{}", output.status.code(), stdout(output), stderr(output))
}
