//! A distance: what goes through it comes out later.
//!
//! It stands for the way to an upstream, as a process of its own on core 0. Every piece of a connection, in either
//! direction, comes half a round trip late, however many are under way: streams of one connection are delayed, and not
//! one after the other. The first piece waits for a round trip more, which is what TCP takes to connect; TLS then takes
//! its own by itself. Bandwidth is unlimited and nothing is lost.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// What the process is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Of the way there and back
    #[arg(long)]
    round_trip_ms: u64,
    /// A port of 127.0.0.1 to lead to; for each, the port to come by is printed
    #[arg(long)]
    to: Vec<u16>,
}

/// A running relay; it ends with its handle.
pub(crate) struct Relay {
    child: Child,
    /// The process ends when this closes, also when this one is killed.
    stdin: Option<ChildStdin>,
    ports: Vec<u16>,
}

const PIECE: usize = 64 << 10;
/// Pieces under way in one direction: more than the window of any connection here, and a bound.
const PIECES: usize = 1024;

impl Relay {
    /// Starts one that leads to these ports.
    pub(crate) fn start(round_trip: Duration, to: &[u16]) -> anyhow::Result<Self> {
        let mut command = Command::new("taskset");
        command
            .args(["-c", "0"])
            .arg(std::env::current_exe()?)
            .args(["relay", "--round-trip-ms"])
            .arg(round_trip.as_millis().to_string());
        for port in to {
            command.arg("--to").arg(port.to_string());
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the relay cannot be started")?;
        let stdout = child.stdout.take().context("the relay has no output")?;
        let ports = BufReader::new(stdout)
            .lines()
            .take(to.len())
            .map(|line| Ok(line?.parse()?))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            stdin: child.stdin.take(),
            child,
            ports,
        })
    }

    /// The ports to come by, in the order of those it leads to.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.wait();
    }
}

/// The process: relays until its standard input ends.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let round_trip = Duration::from_millis(arguments.round_trip_ms);
    for port in arguments.to.iter().copied() {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("{}", listener.local_addr()?.port());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || connect(&client, port, round_trip));
            }
        });
    }
    io::stdout().flush()?;
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// A connection that cannot be made or breaks just ends: the one who asked sees that it did.
fn connect(client: &TcpStream, port: u16, round_trip: Duration) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port))?;
    for stream in [client, &server] {
        stream.set_nodelay(true)?;
    }
    carry(server.try_clone()?, client.try_clone()?, round_trip / 2);
    thread::sleep(round_trip);
    carry(client.try_clone()?, server, round_trip / 2);
    Ok(())
}

/// One direction, on two threads: one stamps what comes, the other lets it go when it is due.
fn carry(from: TcpStream, to: TcpStream, late: Duration) {
    let (sender, receiver) = sync_channel(PIECES);
    thread::spawn(move || take(from, &sender, late));
    thread::spawn(move || give(to, &receiver));
}

fn take(mut from: TcpStream, pieces: &SyncSender<(Instant, Vec<u8>)>, late: Duration) {
    let mut buffer = vec![0; PIECE];
    loop {
        // an end and a break are the same to the other side, and come as late as all else
        let length = from.read(&mut buffer).unwrap_or(0);
        let piece = (Instant::now() + late, buffer[..length].to_vec());
        if pieces.send(piece).is_err() || length == 0 {
            return;
        }
    }
}

fn give(mut to: TcpStream, pieces: &Receiver<(Instant, Vec<u8>)>) {
    for (due, piece) in pieces {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if piece.is_empty() || to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
