//! One way to speak to two databases: the same SQL text with `$N` parameters runs on SQLite and
//! PostgreSQL. Only two kinds of value cross: texts and 64-bit integers.

use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite};

use super::error::{Conflict, StoreError};

/// A value as it is stored. Typed also when null: PostgreSQL wants to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    /// Text, JSON, names.
    Text(Option<String>),
    /// Numbers, booleans, times in microseconds.
    Int(Option<i64>),
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(Some(text.into()))
    }

    pub(crate) const fn int(number: i64) -> Self {
        Self::Int(Some(number))
    }

    pub(crate) fn flag(on: bool) -> Self {
        Self::Int(Some(i64::from(on)))
    }

    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Self::Text(None) | Self::Int(None))
    }
}

/// One statement with its arguments.
#[derive(Debug)]
pub(crate) struct Statement {
    sql: SqlStr,
    arguments: Vec<Cell>,
}

/// A statement with a constant text.
pub(crate) fn sql(text: &'static str, arguments: impl Into<Vec<Cell>>) -> Statement {
    Statement {
        sql: text.into_sql_str(),
        arguments: arguments.into(),
    }
}

/// A statement with a text put together from constants of this crate; never from input.
pub(crate) fn assembled(text: String, arguments: Vec<Cell>) -> Statement {
    Statement {
        sql: AssertSqlSafe(text).into_sql_str(),
        arguments,
    }
}

/// One row of an answer.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The text in column `at`, from 0.
    pub(crate) fn text(&self, at: usize) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(row) => row.try_get(at),
            Self::Postgres(row) => row.try_get(at),
        }
        .map_err(|error| StoreError::corrupt(format!("column {at}"), error))
    }

    /// The number in column `at`, from 0.
    pub(crate) fn int(&self, at: usize) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(row) => row.try_get(at),
            Self::Postgres(row) => row.try_get(at),
        }
        .map_err(|error| StoreError::corrupt(format!("column {at}"), error))
    }

    /// A text that is never null.
    pub(crate) fn required_text(&self, at: usize) -> Result<String, StoreError> {
        self.text(at)?
            .ok_or_else(|| StoreError::corrupt(format!("column {at}"), "null"))
    }

    /// A number that is never null.
    pub(crate) fn required_int(&self, at: usize) -> Result<i64, StoreError> {
        self.int(at)?
            .ok_or_else(|| StoreError::corrupt(format!("column {at}"), "null"))
    }
}

/// The connections.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// One connection writes, the others read: SQLite has one writer, so writers queue here
    /// instead of polling the file's lock.
    Sqlite { write: SqlitePool, read: SqlitePool },
    /// One pool for both.
    Postgres(PgPool),
}

type SqliteQuery = Query<'static, Sqlite, SqliteArguments>;
type PostgresQuery = Query<'static, Postgres, PgArguments>;

fn for_sqlite(statement: Statement) -> SqliteQuery {
    statement
        .arguments
        .into_iter()
        .fold(sqlx::query(statement.sql), |query, cell| match cell {
            Cell::Text(text) => query.bind(text),
            Cell::Int(number) => query.bind(number),
        })
}

fn for_postgres(statement: Statement) -> PostgresQuery {
    statement
        .arguments
        .into_iter()
        .fold(sqlx::query(statement.sql), |query, cell| match cell {
            // PostgreSQL texts cannot hold NUL; JSON texts write it as an escape.
            Cell::Text(text) => query.bind(text.map(|t| t.replace('\0', "\u{fffd}"))),
            Cell::Int(number) => query.bind(number),
        })
}

impl Database {
    /// Rows of a statement that only reads.
    pub(crate) async fn read(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite { read, .. } => {
                collect(for_sqlite(statement).fetch_all(read).await?, Row::Sqlite)
            }
            Self::Postgres(pool) => collect(
                for_postgres(statement).fetch_all(pool).await?,
                Row::Postgres,
            ),
        }
    }

    /// The first row of a statement that only reads.
    pub(crate) async fn read_one(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(self.read(statement).await?.into_iter().next())
    }

    /// Rows that a writing statement returns.
    pub(crate) async fn write(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite { write, .. } => {
                collect(for_sqlite(statement).fetch_all(write).await?, Row::Sqlite)
            }
            Self::Postgres(pool) => collect(
                for_postgres(statement).fetch_all(pool).await?,
                Row::Postgres,
            ),
        }
    }

    /// How many rows a writing statement changed.
    pub(crate) async fn execute(&self, statement: Statement) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite { write, .. } => {
                for_sqlite(statement).execute(write).await?.rows_affected()
            }
            Self::Postgres(pool) => for_postgres(statement).execute(pool).await?.rows_affected(),
        })
    }

    /// All of the statements or none of them.
    pub(crate) async fn transaction(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { write, .. } => {
                let mut transaction = write.begin_with("BEGIN IMMEDIATE").await?;
                for statement in statements {
                    for_sqlite(statement).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
            Self::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                for statement in statements {
                    for_postgres(statement).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
        }
        Ok(())
    }

    /// Ends the connections after what runs has ended.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

fn collect<T>(rows: Vec<T>, wrap: impl Fn(T) -> Row) -> Result<Vec<Row>, StoreError> {
    Ok(rows.into_iter().map(wrap).collect())
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(refusal) = &error {
            if refusal.is_unique_violation() {
                // PostgreSQL names the constraint (`nodes_name_key`), SQLite the column.
                let text = refusal.constraint().unwrap_or(refusal.message());
                return Conflict::Other(text.replace("UNIQUE constraint failed: ", "")).into();
            }
            if refusal.is_foreign_key_violation() {
                return Self::not_found("Node", "of this record");
            }
        }
        Self::Unavailable(error.to_string())
    }
}

/// Whether `error` says that `table.column` is taken.
pub(crate) fn is_taken(error: &StoreError, table: &str, column: &str) -> bool {
    match error {
        StoreError::Conflict(Conflict::Other(name)) => {
            *name == format!("{table}.{column}") || *name == format!("{table}_{column}_key")
        }
        StoreError::Conflict(_)
        | StoreError::NotFound { .. }
        | StoreError::Unavailable(_)
        | StoreError::Corrupt { .. }
        | StoreError::Key(_)
        | StoreError::Migration(_)
        | StoreError::Url { .. } => false,
    }
}
