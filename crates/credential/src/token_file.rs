//! Tokens in a file of the user: readable for that user alone, changed by one program at a time.

use std::{
    collections::BTreeMap,
    env, fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use supercargo_types::Timestamp;

/// Far more than anybody's tokens need.
const LONGEST: u64 = 4 << 20;

/// A token that is kept. Its `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct KeptToken {
    /// By which the server knows it.
    pub id: String,
    /// The secret.
    pub token: String,
    /// When it ends, as the server says it.
    pub expires_at: Option<Timestamp>,
    /// Whether the program that keeps it had it made. One that a person handed over is theirs: nobody else ends it.
    #[serde(default)]
    pub obtained: bool,
    /// The registries of cargo that it was handed on to, as cargo's configuration calls them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handed_to: Vec<String>,
}

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// There is no folder for it.
    #[error("no folder for tokens is known: set HOME or XDG_CONFIG_HOME")]
    NoFolder,
    /// The system says no.
    #[error("`{}` cannot be {did}: {reason}", path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// Read or written.
        did: &'static str,
        /// Why.
        reason: io::Error,
    },
    /// Somebody else has written it.
    #[error("`{}` does not hold tokens: {reason}; move it away and log in again", path.display())]
    Garbled {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A file of tokens by name.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
}

impl KeptToken {
    /// Of the server's answer to who has made one.
    pub fn of(answer: &Value) -> Option<Self> {
        let text = |name: &str| Some(answer[name].as_str()?.to_owned());
        let expires_at = match &answer["expires_at"] {
            Value::Null => None,
            end => Some(Timestamp::from_rfc3339(end.as_str()?)?),
        };
        Some(Self {
            id: text("id")?,
            token: text("token")?,
            expires_at,
            obtained: true,
            handed_to: Vec::new(),
        })
    }
}

impl fmt::Debug for KeptToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptToken({})", self.id)
    }
}

impl TokenFile {
    /// The file of that name in the user's folder for Supercargo.
    ///
    /// # Errors
    /// [`TokenFileError::NoFolder`].
    pub fn of_user(name: &str) -> Result<Self, TokenFileError> {
        let path = folder().ok_or(TokenFileError::NoFolder)?.join(name);
        Ok(Self { path })
    }

    /// This file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The token of that name.
    ///
    /// # Errors
    /// [`TokenFileError`]; not for a file that is not there.
    pub fn get(&self, name: &str) -> Result<Option<KeptToken>, TokenFileError> {
        Ok(self.read()?.remove(name))
    }

    /// Keeps a token under a name, instead of the one that stood there.
    ///
    /// # Errors
    /// [`TokenFileError`].
    pub fn put(&self, name: &str, token: &KeptToken) -> Result<(), TokenFileError> {
        self.change(|tokens| {
            tokens.insert(name.to_owned(), token.clone());
        })
    }

    /// Forgets the token of that name; false where there is none.
    ///
    /// # Errors
    /// [`TokenFileError`].
    pub fn remove(&self, name: &str) -> Result<bool, TokenFileError> {
        if self.get(name)?.is_none() {
            return Ok(false);
        }
        let mut removed = false;
        self.change(|tokens| removed = tokens.remove(name).is_some())?;
        Ok(removed)
    }

    fn read(&self) -> Result<BTreeMap<String, KeptToken>, TokenFileError> {
        let length = match fs::metadata(&self.path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(self.failed("read", error)),
        };
        let garbled = |reason: String| TokenFileError::Garbled {
            path: self.path.clone(),
            reason,
        };
        if length > LONGEST {
            return Err(garbled("it is too long".to_owned()));
        }
        let bytes = fs::read(&self.path).map_err(|error| self.failed("read", error))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            // what is in it is a secret: only where it is wrong
            garbled(format!("line {}, column {}", error.line(), error.column()))
        })
    }

    fn change(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, KeptToken>),
    ) -> Result<(), TokenFileError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        private_folder(folder).map_err(|error| self.failed("written", error))?;
        let _turn = Turn::wait(&self.path.with_extension("lock"))
            .map_err(|error| self.failed("written", error))?;
        let mut tokens = self.read()?;
        change(&mut tokens);
        let text = serde_json::to_vec_pretty(&tokens)
            .map_err(|error| self.failed("written", error.into()))?;
        // a file of its own and then a rename: whoever reads finds the old one or the new one whole
        let fresh = self.path.with_extension("new");
        let written = fs::remove_file(&fresh)
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| private_file(&fresh))
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&fresh, &self.path));
        written.map_err(|error| self.failed("written", error))
    }

    fn failed(&self, did: &'static str, reason: io::Error) -> TokenFileError {
        TokenFileError::System {
            path: self.path.clone(),
            did,
            reason,
        }
    }
}

/// One program at a time, until it is dropped.
pub(crate) struct Turn {
    _file: File,
}

impl Turn {
    fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
    }

    /// Waits for it.
    pub(crate) fn wait(path: &Path) -> io::Result<Self> {
        let file = Self::open(path)?;
        file.lock()?;
        Ok(Self { _file: file })
    }

    /// The same, with a word to the person when somebody else has it.
    pub(crate) fn wait_saying(path: &Path, say: impl FnOnce()) -> io::Result<Self> {
        let file = Self::open(path)?;
        if file.try_lock().is_err() {
            say();
            file.lock()?;
        }
        Ok(Self { _file: file })
    }
}

/// The user's folder for Supercargo.
pub(crate) fn folder() -> Option<PathBuf> {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let parent = if cfg!(windows) {
        PathBuf::from(named("APPDATA")?)
    } else {
        let configured = named("XDG_CONFIG_HOME").map(PathBuf::from);
        configured.or_else(|| Some(PathBuf::from(named("HOME")?).join(".config")))?
    };
    Some(parent.join("supercargo"))
}

/// Makes a folder that is the user's alone.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a file that is the user's alone; never one that is there, which could be a link of somebody else's.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str) -> KeptToken {
        KeptToken {
            id: id.to_owned(),
            token: format!("scg_{id}"),
            expires_at: Timestamp::from_rfc3339("2026-12-01T00:00:00Z"),
            obtained: true,
            handed_to: Vec::new(),
        }
    }

    #[test]
    fn tokens_come_back_as_they_went_in_and_are_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::at(folder.path().join("supercargo").join("tokens.json"));
        assert_eq!(file.get("a").unwrap(), None);
        assert!(!file.remove("a").unwrap());
        file.put("a", &token("1")).unwrap();
        file.put("b", &token("2")).unwrap();
        file.put("a", &token("3")).unwrap();
        assert_eq!(file.get("a").unwrap(), Some(token("3")));
        assert_eq!(file.get("b").unwrap(), Some(token("2")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(file.path()), 0o600);
            assert_eq!(mode(file.path().parent().unwrap()), 0o700);
        }
        assert!(file.remove("a").unwrap());
        assert_eq!(file.get("a").unwrap(), None);
    }

    #[test]
    fn a_file_that_is_none_is_left_alone_and_its_words_are_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::at(folder.path().join("tokens.json"));
        fs::write(file.path(), "{\"a\": \"secret\"}").unwrap();
        let refused = file.put("b", &token("1")).unwrap_err().to_string();
        assert!(refused.contains("line 1"), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
        let text = fs::read_to_string(file.path()).unwrap();
        assert_eq!(text, "{\"a\": \"secret\"}");
    }

    #[test]
    fn a_token_of_which_nothing_is_known_was_handed_over() {
        let text = r#"{"id": "1", "token": "scg_1", "expires_at": null}"#;
        let kept: KeptToken = serde_json::from_str(text).unwrap();
        assert!(!kept.obtained);
    }

    #[test]
    fn a_token_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", token("1")), "KeptToken(1)");
    }
}
