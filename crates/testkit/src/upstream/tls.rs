//! TLS of the fake upstream.

use std::{fs, io, net::SocketAddr, sync::Arc};

use axum::serve::Listener;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
    server::TlsStream,
};

use crate::Authority;

/// What it shows to those who connect.
#[derive(Clone)]
pub(super) struct Tls(TlsAcceptor);

/// Connections over which TLS is spoken.
pub(super) struct TlsListener<L> {
    listener: L,
    acceptor: TlsAcceptor,
}

impl Tls {
    pub(super) fn new(authority: &Authority) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        authority.issue(folder.path(), "upstream");
        let [certificate, key] =
            Authority::pair(folder.path()).map(|path| fs::read(path).expect("it was just written"));
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
        let chain = chain.expect("invariant: an authority writes PEM");
        let key = PrivateKeyDer::from_pem_slice(&key).expect("invariant: an authority writes PEM");
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("invariant: the key is that of the certificate");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    pub(super) fn over<L>(self, listener: L) -> TlsListener<L> {
        TlsListener {
            listener,
            acceptor: self.0,
        }
    }
}

impl<L> Listener for TlsListener<L>
where
    L: Listener<Io = TcpStream, Addr = SocketAddr>,
{
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    /// One handshake after the other: the clients of a test are quick, or hang up.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
