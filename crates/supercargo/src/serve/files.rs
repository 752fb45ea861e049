//! Files that are for this user alone: the data folder itself, the secret key, the first token, and the id of the storage.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use supercargo_types::{Random, TokenSecret, hex};

use super::error::StartError;
use crate::configuration::{SecretKeyFile, Sourced};

/// A key file has 65 bytes; what is longer is another file.
const LONGEST_KEY_FILE: u64 = 1024;
const KEY_BYTES: usize = 32;

/// Makes the data folder where it is absent, for this user alone, and tries to write in it.
pub(super) fn prepare_data_folder(data: &Sourced<PathBuf>) -> Result<(), StartError> {
    let folder = &data.value;
    let prepared = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| Draft::write(folder, "probe", "").map(drop));
    prepared.map_err(|reason| StartError::DataFolder {
        folder: folder.clone(),
        origin: data.origin.clone(),
        reason,
    })
}

/// Reads the secret key; the one in the data folder is made where it is absent.
pub(super) fn secret_key(
    file: &SecretKeyFile,
    random: &Random,
) -> Result<[u8; KEY_BYTES], StartError> {
    match file {
        SecretKeyFile::Given(Sourced { value, origin }) => {
            let text = read(value).map_err(|reason| StartError::GivenKey {
                path: value.clone(),
                origin: origin.clone(),
                reason,
            })?;
            key(value, &text)
        }
        SecretKeyFile::InDataFolder(path) => {
            let failed = |doing| {
                move |reason| StartError::SecretFile {
                    path: path.clone(),
                    doing,
                    reason,
                }
            };
            match read(path) {
                Ok(text) => return key(path, &text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("read")(error)),
            }
            let fresh: [u8; KEY_BYTES] = random.bytes();
            let draft = Draft::write(
                &folder_of(path),
                "secret-key",
                &format!("{}\n", hex(&fresh)),
            );
            draft
                .and_then(|draft| draft.put_new(path))
                .map_err(failed("made"))?;
            // Another program may have put its own there first: what stands there now is the key.
            key(path, &read(path).map_err(failed("read"))?)
        }
    }
}

/// Writes the first token to a file of its own. An older one belongs to a database that is gone.
///
/// It is written before the token counts, so that no crash in between leaves a server whose administrator has no token.
pub(super) fn write_admin_token(path: &Path, token: &TokenSecret) -> Result<(), StartError> {
    let text = format!("{}\n", token.reveal());
    Draft::write(&folder_of(path), "admin-token", &text)
        .and_then(|draft| draft.put(path))
        .map_err(|reason| StartError::SecretFile {
            path: path.to_owned(),
            doing: "written",
            reason,
        })
}

/// Beside the blobs.
const STORAGE_ID_FILE: &str = "storage-id";

/// The id that a storage folder was given, if it was.
pub(super) fn storage_id(folder: &Path) -> Result<Option<String>, StartError> {
    let path = folder.join(STORAGE_ID_FILE);
    match read(&path) {
        Ok(text) => Ok(Some(
            String::from_utf8_lossy(text.trim_ascii()).into_owned(),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(StartError::SecretFile {
            path,
            doing: "read",
            reason,
        }),
    }
}

/// Gives a storage folder an id unless it has one, and says which it has: of several that start at once, one gives it.
pub(super) fn make_storage_id(folder: &Path, random: &Random) -> Result<String, StartError> {
    if let Some(id) = storage_id(folder)? {
        return Ok(id);
    }
    let path = folder.join(STORAGE_ID_FILE);
    let fresh: [u8; KEY_BYTES] = random.bytes();
    // with chance in its name: in containers that share the folder, process ids are often equal
    let draft = Draft::write(
        folder,
        &format!(
            "{STORAGE_ID_FILE}-{}",
            &hex(&random.bytes::<KEY_BYTES>())[..16]
        ),
        &format!("{}\n", &hex(&fresh)[..32]),
    );
    draft
        .and_then(|draft| draft.put_new(&path))
        .map_err(|reason| StartError::SecretFile {
            path,
            doing: "made",
            reason,
        })?;
    Ok(storage_id(folder)?.unwrap_or_default())
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new(".")).to_owned()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(LONGEST_KEY_FILE)
        .read_to_end(&mut text)?;
    Ok(text)
}

fn key(path: &Path, text: &[u8]) -> Result<[u8; KEY_BYTES], StartError> {
    let not_a_key = || StartError::NotAKey {
        path: path.to_owned(),
    };
    let digits = text.trim_ascii();
    if digits.len() != 2 * KEY_BYTES {
        return Err(not_a_key());
    }
    let digit = |&byte: &u8| char::from(byte).to_digit(16);
    let mut key = [0; KEY_BYTES];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let (Some(high), Some(low)) = (digit(&pair[0]), digit(&pair[1])) else {
            return Err(not_a_key());
        };
        *byte = u8::try_from(high << 4 | low).expect("invariant: two hexadecimal digits");
    }
    Ok(key)
}

/// A whole file under a name that nobody looks at, so that its own name never shows half of it. Removed when dropped.
struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Durable when it returns. `create_new` stops a link that somebody left under this name from being followed; the mode
    /// is there from the start, so that no other user can open the file before.
    fn write(folder: &Path, name: &str, text: &str) -> io::Result<Self> {
        let path = folder.join(format!(".{name}.{}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = match options.open(&path) {
            // left by a crash of a process that had our number
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&path)?;
                options.open(&path)?
            }
            opened => opened?,
        };
        let draft = Self { path };
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(draft)
    }

    /// Gives the file its name unless another file has it.
    fn put_new(self, path: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
            Ok(()) => File::open(folder_of(path))?.sync_all(),
        }
    }

    /// Gives the file its name; a file or link that has it is replaced, never written through.
    fn put(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        File::open(folder_of(path))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "a temporary file was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use insta::assert_snapshot;

    use super::*;
    use crate::configuration::Origin;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    fn shown(error: &StartError, folder: &Path) -> String {
        error
            .to_string()
            .replace(&folder.display().to_string(), "FOLDER")
    }

    #[test]
    fn the_data_folder_is_made_for_its_owner_alone_and_left_empty() {
        let outer = tempfile::tempdir().unwrap();
        let data = Sourced {
            value: outer.path().join("a/b"),
            origin: Origin::Default,
        };
        prepare_data_folder(&data).unwrap();
        prepare_data_folder(&data).unwrap();
        assert_eq!(mode(&data.value), 0o700);
        assert!(names(&data.value).is_empty());
    }

    #[test]
    fn a_data_folder_that_cannot_be_is_named_with_who_asked_for_it() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("file"), "").unwrap();
        let data = Sourced {
            value: outer.path().join("file/data"),
            origin: Origin::Environment("SUPERCARGO_DATA".to_owned()),
        };
        let error = prepare_data_folder(&data).unwrap_err();
        assert_snapshot!(shown(&error, outer.path()), @"the data folder `FOLDER/file/data` (from SUPERCARGO_DATA) cannot be written: Not a directory (os error 20); check its owner and that the disk is not full, or name another with `--data`");
    }

    #[test]
    fn the_secret_key_is_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        let file = SecretKeyFile::InDataFolder(path.clone());
        let made = secret_key(&file, &Random::System).unwrap();
        assert_eq!(secret_key(&file, &Random::System).unwrap(), made);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(names(folder.path()), ["secret-key"]);
        let given = SecretKeyFile::Given(Sourced {
            value: path,
            origin: Origin::Default,
        });
        assert_eq!(secret_key(&given, &Random::System).unwrap(), made);
    }

    #[test]
    fn a_storage_folder_is_given_an_id_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(storage_id(folder.path()).unwrap(), None);
        let made = make_storage_id(folder.path(), &Random::System).unwrap();
        assert_eq!(made.len(), 32);
        assert_eq!(
            make_storage_id(folder.path(), &Random::System).unwrap(),
            made
        );
        assert_eq!(storage_id(folder.path()).unwrap(), Some(made));
        assert_eq!(names(folder.path()), ["storage-id"]);
    }

    #[test]
    fn a_key_that_is_none_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        for text in [
            "",
            "abc",
            &"0".repeat(63),
            &"g".repeat(64),
            &"0".repeat(2000),
        ] {
            fs::write(&path, text).unwrap();
            let file = SecretKeyFile::InDataFolder(path.clone());
            let error = secret_key(&file, &Random::System).unwrap_err();
            assert!(matches!(error, StartError::NotAKey { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_key_file_that_was_named_is_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = SecretKeyFile::Given(Sourced {
            value: folder.path().join("typing-eror"),
            origin: Origin::Environment("SUPERCARGO_SECRET_KEY_FILE".to_owned()),
        });
        let error = secret_key(&file, &Random::System).unwrap_err();
        assert_snapshot!(shown(&error, folder.path()), @r#"`secret_key_file` = "FOLDER/typing-eror" (from SUPERCARGO_SECRET_KEY_FILE) cannot be read: No such file or directory (os error 2); a key file that is named is never made: put the key there, or leave the setting out to have one made in the data folder"#);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn the_first_token_replaces_a_planted_link_instead_of_writing_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let [path, victim] = ["admin-token", "victim"].map(|name| folder.path().join(name));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        let token = TokenSecret::generate(&Random::System);
        write_admin_token(&path, &token).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&path).unwrap().trim().parse(), Ok(token));
        assert_eq!(mode(&path), 0o600);
    }
}
