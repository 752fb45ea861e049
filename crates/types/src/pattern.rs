//! Patterns over crate names: anchored, with `*` for any run of characters.

use std::str::FromStr;

use crate::{CanonicalName, names::fold, text_enum::text};

/// A crate name or a glob such as `acme-*`, kept in canonical form, so that it covers every spelling of a name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamePattern(String);
text!(NamePattern, "^[A-Za-z0-9_*-]{1,64}$", 64, "acme-*");

/// Why a text is not a pattern over crate names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Nothing there, or longer than any name.
    #[error("a pattern has 1 to 64 characters, as in `acme-*`")]
    Length,
    /// A character that no crate name has.
    #[error(
        "invalid character `{character}` in pattern `{pattern}`: use letters, digits, `-`, `_` and `*`, as in `acme-*`"
    )]
    Character {
        /// The whole pattern.
        pattern: String,
        /// The first one that is not allowed.
        character: char,
    },
}

impl NamePattern {
    /// Whether the whole name matches.
    pub fn covers(&self, name: &CanonicalName) -> bool {
        // Iterative, with one point to come back to: linear memory and no exponential case for `*a*a*a…`.
        let (pattern, text) = (self.0.as_bytes(), name.as_str().as_bytes());
        let (mut p, mut t) = (0, 0);
        let mut resume: Option<(usize, usize)> = None;
        while t < text.len() {
            if p < pattern.len() && pattern[p] == b'*' {
                resume = Some((p, t));
                p += 1;
            } else if p < pattern.len() && pattern[p] == text[t] {
                p += 1;
                t += 1;
            } else if let Some((star, from)) = resume {
                resume = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|&byte| byte == b'*')
    }

    /// Whether this is a plain name, without `*`.
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }
}

impl From<&CanonicalName> for NamePattern {
    fn from(name: &CanonicalName) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl FromStr for NamePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.chars().count() > 64 {
            return Err(InvalidPattern::Length);
        }
        match text
            .chars()
            .find(|&c| !(c.is_ascii_alphanumeric() || "-_*".contains(c)))
        {
            Some(character) => Err(InvalidPattern::Character {
                pattern: text.to_owned(),
                character,
            }),
            None => Ok(Self(fold(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(pattern: &str, name: &str) -> bool {
        pattern
            .parse::<NamePattern>()
            .unwrap()
            .covers(&name.parse().unwrap())
    }

    #[test]
    fn patterns_are_anchored_and_fold_spelling() {
        assert!(covers("acme-*", "acme-tools"));
        assert!(covers("acme_*", "ACME-tools"));
        assert!(covers("acme-*", "acme-"));
        assert!(!covers("acme-*", "acme"));
        assert!(!covers("acme-*", "not-acme-tools"));
        assert!(covers("*", "x"));
        assert!(covers("a*b*c", "axxbxxbc"));
        assert!(!covers("a*b*c", "axxbxxbd"));
        assert!(covers("Foo_Bar", "foo-bar"));
        assert!(!covers("foo", "foo-bar"));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "a b", "acme/*", "a?", &"a".repeat(65)] {
            assert!(bad.parse::<NamePattern>().is_err(), "{bad}");
        }
    }

    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some(b'*'), _) => {
                by_definition(&pattern[1..], text)
                    || (!text.is_empty() && by_definition(pattern, &text[1..]))
            }
            (Some(a), Some(b)) => a == b && by_definition(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*-]{1,8}", name in "[ab][ab-]{0,8}") {
            prop_assert_eq!(covers(&pattern, &name), by_definition(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
