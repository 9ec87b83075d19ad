//! A throwaway PostgreSQL server: a directory of server programs in, a running cluster on a socket out, gone when dropped.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Cluster {
    server: Child,
    /// Where its socket is.
    pub directory: tempfile::TempDir,
    pub major: u32,
}

/// Directories with `initdb` and `postgres`: `$HOLDSHORT_POSTGRES_BINS`, else Debian's.
pub fn servers() -> Vec<PathBuf> {
    if let Some(list) = std::env::var_os("HOLDSHORT_POSTGRES_BINS") {
        return std::env::split_paths(&list).collect();
    }
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found
}

/// initdb refuses to run as root, so root steps down to `nobody`.
fn command(program: &Path, as_root: bool) -> Command {
    let mut command = if as_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

impl Cluster {
    pub fn start(bin: &Path) -> Cluster {
        let root = is_root();
        let directory = tempfile::Builder::new().prefix("holdshort-pg").tempdir_in("/tmp").expect("a temporary directory");
        if root {
            let owned = Command::new("chown").arg("nobody:nogroup").arg(directory.path()).status().expect("chown runs");
            assert!(owned.success());
        }
        let data = directory.path().join("data");
        let made = command(&bin.join("initdb"), root)
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let version = std::fs::read_to_string(data.join("PG_VERSION")).expect("a cluster has a version");
        let server = command(&bin.join("postgres"), root)
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "timezone=UTC", "-c", "wal_level=logical", "-c"])
            .arg(format!("unix_socket_directories={}", directory.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres starts");
        let cluster = Cluster { server, directory, major: version.trim().parse().expect("a major version") };
        let limit = Instant::now() + Duration::from_secs(30);
        while cluster.psql("postgres", "SELECT 1").is_err() {
            assert!(Instant::now() < limit, "the server did not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        cluster
    }

    /// Runs a script to its first error. What it printed, or the error.
    pub fn psql(&self, database: &str, script: &str) -> Result<String, String> {
        let (printed, error) = self.run(database, script, true)?;
        error.map_or(Ok(printed), Err)
    }

    /// Runs a script, to its first error or to its end. What it printed, and the error that stopped it.
    pub fn run(&self, database: &str, script: &str, stop: bool) -> Result<(String, Option<String>), String> {
        let stop = format!("ON_ERROR_STOP={}", u8::from(stop));
        let mut client = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-v", &stop, "-U", "postgres", "-d", database, "-h"])
            .arg(self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("psql: {error}"))?;
        let mut stdin = client.stdin.take().ok_or("psql has no input")?;
        // Written beside the reading: a client that prints much does not read on until it is read. One that stopped at an error
        // does not read the rest.
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                let _ = stdin.write_all(script.as_bytes());
            });
            client.wait_with_output().map_err(|error| error.to_string())
        })?;
        let error = (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned());
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), error))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The postmaster runs as another user when the test is root; a signal to its process is enough either way.
        let _ = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}
