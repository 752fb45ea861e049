//! Where the database is, as people write it. What it shows of itself holds no password.

use std::{fmt, path::PathBuf, str::FromStr};

use sqlx::postgres::PgConnectOptions;
use url::Url;

/// `sqlite:PATH`, or `postgres://…` as PostgreSQL's own tools read it.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file, made when it is absent.
    Sqlite(PathBuf),
    /// A database on a server.
    Postgres(Box<PostgresUrl>),
}

/// A checked `postgres://…`, parsed once.
#[derive(Clone)]
pub struct PostgresUrl {
    pub(crate) options: PgConnectOptions,
    shown: String,
}

/// Why a text does not say where a database is. It does not repeat the text, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Neither engine's scheme.
    #[error("a database is written as `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`")]
    Scheme,
    /// No path, or SQLite's word for memory.
    #[error("`sqlite:` needs the path of a file, as in `sqlite:/var/lib/supercargo/supercargo.db`")]
    Path,
    /// A part of the `postgres://…` cannot be read.
    #[error(
        "the `postgres://…` address cannot be read: {0}; write it as `postgres://USER:PASSWORD@HOST/NAME`"
    )]
    Address(Box<dyn std::error::Error + Send + Sync>),
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() || path.starts_with(":memory:") {
                Err(InvalidDatabaseUrl::Path)
            } else {
                Ok(Self::Sqlite(path.into()))
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let shown = without_password(text)
                .map_err(|error| InvalidDatabaseUrl::Address(error.into()))?;
            let options = text
                .parse()
                .map_err(|error| InvalidDatabaseUrl::Address(Box::<sqlx::Error>::new(error)))?;
            return Ok(Self::Postgres(Box::new(PostgresUrl { options, shown })));
        }
        Err(InvalidDatabaseUrl::Scheme)
    }
}

/// The query is left out whole, for it may name a password too.
fn without_password(text: &str) -> Result<String, url::ParseError> {
    let mut url: Url = text.parse()?;
    url.set_query(None);
    if url.password().is_some() && url.set_password(None).is_err() {
        return Err(url::ParseError::EmptyHost);
    }
    Ok(url.into())
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&url.shown),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://app:hunter2@db.example:5433/crates?password=hunter2",
            "postgresql://app:hunter2@db.example/crates",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            let shown = format!("{url} {url:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("app@db.example"), "{shown}");
        }
    }

    #[test]
    fn a_path_is_taken_as_it_stands() {
        for text in ["sqlite:data/store.db", "sqlite:///var/lib/a b/store.db?x"] {
            let url: DatabaseUrl = text.parse().unwrap();
            let shown = url.to_string();
            assert_eq!(shown, text.replace("sqlite://", "sqlite:"));
        }
    }

    #[test]
    fn nonsense_says_how_to_write_it() {
        let say = |text: &str| text.parse::<DatabaseUrl>().unwrap_err().to_string();
        insta::assert_snapshot!(
            [say("mysql://x"), say("sqlite:"), say("sqlite::memory:"), say("postgres://u:p@h:port/x")].join("\n"),
            @"
        a database is written as `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`
        `sqlite:` needs the path of a file, as in `sqlite:/var/lib/supercargo/supercargo.db`
        `sqlite:` needs the path of a file, as in `sqlite:/var/lib/supercargo/supercargo.db`
        the `postgres://…` address cannot be read: invalid port number; write it as `postgres://USER:PASSWORD@HOST/NAME`
        "
        );
    }
}
