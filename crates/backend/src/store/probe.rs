//! Whether a database could be opened: what [`Store::open`](super::Store::open) would find, without
//! making or changing anything. It does not look who else has the database open.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::{StateError, StoreError};
use super::open::{Place, StoreOptions, blocking, first_connection, not_opened, place, shown};
use super::seal::Sealer;

/// Looks, and says where the database is.
///
/// # Errors
/// As [`Store::open`](super::Store::open).
pub async fn probe(options: &StoreOptions) -> Result<String, StoreError> {
    let directory = options.state_directory.clone();
    blocking(move || Ok(Sealer::check(&directory)?)).await?;
    match place(options)? {
        Place::Server(server) => {
            first_connection(&server).await?;
            Ok(format!("{} answers", shown(&server)))
        }
        Place::File(path) => {
            let file = path.clone();
            blocking(move || Ok(writable(&file)?)).await?;
            let shown = format!("SQLite in {}", path.display());
            // An empty one is what a new one begins with.
            if path.metadata().is_ok_and(|file| file.len() > 0) {
                readable(&path).await.map_err(|e| not_opened(&e, &shown))?;
            }
            Ok(shown)
        }
    }
}

async fn readable(path: &Path) -> sqlx::Result<()> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection: SqliteConnection = options.connect().await?;
    sqlx::query("SELECT count(*) FROM sqlite_master")
        .execute(&mut connection)
        .await?;
    connection.close().await
}

/// SQLite writes the file, and others beside it.
fn writable(path: &Path) -> Result<(), StateError> {
    let io = |path: &Path, source| StateError::Io {
        path: path.to_owned(),
        source,
    };
    if path.exists() {
        let opened = OpenOptions::new().append(true).open(path);
        opened.map_err(|error| io(path, error))?;
    }
    let directory = existing(path);
    tempfile::tempfile_in(&directory).map_err(|error| io(&directory, error))?;
    Ok(())
}

/// The directory that the file is in or, where that is still to be made, the nearest above it.
fn existing(path: &Path) -> PathBuf {
    let named = path
        .ancestors()
        .skip(1)
        .filter(|p| !p.as_os_str().is_empty());
    let found = named.into_iter().find(|directory| directory.is_dir());
    found.unwrap_or(Path::new(".")).to_owned()
}
