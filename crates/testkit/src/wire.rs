//! The way to a database, which can hang or be cut as networks and servers do.

use std::{io, net::SocketAddr};

use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Passes on what goes to a database and comes from it, for as long as it is told to.
pub struct Wire {
    url: String,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Flowing,
    Hanging,
    Cut,
}

impl Wire {
    /// To the database of a URL with host and port.
    ///
    /// # Panics
    /// When the URL names no host and port, or no port is free.
    pub async fn to(database: &str) -> Self {
        let mut url: Url = database.parse().expect("a URL");
        let target = format!(
            "{}:{}",
            url.host_str().expect("a URL with a host"),
            url.port().expect("a URL with a port")
        );
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address: SocketAddr = listener.local_addr().expect("a bound port is known");
        url.set_host(Some("127.0.0.1"))
            .expect("a URL with a host can have another");
        url.set_port(Some(address.port()))
            .expect("a URL with a host has a port");
        let (state, seen) = watch::channel(State::Flowing);
        tokio::spawn(accept(listener, target, seen));
        Self {
            url: url.into(),
            state,
        }
    }

    /// The database's URL by way of this.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Nothing gets through any more, and nobody is told: a server that stands still, a network that drops packets.
    pub fn hang(&self) {
        self.state.send_replace(State::Hanging);
    }

    /// Every connection ends, and new ones at once: a server that was stopped.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Everything flows again, also what waited meanwhile.
    pub fn heal(&self) {
        self.state.send_replace(State::Flowing);
    }
}

async fn accept(listener: TcpListener, target: String, state: watch::Receiver<State>) {
    // until the test's runtime ends
    while let Ok((client, _)) = listener.accept().await {
        if *state.borrow() == State::Cut {
            continue;
        }
        let (target, state) = (target.clone(), state.clone());
        tokio::spawn(async move {
            if let Ok(server) = TcpStream::connect(target).await {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                // whichever end hangs up, the other one is told
                tokio::select! {
                    _ = carry(from_client, to_server, state.clone()) => {}
                    _ = carry(from_server, to_client, state) => {}
                }
            }
        });
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let mut ending = state.clone();
        let length = tokio::select! {
            length = from.read(&mut buffer) => length?,
            _ = ending.wait_for(|state| *state == State::Cut) => return Ok(()),
        };
        let now = state.wait_for(|state| *state != State::Hanging).await;
        if length == 0 || now.is_ok_and(|now| *now == State::Cut) {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}
