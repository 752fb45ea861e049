//! Writes `.crate` files: as cargo does, and with entries that cargo would never write.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use tar::{EntryType, Header};

/// The time that cargo gives to every entry, so that packing twice gives the same bytes.
const CARGO_MTIME: u64 = 1_153_704_088;

/// Regular files, then raw entries, in gzip.
pub(super) fn crate_file(files: &[(String, &[u8])], raw: &[(Header, Vec<u8>)]) -> Vec<u8> {
    let gzip = GzEncoder::new(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for (path, contents) in files {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(CARGO_MTIME);
        header.set_size(contents.len() as u64);
        archive
            .append_data(&mut header, path, *contents)
            .unwrap_or_else(|error| panic!("`{path}` does not fit into an archive: {error}"));
    }
    for (header, contents) in raw {
        archive
            .append(header, contents.as_slice())
            .expect("invariant: memory takes every write");
    }
    archive
        .into_inner()
        .and_then(GzEncoder::finish)
        .expect("invariant: memory takes every write")
}

/// A header whose path is written as it is, without the checks that keep `..`, absolute paths and nonsense out.
///
/// `path` has at most 100 bytes. `size` is what the header claims; the bytes that follow it are the caller's.
pub fn raw_header(path: &[u8], kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    let name = &mut header.as_old_mut().name;
    name[..path.len()].copy_from_slice(path);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_mtime(CARGO_MTIME);
    header.set_size(size);
    header.set_cksum();
    header
}

/// A raw link: `target` has at most 100 bytes and is written as it is.
pub fn raw_link(path: &[u8], kind: EntryType, target: &[u8]) -> Header {
    let mut header = raw_header(path, kind, 0);
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target);
    header.set_cksum();
    header
}

/// Any bytes in gzip, for archives that are no tar at all.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("invariant: memory takes every write")
}

/// The body of a publish: both parts with their lengths in front.
pub fn frame(metadata: &[u8], crate_bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(metadata.len() + crate_bytes.len() + 8);
    for part in [metadata, crate_bytes] {
        let length = u32::try_from(part.len()).expect("a part of a frame has less than 4 GiB");
        body.extend_from_slice(&length.to_le_bytes());
        body.extend_from_slice(part);
    }
    body
}
