//! A private PostgreSQL for one run of the tests.
//!
//! Each run has a folder and a port of its own, so that runs do not meet. A small shell waits for the end of this process,
//! whatever ends it, and then stops the server: neither Ctrl-C nor `kill -9` leaves one behind.

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::{
    command::{output, say, succeeds},
    packages::{install, is_root},
};

/// Waits for the end of its standard input, that is of the process which holds the other end; then stops the server and
/// removes its folder. The first argument is the folder, the others are the command that stops.
const KEEPER: &str = r#"cat > /dev/null; folder=$1; shift; "$@"; rm -rf "$folder""#;

/// What this server is for is speed: its data is worth nothing after the run.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
";

/// Attempts to find a port that nobody takes between our look and the server's start.
const ATTEMPTS: usize = 5;

/// The running server; it stops when this is dropped.
pub(crate) struct Postgres {
    url: String,
    keeper: Child,
    /// Shows other runs that the folder is in use, for as long as this process lives.
    _lock: File,
}

/// The server's programs and the account they run under.
struct Programs {
    folder: PathBuf,
    /// PostgreSQL refuses to run as root.
    as_postgres: bool,
}

impl Postgres {
    /// Finds or installs PostgreSQL and starts one with its files below `parent`.
    pub(crate) fn start(parent: &Path, may_install: bool) -> anyhow::Result<Self> {
        let programs = Programs::find_or_install(may_install)?;
        // one at a time, so that a folder is never swept before its own lock is taken
        let _begins = locked_file(&parent.join("lock"))?;
        programs.sweep(parent)?;
        let folder = programs.fresh_folder(parent)?;
        let lock = locked_file(&folder.join("lock"))?;
        let data = programs.initialise(&folder)?;
        let keeper = programs.keep(&folder, &data)?;
        let mut postgres = Self {
            url: String::new(),
            keeper,
            _lock: lock,
        };
        let port = programs.start(&data, &folder.join("log"))?;
        postgres.url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        say(&format!("PostgreSQL listens on 127.0.0.1:{port}"));
        Ok(postgres)
    }

    /// The URL of a database from which others can be made.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // the keeper's input ends here, so it stops the server and ends
        drop(self.keeper.stdin.take());
        if let Err(error) = self.keeper.wait() {
            eprintln!("PostgreSQL may still run: {error}");
        }
    }
}

impl Programs {
    fn find_or_install(may_install: bool) -> anyhow::Result<Self> {
        let folder = if let Some(folder) = find() {
            folder
        } else {
            install("postgresql", "running the tests", may_install)?;
            find().context(
                "PostgreSQL was installed but its `initdb` is not in /usr/lib/postgresql/*/bin",
            )?
        };
        Ok(Self {
            folder,
            as_postgres: is_root()?,
        })
    }

    fn command(&self, program: &str) -> Command {
        let path = self.folder.join(program);
        let mut command = if self.as_postgres {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // it need not be able to enter the folder that this runs in
        command.current_dir("/");
        command
    }

    /// Removes what runs left behind that a crash of the machine ended, with their stale `postmaster.pid`.
    fn sweep(&self, parent: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(parent)?.flatten() {
            let folder = entry.path();
            if !folder.is_dir() {
                continue;
            }
            let in_use = File::open(folder.join("lock")).is_ok_and(|lock| lock.try_lock().is_err());
            if in_use {
                continue;
            }
            let data = folder.join("data");
            // fails where no server is left, which is just as well
            if succeeds(self.stop(&data).arg("--silent")) {
                say("stopped a PostgreSQL that an earlier run had left");
            }
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove `{}`", folder.display()))?;
        }
        Ok(())
    }

    /// A folder below `parent`, or below /tmp where the server's account cannot reach that.
    fn fresh_folder(&self, parent: &Path) -> anyhow::Result<PathBuf> {
        for parent in [parent, &env::temp_dir(), Path::new("/var/tmp")] {
            let folder = TempDir::with_prefix_in("postgres-", parent)
                .with_context(|| format!("cannot make a folder in `{}`", parent.display()))?;
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
            let data = folder.path().join("data");
            fs::create_dir(&data)?;
            if self.as_postgres {
                output(Command::new("chown").arg("postgres").arg(&data))?;
            }
            let mut probe = Command::new("test");
            if self.as_postgres {
                probe = Command::new("runuser");
                probe.args(["-u", "postgres", "--", "test"]);
            }
            if succeeds(probe.arg("-w").arg(&data).current_dir("/")) {
                return Ok(folder.keep());
            }
        }
        bail!("the account `postgres` can write neither below `target` nor to /tmp or /var/tmp")
    }

    fn initialise(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let data = folder.join("data");
        let arguments = [
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ];
        output(self.command("initdb").args(arguments).arg("-D").arg(&data))
            .context("cannot make a PostgreSQL data folder")?;
        let log = File::create(folder.join("log"))?;
        if self.as_postgres {
            output(
                Command::new("chown")
                    .arg("postgres")
                    .arg(folder.join("log")),
            )?;
        }
        drop(log);
        Ok(data)
    }

    fn start(&self, data: &Path, log: &Path) -> anyhow::Result<u16> {
        let settings = data.join("postgresql.conf");
        for _ in 0..ATTEMPTS {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let mut file = File::options().append(true).open(&settings)?;
            // a later line wins over an earlier one
            writeln!(file, "{SETTINGS}port = {port}")?;
            let mut command = self.command("pg_ctl");
            command
                .args(["start", "--wait", "--silent", "-D"])
                .arg(data);
            if succeeds(command.arg("--log").arg(log)) {
                return Ok(port);
            }
        }
        let log = fs::read_to_string(log).unwrap_or_default();
        bail!("PostgreSQL does not start:\n{log}")
    }

    fn stop(&self, data: &Path) -> Command {
        let mut command = self.command("pg_ctl");
        command
            .args(["stop", "--wait", "--mode=immediate", "-D"])
            .arg(data);
        command
    }

    fn keep(&self, folder: &Path, data: &Path) -> anyhow::Result<Child> {
        let stop = self.stop(data);
        Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(folder)
            .arg(stop.get_program())
            .args(stop.get_args())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // out of reach of the terminal's Ctrl-C, which is for the tests
            .process_group(0)
            .spawn()
            .context("cannot start `sh`")
    }
}

fn locked_file(path: &Path) -> anyhow::Result<File> {
    File::create(path)
        .and_then(|file| file.lock().map(|()| file))
        .with_context(|| format!("cannot lock `{}`", path.display()))
}

/// The newest of Debian's, or the one in PATH.
fn find() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder).or_else(|| {
        env::split_paths(&env::var_os("PATH")?)
            .find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file())
    })
}
