//! A certificate authority of a test: what a company's own is to its servers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
};

/// Issues certificates for 127.0.0.1, through an intermediate, as most authorities do: a server has to send both.
pub struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

/// The forms in which private keys are found in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// `BEGIN PRIVATE KEY`, of an ECDSA key.
    Pkcs8,
    /// `BEGIN EC PRIVATE KEY`.
    Sec1,
    /// `BEGIN RSA PRIVATE KEY`.
    Pkcs1,
}

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

impl Authority {
    /// A fresh one, which nobody trusts yet.
    pub fn new() -> Self {
        let root = CertifiedIssuer::self_signed(issuing("root"), key())
            .expect("invariant: these parameters make a certificate");
        let intermediate = CertifiedIssuer::signed_by(issuing("intermediate"), key(), &root)
            .expect("invariant: these parameters make a certificate");
        Self { root, intermediate }
    }

    /// Its root in PEM, for those who are to trust it.
    pub fn pem(&self) -> String {
        self.root.pem()
    }

    /// Puts a fresh certificate and its key into a folder, as [`ServerOptions::tls`](crate::ServerOptions::tls) takes them.
    ///
    /// `name` is the certificate's common name, to tell one from another.
    pub fn issue(&self, folder: &Path, name: &str) {
        self.issue_with(folder, name, KeyForm::Pkcs8);
    }

    /// The same, with the key in one of its forms.
    pub fn issue_with(&self, folder: &Path, name: &str, form: KeyForm) {
        let key = match form {
            KeyForm::Pkcs8 | KeyForm::Sec1 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            KeyForm::Pkcs1 => KeyPair::generate_for(&PKCS_RSA_SHA256),
        };
        let key = key.expect("invariant: such keys can be made");
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut parameters =
            CertificateParams::new(names).expect("invariant: these are an address and a name");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = parameters
            .signed_by(&key, &self.intermediate)
            .expect("invariant: these parameters make a certificate");
        let [certificate_path, key_path] = Self::pair(folder);
        let chain = certificate.pem() + &self.intermediate.pem();
        fs::write(certificate_path, chain).expect("a fresh folder can be written");
        fs::write(key_path, key_text(&key, form)).expect("a fresh folder can be written");
    }

    /// Where the certificate and the key are in a folder.
    pub fn pair(folder: &Path) -> [PathBuf; 2] {
        [CERTIFICATE, KEY].map(|name| folder.join(name))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("invariant: such keys can be made")
}

fn issuing(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters
        .distinguished_name
        .push(DnType::CommonName, format!("supercargo test {name}"));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn key_text(key: &KeyPair, form: KeyForm) -> String {
    let (label, bytes) = match form {
        KeyForm::Pkcs8 => return key.serialize_pem(),
        KeyForm::Sec1 => ("EC PRIVATE KEY", inner(key.serialized_der())),
        KeyForm::Pkcs1 => ("RSA PRIVATE KEY", inner(key.serialized_der())),
    };
    let base64 = base64(bytes);
    let lines = base64.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body: Vec<_> = lines.collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        body.join("\n")
    )
}

/// The older form stands whole in PKCS#8 (RFC 5208): a sequence of the version, the algorithm, and an octet string of it.
fn inner(pkcs8: &[u8]) -> &[u8] {
    let (_, fields) = element(pkcs8);
    let (version, _) = element(fields);
    let (algorithm, _) = element(&fields[version..]);
    element(&fields[version + algorithm..]).1
}

/// The length of the first DER element with its head, and its content.
fn element(der: &[u8]) -> (usize, &[u8]) {
    let short = usize::from(der[1]);
    let (head, length) = if short < 128 {
        (2, short)
    } else {
        let digits = &der[2..2 + (short & 127)];
        let length = digits
            .iter()
            .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        (2 + digits.len(), length)
    };
    (head + length, &der[head..head + length])
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0; 4];
        three[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(three);
        for place in 0..4 {
            let digit =
                usize::try_from(bits >> (18 - 6 * place) & 63).expect("invariant: six bits");
            text.push(if place <= chunk.len() {
                char::from(DIGITS[digit])
            } else {
                '='
            });
        }
    }
    text
}
