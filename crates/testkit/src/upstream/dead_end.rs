//! A place where nobody ever takes a connection.

use std::{net::SocketAddr, time::Duration};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that wait to be taken at once, besides those that fill the queue.
const QUEUE: u32 = 1;
/// After this long without an answer the queue is full: on one machine an answer comes within microseconds.
const FULL_AFTER: Duration = Duration::from_millis(500);
/// Whatever the system makes of the length of a queue, it is less.
const MOST: usize = 64;

/// A port whose queue is full and is never emptied, so that attempts to connect go unanswered, as with a host that drops
/// packets.
pub struct DeadEnd {
    address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl DeadEnd {
    /// On a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When the system's queue has no end.
    pub async fn start() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// On this address, which somebody may just have left.
    pub(super) async fn at(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket
            .set_reuseaddr(true)
            .expect("a fresh socket takes every option");
        socket.bind(address).expect("a port of 127.0.0.1 is free");
        let listener = socket.listen(QUEUE).expect("a bound socket listens");
        let address = listener.local_addr().expect("a bound port is known");
        let mut queue = Vec::new();
        while let Ok(connected) =
            tokio::time::timeout(FULL_AFTER, TcpStream::connect(address)).await
        {
            queue.push(connected.expect("a listening port takes connections"));
            assert!(queue.len() < MOST, "the queue of a listener has no end");
        }
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `sparse+http://127.0.0.1:PORT/index/`.
    pub fn index_url(&self) -> String {
        format!("sparse+{}/index/", self.url())
    }
}
