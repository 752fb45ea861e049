//! Which paths an archive may hold, alone and together, so that unpacking it gives the same files on every system and
//! none outside its own folder.

use std::collections::{HashMap, hash_map::Entry};

use super::ArchiveRefused;
use crate::text::shown;

/// In bytes. Windows takes 260 characters below the user's own folders, Linux 4096.
const LONGEST_PATH: usize = 1024;
/// In parts. Each of them is looked up for each file, so depth times files is work that an attacker could ask for.
const DEEPEST_PATH: usize = 64;
/// Of all names together: a bomb of long names would fill memory well within the limit on their number.
const ALL_NAMES_BYTES: usize = 16 << 20;

/// The path below `root`, empty for the root itself.
pub(super) fn check<'a>(
    path: &'a [u8],
    is_folder: bool,
    root: &str,
) -> Result<&'a str, ArchiveRefused> {
    let refuse = |reason: String| ArchiveRefused::Path {
        path: shown(&String::from_utf8_lossy(path)),
        reason,
    };
    if path.len() > LONGEST_PATH {
        return Err(refuse(format!("it is longer than {LONGEST_PATH} bytes")));
    }
    if path.split(|&byte| byte == b'/').count() > DEEPEST_PATH {
        return Err(refuse(format!("it is deeper than {DEEPEST_PATH} folders")));
    }
    let path = std::str::from_utf8(path)
        .map_err(|_| refuse("it is not UTF-8; rename the file".to_owned()))?;
    let path = if is_folder {
        path.strip_suffix('/').unwrap_or(path)
    } else {
        path
    };
    for part in path.split('/') {
        check_part(part).map_err(|reason| refuse(reason.to_owned()))?;
    }
    match path.strip_prefix(root) {
        Some("") if is_folder => Ok(""),
        Some(below) if below.starts_with('/') => Ok(&below[1..]),
        _ => Err(refuse(format!(
            "everything must stand in `{root}/`; make the crate file with `cargo package`"
        ))),
    }
}

/// One part of a path. The names that Windows treats specially are refused on every system, for a crate is built on
/// all of them: `Cargo.toml.` and `Cargo.toml::$DATA` overwrite `Cargo.toml` there, and `nul` is a device.
fn check_part(part: &str) -> Result<(), &'static str> {
    if matches!(part, "" | "." | "..") {
        return Err(
            "it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`",
        );
    }
    if part.chars().any(char::is_control) {
        return Err("it has a control character; rename the file");
    }
    if part.contains(['\\', ':', '*', '?', '"', '<', '>', '|']) {
        return Err(
            "it has one of the characters `\\ : * ? \" < > |`, which Windows does not take; rename the file",
        );
    }
    if part.ends_with(['.', ' ']) {
        return Err(
            "a part of it ends with a full stop or space, which Windows drops; rename the file",
        );
    }
    if is_windows_device(part) {
        return Err("a part of it is a device on Windows; rename the file");
    }
    Ok(())
}

/// `con`, `NUL.txt`, `com1`, `lpt¹.rs`: with any extension and in any case.
fn is_windows_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    let stem = stem.to_ascii_lowercase();
    if matches!(
        stem.as_str(),
        "con" | "prn" | "aux" | "nul" | "conin$" | "conout$"
    ) {
        return true;
    }
    let number = stem.strip_prefix("com").or(stem.strip_prefix("lpt"));
    let mut digits = number.unwrap_or_default().chars();
    matches!(
        (digits.next(), digits.next()),
        (Some('0'..='9' | '¹' | '²' | '³'), None)
    )
}

struct Seen {
    spelling: Box<str>,
    is_folder: bool,
    /// Has an entry of its own, instead of only being the folder of others.
    has_entry: bool,
}

/// All names of an archive, by what they are where case does not matter.
pub(super) struct Names {
    limit: u64,
    bytes: usize,
    root_has_entry: bool,
    seen: HashMap<String, Seen>,
}

impl Names {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            bytes: 0,
            root_has_entry: false,
            seen: HashMap::new(),
        }
    }

    /// The entry of the root folder itself.
    pub(super) fn admit_root(&mut self) -> Result<(), ArchiveRefused> {
        if std::mem::replace(&mut self.root_has_entry, true) {
            return Err(ArchiveRefused::Duplicate("/".to_owned()));
        }
        Ok(())
    }

    /// One entry, and the folders above it.
    pub(super) fn admit(&mut self, path: &str, is_folder: bool) -> Result<(), ArchiveRefused> {
        for (end, _) in path.match_indices('/') {
            self.note(&path[..end], true, false)?;
        }
        self.note(path, is_folder, true)
    }

    fn note(&mut self, path: &str, is_folder: bool, has_entry: bool) -> Result<(), ArchiveRefused> {
        match self.seen.entry(path.to_lowercase()) {
            Entry::Vacant(place) => {
                self.bytes += 2 * path.len();
                place.insert(Seen {
                    spelling: path.into(),
                    is_folder,
                    has_entry,
                });
            }
            Entry::Occupied(mut place) => {
                let seen = place.get_mut();
                if *seen.spelling != *path {
                    return Err(ArchiveRefused::Collision {
                        path: shown(path),
                        other: shown(&seen.spelling),
                    });
                }
                if seen.is_folder != is_folder {
                    return Err(ArchiveRefused::FileAndFolder(shown(path)));
                }
                if seen.has_entry && has_entry {
                    return Err(ArchiveRefused::Duplicate(shown(path)));
                }
                seen.has_entry |= has_entry;
            }
        }
        let too_many = |what, limit| Err(ArchiveRefused::TooMany { what, limit });
        if self.seen.len() as u64 > self.limit {
            return too_many("files and folders", self.limit);
        }
        if self.bytes > ALL_NAMES_BYTES {
            return too_many("bytes of file names", ALL_NAMES_BYTES as u64);
        }
        Ok(())
    }
}

/// A parser's message as part of a sentence.
pub(super) fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    shown(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_known_in_every_dress() {
        for name in [
            "nul",
            "NUL",
            "con.rs",
            "aux .txt",
            "COM1",
            "lpt9.tar.gz",
            "com¹",
            "CONIN$",
        ] {
            assert!(is_windows_device(name), "{name}");
        }
        for name in [
            "null",
            "console.rs",
            "com",
            "com10",
            "lpt",
            "auxiliary",
            "xcon",
        ] {
            assert!(!is_windows_device(name), "{name}");
        }
    }

    #[test]
    fn long_names_are_bounded_in_all() {
        let mut names = Names::new(u64::MAX);
        let mut admitted = 0;
        let refused = loop {
            match names.admit(&format!("{admitted:0>1000}"), false) {
                Ok(()) => admitted += 1,
                Err(refused) => break refused,
            }
        };
        assert_eq!(admitted, ALL_NAMES_BYTES / 2000);
        insta::assert_snapshot!(refused, @"the crate holds more than 16777216 bytes of file names; leave files out with `exclude` in `[package]`");
    }
}
