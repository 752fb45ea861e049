//! Encryption at rest of what must be read back: upstream credentials.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use crate::settings::SecretKey;

/// AES-256-GCM with a fresh random nonce for each secret. The row's own name is authenticated with it, so that a secret
/// copied to another row by someone who writes to the database does not decrypt there.
pub(crate) struct Secrets(RandomizedNonceKey);

impl Secrets {
    pub(crate) fn new(key: &SecretKey) -> Self {
        Self(
            RandomizedNonceKey::new(&AES_256_GCM, key.bytes())
                .expect("invariant: the key has 32 bytes"),
        )
    }

    pub(crate) fn seal(&self, place: &str, secret: &str) -> Vec<u8> {
        let mut text = secret.as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut text)
            .expect("invariant: a secret is far below the cipher's limit");
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        sealed
    }

    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> anyhow::Result<String> {
        let wrong = || {
            anyhow::anyhow!(
                "the secret of {place} cannot be decrypted: is `secret_key_file` the one this database was made with?"
            )
        };
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut text = text.to_vec();
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut text)
            .map_err(|_| wrong())?;
        Ok(String::from_utf8(plain.to_vec())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_was_sealed_and_with_its_key() {
        let secrets = Secrets::new(&SecretKey::new([7; 32]));
        let sealed = secrets.seal("upstream `a`", "hunter2");
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(secrets.open("upstream `a`", &sealed).unwrap(), "hunter2");
        assert!(secrets.open("upstream `b`", &sealed).is_err());
        assert!(
            Secrets::new(&SecretKey::new([8; 32]))
                .open("upstream `a`", &sealed)
                .is_err()
        );
        assert!(secrets.open("upstream `a`", &sealed[..10]).is_err());
    }
}
