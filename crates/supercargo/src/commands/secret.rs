//! Secrets come from a file or standard input: on a command line, every user of the machine could read them.

use std::{
    fs::File,
    io::{self, BufRead, IsTerminal as _, Read},
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

/// A password: from a terminal, where it is not shown while it is typed, or the next line of standard input.
pub(super) fn password(prompt: &str, from_stdin: bool) -> Result<String, CommandError> {
    if !from_stdin && !io::stdin().is_terminal() {
        return Err(CommandError::NoPassword);
    }
    let read = if from_stdin {
        line(io::stdin().lock())
    } else {
        rpassword::prompt_password(format!("{prompt}: "))
    };
    if from_stdin && read.as_ref().is_ok_and(String::is_empty) {
        return Err(CommandError::EmptyPassword);
    }
    read.map_err(|reason| CommandError::Secret {
        path: "-".into(),
        reason,
    })
}

/// A new password, which a person types twice.
pub(super) fn new_password(from_stdin: bool) -> Result<String, CommandError> {
    let new = password("new password", from_stdin)?;
    if !from_stdin && password("new password once more", false)? != new {
        return Err(CommandError::PasswordsDiffer);
    }
    Ok(new)
}

/// One line without its end, and nothing of what follows; empty where there is none.
fn line(source: impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    source.take(LONGEST_SECRET).read_line(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
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

    #[test]
    fn passwords_come_line_by_line() {
        let mut input = &b"the old one\r\n the new one\n\n"[..];
        assert_eq!(line(&mut input).unwrap(), "the old one");
        assert_eq!(line(&mut input).unwrap(), " the new one");
        assert_eq!(line(&mut input).unwrap(), "");
        assert_eq!(line(&mut input).unwrap(), "");
    }
}
