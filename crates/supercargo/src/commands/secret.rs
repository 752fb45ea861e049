//! Secrets come from a file or standard input: on a command line, every user of the machine could read them.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::CommandError;

/// Longer than any token.
const LONGEST_SECRET: u64 = 64 << 10;

/// The text of a file, or of standard input for `-`, without the line break at its end.
pub(super) fn read(path: &Path) -> Result<String, CommandError> {
    let read = if path == Path::new("-") {
        bounded(io::stdin().lock())
    } else {
        File::open(path).and_then(bounded)
    };
    read.map_err(|reason| CommandError::Secret {
        path: path.to_owned(),
        reason,
    })
}

fn bounded(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(LONGEST_SECRET + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_SECRET {
        return Err(io::Error::other("it is longer than any secret"));
    }
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_break_at_the_end_is_cut_off() {
        assert_eq!(bounded(&b" hunter2 \r\n"[..]).unwrap(), " hunter2 ");
        assert!(bounded(&b"\n"[..]).is_err());
        assert!(bounded(io::repeat(b'x')).is_err());
    }
}
