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
    /// Install or run the git pre-push hook.
    #[command(subcommand)]
    Hook(HookCommand),
    /// List the rules.
    Rules(RulesArgs),
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

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub range: RangeArgs,
    /// What CI says of the commit: a file or a directory of JUnit XML, GitHub, GitLab or in-toto JSON; may repeat.
    #[arg(long, value_name = "PATH")]
    pub evidence: Vec<PathBuf>,
    /// Manifests as they will be applied, where the repository keeps templates: a file or a directory; may repeat.
    #[arg(long, value_name = "PATH")]
    pub manifests: Vec<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Which change.
#[derive(Debug, Args)]
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

#[derive(Debug, Args)]
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
