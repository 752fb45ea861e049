//! A token's text and its hash.
//!
//! `scg_`, then 32 random bytes as 43 base62 digits, then the CRC-32 of those 47 characters as 6 base62 digits. The prefix
//! and the checksum let secret scanners find a leaked token without asking us; only its SHA-256 is ever stored.

use std::{fmt, str::FromStr};

use subtle::ConstantTimeEq as _;

use crate::{Digest, Random};

const PREFIX: &str = "scg_";
const DIGITS: usize = 43;
const CHECK_DIGITS: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The whole secret. Its `Debug` does not show it, so that it never reaches a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

/// The text does not have a token's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "that is not a token of this server: it starts with `scg_`, has 53 characters, and its last six are a checksum"
)]
pub struct InvalidToken;

/// SHA-256 of a token's text: what is stored and looked up. Finding a hash by equality is safe against timing, since an
/// attacker cannot choose a hash's leading bytes without knowing the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(Digest);

impl TokenSecret {
    /// A new one.
    pub fn generate(random: &Random) -> Self {
        Self::from_entropy(random.bytes())
    }

    fn from_entropy(entropy: [u8; 32]) -> Self {
        let mut text = String::with_capacity(PREFIX.len() + DIGITS + CHECK_DIGITS);
        text.push_str(PREFIX);
        text.push_str(&base62(entropy));
        let check = checksum(&text);
        text.extend(check.map(char::from));
        Self(text)
    }

    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a text has a token's form and not its checksum: most likely one that was typed, or copied by eye.
    pub fn is_mistyped(text: &str) -> bool {
        has_form(text) && text.parse::<Self>().is_err()
    }

    /// What is stored.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Digest::of(self.0.as_bytes()))
    }

    /// The first characters, by which people tell their tokens apart in a list: 8 of 43 digits are no secret.
    pub fn prefix(&self) -> &str {
        &self.0[..PREFIX.len() + 8]
    }
}

impl TokenHash {
    /// From SQL.
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// For SQL.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

/// Big-endian number in base 62, padded to 43 digits: 62^43 is the first power over 2^256.
fn base62(bytes: [u8; 32]) -> String {
    let mut number = bytes;
    let mut digits = [0; DIGITS];
    for digit in digits.iter_mut().rev() {
        // one long division by 62
        let mut remainder = 0_u32;
        for byte in &mut number {
            let dividend = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(dividend / 62).expect("invariant: the remainder is below 62");
            remainder = dividend % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    digits.iter().copied().map(char::from).collect()
}

/// Whether length, beginning and characters are a token's.
fn has_form(text: &str) -> bool {
    text.len() == PREFIX.len() + DIGITS + CHECK_DIGITS
        && text
            .strip_prefix(PREFIX)
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// CRC-32 (ISO-HDLC) of the text in six base62 digits.
fn checksum(text: &str) -> [u8; CHECK_DIGITS] {
    let mut number = crc32fast::hash(text.as_bytes());
    let mut digits = [0; CHECK_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(number % 62) as usize];
        number /= 62;
    }
    digits
}

impl FromStr for TokenSecret {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !has_form(text) {
            return Err(InvalidToken);
        }
        let (body, check) = text.split_at(PREFIX.len() + DIGITS);
        if checksum(body).ct_eq(check.as_bytes()).into() {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidToken)
        }
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_of_the_contract() {
        assert_eq!(
            TokenSecret::from_entropy([0; 32]).reveal(),
            "scg_000000000000000000000000000000000000000000013ldJ2"
        );
        let counting = std::array::from_fn(|index| u8::try_from(index).unwrap());
        assert_eq!(
            TokenSecret::from_entropy(counting).reveal(),
            "scg_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0NjLCC"
        );
    }

    #[test]
    fn a_token_is_not_shown_by_debug() {
        let token = TokenSecret::generate(&Random::System);
        assert!(!format!("{token:?}").contains(&token.reveal()[20..]));
    }

    proptest! {
        #[test]
        fn what_is_made_parses_and_a_typing_error_does_not(entropy: [u8; 32], at in 4_usize..53, put in "[0-9A-Za-z]") {
            let token = TokenSecret::from_entropy(entropy);
            prop_assert_eq!(token.reveal().parse::<TokenSecret>(), Ok(token.clone()));
            let mut wrong = token.reveal().to_owned();
            wrong.replace_range(at..=at, &put);
            prop_assume!(wrong != token.reveal());
            prop_assert!(wrong.parse::<TokenSecret>().is_err());
            prop_assert!(TokenSecret::is_mistyped(&wrong));
            prop_assert!(!TokenSecret::is_mistyped(token.reveal()));
            prop_assert!(!TokenSecret::is_mistyped(&token.reveal()[..at]));
        }

        #[test]
        fn nonsense_never_panics(text in ".{0,60}") {
            let _ = text.parse::<TokenSecret>();
        }
    }
}
