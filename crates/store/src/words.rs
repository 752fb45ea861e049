//! Enums of this room that are stored as words.

/// Gives an enum its words: `as_str`, `FromStr` and `Display`, all from one list.
macro_rules! words {
    ($name:ident, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// The word as it stands in SQL and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = supercargo_types::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(supercargo_types::UnknownWord {
                        word: text.to_owned(),
                        what: stringify!($name),
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
    };
}

pub(crate) use words;
