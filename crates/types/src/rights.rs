//! Roles, scopes and the words of a registry's settings. What they allow together is decided in `supercargo-registry`.

use std::fmt;

use utoipa::{PartialSchema as _, ToSchema};

use crate::text_enum::words;

/// Who reads a registry; each audience includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Visibility {
    /// Members only.
    Private,
    /// Any signed-in user or service account.
    Internal,
    /// Anyone.
    Public,
}
words!(Visibility, "visibility", { Private => "private", Internal => "internal", Public => "public" });

/// Who publishes to a crate that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Publishing {
    /// Its owners, and maintainers of the registry.
    Owners,
    /// Every publisher of the registry.
    Members,
}
words!(Publishing, "publishing mode", { Owners => "owners", Members => "members" });

/// What a principal may do in one registry; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads the index, downloads, searches.
    Reader,
    /// Publishes, yanks and changes owners of crates that it owns.
    Publisher,
    /// The same for any crate; claims, quarantine, deletion.
    Maintainer,
    /// Settings, members, upstreams.
    Admin,
}
words!(Role, "role", {
    Reader => "reader", Publisher => "publisher", Maintainer => "maintainer", Admin => "admin",
});

/// What a principal may do on the instance; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InstanceRole {
    /// Nothing beyond the registries it is a member of.
    Member,
    /// Makes registries.
    Creator,
    /// Everything; admin of every registry.
    Admin,
}
words!(InstanceRole, "role on the instance", { Member => "member", Creator => "creator", Admin => "admin" });

/// How a registry treats a claimed name against its upstreams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimMode {
    /// Hosted only; upstreams are never asked, in no view.
    Private,
    /// Hosted in the index view, upstream's in the mirror view.
    Fork,
    /// Both; a number that both have is the hosted one.
    Merge,
}
words!(ClaimMode, "claim mode", { Private => "private", Fork => "fork", Merge => "merge" });

/// Which of a registry's three indexes is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum View {
    /// Hosted crates and upstreams, resolved.
    Index,
    /// Upstreams only: for `[source.crates-io] replace-with`.
    Mirror,
    /// Hosted crates only.
    Hosted,
}
words!(View, "view", { Index => "index", Mirror => "mirror", Hosted => "hosted" });

/// One thing that a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Index, downloads, search; every other scope implies it.
    Read,
    /// New crates and versions.
    Publish,
    /// Yank and unyank.
    Yank,
    /// Change owners.
    Owners,
    /// Claims, releases, quarantine.
    Maintain,
    /// Delete and restore.
    Delete,
    /// Settings, members, tokens of others.
    Admin,
}
words!(Scope, "scope", {
    Read => "read", Publish => "publish", Yank => "yank", Owners => "owners",
    Maintain => "maintain", Delete => "delete", Admin => "admin",
});

/// A set of scopes. Never empty where it comes from a request: `read` is in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

/// A list of scopes that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token needs at least one scope; use `read` for one that only reads")]
pub struct UnknownScope;

impl Scopes {
    /// Only `read`: the default of a new token.
    pub const READ: Self = Self(1);

    /// Every scope there is: the first administrator's token.
    pub fn all() -> Self {
        Scope::ALL.iter().copied().collect()
    }

    /// Whether the scope is in the set.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether each of `other`'s scopes is in this set.
    pub const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The scopes, in their documented order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .iter()
            .copied()
            .filter(move |&scope| self.has(scope))
    }
}

impl FromIterator<Scope> for Scopes {
    /// Every scope implies `read`.
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(
            scopes
                .into_iter()
                .fold(Self::READ.0, |bits, scope| bits | 1 << scope as u8),
        )
    }
}

impl fmt::Display for Scopes {
    /// The words with commas between, as stored in SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&words.join(","))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl std::str::FromStr for Scopes {
    type Err = crate::UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(str::parse::<Scope>).collect()
    }
}

impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl utoipa::PartialSchema for Scopes {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let scope = utoipa::openapi::Ref::from_schema_name(Scope::name());
        utoipa::openapi::schema::ArrayBuilder::new()
            .items(scope)
            .min_items(Some(1))
            .description(Some(
                "What a token may be used for. Every scope implies `read`.",
            ))
            .into()
    }
}

impl ToSchema for Scopes {
    fn name() -> std::borrow::Cow<'static, str> {
        "Scopes".into()
    }

    fn schemas(
        schemas: &mut Vec<(
            String,
            utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>,
        )>,
    ) {
        schemas.push((Scope::name().into(), Scope::schema()));
    }
}

impl<'de> serde::Deserialize<'de> for Scopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scopes = Vec::<Scope>::deserialize(deserializer)?;
        if scopes.is_empty() {
            return Err(serde::de::Error::custom(UnknownScope));
        }
        Ok(scopes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_implies_read() {
        for &scope in Scope::ALL {
            let scopes: Scopes = [scope].into_iter().collect();
            assert!(scopes.has(Scope::Read) && scopes.has(scope));
            assert_eq!(scopes.to_string().parse::<Scopes>().unwrap(), scopes);
        }
        assert!(!Scopes::READ.has(Scope::Publish));
        assert!(Scopes::all().includes(Scopes::READ));
        assert!(!Scopes::READ.includes(Scopes::all()));
    }

    #[test]
    fn roles_are_ordered() {
        assert!(Role::Reader < Role::Publisher && Role::Maintainer < Role::Admin);
        assert!(InstanceRole::Member < InstanceRole::Creator);
    }

    #[test]
    fn an_unknown_word_names_the_right_ones() {
        insta::assert_snapshot!(
            "hidden".parse::<Visibility>().unwrap_err(),
            @"`hidden` is not a visibility; use one of `private`, `internal`, `public`"
        );
    }
}
