//! The command line as clap sees it: words in, a faithful record of them out. No decisions.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::read::migration::Dialect;
use crate::report::Format;
use crate::settings::{Phase, PolicySource};

/// Says CLEARED or HOLD before a rollout starts.
///
/// Exit codes: 0 cleared, 1 hold, 2 bad usage, policy or rule file, 3 could not inspect.
#[derive(Debug, Parser)]
#[command(name = "holdshort", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// When to colour the report. NO_COLOR and CLICOLOR_FORCE are honoured.
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the built-in example: a change that must hold, and why.
    Demo(DemoArgs),
    /// Check one change: a range of commits, a pull request, or the uncommitted work.
    Check(CheckArgs),
    /// Check migration files alone, without git.
    Lint(LintArgs),
    /// Print everything that was read of a change, as JSON.
    Facts(RangeArgs),
    /// Write a policy, a rollback document and a CI job that fit this repository. Nothing is overwritten.
    Init(InitArgs),
    /// Run the change's migrations and their rollback on a throwaway PostgreSQL.
    ///
    /// The only command that runs SQL of the repository. It runs it in a cluster of its own, made from the installed server
    /// and removed afterwards: no network, no rights beyond its own database. Exit codes: 0 the rollback works, 1 it does
    /// not, 2 bad usage, 3 could not rehearse.
    Rehearse(RehearseArgs),
    /// Collect what CI says of a commit. The only command that uses the network.
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Install or run the git pre-push hook.
    #[command(subcommand)]
    Hook(HookCommand),
    /// List the rules.
    Rules(RulesArgs),
    /// Write or shrink the baseline: findings that were there when holdshort came.
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Show the settings of a check, each with where it comes from.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Explain a rule: what it means, why, what to do, examples.
    Explain {
        /// Id of the rule, `family/name`.
        rule: String,
        #[arg(long, value_enum, default_value_t = DocFormat::Text)]
        format: DocFormat,
    },
    /// Print the JSON Schema of a file.
    Schema {
        #[arg(value_enum)]
        file: SchemaFile,
    },
    /// Print the manual page, or write one page a command.
    Man {
        /// Write `holdshort.1`, `holdshort-check.1` and so on into this directory.
        #[arg(long, value_name = "DIRECTORY")]
        dir: Option<PathBuf>,
    },
    /// Print a completion script for a shell.
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Formats of the rule pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DocFormat {
    /// For a terminal.
    Text,
    Markdown,
    /// The rule files, as JSON.
    Json,
}

#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Write every finding of the check into the file, anew.
    Write(BaselineArgs),
    /// Take out of the file what is gone. It never grows.
    Update(BaselineArgs),
}

#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// The baseline. Default: the policy's `baseline`, else `holdshort-baseline.json` at the root.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub range: RangeArgs,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every setting, its value and its origin: built in, a line of the policy, a flag, a variable.
    Show(ConfigShowArgs),
}

#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    #[command(flatten)]
    pub range: RangeArgs,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaFile {
    /// `holdshort.yaml`.
    Policy,
    /// The JSON report.
    Report,
}

#[derive(Debug, Subcommand)]
pub enum HookCommand {
    /// Write a pre-push hook that checks what is pushed.
    Install,
    /// Check the refs git names on standard input.
    PrePush {
        /// Name of the remote, or its URL; as git gives it to the hook.
        remote: Option<String>,
        /// URL of the remote.
        url: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub range: RangeArgs,
    /// What CI says of the commit: a file or a directory of JUnit XML, GitHub, GitLab or in-toto JSON; may repeat.
    #[arg(long, value_name = "PATH")]
    pub evidence: Vec<PathBuf>,
    /// A file of findings that were there before and do not hold; `holdshort baseline write` makes one.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write the fixes that are safe into the working tree, then check again.
    #[arg(long, conflicts_with_all = ["head", "diff"])]
    pub fix: bool,
    /// Show what `--fix` would write, as a diff, instead of the report.
    #[arg(long)]
    pub diff: bool,
    /// Also take fixes whose runner is not known, or that need another step by hand.
    #[arg(long)]
    pub unsafe_fixes: bool,
    /// Manifests as they will be applied, where the repository keeps templates: a file or a directory; may repeat.
    #[arg(long, value_name = "PATH")]
    pub manifests: Vec<PathBuf>,
    /// Let evidence of another commit count when its tree is the same: a squashed or rebased merge. The report says so.
    #[arg(long)]
    pub same_tree: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Which change.
#[derive(Debug, Clone, Args)]
pub struct RangeArgs {
    /// The revision to compare with: its merge base with head is taken. A directory when PATH is no repository.
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
    /// The revision that would be rolled out. Default: the uncommitted work if there is any, else HEAD.
    #[arg(long, value_name = "REV")]
    pub head: Option<String>,
    /// The revision that runs in production now: everything after it is one rollout.
    #[arg(long, value_name = "REV", conflicts_with = "base")]
    pub deployed: Option<String>,
    /// Where the check runs: decides which open questions hold. Default: merge.
    #[arg(long, value_enum)]
    pub phase: Option<Phase>,
    /// A policy file to use instead of the repository's. In `merge` and `deploy` it must lie outside of the repository.
    #[arg(long, value_name = "FILE", conflicts_with = "policy_from")]
    pub policy: Option<PathBuf>,
    /// The revision whose policy, suppressions and baseline count. Default: base; head in `push`.
    #[arg(long, value_name = "REV")]
    pub policy_from: Option<String>,
    /// The moment the rollout starts, RFC 3339. Default: the time of the head commit.
    #[arg(long, value_name = "TIME")]
    pub at: Option<jiff::Timestamp>,
    /// The repository, or a directory in it.
    #[arg(default_value = ".")]
    pub path: PathBuf,
}

impl RangeArgs {
    pub fn phase(&self) -> Phase {
        self.phase.unwrap_or(Phase::Merge)
    }

    pub fn policy_source(&self) -> PolicySource {
        match (&self.policy, &self.policy_from) {
            (Some(path), _) => PolicySource::File(path.clone()),
            (None, Some(revision)) => PolicySource::Revision(revision.clone()),
            (None, None) => PolicySource::ByPhase,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// Format of the report on standard output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Also write a report into a file; may repeat.
    #[arg(long = "report", value_name = "FORMAT=PATH", value_parser = report_target)]
    pub reports: Vec<ReportTarget>,
}

/// One `--report FORMAT=PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportTarget {
    pub format: Format,
    pub path: PathBuf,
}

fn report_target(word: &str) -> Result<ReportTarget, String> {
    let (format, path) = word.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or("write it as FORMAT=PATH, `sarif=out.sarif`")?;
    Ok(ReportTarget { format: Format::from_str(format, false)?, path: path.into() })
}

#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Write a snapshot of a commit's CI status into a file that `check --evidence` reads.
    Collect(CollectArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    Github,
    Gitlab,
}

#[derive(Debug, Args)]
pub struct CollectArgs {
    /// Whose API to ask. The token is read from GH_TOKEN or GITHUB_TOKEN, GITLAB_TOKEN or CI_JOB_TOKEN.
    #[arg(value_enum)]
    pub provider: Provider,
    /// The commit. Default: HEAD.
    #[arg(long, value_name = "REV")]
    pub commit: Option<String>,
    /// `owner/name`, or a GitLab project's path or number. Default: the CI system's variable, else the remote `origin`.
    #[arg(long, value_name = "NAME")]
    pub repository: Option<String>,
    /// Base of the API. Default: GITHUB_API_URL or CI_API_V4_URL, else the public service.
    #[arg(long, value_name = "URL")]
    pub api_url: Option<String>,
    /// The file to write. Default: standard output.
    #[arg(long, short, value_name = "PATH")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    pub range: RangeArgs,
    /// Print what would be written.
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct RehearseArgs {
    #[command(flatten)]
    pub range: RangeArgs,
    /// Write the record that `check --evidence` reads; `-` is standard output. Only for a commit.
    #[arg(long, value_name = "PATH")]
    pub record: Option<PathBuf>,
    /// Directory with `initdb` and `postgres`. Default: PATH, then the usual places.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "database_url")]
    pub bin_dir: Option<PathBuf>,
    /// The account root steps down to: PostgreSQL refuses to run as root.
    #[arg(long = "as", value_name = "USER", conflicts_with = "database_url")]
    pub run_as: Option<String>,
    /// Use this database instead of a cluster of our own. It has to be empty, and is left as the rollback left it.
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// Run the migrations as a superuser. They can then run programs as the server's account: only for changes you trust.
    #[arg(long)]
    pub superuser: bool,
    /// Longest time of one statement.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub statement_timeout: u64,
    /// Longest time of the whole rehearsal.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

#[derive(Debug, Args)]
pub struct LintArgs {
    /// Migration files in the order they run; `-` is standard input.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The SQL dialect of the files.
    #[arg(long, value_enum, default_value_t = Dialect::Postgres)]
    pub dialect: Dialect,
    /// Major version of the server, `16`.
    #[arg(long, value_name = "VERSION")]
    pub server_version: Option<String>,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Run the examples of the team rules here.
    Test,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RulesArgs {
    #[command(subcommand)]
    pub command: Option<RulesCommand>,
    #[arg(long, value_enum, default_value_t = DocFormat::Text)]
    pub format: DocFormat,
}
