//! The file of users and their bcrypt hashes, in Apache's format as Ironic reads it (`htpasswd -B`).
//! A change of the file counts from the next second on; one that breaks it counts when it is mended.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cupola_api::Secret;
use parking_lot::Mutex;

use super::Denied;
use super::basic::Credentials;
use super::gate::{Gate, Limits, Turn};
use super::verdicts::Verdicts;
use crate::limit::PerAddress;
use crate::operator_file::{self, Audience, Exposure, Looker, Stamp};

/// How old what was read of the file may be.
const FRESH: Duration = Duration::from_secs(1);

/// bcrypt takes a processor for a tenth of a second and more, so that guessing leaves the rest of the
/// service its processors, and of two checks at once one is another address'.
const LIMITS: Limits = Limits {
    what: "passwords",
    at_once: 2,
    of_one: 1,
    queue: 256,
    queue_of_one: 32,
    patience: Duration::from_secs(10),
    weight: match NonZeroU32::new(10) {
        Some(weight) => weight,
        None => NonZeroU32::MIN,
    },
};

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
    /// There is nobody in it.
    #[error(
        "api.http_basic_auth_user_file: {} has no user, so nobody could log in; add one with \
         `htpasswd -B {} USER`",
        path.display(), path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no random octets.
    #[error("the system gives no random octets: {0}")]
    Random(#[from] getrandom::Error),
}

impl UsersError {
    /// Whether the file must be mended.
    pub(super) const fn is_of_file(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Line { .. } | Self::Cost { .. } | Self::Empty { .. } => true,
            Self::Random(_) => false,
        }
    }
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
    /// What is wrong with who may read and write the file.
    exposed: Option<Exposure>,
}

/// What is known of the file.
#[derive(Clone, Debug)]
struct Known {
    users: Arc<Users>,
    at: Instant,
    /// What is wrong with a later file, which is not used.
    broken: Option<(Option<Stamp>, Arc<str>)>,
}

/// The file of users.
#[derive(Debug)]
pub(crate) struct UserFile {
    path: Arc<Path>,
    known: Mutex<Known>,
    looker: Looker,
    verdicts: Verdicts,
    gate: Arc<Gate>,
}

impl UserFile {
    /// Reads the file.
    pub(super) async fn open(
        path: Arc<Path>,
        refusals: Option<PerAddress>,
    ) -> Result<Self, UsersError> {
        let looker = Looker::default();
        let file = Arc::clone(&path);
        let looked = looker.look(move || read(&file)).await;
        let users = looked.unwrap_or_else(|error| Err(unreadable(&path)(error)))?;
        Ok(Self {
            path,
            known: Mutex::new(Known::now(Arc::new(users))),
            looker,
            verdicts: Verdicts::new()?,
            gate: Gate::new(LIMITS, refusals),
        })
    }

    /// Whether there is such a user with this password; returns the user.
    pub(super) async fn check(
        &self,
        credentials: Credentials,
        from: Option<IpAddr>,
    ) -> Result<Arc<str>, Denied> {
        let users = self.users().await;
        let Credentials { user, password } = credentials;
        let known = users.hashes.get_key_value(user.as_str());
        let seen = || {
            let (user, hash) = known?;
            let is_right = self.verdicts.knows(user, password.expose(), hash);
            is_right.then(|| Arc::clone(user))
        };
        if let Some(user) = seen() {
            return Ok(user);
        }
        let turn = self.gate.enter(from, Some(&user)).await?;
        // Another request with it may have been first.
        if let Some(user) = seen() {
            return Ok(user);
        }
        let guess = Guess {
            hash: Arc::clone(known.map_or(&users.decoy, |(_, hash)| hash)),
            highest: users.cost,
            is_known: known.is_some(),
            password: password.clone(),
        };
        let (gate, name) = (Arc::clone(&self.gate), user.clone());
        // It ends also when its sender goes away, and is counted: its turn goes with it.
        let looked = tokio::task::spawn_blocking(move || guess.take(turn, &gate, from, &name));
        let is_right = looked.await.map_err(|_| Denied::Stopping)?;
        match known.filter(|_| is_right) {
            Some((user, hash)) => {
                self.verdicts
                    .note(Arc::clone(user), password.expose(), hash);
                Ok(Arc::clone(user))
            }
            None => Err(Denied::Wrong(user.into())),
        }
    }

    /// The users as the file has them, at most a second ago; those before, while it cannot be used.
    async fn users(&self) -> Arc<Users> {
        let known = self.known.lock().clone();
        if known.at.elapsed() < FRESH {
            return known.users;
        }
        let looked_at = match &known.broken {
            Some((stamp, _)) => *stamp,
            None => Some(known.users.stamp),
        };
        let look = self.looker.try_look(self.look(looked_at)).await;
        // Somebody else looks just now.
        let Some(look) = look else {
            return known.users;
        };
        self.looked(known, look).users
    }

    /// Reads the file again, whether or not it has changed; how many users there are.
    ///
    /// # Errors
    /// What is wrong with it. The users before are kept then.
    pub(super) async fn reload(&self) -> Result<usize, String> {
        let look = self.looker.look(self.look(None)).await;
        let known = self.known.lock().clone();
        let known = self.looked(known, look);
        match known.broken {
            None => Ok(known.users.hashes.len()),
            Some((_, why)) => Err(why.to_string()),
        }
    }

    /// Looks at the file, and reads it when it is another one than what was looked at.
    fn look(&self, looked_at: Option<Stamp>) -> impl FnOnce() -> Look + Send + use<> {
        let path = Arc::clone(&self.path);
        move || {
            let stamp = operator_file::stamp(&path).ok();
            let is_known = stamp.is_some() && stamp == looked_at;
            (stamp, (!is_known).then(|| read(&path)))
        }
    }

    /// Takes what was found there.
    fn looked(&self, known: Known, look: io::Result<Look>) -> Known {
        let late = |error| (None, Some(Err(unreadable(&self.path)(error))));
        let (stamp, again) = look.unwrap_or_else(late);
        let known = match again {
            None => Known {
                at: Instant::now(),
                ..known
            },
            Some(Ok(users)) => {
                tracing::info!(
                    path = %self.path.display(),
                    users = users.hashes.len(),
                    "the file of users was read"
                );
                if let Some(exposed) = &users.exposed {
                    tracing::warn!("api.http_basic_auth_user_file: {exposed}");
                }
                Known::now(Arc::new(users))
            }
            Some(Err(error)) => {
                let why: Arc<str> = format!("{error}; the users known before are kept").into();
                // A file that is away is looked for each time, and told of once.
                let before = known.broken.as_ref().map(|(_, why)| why);
                if before != Some(&why) {
                    tracing::error!("{why}");
                }
                Known {
                    broken: Some((stamp, why)),
                    ..Known::now(known.users)
                }
            }
        };
        let users = Arc::clone(&known.users);
        self.verdicts.keep(|user| users.hashes.contains_key(user));
        *self.known.lock() = known.clone();
        known
    }

    /// What is wrong with the file as it is, at most a second ago, while users that were known
    /// before are kept.
    pub(super) async fn trouble(&self) -> Option<String> {
        self.users().await;
        let known = self.known.lock();
        known.broken.as_ref().map(|(_, why)| why.to_string())
    }
}

/// The file as it is, and what was read of it, unless it was known.
type Look = (Option<Stamp>, Option<Result<Users, UsersError>>);

/// A password to be looked at.
struct Guess {
    hash: Arc<str>,
    highest: u32,
    is_known: bool,
    password: Secret,
}

impl Guess {
    /// Takes as long whatever the cost of this hash is, so that nobody is told by the time which users
    /// there are: each cost takes twice as long as the one before it.
    fn take(self, turn: Turn, gate: &Gate, from: Option<IpAddr>, user: &str) -> bool {
        let password = self.password.expose();
        let is_right = bcrypt::verify(password, &self.hash).unwrap_or(false);
        for cost in cost(&self.hash).unwrap_or(self.highest)..self.highest {
            // Nobody's: only its time counts.
            let _ = bcrypt::verify(password, &decoy(cost));
        }
        if !(is_right && self.is_known) {
            gate.refused(from, Some(user));
        }
        drop(turn);
        is_right
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

fn unreadable(path: &Path) -> impl Fn(io::Error) -> UsersError + use<> {
    let path = path.to_owned();
    move |source| UsersError::Read {
        path: path.clone(),
        source,
    }
}

/// What is wrong with the permissions of a file that can be used.
pub(super) fn exposed(path: &Path) -> Result<Option<Exposure>, UsersError> {
    let file = path.to_owned();
    let looked = operator_file::wait(move || read(&file));
    let users = looked.unwrap_or_else(|error| Err(unreadable(path)(error)))?;
    Ok(users.exposed)
}

fn read(path: &Path) -> Result<Users, UsersError> {
    let contents = operator_file::read(path).map_err(unreadable(path))?;
    let stamp = contents.stamp;
    let exposed = contents.exposure(path, Audience::Secret);
    let text = contents.into_text().map_err(unreadable(path))?;
    let path = || path.to_owned();
    let hashes = parse(&text).map_err(|fault| match fault {
        Fault::Form(line) => UsersError::Line { path: path(), line },
        Fault::Cost(line, cost) => UsersError::Cost {
            path: path(),
            line,
            cost,
        },
    })?;
    if hashes.is_empty() {
        return Err(UsersError::Empty { path: path() });
    }
    let costs = hashes.values().filter_map(|hash| cost(hash));
    let cost = costs.max().unwrap_or(USUAL_COST);
    Ok(Users {
        hashes,
        cost,
        decoy: decoy(cost),
        stamp,
        exposed,
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
mod tests;
