//! Why a database is not available, and what to do about it; told apart from statements that are
//! wrong, which no waiting would repair.

use std::borrow::Cow;

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

/// SQLite's result codes (sqlite.org/rescode.html), the primary ones.
mod sqlite {
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READ_ONLY: u32 = 8;
    pub(super) const INPUT_OUTPUT: u32 = 10;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANNOT_OPEN: u32 = 14;
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
        sqlite::INPUT_OUTPUT | sqlite::CANNOT_OPEN => Some(Outage::Away(text)),
        _ => None,
    }
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

    #[test]
    fn outages_are_told_from_wrong_statements() {
        let text = || "text".to_owned();
        assert_eq!(of_sqlite(13, text()), Some(Outage::Full));
        assert_eq!(of_sqlite(8 | (4 << 8), text()), Some(Outage::ReadOnly));
        assert_eq!(of_sqlite(10 | (3 << 8), text()), Some(Outage::Away(text())));
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
}
