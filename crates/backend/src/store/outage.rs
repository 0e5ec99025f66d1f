//! Why a database is not available, and what to do about it; told apart from statements that are
//! wrong, which no waiting would repair.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// Why the database cannot be used now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// There is no room for what is to be written.
    #[error(
        "its disk is full; free space where the database lies. What can be read is answered \
         meanwhile, and work under way goes on by itself afterwards"
    )]
    Full,
    /// It may be read but not written.
    #[error(
        "it is read-only; make its file system, or the PostgreSQL server, writable again. Work \
         under way goes on by itself afterwards"
    )]
    ReadOnly,
    /// Its files cannot be read or written.
    #[error(
        "its disk fails ({0}); the kernel's log says why (dmesg), and free space and the mount are \
         worth a look. Work under way goes on by itself when it can be written again"
    )]
    Failing(String),
    /// Nobody answers.
    #[error(
        "it does not answer ({0}); start it, or correct database.url. Work under way goes on by \
         itself afterwards"
    )]
    Away(String),
    /// Others keep it busy for too long.
    #[error("it is kept busy by others ({0}); try again")]
    Busy(String),
}

/// Why a database could not be opened. Nothing runs yet that could wait for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The file holds something else.
    #[error("it is no SQLite database; name another file in database.url, or move this one away")]
    Foreign,
    /// The file is damaged.
    #[error("it is damaged ({0}); restore it from a backup")]
    Damaged(String),
    /// The file cannot be opened.
    #[error("{0}; correct the path in database.url, or the permissions there")]
    File(String),
    /// Others keep it busy for too long.
    #[error("it is kept busy by others ({0}); try again")]
    Busy(String),
    /// The server does not let this user in.
    #[error("{0}; correct user and password in database.url, or pg_hba.conf there")]
    Refused(String),
    /// The server has no such database.
    #[error("{0}; make it there with createdb, or correct its name in database.url")]
    Unknown(String),
    /// Nobody answers.
    #[error("{0}; start PostgreSQL there, or correct database.url")]
    Away(String),
    /// Something else.
    #[error("{0}; correct database.url")]
    Other(String),
}

/// Why a database could not be opened.
pub(super) fn cause(error: &sqlx::Error) -> Cause {
    let refusal = match error {
        sqlx::Error::Database(refusal) => refusal,
        sqlx::Error::Io(source) => return Cause::Away(source.to_string()),
        sqlx::Error::PoolTimedOut => return Cause::Away("it does not answer in time".to_owned()),
        _ => return Cause::Other(error.to_string()),
    };
    let text = refusal.message().to_owned();
    let code = refusal.code().unwrap_or(Cow::Borrowed(""));
    let is_sqlite = refusal
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some();
    if is_sqlite {
        return match code.parse::<u32>().unwrap_or(0) & 0xff {
            sqlite::NO_DATABASE => Cause::Foreign,
            sqlite::CORRUPT => Cause::Damaged(text),
            sqlite::BUSY | sqlite::LOCKED => Cause::Busy(text),
            _ => Cause::File(text),
        };
    }
    match (&*code, code.get(..2)) {
        ("3D000", _) => Cause::Unknown(text),
        (_, Some("28")) => Cause::Refused(text),
        (_, Some("08" | "57" | "58")) => Cause::Away(text),
        (_, Some("53")) => Cause::Busy(text),
        _ => Cause::Other(text),
    }
}

/// SQLite's result codes (sqlite.org/rescode.html), the primary ones.
mod sqlite {
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READ_ONLY: u32 = 8;
    pub(super) const INPUT_OUTPUT: u32 = 10;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANNOT_OPEN: u32 = 14;
    pub(super) const NO_DATABASE: u32 = 26;
}

/// What an error says about the database; none when it is about the statement.
pub(super) fn of(error: &sqlx::Error) -> Option<Outage> {
    match error {
        sqlx::Error::Database(refusal) => {
            let text = refusal.message().to_owned();
            let sqlite = refusal.try_downcast_ref::<sqlx::sqlite::SqliteError>();
            let code = refusal.code().unwrap_or(Cow::Borrowed(""));
            if sqlite.is_some() {
                of_sqlite(code.parse().unwrap_or(0), text)
            } else {
                of_postgres(&code, text)
            }
        }
        sqlx::Error::PoolTimedOut => Some(Outage::Away("no connection in time".to_owned())),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Some(Outage::Away(error.to_string())),
        // Not exhaustive upstream: what is left is about texts, types and rows.
        _ => None,
    }
}

fn of_sqlite(extended: u32, text: String) -> Option<Outage> {
    match extended & 0xff {
        sqlite::FULL => Some(Outage::Full),
        sqlite::READ_ONLY => Some(Outage::ReadOnly),
        sqlite::BUSY | sqlite::LOCKED => Some(Outage::Busy(text)),
        sqlite::INPUT_OUTPUT => Some(Outage::Failing(text)),
        sqlite::CANNOT_OPEN => Some(Outage::Away(text)),
        _ => None,
    }
}

/// What an outage of files really is. SQLite says "disk I/O error" too where the file system was
/// made read-only under it, or has no room for a file that it needs beside the database.
pub(super) fn on_disk(outage: Outage, directory: &Path) -> Outage {
    let Outage::Failing(_) = outage else {
        return outage;
    };
    match write_in(directory).map_err(|error| error.kind()) {
        Err(ErrorKind::ReadOnlyFilesystem) => Outage::ReadOnly,
        Err(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Outage::Full,
        Ok(()) | Err(_) => outage,
    }
}

/// Writes a page to a file without a name.
fn write_in(directory: &Path) -> io::Result<()> {
    tempfile::tempfile_in(directory)?.write_all(&[0; 4096])
}

/// PostgreSQL's error codes (its manual, appendix A): by class, and some by themselves.
fn of_postgres(code: &str, text: String) -> Option<Outage> {
    match (code, code.get(..2)) {
        ("53100", _) => Some(Outage::Full),
        ("25006", _) => Some(Outage::ReadOnly),
        ("40001" | "40P01" | "55P03", _) => Some(Outage::Busy(text)),
        // Connections, resources, an operator's intervention, the system beneath.
        (_, Some("08" | "53" | "57" | "58")) => Some(Outage::Away(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::mount::{MntFlags, MsFlags, mount, umount2};
    use nix::sched::{CloneFlags, unshare};

    #[test]
    fn outages_are_told_from_wrong_statements() {
        let text = || "text".to_owned();
        assert_eq!(of_sqlite(13, text()), Some(Outage::Full));
        assert_eq!(of_sqlite(8 | (4 << 8), text()), Some(Outage::ReadOnly));
        let failing = Some(Outage::Failing(text()));
        assert_eq!(of_sqlite(10 | (3 << 8), text()), failing);
        assert_eq!(
            of_sqlite(1, text()),
            None,
            "SQLITE_ERROR: a wrong statement"
        );
        assert_eq!(of_postgres("53100", text()), Some(Outage::Full));
        assert_eq!(of_postgres("25006", text()), Some(Outage::ReadOnly));
        assert_eq!(of_postgres("57P01", text()), Some(Outage::Away(text())));
        assert_eq!(of_postgres("42703", text()), None, "no such column");
        assert_eq!(of_postgres("", text()), None);
    }

    /// In a mount namespace of this thread, which ends with it.
    #[test]
    fn a_disk_error_is_told_by_its_file_system() {
        let flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_FS;
        if unshare(flags).is_err() {
            eprintln!("SKIPPED a_disk_error_is_told_by_its_file_system: it mounts, as root");
            return;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path();
        let tmpfs = |flags, options: &str| {
            let (none, kind) = (None::<&str>, Some("tmpfs"));
            mount(none, at, kind, flags, Some(options)).expect("a mount");
        };
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        let none = None::<&str>;
        mount(none, "/", none, private, none).expect("mounts of its own");
        let found = || on_disk(Outage::Failing("text".to_owned()), at);
        assert_eq!(found(), Outage::Failing("text".to_owned()));
        tmpfs(MsFlags::empty(), "size=4k");
        std::fs::write(at.join("filler"), [1; 4096]).expect("written");
        assert_eq!(found(), Outage::Full);
        tmpfs(MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, "");
        assert_eq!(found(), Outage::ReadOnly);
        umount2(at, MntFlags::MNT_DETACH).expect("unmounted");
    }
}
