//! A throwaway PostgreSQL server: a directory of server programs in, a cluster on a socket of its own out, gone when dropped.
//!
//! No network, no sync, an environment of its own. Whatever happens to this process, a kill included, a small shell that waits
//! for its end stops the server and removes the directory.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Gid, Pid, Uid, User, geteuid};
use postgres::{Client, Config, NoTls};

use super::RehearseError;
use crate::schema::effect::ServerVersion;

/// Longest time a server may take to come up.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Longest time a server may take to go down before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A socket's whole path has to fit into 107 bytes, its own name needs 16.
const LONGEST_DIRECTORY: usize = 90;

/// The superuser of the cluster. The change's own SQL never runs as it, unless the user asks for that.
const ADMIN: &str = "holdshort_admin";

/// Who the migrations run as: an ordinary role that owns the database. Dumps name this role as the owner of everything.
pub const OWNER: &str = "postgres";

/// Who looks at the result: reads everything, owns nothing.
const OBSERVER: &str = "holdshort_observer";

/// Waits for the end of this process, then stops the server and removes the directory, unless it is told that both is done.
const REAPER: &str = r#"trap '' HUP INT TERM
read -r word && [ "$word" = done ] && exit 0
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"
tries=0
while [ -n "$pid" ] && kill -0 "$pid" && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf -- "$1"; sleep 1; rm -rf -- "$1""#;

pub struct Cluster {
    server: Option<Child>,
    reaper: Child,
    directory: tempfile::TempDir,
    password: String,
    pub version: ServerVersion,
}

/// An account that the server runs as when we are root.
#[derive(Debug, Clone)]
struct Account {
    uid: Uid,
    gid: Gid,
}

impl Cluster {
    /// Makes and starts a cluster. `bin` holds `initdb` and `postgres`; `run_as` is the account root steps down to.
    pub fn start(bin: &Path, run_as: Option<&str>) -> Result<Cluster, RehearseError> {
        let account = account(run_as)?;
        let directory = directory(account.as_ref())?;
        let reaper = reaper(directory.path())?;
        let version = major(bin).ok_or_else(|| failed("cannot run postgres", "check that --bin-dir holds a working server"))?;
        let mut cluster = Cluster { server: None, reaper, directory, password: secret()?, version: ServerVersion(version) };
        cluster.init(bin, account.as_ref())?;
        cluster.run(bin, account.as_ref())?;
        Ok(cluster)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn init(&self, bin: &Path, account: Option<&Account>) -> Result<(), RehearseError> {
        let password = self.directory.path().join("password");
        fs::write(&password, &self.password).and_then(|()| own(&password, account)).map_err(io("write a file for initdb"))?;
        let made = command(&bin.join("initdb"), account)
            .args(["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--username", ADMIN, "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(self.data())
            .output()
            .map_err(io("run initdb"))?;
        // It is not needed any more; the directory goes with everything in it anyway.
        let _ = fs::remove_file(&password);
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            return Err(failed(format!("initdb failed: {}", last_line(&said)), "run it by hand to see why, or name another --bin-dir"));
        }
        Ok(())
    }

    fn run(&mut self, bin: &Path, account: Option<&Account>) -> Result<(), RehearseError> {
        let log = self.directory.path().join("log");
        let file = File::create(&log).map_err(io("write the server's log"))?;
        let settings = [
            "listen_addresses=".to_owned(),
            format!("unix_socket_directories={}", self.directory.path().display()),
            "unix_socket_permissions=0700".to_owned(),
            "fsync=off".to_owned(),
            "synchronous_commit=off".to_owned(),
            "full_page_writes=off".to_owned(),
            "wal_level=logical".to_owned(),
            "max_connections=20".to_owned(),
            "autovacuum=off".to_owned(),
            "timezone=UTC".to_owned(),
            // Only a superuser may raise it: a script cannot fill the disk with one query.
            "temp_file_limit=4GB".to_owned(),
        ];
        let mut server = command(&bin.join("postgres"), account);
        server.arg("-D").arg(self.data()).stdout(Stdio::null()).stderr(file).process_group(0);
        for setting in settings {
            server.arg("-c").arg(setting);
        }
        self.server = Some(server.spawn().map_err(io("start postgres"))?);
        let limit = Instant::now() + START_LIMIT;
        loop {
            let error = match self.admin("postgres") {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let ended = self.server.as_mut().is_some_and(|server| !matches!(server.try_wait(), Ok(None)));
            if ended || Instant::now() > limit {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let why = if said.trim().is_empty() { error.to_string() } else { last_line(&said).to_owned() };
                return Err(failed(format!("the server did not come up: {why}"), "run postgres by hand to see why"));
            }
            thread::sleep(Duration::from_millis(30));
        }
    }

    fn config(&self, user: &str, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.directory.path()).port(5432).user(user).password(&self.password).dbname(database);
        config.application_name("holdshort rehearse").connect_timeout(Duration::from_secs(10));
        config
    }

    fn admin(&self, database: &str) -> Result<Client, postgres::Error> {
        self.config(ADMIN, database).connect(NoTls)
    }

    /// Makes a database. `superuser` lets the migrations do everything. Returns how its owner and its observer connect.
    pub fn database(&self, name: &str, superuser: bool) -> Result<(Config, Config), RehearseError> {
        let mut admin = self.admin("postgres").map_err(|error| super::run::database("connect to the server", &error))?;
        // Before PostgreSQL 16 a role that may create roles may also give itself pg_execute_server_program.
        let create_role = if self.version.0 >= 16 { "CREATEROLE" } else { "" };
        let super_role = if superuser { "SUPERUSER" } else { "NOSUPERUSER" };
        let read_all = if self.version.0 >= 14 { "IN ROLE pg_read_all_data" } else { "" };
        let password = &self.password;
        let roles = format!(
            "DO $$ BEGIN
               IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER}') THEN
                 CREATE ROLE {OWNER} LOGIN {super_role} {create_role} PASSWORD '{password}';
                 CREATE ROLE {OBSERVER} LOGIN BYPASSRLS PASSWORD '{password}' {read_all};
               END IF;
             END $$"
        );
        for statement in [roles, format!("CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0")] {
            admin.batch_execute(&statement).map_err(|error| super::run::database("prepare the database", &error))?;
        }
        Ok((self.config(OWNER, name), self.config(OBSERVER, name)))
    }

    /// Runs trusted SQL as the cluster's superuser.
    pub fn set_up(&self, database: &str, path: &str, text: &str) -> Result<(), RehearseError> {
        let mut admin = self.admin(database).map_err(|error| super::run::database("connect to the server", &error))?;
        admin.batch_execute(text).map_err(|error| super::run::database(&format!("run {path}"), &error))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let pid = Pid::from_raw(server.id().cast_signed());
            let _ = kill(pid, Signal::SIGQUIT);
            let limit = Instant::now() + STOP_LIMIT;
            while matches!(server.try_wait(), Ok(None)) && Instant::now() < limit {
                thread::sleep(Duration::from_millis(10));
            }
            // Its own process group: whatever is left of the server goes at once.
            let _ = killpg(pid, Signal::SIGKILL);
            let _ = server.wait();
        }
        // What cannot be removed here, the reaper removes: it is only told that all is done when it is.
        let mut gone = false;
        for _ in 0..50 {
            gone = fs::remove_dir_all(self.directory.path()).is_ok();
            if gone {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        if let Some(mut input) = self.reaper.stdin.take()
            && gone
        {
            let _ = input.write_all(b"done\n");
        }
        if gone {
            let _ = self.reaper.wait();
        }
    }
}

/// A command that sees nothing of our environment, as the account if we step down.
fn command(program: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null()).current_dir("/");
    if let Some(account) = account {
        command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    command
}

/// The account to step down to. PostgreSQL refuses to run as root, so root has to name one.
fn account(run_as: Option<&str>) -> Result<Option<Account>, RehearseError> {
    let root = geteuid().is_root();
    let Some(name) = run_as else {
        return if root {
            Err(RehearseError::usage(
                "PostgreSQL refuses to run as root",
                "run it as an ordinary user, or name one that root may step down to: `--as postgres` (or `--as nobody`)",
            ))
        } else {
            Ok(None)
        };
    };
    if !root {
        return Err(RehearseError::usage("only root can use --as", "leave it out: the server then runs as you"));
    }
    match User::from_name(name) {
        Ok(Some(user)) if !user.uid.is_root() => Ok(Some(Account { uid: user.uid, gid: user.gid })),
        Ok(Some(_)) => Err(RehearseError::usage("--as names root", "PostgreSQL refuses to run as root; name an ordinary user")),
        _ => Err(RehearseError::usage(format!("there is no user `{name}`"), "name an account of this machine, `nobody` for one")),
    }
}

/// A directory only the server's account can enter.
fn directory(account: Option<&Account>) -> Result<tempfile::TempDir, RehearseError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("holdshort-rehearse-");
    let place = std::env::temp_dir();
    let place = if place.as_os_str().len() + 30 > LONGEST_DIRECTORY { PathBuf::from("/tmp") } else { place };
    let directory = builder.tempdir_in(place).map_err(io("make a temporary directory"))?;
    own(directory.path(), account).map_err(io("hand the temporary directory to the server's account"))?;
    Ok(directory)
}

fn own(path: &Path, account: Option<&Account>) -> std::io::Result<()> {
    account.map_or(Ok(()), |account| std::os::unix::fs::chown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw())))
}

fn reaper(directory: &Path) -> Result<Child, RehearseError> {
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").arg("-c").arg(REAPER).arg("sh").arg(directory);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    shell.spawn().map_err(io("start /bin/sh"))
}

/// 192 random bits, in hex.
fn secret() -> Result<String, RehearseError> {
    let mut bytes = [0; 24];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).map_err(io("read /dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Finds a directory with server programs: the one given; else the wanted major version, else the newest installed.
pub fn find(given: Option<&Path>, wanted: Option<ServerVersion>) -> Result<PathBuf, RehearseError> {
    if let Some(bin) = given {
        return match is_server(bin) {
            true => Ok(bin.to_owned()),
            false => {
                Err(RehearseError::usage(format!("{} has no initdb and postgres", bin.display()), "name the server's own `bin` directory"))
            }
        };
    }
    let mut found: Vec<(u32, PathBuf)> =
        places().into_iter().filter(|bin| is_server(bin)).filter_map(|bin| Some((major(&bin)?, bin))).collect();
    // Of equal versions the first place wins: what is on PATH.
    found.sort_by_key(|(version, _)| *version);
    let exact = found.iter().find(|(version, _)| Some(*version) == wanted.map(|wanted| wanted.0));
    match exact.or(found.last()) {
        Some((_, bin)) => Ok(bin.clone()),
        None => Err(failed(
            "no PostgreSQL server is installed here (initdb and postgres)",
            "install it (`apt-get install postgresql`), name its programs with --bin-dir, or give an empty database with --database-url",
        )),
    }
}

fn is_server(bin: &Path) -> bool {
    bin.join("initdb").is_file() && bin.join("postgres").is_file()
}

/// Where servers are installed: PATH, Debian's, Red Hat's and Homebrew's places.
fn places() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    places.retain(|place| place.is_absolute());
    for parent in ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt", "/usr/local"] {
        let below = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
        places.extend(below.filter(|path| parent == "/usr/lib/postgresql" || is_named(path)).map(|path| path.join("bin")));
    }
    places
}

fn is_named(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("pgsql") || name.starts_with("postgresql"))
}

/// The major version `postgres --version` names: `postgres (PostgreSQL) 16.4 (Debian …)`.
fn major(bin: &Path) -> Option<u32> {
    let said = command(&bin.join("postgres"), None).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn last_line(text: &str) -> &str {
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim()
}

fn failed(message: impl Into<String>, help: &str) -> RehearseError {
    RehearseError::new(message, help)
}

fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> RehearseError {
    move |error| failed(format!("cannot {what}: {error}"), "check TMPDIR and the permissions of the server's programs")
}
