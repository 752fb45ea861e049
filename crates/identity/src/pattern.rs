//! Patterns over what a token says.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// In characters.
const LENGTH: usize = 512;
/// In bytes, of a claim: longer ones match nothing, so that a match is never long work.
const CLAIM_BYTES: usize = 2_048;

/// A text that a claim must have: anchored at both ends, upper and lower case are two, `*` stands for any run of characters but
/// `/`, and `**` for any run at all.
///
/// `acme/*` is every repository of `acme` and none of a group below it; `refs/tags/**` is every tag. All other characters stand
/// for themselves.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimPattern(String);

/// The text cannot be a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pattern over a claim has 1 to 512 characters and no control characters, as in `acme/app` or `refs/tags/*`"
)]
pub struct InvalidClaimPattern;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Literal(u8),
    /// `*`
    Segment,
    /// `**`
    Anything,
}

impl ClaimPattern {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one text and no other.
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// What everything that matches begins with.
    pub fn prefix(&self) -> &str {
        self.0.split('*').next().unwrap_or_default()
    }

    /// Whether the whole text matches.
    pub fn covers(&self, text: &str) -> bool {
        let text = text.as_bytes();
        if text.len() > CLAIM_BYTES {
            return false;
        }
        // which beginnings of the text are matched by the pieces so far: no pattern is more work than its length times the text's
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for piece in self.pieces() {
            match piece {
                Piece::Literal(byte) => {
                    for end in (1..=text.len()).rev() {
                        reached[end] = reached[end - 1] && text[end - 1] == byte;
                    }
                    reached[0] = false;
                }
                Piece::Segment | Piece::Anything => {
                    for end in 1..=text.len() {
                        let may_pass = piece == Piece::Anything || text[end - 1] != b'/';
                        reached[end] |= reached[end - 1] && may_pass;
                    }
                }
            }
        }
        reached[text.len()]
    }

    fn pieces(&self) -> impl Iterator<Item = Piece> {
        let mut bytes = self.0.bytes().peekable();
        std::iter::from_fn(move || {
            let piece = match bytes.next()? {
                b'*' if bytes.next_if_eq(&b'*').is_some() => Piece::Anything,
                b'*' => Piece::Segment,
                byte => Piece::Literal(byte),
            };
            Some(piece)
        })
    }
}

impl FromStr for ClaimPattern {
    type Err = InvalidClaimPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.chars().count();
        if length == 0 || length > LENGTH || text.chars().any(char::is_control) {
            return Err(InvalidClaimPattern);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClaimPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClaimPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

impl Serialize for ClaimPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClaimPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(pattern: &str, text: &str) -> bool {
        pattern.parse::<ClaimPattern>().unwrap().covers(text)
    }

    #[test]
    fn patterns_are_anchored_and_a_star_stays_in_its_segment() {
        assert!(covers("acme/app", "acme/app"));
        assert!(!covers("acme/app", "acme/app2"));
        assert!(!covers("acme/app", "not-acme/app"));
        assert!(!covers("acme/app", "Acme/app"));
        assert!(covers("acme/*", "acme/app"));
        assert!(!covers("acme/*", "acme/group/app"));
        assert!(covers("acme/**", "acme/group/app"));
        assert!(!covers("acme/*", "acme-evil/app"));
        assert!(covers("refs/tags/v*", "refs/tags/v1.0"));
        assert!(!covers("refs/tags/v*", "refs/tags/v1/x"));
        assert!(covers("**/x", "a/b/x"));
        assert!(covers("*", ""));
        assert!(!covers("a?c", "abc"));
        assert!(!covers("[a]", "a"));
    }

    /// A pattern like this takes years where each star is tried in turn.
    #[test]
    fn no_pattern_is_long_work() {
        let pattern = "*a".repeat(250) + "b";
        assert!(!covers(&pattern, &"a".repeat(CLAIM_BYTES)));
        assert!(!covers("**", &"a".repeat(CLAIM_BYTES + 1)));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "a\nb", &"a".repeat(LENGTH + 1)] {
            assert!(bad.parse::<ClaimPattern>().is_err(), "{bad}");
        }
    }

    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', b'*', rest @ ..], _) => {
                by_definition(rest, text)
                    || (!text.is_empty() && by_definition(pattern, &text[1..]))
            }
            ([b'*', rest @ ..], _) => {
                by_definition(rest, text)
                    || (!text.is_empty() && text[0] != b'/' && by_definition(pattern, &text[1..]))
            }
            ([a, rest @ ..], [b, text @ ..]) => a == b && by_definition(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*/]{1,8}", text in "[ab/]{0,8}") {
            prop_assert_eq!(covers(&pattern, &text), by_definition(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
