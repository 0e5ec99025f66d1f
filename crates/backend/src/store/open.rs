//! Opening a store: the URL, the pools, the schema, the key, the snapshot.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use cupola_api::Secret;
use cupola_api::runbook::Runbook;
use parking_lot::Mutex;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::database::{Cell, Database, Pools, sql};
use super::documents::Only;
use super::error::{Outage, StateError, StoreError};
use super::lock::DatabaseLock;
use super::migrate::migrate;
use super::outage;
use super::seal::{Sealer, prepare_directory};
use super::snapshot::Snapshot;
use super::{Inner, Store};
use crate::config;

/// How long a call waits for a connection, or for another process's lock on the file.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// Rows that SQLite's thread fetches ahead; below a thousand, lists wait for the thread.
const ROW_BUFFER: usize = 2_000;
const KEY_CHECK: &str = "key_check";

/// Where the store lies.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite:///PATH`, `postgres://USER@HOST/NAME`, or none for `cupola.sqlite` in the state
    /// directory.
    pub url: Option<Secret>,
    /// The directory of the key file and of the default database; made when it is not there.
    pub state_directory: PathBuf,
    /// Whether no other process writes to the database, so that nodes may be kept in memory.
    /// Always so with SQLite unless this is false; with PostgreSQL only when this is true.
    pub exclusive: Option<bool>,
}

impl StoreOptions {
    /// The default database in this directory.
    pub fn new(state_directory: impl Into<PathBuf>) -> Self {
        Self {
            url: None,
            state_directory: state_directory.into(),
            exclusive: None,
        }
    }

    /// What the configuration says.
    pub fn of(config: &config::Database, state_directory: impl Into<PathBuf>) -> Self {
        Self {
            url: config.url.clone(),
            state_directory: state_directory.into(),
            exclusive: config.exclusive.then_some(true),
        }
    }

    /// Looks whether the URL is one of a database that is supported.
    ///
    /// # Errors
    /// What is wrong with it, without the URL: it may hold a password wherever it is misspelt.
    pub fn check(&self) -> Result<(), StoreError> {
        place(self).map(drop)
    }

    /// Another database.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(Secret::new(url));
        self
    }
}

impl Store {
    /// Connects, brings the schema up to date, checks the key, loads the snapshot.
    ///
    /// # Errors
    /// Names the file or URL, what is wrong with it and what to do.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let directory = options.state_directory.clone();
        let sealer = blocking(move || {
            prepare_directory(&directory)?;
            Ok(Sealer::open(&directory)?)
        })
        .await?;
        let (database, lock, exclusive) = match place(options)? {
            Place::Server(server) => {
                let exclusive = options.exclusive.unwrap_or(false);
                (postgres(*server).await?, None, exclusive)
            }
            Place::File(path) => {
                let exclusive = options.exclusive.unwrap_or(true);
                let file = path.clone();
                let lock = blocking(move || {
                    create_private(&file)?;
                    DatabaseLock::take(&file, exclusive)
                })
                .await?;
                (sqlite(&path).await?, Some(lock), exclusive)
            }
        };
        migrate(&database).await?;
        check_key(&database, &sealer).await?;
        let mut inner = Inner {
            database,
            sealer,
            snapshot: None,
            port_changes: AtomicU64::new(0),
            lock: Mutex::new(lock),
        };
        if exclusive {
            let snapshot = Snapshot::default();
            super::nodes::load_all(&inner.database, &inner.sealer, &snapshot).await?;
            inner.snapshot = Some(Arc::new(snapshot));
        }
        let store = Self {
            inner: Arc::new(inner),
        };
        store.fill_public().await?;
        Ok(store)
    }

    /// Fills in which runbooks are public where an earlier version did not keep it beside what it sealed.
    pub(super) async fn fill_public(&self) -> Result<(), StoreError> {
        let unknown: Vec<Runbook> = self.documents(&[Only::Unset("public")]).await?;
        for runbook in unknown {
            let statement = self.saving(&runbook)?;
            self.database().execute(statement).await?;
        }
        Ok(())
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Refused(error.to_string())),
    }
}

/// Where a database is.
pub(super) enum Place {
    File(PathBuf),
    Server(Box<PgConnectOptions>),
}

pub(super) fn place(options: &StoreOptions) -> Result<Place, StoreError> {
    let Some(url) = options.url.as_ref().map(Secret::expose) else {
        return Ok(Place::File(options.state_directory.join("cupola.sqlite")));
    };
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let server = PgConnectOptions::from_str(url).map_err(|error| StoreError::Url {
            reason: format!("is not usable: {error}"),
        })?;
        return Ok(Place::Server(Box::new(server)));
    }
    sqlite_path(url).map(Place::File)
}

fn sqlite_path(url: &str) -> Result<PathBuf, StoreError> {
    let refused = |reason: &str| StoreError::Url {
        reason: reason.to_owned(),
    };
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .ok_or_else(|| refused("is of no database that is supported: SQLite and PostgreSQL are"))?;
    if path.is_empty() {
        return Err(refused("names no file"));
    }
    if path.contains(['?', '#']) {
        return Err(refused("has more than a path: SQLite takes no parameters"));
    }
    Ok(PathBuf::from(path))
}

/// A server as it may be shown.
pub(super) fn shown(server: &PgConnectOptions) -> String {
    let place = match server.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", server.get_host(), server.get_port()),
    };
    match server.get_database() {
        Some(name) => format!("PostgreSQL database {name} at {place}"),
        None => format!("PostgreSQL at {place}"),
    }
}

/// Makes the file before SQLite does, so that nobody else can ever read it.
fn create_private(path: &Path) -> Result<(), StateError> {
    let io = |source| StateError::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        prepare_directory(parent)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(io)
}

async fn sqlite(path: &Path) -> Result<Database, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(CONNECTION_TIMEOUT)
        .foreign_keys(true)
        .row_buffer_size(ROW_BUFFER)
        .pragma("temp_store", "MEMORY")
        .pragma("mmap_size", "268435456")
        .pragma("cache_size", "-16384")
        .optimize_on_close(true, None);
    // Connections are never recycled: there is no server that could lose them.
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(CONNECTION_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let write = pool()
        .max_connections(1)
        .connect_with(options.clone())
        .await
        .map_err(|error| not_opened(&error, &format!("SQLite in {}", path.display())))?;
    let read = pool()
        .max_connections(SQLITE_READERS)
        .connect_lazy_with(options.read_only(true).optimize_on_close(false, None));
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new(".")).to_owned();
    Ok(Database::new(Pools::Sqlite {
        write,
        read,
        directory,
    }))
}

async fn postgres(server: PgConnectOptions) -> Result<Database, StoreError> {
    first_connection(&server).await?;
    let place = shown(&server);
    PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(CONNECTION_TIMEOUT)
        .connect_with(server)
        .await
        .map(|pool| Database::new(Pools::Postgres(pool)))
        .map_err(|error| not_opened(&error, &place))
}

/// One connection by itself: a pool tries until its time is over, and then does not say why.
pub(super) async fn first_connection(server: &PgConnectOptions) -> Result<(), StoreError> {
    let connecting = PgConnection::connect_with(server);
    let connected = tokio::time::timeout(CONNECTION_TIMEOUT, connecting).await;
    let connection = connected
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(|error| not_opened(&error, &shown(server)))?;
    // It has answered, which is all that was asked.
    let _ = connection.close().await;
    Ok(())
}

/// Why the database at this place could not be opened.
pub(super) fn not_opened(error: &sqlx::Error, place: &str) -> StoreError {
    match outage::of(error) {
        Some(known @ (Outage::Full | Outage::ReadOnly)) => StoreError::Unavailable(known),
        Some(Outage::Failing(_)) => {
            StoreError::Unavailable(Outage::Failing(format!("{place}: {error}")))
        }
        Some(Outage::Away(_) | Outage::Busy(_)) | None => StoreError::Open {
            place: place.to_owned(),
            cause: outage::cause(error),
        },
    }
}

/// A value sealed at the first start tells whether this is still the same key.
async fn check_key(database: &Database, sealer: &Sealer) -> Result<(), StoreError> {
    let sealed = sealer.seal("cupola", KEY_CHECK, "meta")?;
    database
        .execute(sql(
            "INSERT INTO meta (name, text) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            [Cell::text(KEY_CHECK), Cell::text(sealed)],
        ))
        .await?;
    let row = database
        .read_one(sql(
            "SELECT text FROM meta WHERE name = $1",
            [Cell::text(KEY_CHECK)],
        ))
        .await?;
    let stored = row.map(|row| row.required_text(0)).transpose()?;
    match sealer.open_sealed(&stored.unwrap_or_default(), KEY_CHECK, "meta") {
        Ok(_) => Ok(()),
        Err(_) => Err(StateError::Wrong {
            path: sealer.path().to_owned(),
        }
        .into()),
    }
}
