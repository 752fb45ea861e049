//! TLS of our own: a certificate and its key from PEM files, read again when they change, and the handshake.
//!
//! It knows nothing of HTTP but the names of its versions, and that one sentence for whoever speaks it in plain text.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject as _},
        },
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
    server::TlsStream,
};

/// A long chain has 20 KB. Without a bound, a path such as `/dev/zero` would be read for ever.
const LONGEST_FILE: u64 = 1 << 20;
/// Each TLS connection begins with a record of this type (RFC 8446, 5.1); no request in plain text does.
const HANDSHAKE: u8 = 22;
/// Taken in of a request in plain text before its connection is closed: a reset would overtake the answer.
const PLAIN_BYTES: u64 = 64 << 10;
const PLAIN_WITHIN: Duration = Duration::from_secs(2);
const PLAIN: &str =
    "this server speaks https on this port; write `https://` instead of `http://`\n";

/// What a listener needs to speak TLS. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
}

/// The files of a certificate and its key. Both may be one file.
#[derive(Clone, Debug)]
pub struct PairFiles {
    /// PEM: the certificate, and behind it those that lead to the root.
    pub certificate: PathBuf,
    /// PEM: the private key, as PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Which of the two files is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairFile {
    /// That of the certificate.
    Certificate,
    /// That of the key.
    Key,
}

/// Why a certificate and its key cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct PairRefused {
    /// The file that is wrong.
    pub file: PairFile,
    /// What is wrong with it.
    pub problem: PairProblem,
}

/// What is wrong with a file, in words that follow its name.
#[derive(Debug, thiserror::Error)]
pub enum PairProblem {
    /// It is not there, or not for us.
    #[error("cannot be read: {0}; check its path and its permissions")]
    Unreadable(io::Error),
    /// It is some other file.
    #[error("has more than {LONGEST_FILE} bytes; is it the right file?")]
    TooLong,
    /// It is damaged.
    #[error("is damaged: {0}; write it anew")]
    NotPem(&'static str),
    /// It has no certificate.
    #[error(
        "holds no certificate; a PEM file has a line `-----BEGIN CERTIFICATE-----` before each, and other formats have to be converted first"
    )]
    NoCertificate,
    /// It has no key.
    #[error(
        "holds no private key; a PEM file has a line such as `-----BEGIN PRIVATE KEY-----` before it, and other formats have to be converted first"
    )]
    NoKey,
    /// Nobody is there to type the password.
    #[error(
        "holds a key that is encrypted with a password; take the password off with `openssl pkey`, and let nobody but this user read the file"
    )]
    Encrypted,
    /// No certificate that we understand.
    #[error(
        "begins with a certificate that is damaged or older than X.509 version 3; issue it anew"
    )]
    BadCertificate,
    /// No key that we understand.
    #[error(
        "holds a key that is damaged, or none of RSA from 2048 bits on, ECDSA and Ed25519; make another"
    )]
    BadKey,
    /// Two files of two certificates.
    #[error(
        "holds a key that does not belong to the certificate; the certificate of the server itself must come first in its file"
    )]
    NotItsKey,
}

/// Looks whether the files have changed.
pub struct Renewal {
    files: PairFiles,
    /// What they held at the last look, whether it could be used or not.
    seen: Option<Contents>,
    /// The last complaint of files that could not be read, which is not told twice.
    unread: Option<String>,
    served: Arc<Served>,
}

#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The pair that handshakes begun from now on get.
#[derive(Debug)]
struct Served(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// Names the file that is wrong.
    pub fn open(files: PairFiles) -> Result<(Self, Renewal), PairRefused> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let contents = Contents::read(&files)?;
        let served = Arc::new(Served(ArcSwap::from_pointee(contents.pair(&provider)?)));
        // TLS 1.2 is for cargo on Windows, which asks for no more
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .expect("invariant: the provider has suites for both versions")
            .with_no_client_auth()
            .with_cert_resolver(served.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let renewal = Renewal {
            files,
            seen: Some(contents),
            unread: None,
            served,
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok((Self { acceptor }, renewal))
    }

    /// The handshake of a connection. Who speaks plain HTTP is told so, since the same mistake over TLS looks like a
    /// network that is broken.
    ///
    /// It may take as long as the client likes: whoever calls gives it a limit.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [0];
        match stream.peek(&mut first).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ if first == [HANDSHAKE] => self.acceptor.accept(stream).await,
            _ => {
                say_that_it_is_tls(stream).await?;
                Err(io::Error::other("it did not speak TLS"))
            }
        }
    }
}

impl Renewal {
    /// Looks at the files, which may block, and serves what they hold from now on if it is another pair. Connections that
    /// are open stay as they are. Says whether it is another pair.
    ///
    /// Contents are compared, not times: a renewal by a link that points elsewhere may bring an older file.
    ///
    /// # Errors
    /// What is wrong with a new pair, once; the old one is still served.
    pub fn look(&mut self) -> Result<bool, PairRefused> {
        let contents = match Contents::read(&self.files) {
            Ok(contents) => contents,
            Err(refused) => {
                let words = refused.to_string();
                if self.unread.as_ref() == Some(&words) {
                    return Ok(false);
                }
                self.unread = Some(words);
                return Err(refused);
            }
        };
        self.unread = None;
        if self.seen.as_ref() == Some(&contents) {
            return Ok(false);
        }
        let pair = contents.pair(&aws_lc_rs::default_provider());
        self.seen = Some(contents);
        self.served.0.store(Arc::new(pair?));
        Ok(true)
    }

    /// The same for somebody who asks: what was told before is told again.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn look_anew(&mut self) -> Result<bool, PairRefused> {
        (self.seen, self.unread) = (None, None);
        self.look()
    }

    /// The files that are looked at.
    pub fn files(&self) -> &PairFiles {
        &self.files
    }
}

impl Contents {
    fn read(files: &PairFiles) -> Result<Self, PairRefused> {
        let read = |file: PairFile, path| read(path).map_err(|problem| file.refused(problem));
        Ok(Self {
            certificate: read(PairFile::Certificate, &files.certificate)?,
            key: read(PairFile::Key, &files.key)?,
        })
    }

    fn pair(&self, provider: &CryptoProvider) -> Result<CertifiedKey, PairRefused> {
        use rustls::Error::InconsistentKeys;

        let chain =
            chain(&self.certificate).map_err(|problem| PairFile::Certificate.refused(problem))?;
        let key = key(&self.key)
            .and_then(|key| {
                let loaded = provider.key_provider.load_private_key(key);
                loaded.map_err(|_| PairProblem::BadKey)
            })
            .map_err(|problem| PairFile::Key.refused(problem))?;
        let pair = CertifiedKey::new(chain, key);
        match pair.keys_match() {
            Ok(()) | Err(InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
            Err(InconsistentKeys(_)) => Err(PairFile::Key.refused(PairProblem::NotItsKey)),
            Err(_) => Err(PairFile::Certificate.refused(PairProblem::BadCertificate)),
        }
    }
}

impl PairFile {
    fn refused(self, problem: PairProblem) -> PairRefused {
        PairRefused {
            file: self,
            problem,
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PairProblem> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| {
        // one more than the limit, so that a file that is too long is told from one that just fits
        file.take(LONGEST_FILE + 1).read_to_end(&mut bytes)
    });
    match read {
        Err(error) => Err(PairProblem::Unreadable(error)),
        Ok(_) if bytes.len() as u64 > LONGEST_FILE => Err(PairProblem::TooLong),
        Ok(_) => Ok(bytes),
    }
}

fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PairProblem> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| PairProblem::NotPem(words(&error)))?;
    if chain.is_empty() {
        return Err(PairProblem::NoCertificate);
    }
    Ok(chain)
}

fn key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PairProblem> {
    // of PKCS#8, and of the older forms
    const ENCRYPTED: [&[u8]; 2] = [
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
        b"Proc-Type: 4,ENCRYPTED",
    ];
    let has = |mark: &[u8]| text.windows(mark.len()).any(|window| window == mark);
    if ENCRYPTED.into_iter().any(has) {
        return Err(PairProblem::Encrypted);
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => PairProblem::NoKey,
        error => PairProblem::NotPem(words(&error)),
    })
}

fn words(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a line `-----END …-----` is missing",
        pem::Error::IllegalSectionStart { .. } => "a line that begins with `-----BEGIN` breaks off",
        pem::Error::Base64Decode(_) => "what stands between `BEGIN` and `END` is not base64",
        _ => "it cannot be taken apart",
    }
}

async fn say_that_it_is_tls(mut stream: TcpStream) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{PLAIN}",
        PLAIN.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(PLAIN_BYTES);
    let mut sink = tokio::io::sink();
    // whichever bound it ends by, the client has had time to read
    let _ = tokio::time::timeout(PLAIN_WITHIN, tokio::io::copy(&mut rest, &mut sink)).await;
    Ok(())
}

#[cfg(test)]
mod tests;
