//! One way to speak to two databases: the same SQL text with `$N` parameters runs on SQLite and
//! PostgreSQL. Only two kinds of value cross: texts and 64-bit integers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite};
use tokio::task::spawn_blocking;

use super::error::{Conflict, Outage, StoreError};
use super::outage;
use super::patience::Tries;

/// How long a call of PostgreSQL may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call waits for a connection while the server is known to be away.
const WAIT_WHILE_AWAY: Duration = Duration::from_secs(1);

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
#[derive(Clone, Debug)]
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

/// How many rows a statement has to return for those that run with it to be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Returns {
    AnyNumber,
    OneOrMore,
}

impl Returns {
    fn allows(self, rows: usize) -> bool {
        match self {
            Self::AnyNumber => true,
            Self::OneOrMore => rows > 0,
        }
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

/// The connections, and whether they work.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pools: Pools,
    health: Arc<Health>,
}

/// The connections.
#[derive(Clone, Debug)]
pub(crate) enum Pools {
    /// One connection writes, the others read: SQLite has one writer, so writers queue here
    /// instead of polling the file's lock.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
        /// Where its files are.
        directory: PathBuf,
    },
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
    pub(crate) fn new(pools: Pools) -> Self {
        Self {
            pools,
            health: Arc::default(),
        }
    }

    pub(crate) const fn pools(&self) -> &Pools {
        &self.pools
    }

    /// Rows of a statement that only reads.
    pub(crate) async fn read(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.answered(false, statement, |database, statement| {
            Box::pin(database.read_once(statement))
        })
        .await
    }

    /// The first row of a statement that only reads.
    pub(crate) async fn read_one(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(self.read(statement).await?.into_iter().next())
    }

    /// Rows that a writing statement returns.
    pub(crate) async fn write(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.answered(true, statement, |database, statement| {
            Box::pin(database.write_once(statement))
        })
        .await
    }

    /// How many rows a writing statement changed.
    pub(crate) async fn execute(&self, statement: Statement) -> Result<u64, StoreError> {
        self.answered(true, statement, |database, statement| {
            Box::pin(database.execute_once(statement))
        })
        .await
    }

    /// All of the statements or none of them; how many rows each one changed.
    pub(crate) async fn transaction(
        &self,
        statements: Vec<Statement>,
    ) -> Result<Vec<u64>, StoreError> {
        self.answered(true, statements, |database, statements| {
            Box::pin(database.transaction_once(statements))
        })
        .await
    }

    /// All of the statements when each of them returns as many rows as it has to, else none of them;
    /// the rows of each one.
    pub(crate) async fn together(
        &self,
        statements: Vec<(Statement, Returns)>,
    ) -> Result<Option<Vec<Vec<Row>>>, StoreError> {
        self.answered(true, statements, |database, statements| {
            Box::pin(database.together_once(statements))
        })
        .await
    }

    async fn read_once(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match &self.pools {
            Pools::Sqlite { read, .. } => {
                collect(for_sqlite(statement).fetch_all(read).await?, Row::Sqlite)
            }
            Pools::Postgres(pool) => self.postgres_rows(pool, statement).await,
        }
    }

    async fn write_once(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match &self.pools {
            Pools::Sqlite { write, .. } => {
                collect(for_sqlite(statement).fetch_all(write).await?, Row::Sqlite)
            }
            Pools::Postgres(pool) => self.postgres_rows(pool, statement).await,
        }
    }

    async fn execute_once(&self, statement: Statement) -> Result<u64, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { write, .. } => {
                for_sqlite(statement).execute(write).await?.rows_affected()
            }
            Pools::Postgres(pool) => {
                let mut connection = self.connection(pool).await?;
                let query = for_postgres(statement).execute(&mut *connection);
                kept(connection_bound(query).await, connection)?.rows_affected()
            }
        })
    }

    async fn transaction_once(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        let mut changed = Vec::with_capacity(statements.len());
        match &self.pools {
            Pools::Sqlite { write, .. } => {
                let mut connection = at_rest(write).await?;
                let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
                for statement in statements {
                    let done = for_sqlite(statement).execute(&mut *transaction).await?;
                    changed.push(done.rows_affected());
                }
                transaction.commit().await?;
            }
            Pools::Postgres(pool) => {
                let mut connection = self.connection(pool).await?;
                let all = async {
                    let mut transaction = connection.begin().await?;
                    for statement in statements {
                        let done = for_postgres(statement).execute(&mut *transaction).await?;
                        changed.push(done.rows_affected());
                    }
                    transaction.commit().await
                };
                kept(connection_bound(all).await, connection)?;
            }
        }
        Ok(changed)
    }

    async fn together_once(
        &self,
        statements: Vec<(Statement, Returns)>,
    ) -> Result<Option<Vec<Vec<Row>>>, StoreError> {
        let mut answers = Vec::with_capacity(statements.len());
        match &self.pools {
            Pools::Sqlite { write, .. } => {
                let mut connection = at_rest(write).await?;
                let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
                for (statement, returns) in statements {
                    let rows = for_sqlite(statement).fetch_all(&mut *transaction).await?;
                    if !returns.allows(rows.len()) {
                        transaction.rollback().await?;
                        return Ok(None);
                    }
                    answers.push(rows.into_iter().map(Row::Sqlite).collect());
                }
                transaction.commit().await?;
                Ok(Some(answers))
            }
            Pools::Postgres(pool) => {
                let mut connection = self.connection(pool).await?;
                let all = async {
                    let mut transaction = connection.begin().await?;
                    for (statement, returns) in statements {
                        let rows = for_postgres(statement).fetch_all(&mut *transaction).await?;
                        if !returns.allows(rows.len()) {
                            transaction.rollback().await?;
                            return Ok(None);
                        }
                        answers.push(rows.into_iter().map(Row::Postgres).collect());
                    }
                    transaction.commit().await?;
                    Ok(Some(answers))
                };
                kept(connection_bound(all).await, connection)
            }
        }
    }

    /// Ends the connections after what runs has ended.
    pub(crate) async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    async fn postgres_rows(
        &self,
        pool: &PgPool,
        statement: Statement,
    ) -> Result<Vec<Row>, StoreError> {
        let mut connection = self.connection(pool).await?;
        let query = for_postgres(statement).fetch_all(&mut *connection);
        let rows = kept(connection_bound(query).await, connection)?;
        collect(rows, Row::Postgres)
    }

    /// Why it does not take what is written, or does not answer, as the last calls found.
    pub(crate) fn outage(&self) -> Option<Outage> {
        self.health.outage()
    }

    /// A connection; while the server is known to be away, nobody waits long for one.
    async fn connection(&self, pool: &PgPool) -> Result<PoolConnection<Postgres>, StoreError> {
        if !self.health.is_away() {
            return Ok(pool.acquire().await?);
        }
        let acquired = tokio::time::timeout(WAIT_WHILE_AWAY, pool.acquire()).await;
        Ok(acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut))?)
    }

    /// Makes a call until the database answers it, in a task that waits for that; else once.
    async fn answered<A: Clone, T>(
        &self,
        writes: bool,
        arguments: A,
        call: Call<A, T>,
    ) -> Result<T, StoreError> {
        let mut tries = Tries::begin();
        loop {
            let error = match call(self, arguments.clone()).await {
                Ok(done) => {
                    self.health.answered(writes);
                    return Ok(done);
                }
                Err(error) => self.explained(error).await,
            };
            self.health.failed(&error);
            if !tries.again(&error).await {
                return Err(error);
            }
        }
    }
}

impl Database {
    /// The error, with an outage of files told from what else it may be. Asking the file system
    /// may block: it is the one that fails.
    async fn explained(&self, error: StoreError) -> StoreError {
        match (&self.pools, error) {
            (
                Pools::Sqlite { directory, .. },
                StoreError::Unavailable(outage @ Outage::Failing(_)),
            ) => {
                let (directory, known) = (directory.clone(), outage.clone());
                let looked = spawn_blocking(move || outage::on_disk(known, &directory)).await;
                StoreError::Unavailable(looked.unwrap_or(outage))
            }
            (_, error) => error,
        }
    }
}

/// A call that can be made again.
type Call<A, T> = for<'d> fn(&'d Database, A) -> BoxFuture<'d, Result<T, StoreError>>;

/// No call of ours takes so long; a server that does is gone.
async fn connection_bound<T>(
    call: impl Future<Output = sqlx::Result<T>>,
) -> Result<sqlx::Result<T>, tokio::time::error::Elapsed> {
    tokio::time::timeout(CALL_TIMEOUT, call).await
}

/// A connection on which no transaction is open.
///
/// SQLite itself rolls a transaction back that cannot be written, as when the disk is full
/// (sqlite.org/lang_transaction.html, section 3). The `ROLLBACK` that sqlx sends after it is refused
/// then, and sqlx counts the transaction as open for ever: such a connection begins no other one.
async fn at_rest(pool: &SqlitePool) -> sqlx::Result<PoolConnection<Sqlite>> {
    let connection = pool.acquire().await?;
    if !connection.is_in_transaction() {
        return Ok(connection);
    }
    // It may not be able to write what is left to write; the next one reads the log anew.
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection of SQLite was not closed in good order");
    }
    pool.acquire().await
}

/// Gives the connection back to its pool, unless the server has left a call unanswered on it.
fn kept<T>(
    answer: Result<sqlx::Result<T>, tokio::time::error::Elapsed>,
    mut connection: PoolConnection<Postgres>,
) -> Result<T, StoreError> {
    match answer {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            connection.close_on_drop();
            Err(StoreError::Unavailable(Outage::Away(
                "it has not answered in time".to_owned(),
            )))
        }
    }
}

/// Whether the database answers; says so once when that changes.
#[derive(Debug, Default)]
struct Health {
    outage: Mutex<Option<(Outage, Instant)>>,
    /// Calls that found it not available.
    #[cfg(test)]
    failures: tokio::sync::watch::Sender<u32>,
}

impl Health {
    fn outage(&self) -> Option<Outage> {
        let now = self.outage.lock();
        now.as_ref().map(|(outage, _)| outage.clone())
    }

    fn is_away(&self) -> bool {
        matches!(&*self.outage.lock(), Some((Outage::Away(_), _)))
    }

    /// Takes note of a call that failed. An error about a statement changes nothing: it is
    /// followed by an answer soon enough.
    fn failed(&self, error: &StoreError) {
        let StoreError::Unavailable(outage) = error else {
            return;
        };
        #[cfg(test)]
        self.failures.send_modify(|failures| *failures += 1);
        let mut now = self.outage.lock();
        if now.is_none() && !matches!(outage, Outage::Busy(_)) {
            tracing::error!(%outage, "the database is not available");
            *now = Some((outage.clone(), Instant::now()));
        }
    }

    /// Takes note of a call that was answered. That a database can be read does not say that it
    /// can be written.
    fn answered(&self, writes: bool) {
        let mut now = self.outage.lock();
        let over = |(outage, _): &mut (Outage, Instant)| {
            let reads_on = matches!(outage, Outage::Full | Outage::ReadOnly | Outage::Failing(_));
            writes || !reads_on
        };
        if let Some((_, since)) = now.take_if(over) {
            let seconds = since.elapsed().as_secs_f64();
            tracing::info!(seconds, "the database is available again");
        }
    }
}

#[cfg(test)]
impl Database {
    /// Makes SQLite refuse every write, as one that is read-only does, or take them again.
    pub(crate) async fn set_read_only(&self, on: bool) {
        let Pools::Sqlite { write, .. } = &self.pools else {
            panic!("not SQLite");
        };
        let text = if on {
            "PRAGMA query_only = 1"
        } else {
            "PRAGMA query_only = 0"
        };
        sqlx::query(text).execute(write).await.expect("a pragma");
    }

    /// Counts the calls that find it not available.
    pub(crate) fn failures(&self) -> tokio::sync::watch::Receiver<u32> {
        self.health.failures.subscribe()
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
        match outage::of(&error) {
            Some(outage) => Self::Unavailable(outage),
            None => Self::Refused(error.to_string()),
        }
    }
}

/// Whether `error` says that `table.column` is taken.
pub(crate) fn is_taken(error: &StoreError, table: &str, column: &str) -> bool {
    is_taken_together(error, table, &[column])
}

/// Whether `error` says that what these columns of `table` hold together is taken.
pub(crate) fn is_taken_together(error: &StoreError, table: &str, columns: &[&str]) -> bool {
    match error {
        StoreError::Conflict(Conflict::Other(name)) => {
            let qualified: Vec<_> = columns.iter().map(|c| format!("{table}.{c}")).collect();
            *name == qualified.join(", ") || *name == format!("{table}_{}_key", columns.join("_"))
        }
        StoreError::Conflict(_)
        | StoreError::NotFound { .. }
        | StoreError::Unavailable(_)
        | StoreError::Refused(_)
        | StoreError::Corrupt { .. }
        | StoreError::Key(_)
        | StoreError::Migration(_)
        | StoreError::Url { .. }
        | StoreError::Open { .. } => false,
    }
}
