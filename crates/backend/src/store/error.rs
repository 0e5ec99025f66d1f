//! What can go wrong with the store, as its callers need to tell it apart. No SQL in the texts.

use std::path::PathBuf;

use cupola_api::id::NodeId;

pub use super::outage::{Cause, Outage};

/// Why a call of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such thing.
    #[error("{what} {ident} could not be found.")]
    NotFound {
        /// The kind of thing: `Node`, `Port`, ...
        what: &'static str,
        /// What was asked for.
        ident: String,
    },
    /// It contradicts what is stored.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The database cannot be reached, is full, read-only or gone.
    #[error("the database is not available: {0}")]
    Unavailable(Outage),
    /// The database does not take a statement of ours.
    #[error("the database refused a statement, which is a defect of the service: {0}")]
    Refused(String),
    /// The database holds what cannot be read.
    #[error("the database holds something unreadable in {place}: {reason}")]
    Corrupt {
        /// Table and column.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The state directory, its key file or its database is not usable.
    #[error(transparent)]
    Key(#[from] StateError),
    /// The database could not be brought to this version's schema.
    #[error(
        "the database schema cannot be brought up to date: {0}; was this database used by a newer version?"
    )]
    Migration(String),
    /// The database URL is not one of ours.
    #[error("`database.url` {reason}; write sqlite:///PATH or postgres://USER:PASSWORD@HOST/NAME")]
    Url {
        /// What is wrong with it; never the URL itself, which may hold a password anywhere.
        reason: String,
    },
    /// The database cannot be opened at start.
    #[error("{place} cannot be opened: {cause}")]
    Open {
        /// Which database, without a password.
        place: String,
        /// Why, and what to do.
        cause: Cause,
    },
}

impl StoreError {
    pub(crate) fn not_found(what: &'static str, ident: impl ToString) -> Self {
        Self::NotFound {
            what,
            ident: ident.to_string(),
        }
    }

    pub(crate) fn corrupt(place: impl Into<String>, reason: impl ToString) -> Self {
        Self::Corrupt {
            place: place.into(),
            reason: reason.to_string(),
        }
    }
}

/// The article before a word at the beginning of a sentence.
fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "An"
    } else {
        "A"
    }
}

/// What a write contradicts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A node with this UUID exists.
    #[error("A node with UUID {0} already exists.")]
    NodeUuid(String),
    /// A node with this name exists.
    #[error("A node with name {0} already exists.")]
    NodeName(String),
    /// Another node has this instance.
    #[error(
        "Instance {instance} is already associated with a node, it cannot be associated with this other node {node}"
    )]
    InstanceUuid {
        /// The instance.
        instance: String,
        /// The node that wants it.
        node: NodeId,
    },
    /// A port with this UUID exists.
    #[error("A port with UUID {0} already exists.")]
    PortUuid(String),
    /// A port with this address exists.
    #[error("A port with MAC address {0} already exists.")]
    PortAddress(String),
    /// A port with this name exists.
    #[error("A port with name {0} already exists.")]
    PortName(String),
    /// Another resource of the kind has what only one can have.
    #[error("{article} {resource} with {what} already exists.", article = article(resource))]
    Taken {
        /// The kind of resource.
        resource: String,
        /// What is taken, with its value.
        what: String,
    },
    /// Others belong to the resource, which therefore stays.
    #[error("Cannot complete the requested action because {resource} {ident} contains {members}.")]
    NotEmpty {
        /// The kind of resource.
        resource: String,
        /// Its UUID.
        ident: String,
        /// What belongs to it.
        members: &'static str,
    },
    /// The node has changed since it was read.
    #[error("Node {0} has changed in the meantime.")]
    Changed(NodeId),
    /// The step is not in the state that the change needs.
    #[error("Step {index} of node {node} is {state}.")]
    Step {
        /// Its node.
        node: NodeId,
        /// Its position, from 1.
        index: u32,
        /// The state it is in.
        state: &'static str,
    },
    /// Something else that must be unique is not.
    #[error("{0} already exists.")]
    Other(String),
}

/// Why what lies in the state directory cannot be used: the key that seals secrets, the database.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Others can read the key file.
    #[error("{path} can be read by others (mode {mode:04o}); run: chmod 600 {path}", path = path.display())]
    Readable {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file holds no key.
    #[error("{path} holds no key (64 hexadecimal digits); restore it from a backup, it opens the secrets in the database", path = path.display())]
    Malformed {
        /// The key file.
        path: PathBuf,
    },
    /// The database was sealed with another key.
    #[error("{path} is not the key that this database was sealed with; restore the secret.key that belongs to the database", path = path.display())]
    Wrong {
        /// The key file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{path} cannot be used: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has the database.
    #[error(
        "{path} is in use by another process (pid {holder}); stop it, or speak to it: cupola --api URL",
        path = path.display()
    )]
    InUse {
        /// The database.
        path: PathBuf,
        /// The process id that it left.
        holder: String,
    },
    /// The kernel gave no random numbers.
    #[error("no random numbers from the kernel: {0}")]
    Random(String),
}

/// Why a node could not be reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Another holds the node.
    #[error(
        "Node {node} is locked by host {host}, please retry after the current operation is completed."
    )]
    Locked {
        /// The node.
        node: NodeId,
        /// Who holds it.
        host: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
