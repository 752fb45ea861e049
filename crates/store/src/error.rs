//! What every method answers with: a fault, or one of a few outcomes.

/// The database cannot be reached, refused a statement, or holds something that this program cannot read. All but one are
/// faults: nobody who asked can do anything about them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database, or the way to it, failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Rows that this program never leaves so.
    #[error("the database contradicts itself: {0}")]
    Inconsistent(String),
    /// A value, to be written or looked for, is one that not every engine can hold. Whoever sent it can mend it.
    #[error(
        "a text holds the character NUL, which no database can store; take it out and try again"
    )]
    Unstorable,
}

impl StoreError {
    /// Whether it is the fault of a value, and so of whoever sent it: a refusal. Nothing has been written.
    pub const fn is_unstorable(&self) -> bool {
        matches!(self, Self::Unstorable)
    }

    /// A stored value that is none of those this program writes.
    pub(crate) fn unreadable(
        column: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Database(sqlx::Error::ColumnDecode {
            index: column.to_owned(),
            source: source.into(),
        })
    }

    /// Whether a row that another row points to was to be deleted, or one that does not exist was pointed to.
    pub(crate) fn breaks_reference(&self) -> bool {
        matches!(self, Self::Database(error) if error
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation))
    }
}

/// What became of a row with a name that must be unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created<T = i64> {
    /// It stands there now.
    Done(T),
    /// The name of the row that stood there before: the same name or a twin.
    Taken(String),
}

/// A part of a long list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// How many the whole list has.
    pub total: u64,
}
