//! The entries of a tar file, with the headers that only describe the next entry folded in.
//!
//! `tar` could fold them itself, but it reads them whole whatever their size; and where two of them disagree it picks
//! one, while other parsers pick the other. Here they are small, single and consistent, or the file is refused.

use std::{
    io::{self, BufRead, Read},
    ops::ControlFlow,
};

use tar::EntryType;

use super::{ArchiveRefused, names, stream::Unpacked};
use crate::text::shown;

/// Of a long name or of pax records; paths are limited to far less.
const EXTENSION_BYTES: u64 = 64 << 10;

/// A file or folder. Its path is not checked yet.
pub(super) struct Member<'a> {
    pub(super) path: Vec<u8>,
    pub(super) is_folder: bool,
    pub(super) size: u64,
    pub(super) data: &'a mut dyn Read,
}

type Visit<'a> = dyn FnMut(Member<'_>) -> Result<ControlFlow<()>, ArchiveRefused> + 'a;

/// Shows each file and folder to `visit`, and says how many bytes were unpacked. When `visit` has seen enough, the rest
/// is not read and not checked.
pub(super) fn walk<R: BufRead>(
    reader: R,
    limit: u64,
    visit: &mut Visit<'_>,
) -> Result<u64, ArchiveRefused> {
    let mut stream = Unpacked::new(reader, limit);
    let outcome = walk_tar(&mut stream, visit);
    match stream.explain(outcome)? {
        ControlFlow::Continue(()) => stream.finish(),
        ControlFlow::Break(()) => Ok(0),
    }
}

fn walk_tar(
    stream: &mut impl Read,
    visit: &mut Visit<'_>,
) -> Result<ControlFlow<()>, ArchiveRefused> {
    let mut archive = tar::Archive::new(stream);
    let mut next = Described::default();
    for entry in archive.entries().map_err(malformed)?.raw(true) {
        let mut entry = entry.map_err(malformed)?;
        let kind = entry.header().entry_type();
        let size = entry.header().entry_size().map_err(malformed)?;
        // What `tar` itself demands: in the oldest format these letters are unknown types.
        let has_extensions =
            entry.header().as_gnu().is_some() || entry.header().as_ustar().is_some();
        match kind {
            EntryType::GNULongName if has_extensions => {
                next.set_name(read_extension(&mut entry, size)?)?;
            }
            EntryType::XHeader if has_extensions => {
                next.set_pax(&read_extension(&mut entry, size)?)?;
            }
            _ => {
                let path = std::mem::take(&mut next).path_for(&entry, size)?;
                let is_folder = check_kind(kind, &path)?;
                if is_folder && size != 0 {
                    return Err(refuse("a folder has contents"));
                }
                let data = &mut entry;
                let member = Member {
                    path,
                    is_folder,
                    size,
                    data,
                };
                if visit(member)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }
    if next != Described::default() {
        return Err(refuse(
            "its last header describes an entry that does not follow",
        ));
    }
    Ok(ControlFlow::Continue(()))
}

/// Whether it is a folder, when it may be there at all.
fn check_kind(kind: EntryType, path: &[u8]) -> Result<bool, ArchiveRefused> {
    let kind = match kind {
        EntryType::Regular => return Ok(false),
        EntryType::Directory => return Ok(true),
        EntryType::Symlink => "symbolic link".to_owned(),
        EntryType::Link => "hard link".to_owned(),
        EntryType::Char => "character device".to_owned(),
        EntryType::Block => "block device".to_owned(),
        EntryType::Fifo => "named pipe".to_owned(),
        EntryType::Continuous => "contiguous file".to_owned(),
        EntryType::GNUSparse => "sparse file".to_owned(),
        EntryType::XGlobalHeader => "global pax header".to_owned(),
        EntryType::GNULongLink => "long link name".to_owned(),
        other => format!(
            "tar entry of the unknown type `{}`",
            other.as_byte().escape_ascii()
        ),
    };
    let path = shown(&String::from_utf8_lossy(path));
    Err(ArchiveRefused::Kind { path, kind })
}

fn read_extension(entry: &mut impl Read, size: u64) -> Result<Vec<u8>, ArchiveRefused> {
    if size > EXTENSION_BYTES {
        return Err(refuse(
            "a header that describes the next entry is too large",
        ));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(malformed)?;
    Ok(bytes)
}

/// What headers said about the entry that follows them.
#[derive(Default, PartialEq, Eq)]
struct Described {
    gnu_name: Option<Vec<u8>>,
    has_pax: bool,
    pax_path: Option<Vec<u8>>,
    pax_size: Option<u64>,
}

impl Described {
    fn set_name(&mut self, mut name: Vec<u8>) -> Result<(), ArchiveRefused> {
        if name.last() == Some(&0) {
            name.pop();
        }
        if self.gnu_name.replace(name).is_some() {
            return Err(refuse("an entry has two long names"));
        }
        Ok(())
    }

    fn set_pax(&mut self, records: &[u8]) -> Result<(), ArchiveRefused> {
        if std::mem::replace(&mut self.has_pax, true) {
            return Err(refuse("an entry has two pax headers"));
        }
        // `tar` stops at an empty line; what follows it would be seen by others only
        let ends_well = records.last() == Some(&b'\n');
        let has_gap =
            records.first() == Some(&b'\n') || records.windows(2).any(|pair| pair == b"\n\n");
        if !ends_well || has_gap {
            return Err(refuse("a pax header is malformed"));
        }
        for record in tar::PaxExtensions::new(records) {
            let record = record.map_err(malformed)?;
            let is_second = match record.key_bytes() {
                b"path" => self
                    .pax_path
                    .replace(record.value_bytes().to_owned())
                    .is_some(),
                b"size" => {
                    let size = record.value().ok().and_then(|text| text.parse().ok());
                    let size = size.ok_or_else(|| refuse("a pax size is not a number"))?;
                    self.pax_size.replace(size).is_some()
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(refuse("a pax header describes a sparse file"));
                }
                _ => false,
            };
            if is_second {
                return Err(refuse("a pax header says the same thing twice"));
            }
        }
        Ok(())
    }

    /// The entry's path. Refuses a pax size that differs from the header's: parsers disagree about which one counts, so
    /// one archive could have two contents.
    fn path_for<R: Read>(
        self,
        entry: &tar::Entry<'_, R>,
        size: u64,
    ) -> Result<Vec<u8>, ArchiveRefused> {
        if self.pax_size.is_some_and(|pax_size| pax_size != size) {
            return Err(refuse("a pax size differs from the size in the header"));
        }
        match (self.gnu_name, self.pax_path) {
            (Some(_), Some(_)) => Err(refuse("an entry has two long names")),
            (Some(path), None) | (None, Some(path)) => Ok(path),
            (None, None) => Ok(entry.header().path_bytes().into_owned()),
        }
    }
}

fn refuse(reason: &str) -> ArchiveRefused {
    ArchiveRefused::Tar(reason.to_owned())
}

/// What the tar parser says. When the gzip was the cause, [`Unpacked::explain`] replaces it.
#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
pub(super) fn malformed(error: io::Error) -> ArchiveRefused {
    ArchiveRefused::Tar(names::one_line(&error.to_string()))
}
