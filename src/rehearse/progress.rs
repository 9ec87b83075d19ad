//! One line that says what the rehearsal does now: words in, a line on a terminal's standard error out, nothing elsewhere.

use std::io::{self, IsTerminal, Write};

use crate::report::escape::one_line;

/// Columns a line may take before terminals wrap it.
const WIDTH: usize = 78;

pub struct Progress {
    terminal: bool,
}

impl Progress {
    pub fn on_terminal() -> Progress {
        Progress { terminal: io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") }
    }

    pub fn show(&mut self, words: &str) {
        if self.terminal {
            let line: String = one_line(words).chars().take(WIDTH).collect();
            // A progress line that cannot be shown is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[K{line}").and_then(|()| io::stderr().flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K").and_then(|()| io::stderr().flush());
        }
    }
}
