//! What may stand in the files, and what is said where it cannot.

use std::{fs, os::unix::fs::symlink};

use insta::assert_snapshot;
use supercargo_testkit::{Authority, KeyForm};
use tempfile::TempDir;

use super::*;

/// A folder with a pair of an authority.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        Authority::new().issue(folder.0.path(), "server");
        folder
    }

    fn files(&self) -> PairFiles {
        let [certificate, key] = Authority::pair(self.0.path());
        PairFiles { certificate, key }
    }

    fn refusal(&self) -> String {
        let Err(PairRefused { file, problem }) = Tls::open(self.files()) else {
            panic!("it was taken");
        };
        format!("{file:?} {problem}")
    }
}

#[test]
fn every_form_of_a_key_is_taken_and_both_may_be_in_one_file() {
    let authority = Authority::new();
    for (form, label) in [
        (KeyForm::Pkcs8, "PRIVATE"),
        (KeyForm::Sec1, "EC PRIVATE"),
        (KeyForm::Pkcs1, "RSA PRIVATE"),
    ] {
        let folder = Folder(TempDir::new().unwrap());
        authority.issue_with(folder.0.path(), "server", form);
        let files = folder.files();
        let key = fs::read_to_string(&files.key).unwrap();
        assert!(
            key.starts_with(&format!("-----BEGIN {label} KEY-----\n")),
            "{key}"
        );
        assert!(Tls::open(files.clone()).is_ok(), "{form:?}");

        let text = fs::read_to_string(&files.certificate).unwrap() + "a comment\r\n" + &key;
        fs::write(&files.certificate, text).unwrap();
        let one = PairFiles {
            key: files.certificate.clone(),
            ..files
        };
        assert!(Tls::open(one).is_ok(), "{form:?} in one file");
    }
}

#[test]
fn what_is_wrong_is_said_of_the_file_that_is_wrong() {
    let mut said = Vec::new();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old_encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    for (file, text) in [
        (PairFile::Certificate, None),
        (PairFile::Certificate, Some("")),
        (PairFile::Certificate, Some("\u{30}\u{0}\u{1}")),
        (PairFile::Certificate, Some(no_certificate)),
        (PairFile::Certificate, Some(cut)),
        (PairFile::Certificate, Some(no_key)),
        (PairFile::Certificate, Some(&"x".repeat(2 << 20))),
        (PairFile::Key, None),
        (PairFile::Key, Some("")),
        (PairFile::Key, Some(no_certificate)),
        (PairFile::Key, Some(no_key)),
        (PairFile::Key, Some(encrypted)),
        (PairFile::Key, Some(old_encrypted)),
    ] {
        let folder = Folder::new();
        let files = folder.files();
        let path = match file {
            PairFile::Certificate => &files.certificate,
            PairFile::Key => &files.key,
        };
        match text {
            None => fs::remove_file(path).unwrap(),
            Some(text) => fs::write(path, text).unwrap(),
        }
        let refusal = folder.refusal();
        assert!(refusal.starts_with(&format!("{file:?}")), "{refusal}");
        said.push(refusal);
    }
    let (folder, other) = (Folder::new(), Folder::new());
    fs::copy(other.files().key, folder.files().key).unwrap();
    said.push(folder.refusal());
    assert_snapshot!(said.join("\n"), @"
    Certificate cannot be read: No such file or directory (os error 2); check its path and its permissions
    Certificate holds no certificate; a PEM file has a line `-----BEGIN CERTIFICATE-----` before each, and other formats have to be converted first
    Certificate holds no certificate; a PEM file has a line `-----BEGIN CERTIFICATE-----` before each, and other formats have to be converted first
    Certificate begins with a certificate that is damaged or older than X.509 version 3; issue it anew
    Certificate is damaged: a line `-----END …-----` is missing; write it anew
    Certificate holds no certificate; a PEM file has a line `-----BEGIN CERTIFICATE-----` before each, and other formats have to be converted first
    Certificate has more than 1048576 bytes; is it the right file?
    Key cannot be read: No such file or directory (os error 2); check its path and its permissions
    Key holds no private key; a PEM file has a line such as `-----BEGIN PRIVATE KEY-----` before it, and other formats have to be converted first
    Key holds no private key; a PEM file has a line such as `-----BEGIN PRIVATE KEY-----` before it, and other formats have to be converted first
    Key holds a key that is damaged, or none of RSA from 2048 bits on, ECDSA and Ed25519; make another
    Key holds a key that is encrypted with a password; take the password off with `openssl pkey`, and let nobody but this user read the file
    Key holds a key that is encrypted with a password; take the password off with `openssl pkey`, and let nobody but this user read the file
    Key holds a key that does not belong to the certificate; the certificate of the server itself must come first in its file
    ");
}

#[test]
fn another_pair_is_taken_once_and_a_broken_one_is_told_once() {
    let folder = Folder::new();
    let files = folder.files();
    let (_, mut renewal) = Tls::open(files.clone()).unwrap();
    let served = |renewal: &Renewal| renewal.served.0.load().cert[0].to_vec();
    let first = served(&renewal);
    assert!(!renewal.look().unwrap());

    // half of a renewal: the certificate is new, the key still the old one
    let other = Folder::new();
    fs::copy(other.files().certificate, &files.certificate).unwrap();
    let refused = renewal.look().unwrap_err();
    assert_eq!(refused.file, PairFile::Key);
    assert!(!renewal.look().unwrap(), "it was told");
    assert!(renewal.look_anew().is_err(), "somebody asks");
    assert_eq!(served(&renewal), first);

    fs::remove_file(&files.key).unwrap();
    assert!(renewal.look().is_err());
    assert!(!renewal.look().unwrap(), "it was told");
    fs::copy(other.files().key, &files.key).unwrap();
    assert!(renewal.look().unwrap());
    assert!(!renewal.look().unwrap());
    assert_ne!(served(&renewal), first);
}

/// As tools of Let's Encrypt and Kubernetes do it.
#[test]
fn a_renewal_by_a_link_that_points_elsewhere_is_seen_also_with_older_files() {
    let (older, newer) = (Folder::new(), Folder::new());
    let folder = TempDir::new().unwrap();
    let live = folder.path().join("live");
    symlink(newer.0.path(), &live).unwrap();
    let [certificate, key] = Authority::pair(&live);
    let (_, mut renewal) = Tls::open(PairFiles { certificate, key }).unwrap();
    assert!(!renewal.look().unwrap());
    let next = folder.path().join("next");
    symlink(older.0.path(), &next).unwrap();
    fs::rename(&next, &live).unwrap();
    assert!(renewal.look().unwrap());
    assert!(!renewal.look().unwrap());
}
