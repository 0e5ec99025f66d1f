//! The file of users and their bcrypt hashes, in Apache's format as Ironic reads it (`htpasswd -B`).
//! A change of the file counts from the next second on; one that breaks it counts when it is mended.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::Denied;
use super::basic::Credentials;
use super::verdicts::Verdicts;

/// How old what was read of the file may be.
const FRESH: Duration = Duration::from_secs(1);

/// Passwords that are checked at once. bcrypt takes a processor for a tenth of a second and more, so
/// that guessing leaves the rest of the service its processors.
const CHECKS: usize = 2;

/// How long a request waits for its password to be checked.
const PATIENCE: Duration = Duration::from_secs(10);

/// The highest cost that is taken: a check takes seconds of a processor, and twice as long with each
/// further one.
const HIGHEST_COST: u32 = 15;

/// The cost of the hash that an unknown user is checked against, where the file has none to follow.
const USUAL_COST: u32 = 10;

/// Why the users cannot be known.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The file cannot be read.
    #[error(
        "api.http_basic_auth_user_file: {} cannot be read: {source}; make it with \
         `htpasswd -cB {} USER`",
        path.display(), path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not a user and a bcrypt hash.
    #[error(
        "api.http_basic_auth_user_file: line {line} of {} is not USER:HASH with a hash of bcrypt; \
         make it with `htpasswd -B {} USER`",
        path.display(), path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A hash would take too long to check.
    #[error(
        "api.http_basic_auth_user_file: line {line} of {} has a hash of cost {cost}, and whoever \
         guesses would take a processor for that long; make it with a cost of at most {HIGHEST_COST}: \
         `htpasswd -B -C 12 {} USER`",
        path.display(), path.display()
    )]
    Cost {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The cost that it has.
        cost: u32,
    },
    /// The system gives no random octets.
    #[error("the system gives no random octets: {0}")]
    Random(#[from] getrandom::Error),
    /// The check itself was cut off.
    #[error("the file of users could not be read: the service is stopping")]
    Stopped,
}

/// The users of one reading of the file.
#[derive(Debug)]
struct Users {
    hashes: HashMap<Arc<str>, Arc<str>>,
    /// The highest cost of them.
    cost: u32,
    /// What an unknown user's password is checked against, so that it takes as long as a known one's.
    decoy: Arc<str>,
    /// Told apart by this from a later file.
    stamp: Stamp,
}

/// When a file was changed last, and its length.
type Stamp = (Option<SystemTime>, u64);

/// What is known of the file.
#[derive(Clone, Debug)]
struct Known {
    users: Arc<Users>,
    at: Instant,
    /// What is wrong with a later file, which is not used.
    broken: Option<(Stamp, Arc<str>)>,
}

/// The file of users.
#[derive(Debug)]
pub(crate) struct UserFile {
    path: Arc<Path>,
    known: Mutex<Known>,
    verdicts: Verdicts,
    checks: Semaphore,
}

impl UserFile {
    /// Reads the file.
    pub(super) async fn open(path: Arc<Path>) -> Result<Self, UsersError> {
        let users = in_background({
            let path = Arc::clone(&path);
            move || read(&path)
        })
        .await?;
        Ok(Self {
            path,
            known: Mutex::new(Known::now(Arc::new(users))),
            verdicts: Verdicts::new()?,
            checks: Semaphore::new(CHECKS),
        })
    }

    /// Whether there is such a user with this password; returns the user.
    pub(super) async fn check(&self, credentials: Credentials) -> Result<Arc<str>, Denied> {
        let users = self.users().await.map_err(|error| {
            tracing::error!(%error, "users cannot be checked");
            Denied::Unreadable
        })?;
        let Credentials { user, password } = credentials;
        let known = users.hashes.get_key_value(user.as_str());
        let hash = known.map_or(&users.decoy, |(_, hash)| hash);
        if let Some((user, hash)) = known
            && self.verdicts.knows(user, password.expose(), hash)
        {
            return Ok(Arc::clone(user));
        }
        let checked = self.verify(password.clone(), Arc::clone(hash), users.cost);
        let is_right = checked.await?;
        match known.filter(|_| is_right) {
            Some((user, hash)) => {
                self.verdicts
                    .note(Arc::clone(user), password.expose(), hash);
                Ok(Arc::clone(user))
            }
            None => {
                tracing::warn!(user = %user.escape_debug(), "wrong user or password");
                Err(Denied::Wrong)
            }
        }
    }

    /// Takes as long whatever the cost of this hash is, so that nobody is told by the time which users
    /// there are: each cost takes twice as long as the one before it.
    async fn verify(
        &self,
        password: cupola_api::Secret,
        hash: Arc<str>,
        highest: u32,
    ) -> Result<bool, Denied> {
        let turn = tokio::time::timeout(PATIENCE, self.checks.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Denied::Busy);
        };
        let check = move || {
            let is_right = bcrypt::verify(password.expose(), &hash).unwrap_or(false);
            for cost in cost(&hash).unwrap_or(highest)..highest {
                // Nobody's: only its time counts.
                let _ = bcrypt::verify(password.expose(), &decoy(cost));
            }
            is_right
        };
        let checked = tokio::task::spawn_blocking(check).await;
        checked.map_err(|_| Denied::Unreadable)
    }

    /// The users as the file has them, at most a second ago.
    async fn users(&self) -> Result<Arc<Users>, UsersError> {
        let known = self.known.lock().clone();
        if known.at.elapsed() < FRESH {
            return Ok(known.users);
        }
        let looked_at = known.broken.as_ref().map_or(known.users.stamp, |(s, _)| *s);
        let path = Arc::clone(&self.path);
        let (stamp, again) = in_background(move || {
            let stamp = stamp_of(&path)?;
            Ok((stamp, (stamp != looked_at).then(|| read(&path))))
        })
        .await?;
        let known = match again {
            None => Known {
                at: Instant::now(),
                ..known
            },
            Some(Ok(users)) => Known::now(Arc::new(users)),
            Some(Err(error @ (UsersError::Line { .. } | UsersError::Cost { .. }))) => {
                tracing::error!(%error, "the users known before are kept");
                let why = format!("{error}; the users known before are kept").into();
                Known {
                    broken: Some((stamp, why)),
                    ..Known::now(known.users)
                }
            }
            Some(Err(error)) => return Err(error),
        };
        let users = Arc::clone(&known.users);
        self.verdicts.keep(|user| users.hashes.contains_key(user));
        *self.known.lock() = known;
        Ok(users)
    }

    /// What is wrong with the file, while users that were known before are kept.
    pub(super) fn trouble(&self) -> Option<String> {
        let known = self.known.lock();
        known.broken.as_ref().map(|(_, why)| why.to_string())
    }
}

impl Known {
    fn now(users: Arc<Users>) -> Self {
        Self {
            users,
            at: Instant::now(),
            broken: None,
        }
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UsersError> + Send + 'static,
) -> Result<T, UsersError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(UsersError::Stopped))
}

fn stamp_of(path: &Path) -> Result<Stamp, UsersError> {
    let unreadable = |source| UsersError::Read {
        path: path.to_owned(),
        source,
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    Ok((metadata.modified().ok(), metadata.len()))
}

/// How many users a file has.
pub(super) fn count(path: &Path) -> Result<usize, UsersError> {
    read(path).map(|users| users.hashes.len())
}

fn read(path: &Path) -> Result<Users, UsersError> {
    let stamp = stamp_of(path)?;
    let text = std::fs::read_to_string(path).map_err(|source| UsersError::Read {
        path: path.to_owned(),
        source,
    })?;
    let path = || path.to_owned();
    let hashes = parse(&text).map_err(|fault| match fault {
        Fault::Form(line) => UsersError::Line { path: path(), line },
        Fault::Cost(line, cost) => UsersError::Cost {
            path: path(),
            line,
            cost,
        },
    })?;
    let costs = hashes.values().filter_map(|hash| cost(hash));
    let cost = costs.max().unwrap_or(USUAL_COST);
    Ok(Users {
        hashes,
        cost,
        decoy: decoy(cost),
        stamp,
    })
}

/// What is wrong with which line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Form(usize),
    Cost(usize, u32),
}

/// The users and their hashes.
fn parse(text: &str) -> Result<HashMap<Arc<str>, Arc<str>>, Fault> {
    let mut hashes = HashMap::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (user, hash) = line.split_once(':').ok_or(Fault::Form(number))?;
        match cost(hash).filter(|_| !user.is_empty()) {
            None => return Err(Fault::Form(number)),
            Some(cost) if cost > HIGHEST_COST => return Err(Fault::Cost(number, cost)),
            Some(_) => {}
        }
        // The first line of a user counts, as upstream has it.
        hashes.entry(user.into()).or_insert_with(|| hash.into());
    }
    Ok(hashes)
}

/// The cost of a bcrypt hash, such as `$2y$10$…` with 53 more characters.
fn cost(hash: &str) -> Option<u32> {
    let rest = ["$2y$", "$2a$", "$2b$"]
        .iter()
        .find_map(|prefix| hash.strip_prefix(prefix))?;
    let (cost, salted) = rest.split_once('$')?;
    let is_salted = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'/';
    let cost = cost.parse().ok().filter(|cost| (4..=31).contains(cost))?;
    (salted.len() == 53 && salted.bytes().all(is_salted)).then_some(cost)
}

/// A hash of that cost, of no password that anybody knows.
fn decoy(cost: u32) -> Arc<str> {
    // The dot stands for zero bits: salt and hash have some at their ends that must be zero.
    format!("$2y${cost:02}${}", ".".repeat(22 + 31)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::Secret;

    /// "secret" and "other", at the lowest cost.
    fn line(user: &str, password: &str) -> String {
        format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
    }

    fn look_again(file: &UserFile) {
        file.known.lock().at = Instant::now() - FRESH;
    }

    #[tokio::test]
    async fn a_broken_file_locks_nobody_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        std::fs::write(&path, line("me", "secret")).unwrap();
        let file = UserFile::open(path.as_path().into()).await.unwrap();
        for broken in [
            "me:secret\n".to_owned(),
            line("me", "secret").replace("$04$", "$16$"),
        ] {
            std::fs::write(&path, broken).unwrap();
            for _ in 0..2 {
                look_again(&file);
                assert_eq!(checked(&file, "me", "secret").await, Ok("me".into()));
                assert!(file.trouble().unwrap().contains("line 1"));
            }
        }
        std::fs::write(&path, line("you", "other")).unwrap();
        look_again(&file);
        assert_eq!(checked(&file, "me", "secret").await, Err(Denied::Wrong));
        assert_eq!(file.trouble(), None);
    }

    #[test]
    fn a_cost_that_takes_too_long_is_refused() {
        let line = line("me", "secret");
        assert!(parse(&line.replace("$04$", "$15$")).is_ok());
        let dear = format!("\n{}", line.replace("$04$", "$31$"));
        assert_eq!(parse(&dear).err(), Some(Fault::Cost(2, 31)));
    }

    async fn checked(file: &UserFile, user: &str, password: &str) -> Result<Arc<str>, Denied> {
        let user = user.to_owned();
        let password = Secret::new(password);
        file.check(Credentials { user, password }).await
    }

    #[tokio::test]
    async fn who_is_in_the_file_is_let_in() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        let text = format!(
            "# who may\n\n{}{}",
            line("me", "secret"),
            line("you", "other")
        );
        std::fs::write(&path, text).unwrap();
        let file = UserFile::open(path.as_path().into()).await.unwrap();
        // The second time by the verdict.
        for _ in 0..2 {
            assert_eq!(checked(&file, "me", "secret").await, Ok("me".into()));
        }
        for (user, password) in [("me", "other"), ("me", ""), ("nobody", "secret"), ("", "")] {
            assert_eq!(checked(&file, user, password).await, Err(Denied::Wrong));
        }
        // Who is taken out of the file is not let in any more, however right the password was.
        std::fs::write(&path, line("you", "other")).unwrap();
        look_again(&file);
        assert_eq!(checked(&file, "me", "secret").await, Err(Denied::Wrong));
        std::fs::remove_file(&path).unwrap();
        look_again(&file);
        assert_eq!(
            checked(&file, "you", "other").await,
            Err(Denied::Unreadable)
        );
    }

    #[tokio::test]
    async fn what_is_no_file_of_users_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        let error = UserFile::open(path.as_path().into()).await.unwrap_err();
        assert!(error.to_string().contains("htpasswd -cB"), "{error}");
        assert!(count(&path).is_err());
        std::fs::write(&path, "# nobody\n").unwrap();
        assert_eq!(count(&path).ok(), Some(0));
        for text in [
            "me",
            "me:secret",
            ":$2y$04$x",
            "me:$apr1$abc$def",
            "me:$2y$99$a",
        ] {
            std::fs::write(&path, format!("#\n{text}\n")).unwrap();
            let error = UserFile::open(path.as_path().into()).await.unwrap_err();
            assert!(matches!(error, UsersError::Line { line: 2, .. }), "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_decoy_costs_what_a_hash_costs() {
        let hash = decoy(5);
        assert_eq!(cost(&hash), Some(5));
        // It is checked, not refused for its form: else unknown users would be told by the time.
        assert_eq!(bcrypt::verify("anything", &hash).ok(), Some(false));
    }
}
