//! Where a person's tokens are kept: the system's keyring, and a file where there is none.

use cargo_credential::{
    Action, CredentialResponse, Error, LoginOptions, Operation, RegistryInfo, Secret,
};

use crate::{
    device::say,
    token_file::{KeptToken, TokenFile, TokenFileError},
};

/// The file that stands in for a keyring.
const FILE: &str = "cargo-tokens.json";

/// Keeps tokens by the address of what they are for.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    /// Whether the system's may be asked.
    has_system: bool,
    file: TokenFile,
}

impl Keyring {
    pub(crate) fn new(has_system: bool) -> Result<Self, TokenFileError> {
        Ok(Self {
            has_system,
            file: TokenFile::of_user(FILE)?,
        })
    }

    /// The file beside which programs wait for each other.
    pub(crate) fn file(&self) -> &TokenFile {
        &self.file
    }

    /// What is kept under an address; what the keyring holds and nobody can read is nothing.
    pub(crate) fn get(&self, address: &str) -> Result<Option<KeptToken>, TokenFileError> {
        if self.has_system
            && let Ok(CredentialResponse::Get { token, .. }) =
                system(address, &Action::Get(Operation::Read))
            && let Ok(kept) = serde_json::from_str(token.as_deref().expose())
        {
            return Ok(Some(kept));
        }
        self.file.get(address)
    }

    /// Keeps a token; where there is no keyring, in the file, and says so.
    pub(crate) fn put(&self, address: &str, token: &KeptToken) -> Result<(), TokenFileError> {
        if self.has_system {
            let text = serde_json::to_string(token).expect("invariant: texts are JSON");
            let login = Action::Login(LoginOptions {
                token: Some(Secret::from(text.as_str())),
                login_url: None,
            });
            match system(address, &login) {
                Ok(_) => {
                    // what an earlier run has put there, for want of a keyring
                    self.file.remove(address)?;
                    return Ok(());
                }
                Err(error) => say(&format!(
                    "the system's keyring cannot be used ({error}): the token is kept in `{}`, which only you can read\n",
                    self.file.path().display()
                )),
            }
        }
        self.file.put(address, token)
    }

    /// Forgets what is kept under an address.
    pub(crate) fn forget(&self, address: &str) -> Result<(), TokenFileError> {
        if self.has_system && self.get(address)?.is_some() {
            // none there, or nobody can read it: then there is nothing to forget
            let _ = system(address, &Action::Logout);
        }
        self.file.remove(address).map(drop)
    }
}

/// Asks the system's keyring by the way that cargo itself goes, under a name that no registry of cargo's has.
fn system(address: &str, action: &Action<'_>) -> Result<CredentialResponse, Error> {
    let name = format!("supercargo {address}");
    let registry = RegistryInfo {
        index_url: &name,
        name: Some(&name),
        headers: Vec::new(),
    };
    perform(&registry, action)
}

#[cfg(target_os = "linux")]
fn perform(registry: &RegistryInfo<'_>, action: &Action<'_>) -> Result<CredentialResponse, Error> {
    use cargo_credential::Credential as _;
    let keyring = cargo_credential_libsecret::LibSecretCredential::new()?;
    let outcome = (&keyring).perform(registry, action, &[]);
    // GLib does not survive being unloaded and loaded again: the next use would crash
    std::mem::forget(keyring);
    outcome
}

#[cfg(target_os = "macos")]
fn perform(registry: &RegistryInfo<'_>, action: &Action<'_>) -> Result<CredentialResponse, Error> {
    use cargo_credential::Credential as _;
    cargo_credential_macos_keychain::MacKeychain.perform(registry, action, &[])
}

#[cfg(windows)]
fn perform(registry: &RegistryInfo<'_>, action: &Action<'_>) -> Result<CredentialResponse, Error> {
    use cargo_credential::Credential as _;
    cargo_credential_wincred::WindowsCredential.perform(registry, action, &[])
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn perform(_: &RegistryInfo<'_>, _: &Action<'_>) -> Result<CredentialResponse, Error> {
    Err("this system has none that is known".into())
}
