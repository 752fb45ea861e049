//! A statement with its values, before it is known which engine runs it.

use std::borrow::Cow;

use sqlx::{Database, Encode, Type};
use supercargo_types::{Digest, Timestamp};

use crate::StoreError;

/// A value on its way into SQL. Each variant knows its type even when it is NULL, for PostgreSQL asks.
pub(crate) enum Value<'q> {
    Integer(Option<i64>),
    Text(Option<Cow<'q, str>>),
    Bytes(Option<&'q [u8]>),
    Flag(Option<bool>),
}

/// A statement and what stands for `$1`, `$2`, ….
pub(crate) struct Query<'q> {
    text: &'static str,
    values: Vec<Value<'q>>,
}

/// Begins a query; `text` is one of a module's `STATEMENTS`.
pub(crate) fn query<'q>(text: &'static str) -> Query<'q> {
    Query {
        text,
        values: Vec::new(),
    }
}

impl<'q> Query<'q> {
    /// The value of the next parameter.
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Turns into the driver's own query. Each statement stays prepared on its connection.
    ///
    /// # Errors
    /// A text holds NUL. SQLite would take it and PostgreSQL would not, so neither is asked: what was written on one engine can
    /// be moved to the other.
    pub(crate) fn build<DB>(
        self,
    ) -> Result<sqlx::query::Query<'static, DB, DB::Arguments>, StoreError>
    where
        DB: Database,
        Option<i64>: for<'t> Encode<'t, DB> + Type<DB>,
        for<'t> Option<&'t str>: Encode<'t, DB> + Type<DB>,
        for<'t> Option<&'t [u8]>: Encode<'t, DB> + Type<DB>,
        Option<bool>: for<'t> Encode<'t, DB> + Type<DB>,
    {
        let mut query = sqlx::query(self.text);
        for value in self.values {
            query = match value {
                Value::Integer(value) => query.bind(value),
                Value::Text(Some(text)) if text.contains('\0') => {
                    return Err(StoreError::Unstorable);
                }
                Value::Text(value) => query.bind(value.as_deref()),
                Value::Bytes(value) => query.bind(value),
                Value::Flag(value) => query.bind(value),
            };
        }
        Ok(query)
    }
}

/// Lists and maps as SQL holds them.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("invariant: lists and maps of texts are JSON")
}

/// Of one of the texts that lie side by side.
const WIDTH: usize = 64;

/// Short texts side by side, 64 characters for each, for statements that take any number of them: both engines can cut such a
/// text up, whereas the lists of each are unknown to the other. Names of crates have at most 64 characters.
pub(crate) fn columns<T: std::fmt::Display>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().fold(String::new(), |mut columns, text| {
        let end = columns.len() + WIDTH;
        columns.push_str(&text.to_string());
        columns.extend(std::iter::repeat_n(' ', end.saturating_sub(columns.len())));
        columns
    })
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Integer(Some(value.into()))
    }
}

impl From<u64> for Value<'_> {
    /// Sizes in bytes: nothing that fits on a disk comes near the limit.
    fn from(value: u64) -> Self {
        Self::Integer(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Integer(Some(value.as_micros()))
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Integer(value.map(Timestamp::as_micros))
    }
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(value: &'q str) -> Self {
        Self::Text(Some(value.into()))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(value: Option<&'q str>) -> Self {
        Self::Text(value.map(Into::into))
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(Some(value.into()))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(value: Option<String>) -> Self {
        Self::Text(value.map(Into::into))
    }
}

impl<'q> From<&'q Digest> for Value<'q> {
    fn from(value: &'q Digest) -> Self {
        Self::Bytes(Some(value.as_bytes()))
    }
}

impl<'q> From<&'q [u8]> for Value<'q> {
    fn from(value: &'q [u8]) -> Self {
        Self::Bytes(Some(value))
    }
}

impl<'q> From<Option<&'q [u8]>> for Value<'q> {
    fn from(value: Option<&'q [u8]>) -> Self {
        Self::Bytes(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Flag(Some(value))
    }
}

impl From<Option<bool>> for Value<'_> {
    fn from(value: Option<bool>) -> Self {
        Self::Flag(value)
    }
}
