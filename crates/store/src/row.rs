//! A row of an answer, read by the names of its columns into checked values.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::{Decode, Row as _, Type, postgres::PgRow, sqlite::SqliteRow};
use supercargo_types::{Digest, Timestamp};

use crate::{StoreError, engine::on};

/// A row from either engine.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn get<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, sqlx::Sqlite> + Type<sqlx::Sqlite>,
        T: for<'r> Decode<'r, sqlx::Postgres> + Type<sqlx::Postgres>,
    {
        on!(self, Self, row => Ok(row.try_get(column)?))
    }

    pub(crate) fn integer(&self, column: &str) -> Result<i64, StoreError> {
        self.get(column)
    }

    pub(crate) fn maybe_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.get(column)
    }

    /// A size or a count: never below zero.
    pub(crate) fn unsigned(&self, column: &str) -> Result<u64, StoreError> {
        u64::try_from(self.integer(column)?)
            .map_err(|source| StoreError::unreadable(column, source))
    }

    pub(crate) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        self.get(column)
    }

    pub(crate) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.get(column)
    }

    pub(crate) fn maybe_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.get(column)
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        self.get(column)
    }

    pub(crate) fn digest(&self, column: &str) -> Result<Digest, StoreError> {
        Digest::try_from(&self.bytes(column)?[..])
            .map_err(|source| StoreError::unreadable(column, source))
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.integer(column).map(Timestamp::from_micros)
    }

    pub(crate) fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.maybe_integer(column)?.map(Timestamp::from_micros))
    }

    /// A name, a word, a version: whatever has a checking `FromStr`.
    pub(crate) fn parse<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.text(column)?
            .parse()
            .map_err(|source| StoreError::unreadable(column, source))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(column)?)
            .map_err(|source| StoreError::unreadable(column, source))
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        self.maybe_text(column)?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|source| StoreError::unreadable(column, source))
    }
}
