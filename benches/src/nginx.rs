//! nginx with files, for comparison and as a stand-in for upstream: one worker on core 0, tuned as people tune it.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use supercargo_testkit::Authority;
use tempfile::TempDir;

/// How it is set up.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) sendfile: bool,
    /// The folder of a certificate and its key: HTTPS, with HTTP/2 for those who offer it.
    pub(crate) tls: Option<&'a Path>,
    /// How many ports it listens on. All have the same files, but each its own `/index/config.json`.
    pub(crate) ports: usize,
    /// Whether it writes down what it is asked.
    pub(crate) logs: bool,
}

/// A running nginx; ended with its handle.
pub(crate) struct Nginx {
    child: Child,
    folder: TempDir,
    scheme: &'static str,
    ports: Vec<u16>,
}

/// A line of its log.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) port: u16,
    pub(crate) connection: u64,
    /// Seconds since 1970, to the millisecond.
    pub(crate) at: f64,
    pub(crate) status: u16,
    pub(crate) path: String,
}

impl Setup<'static> {
    /// HTTP on one port, without a log.
    pub(crate) const fn plain(sendfile: bool) -> Self {
        Self {
            sendfile,
            tls: None,
            ports: 1,
            logs: false,
        }
    }
}

impl Nginx {
    /// Serves what `put` adds.
    pub(crate) fn start(setup: Setup<'_>) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let ports = free_ports(setup.ports)?;
        for name in ["www", "config"] {
            fs::create_dir(folder.path().join(name))?;
        }
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(setup, folder.path(), &ports))?;
        let child = Command::new("taskset")
            .args(["-c", "0", "nginx", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .context("nginx is missing: apt-get install nginx-light")?;
        let nginx = Self {
            child,
            folder,
            scheme: if setup.tls.is_some() { "https" } else { "http" },
            ports,
        };
        nginx.wait()?;
        Ok(nginx)
    }

    fn wait(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if std::net::TcpStream::connect(("127.0.0.1", self.ports[0])).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!(
            "nginx does not answer: {}",
            fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
        )
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let file = self.folder.path().join("www").join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(fs::write(file, bytes)?)
    }

    /// What one port answers to `/index/config.json`.
    pub(crate) fn put_config(&self, port: u16, json: &str) -> anyhow::Result<()> {
        let file = self.folder.path().join("config").join(port.to_string());
        Ok(fs::write(file, json)?)
    }

    /// Of its first port.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}/{path}", self.scheme, self.ports[0])
    }

    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it was asked so far, in the order of its answers.
    pub(crate) fn log(&self) -> anyhow::Result<Vec<Asked>> {
        let text = fs::read_to_string(self.folder.path().join("access.log"))
            .context("nginx wrote no log")?;
        text.lines()
            .map(|line| Asked::read(line).with_context(|| format!("nginx logged `{line}`")))
            .collect()
    }
}

impl Asked {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.splitn(5, ' ');
        Some(Self {
            port: fields.next()?.parse().ok()?,
            connection: fields.next()?.parse().ok()?,
            at: fields.next()?.parse().ok()?,
            status: fields.next()?.parse().ok()?,
            path: fields.next()?.to_owned(),
        })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // by its own id; the worker goes with its master
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ = self.child.wait();
    }
}

/// All held at once, so that they are different ones.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let listeners: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()?;
    listeners
        .iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect()
}

fn configuration(setup: Setup<'_>, folder: &Path, ports: &[u16]) -> String {
    let path = folder.display();
    let sendfile = if setup.sendfile { "on" } else { "off" };
    let user = if is_root() { "user root;" } else { "" };
    let log = if setup.logs {
        format!("{path}/access.log asked")
    } else {
        "off".to_owned()
    };
    let (tls, pair) = match setup.tls.map(Authority::pair) {
        None => ("", String::new()),
        Some([certificate, key]) => (
            " ssl http2",
            format!(
                "ssl_certificate {}; ssl_certificate_key {};",
                certificate.display(),
                key.display()
            ),
        ),
    };
    let mut listens = String::new();
    for port in ports {
        write!(listens, "listen 127.0.0.1:{port}{tls}; ")
            .expect("invariant: a text takes every write");
    }
    format!(
        "daemon off; {user} worker_processes 1; pid {path}/pid; error_log {path}/error.log;\n\
         events {{ worker_connections 512; }}\n\
         http {{ log_format asked '$server_port $connection $msec $status $request_uri'; access_log {log};\n\
         sendfile {sendfile}; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000;\n\
         client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;\n\
         uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;\n\
         open_file_cache max=10000; open_file_cache_valid 60s; gzip_static on; etag on;\n\
         default_type text/plain;\n\
         server {{ {listens} {pair} root {path}/www;\n\
         location = /index/config.json {{ alias {path}/config/$server_port; }} }} }}\n"
    )
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}
