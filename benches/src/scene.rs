//! This project's lockfile, the stand-in that has its crates, and the real cargo: what several benchmarks stand on.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::json;
use supercargo_testkit::{Authority, Cargo, KeptCrate, Server, ServerOptions, View};
use tempfile::TempDir;

use crate::{
    process,
    stand_in::{Place, StandIn},
};

/// The root of the workspace, in which `cargo xtask bench` runs this.
const ROOT: &str = ".";
const REGISTRY: &str = "bench";

/// What they have in common.
pub(crate) struct Scene {
    pub(crate) stand_in: StandIn,
    authority: Authority,
    program: PathBuf,
    folder: TempDir,
    /// On the disk of the build: the folder for temporary files may be memory.
    disk: TempDir,
}

impl Scene {
    pub(crate) fn new(
        program: &Path,
        crates: &[KeptCrate],
        away: &[Duration],
    ) -> anyhow::Result<Self> {
        let (authority, folder) = (Authority::new(), TempDir::new()?);
        authority.issue(folder.path(), "bench");
        fs::write(folder.path().join("root.pem"), authority.pem())?;
        Ok(Self {
            stand_in: StandIn::start(crates, folder.path(), away)?,
            program: process::pinned(program, folder.path())?,
            authority,
            folder,
            disk: TempDir::new_in("target")?,
        })
    }

    /// A server on core 0 with an empty cache, which nobody has asked anything, and which has no connection to anywhere.
    pub(crate) async fn server(&self, options: ServerOptions, place: &Place) -> Server {
        let root = self.root().display().to_string();
        let options = options
            .data_in(self.disk.path())
            .environment("SSL_CERT_FILE", &root)
            .environment("NO_PROXY", "127.0.0.1");
        let mut server = Server::start(options).await;
        let admin = server.admin();
        let upstream = json!({ "name": "stand-in", "index": place.index_url() });
        admin.create_upstream(upstream).await;
        let registry = json!({ "name": REGISTRY, "upstreams": ["stand-in"] });
        admin.create_registry(registry).await;
        server.restart().await;
        server
    }

    /// For HTTP.
    pub(crate) fn plain(&self) -> ServerOptions {
        ServerOptions::new(&self.program)
    }

    /// For HTTPS.
    pub(crate) fn secured(&self) -> ServerOptions {
        self.plain().tls(&self.authority, self.folder.path())
    }

    /// Who is to be trusted, in PEM.
    fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// A fresh machine that has the stand-in as its crates.io.
    pub(crate) fn straight(&self, place: &Place) -> Cargo {
        self.machine().as_crates_io(&place.index_url())
    }

    /// A fresh machine that has crates.io replaced by the mirror view of a server, as people do.
    pub(crate) fn through(&self, server: &Server) -> Cargo {
        let name = "bench-mirror";
        self.machine()
            .registry(name, &server.index_url(REGISTRY, View::Mirror))
            .token(name, server.admin_token())
            .replace_crates_io(name)
    }

    /// With its home in memory where there is such a folder: cargo unpacks what it fetches, and a disk would be what is
    /// measured.
    fn machine(&self) -> Cargo {
        let memory = Path::new("/dev/shm");
        let cargo = if memory.is_dir() {
            Cargo::new_in(memory)
        } else {
            Cargo::new()
        };
        cargo.env("CARGO_HTTP_CAINFO", &self.root().display().to_string())
    }
}

/// A path below the mirror view.
pub(crate) fn mirror_path(rest: &str) -> String {
    format!("/{REGISTRY}/mirror/{rest}")
}

/// All crates of this project's lockfile, as this machine's cargo has kept them.
pub(crate) fn kept_crates() -> anyhow::Result<Vec<KeptCrate>> {
    KeptCrate::of_lockfile(&Path::new(ROOT).join("Cargo.lock"))
}

/// This project's manifests and lockfile with the sources that they name, without anything built.
pub(crate) fn project() -> anyhow::Result<TempDir> {
    let folder = TempDir::new()?;
    copy(Path::new(ROOT), folder.path())?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let text = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if !text.starts_with('.') && text != "target" {
                copy(&path, &to.join(&name))?;
            }
        } else if text == "Cargo.toml" || text == "Cargo.lock" || text.ends_with(".rs") {
            fs::copy(&path, to.join(&name))?;
        }
    }
    Ok(())
}

/// Milliseconds of `cargo ARGUMENTS` on core 1, which has to succeed.
pub(crate) async fn milliseconds(cargo: &Cargo, project: &Path, arguments: &str) -> f64 {
    let line = format!("exec taskset -c 1 cargo {arguments}");
    let start = Instant::now();
    cargo.shell(project, &line).await.success();
    start.elapsed().as_secs_f64() * 1e3
}
