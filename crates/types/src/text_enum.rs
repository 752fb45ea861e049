//! Enums whose variants are words in JSON, SQL and on the command line.

/// A word that is none of those an enum has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a {what}; use one of {choices}")]
pub struct UnknownWord {
    /// What was read.
    pub word: String,
    /// What it should have been, such as `visibility`.
    pub what: &'static str,
    /// The words that would have been right, each in backticks.
    pub choices: String,
}

/// Gives an enum its words: `as_str`, `ALL`, `FromStr`, `Display`, serde and its description, all from one list.
macro_rules! words {
    ($name:ident, $what:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every variant, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in JSON, SQL and on the command line.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(crate::UnknownWord {
                        word: text.to_owned(),
                        what: $what,
                        choices: [$(concat!("`", $word, "`")),+].join(", "),
                    }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        crate::described::described!(
            $name,
            crate::described::word($what, Self::ALL.iter().map(|word| word.as_str()))
        );
    };
}

/// Gives a text newtype with a checking `FromStr` its `as_str`, `Display` and serde, and with a regular expression (ECMA 262)
/// of what `FromStr` takes, the most characters, and an example, its description.
macro_rules! text {
    ($name:ident, $pattern:literal, $longest:literal, $example:literal) => {
        text!($name);

        crate::described::described!($name, crate::described::text($pattern, $longest, $example));
    };
    ($name:ident) => {
        impl $name {
            /// The text, valid by construction.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "`{}`", self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use text;
pub(crate) use words;
