//! Values that are valid by construction, and the names everything else is written in.
//!
//! Nothing here performs I/O or knows a database, a socket or HTTP. A value of one of these types has been checked once,
//! by `FromStr`, and is never checked again.

mod account;
mod address_range;
mod described;
mod digest;
mod names;
mod pattern;
mod rate;
mod rights;
mod seams;
mod site;
mod sparse;
mod states;
mod terminal;
mod text_enum;
mod time;
mod token;
mod version_pattern;

pub use account::{
    AccountName, InvalidAccountName, InvalidPublisherName, PrincipalKind, PrincipalRef,
    PublisherName,
};
pub use address_range::{AddressRange, InvalidAddressRange};
pub use digest::{Digest, InvalidDigest, hex, unhex};
pub use names::{
    CanonicalName, CrateName, InvalidCrateName, InvalidRegistryName, RegistryName, Spelling,
};
pub use pattern::{InvalidPattern, NamePattern};
pub use rate::{InvalidRate, Rate};
pub use rights::{
    ClaimMode, InstanceRole, Publishing, Role, Scope, Scopes, UnknownScope, View, Visibility,
};
pub use seams::{Clock, Random};
pub use site::{InvalidBase, Site};
pub use sparse::sparse_path;
pub use states::{Action, VersionState, version_number};
pub use terminal::printable;
pub use text_enum::UnknownWord;
pub use time::Timestamp;
pub use token::{InvalidToken, TokenHash, TokenSecret};
pub use version_pattern::{InvalidVersionPattern, VersionPattern};
