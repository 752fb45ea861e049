//! Builds tar files block by block, so that nothing keeps a test from building an evil one.

use std::{fmt::Write as _, io::Write as _};

use flate2::{Compression, write::GzEncoder};

pub(crate) const MANIFEST: &str =
    "[package]\nname = \"demo\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";

/// A tar file in the making.
#[derive(Clone, Default)]
pub(crate) struct Tarball(Vec<u8>);

impl Tarball {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A tarball that needs nothing more to be accepted as `demo` `1.0.0`.
    pub(crate) fn demo() -> Self {
        Self::new()
            .file("demo-1.0.0/Cargo.toml", MANIFEST)
            .file("demo-1.0.0/src/lib.rs", "")
    }

    pub(crate) fn file(self, path: &str, contents: &str) -> Self {
        self.entry(b'0', path.as_bytes(), contents.as_bytes())
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        self.entry(b'5', path.as_bytes(), b"")
    }

    /// An entry of any type, with any bytes for its path.
    pub(crate) fn entry(self, kind: u8, path: &[u8], contents: &[u8]) -> Self {
        self.header(kind, path, contents.len() as u64)
            .data(contents)
    }

    /// A header that announces `size` bytes.
    pub(crate) fn header(self, kind: u8, path: &[u8], size: u64) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path);
        header.set_mode(0o644);
        header.set_size(size);
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_cksum();
        self.raw(header.as_bytes())
    }

    /// Bytes, filled up to a whole block.
    pub(crate) fn data(mut self, contents: &[u8]) -> Self {
        self.0.extend_from_slice(contents);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A pax header for the next entry.
    pub(crate) fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in records {
            // the length counts its own digits
            let rest = key.len() + value.len() + 3;
            let counts_itself = |length: &usize| rest + length.to_string().len() == *length;
            let length = (rest..rest + 20).find(counts_itself).unwrap();
            writeln!(text, "{length} {key}={value}").unwrap();
        }
        self.entry(b'x', b"pax", text.as_bytes())
    }

    /// The tar file with its end marker.
    pub(crate) fn tar(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }

    /// The tar file without an end marker.
    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.0
    }

    /// The `.crate` file.
    pub(crate) fn gzip(self) -> Vec<u8> {
        gzip(&self.tar())
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
