//! What can go wrong in each stage, whose fault it is, and what to do: an error in, an exit code and a help text out.

use std::path::PathBuf;

use crate::source::Position;

/// Exit code 0: cleared. 1: hold. 2: bad usage, policy or rule file. 3: could not inspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    Cleared = 0,
    Hold = 1,
    Usage = 2,
    CouldNotInspect = 3,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Collect(#[from] crate::collect::CollectError),
    #[error(transparent)]
    Rehearse(#[from] crate::rehearse::RehearseError),
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// The command line asks for something that does not exist. The user's to mend.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    pub message: String,
    pub help: Option<String>,
}

/// The policy file or a rule file is wrong. The user's to mend.
#[derive(Debug, thiserror::Error)]
#[error("{path}{}: {message}", position.map(|p| format!(":{}:{}", p.line, p.column)).unwrap_or_default())]
pub struct PolicyError {
    pub path: String,
    pub position: Option<Position>,
    pub message: String,
    pub help: Option<String>,
}

/// Base, head or a file could not be read. Mostly the checkout's fault: the help names the command that repairs it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ChangeError {
    pub message: String,
    pub help: Option<String>,
}

impl ChangeError {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        ChangeError { message: message.into(), help: Some(help.into()) }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("cannot write the report to {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot write the report: {0}")]
    Stdout(std::io::Error),
}

impl Error {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::Usage(_) | Error::Policy(_) => ExitCode::Usage,
            Error::Rehearse(error) if error.usage => ExitCode::Usage,
            Error::Change(_) | Error::Collect(_) | Error::Rehearse(_) | Error::Report(_) => ExitCode::CouldNotInspect,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        match self {
            Error::Usage(error) => error.help.as_deref(),
            Error::Policy(error) => error.help.as_deref(),
            Error::Change(error) => error.help.as_deref(),
            Error::Collect(error) => error.help.as_deref(),
            Error::Rehearse(error) => error.help.as_deref(),
            Error::Report(_) => None,
        }
    }
}
