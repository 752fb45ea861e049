//! Many clients that ask for the same file at once, as a process of its own on core 1.
//!
//! All are connected before the first one asks.

use std::{fs, path::PathBuf, process::Command, time::Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// What the process is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Address and port of the server
    #[arg(long)]
    pub(crate) address: String,
    #[arg(long)]
    pub(crate) path: String,
    #[arg(long)]
    pub(crate) token: String,
    /// How many ask
    #[arg(long)]
    pub(crate) clients: usize,
    /// What each of them has to get
    #[arg(long)]
    pub(crate) expect: PathBuf,
}

impl Arguments {
    /// The milliseconds that the slowest of them had to wait for its last byte.
    pub(crate) fn slowest(&self) -> anyhow::Result<f64> {
        let output = Command::new("taskset")
            .args(["-c", "1"])
            .arg(std::env::current_exe()?)
            .args(["crowd", "--address", &self.address, "--path", &self.path])
            .args(["--token", &self.token, "--clients"])
            .arg(self.clients.to_string())
            .arg("--expect")
            .arg(&self.expect)
            .output()
            .context("the clients cannot be started")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
    }
}

/// The process: prints the milliseconds of the slowest.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let expected = fs::read(&arguments.expect)?;
    // HTTP/1.0 has neither chunks nor a second request: the body is all up to the end of the connection
    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
        arguments.path, arguments.address, arguments.token
    );
    let mut connections = Vec::new();
    for _ in 0..arguments.clients {
        connections.push(TcpStream::connect(&arguments.address).await?);
    }
    let mut clients = JoinSet::new();
    let start = Instant::now();
    for mut connection in connections {
        let (request, room) = (request.clone(), expected.len() + 4096);
        clients.spawn(async move {
            let mut answer = Vec::with_capacity(room);
            connection.write_all(request.as_bytes()).await?;
            connection.read_to_end(&mut answer).await?;
            anyhow::Ok((start.elapsed(), answer))
        });
    }
    let mut slowest = 0.0_f64;
    while let Some(client) = clients.join_next().await {
        let (time, answer) = client??;
        let head = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .context("an answer without a head")?;
        ensure!(
            answer[head + 4..] == expected,
            "a client got something else: {}",
            String::from_utf8_lossy(&answer[..head])
        );
        slowest = slowest.max(time.as_secs_f64() * 1e3);
    }
    println!("{slowest}");
    Ok(())
}
