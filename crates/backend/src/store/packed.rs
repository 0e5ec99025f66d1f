//! A node in few bytes: the columns that are not at their defaults, one after the other. Single
//! columns are read without the others. What a column means is told by the table of columns.
//!
//! Layout: for each kept column, in the order of the table, its index (1 byte), and either 0 for
//! null, or 1 and the place of a text that nodes share (2 bytes little-endian), or the length of the
//! value and two more (LEB128) and the value: UTF-8, or 8 bytes little-endian. The UUID, which every
//! node has, is kept beside them, and so is the driver with its interfaces: few of these differ, so
//! that a node only keeps the place of its set.

use std::sync::LazyLock;

use cupola_api::id::NodeId;
use cupola_api::node::Node;

use super::column::{COLUMNS, place_of};
use super::database::Cell;
use super::record::{Progress, Revision, StoredNode};
use super::shared_text;

/// The index of what is kept beside the columns: the progress, as JSON.
const PROGRESS: u8 = u8::MAX;
/// The lengths that are none.
const NULL: u8 = 0;
const SHARED: u8 = 1;
/// What is added to a length.
const LENGTHS: usize = 2;

/// The columns of which many nodes hold the same: no secrets, no names.
const IN_COMMON: [&str; 14] = [
    "properties",
    "power_state",
    "target_power_state",
    "provision_state",
    "target_provision_state",
    "fault",
    "resource_class",
    "conductor_group",
    "conductor",
    "owner",
    "lessee",
    "boot_mode",
    "shard",
    "health",
];

/// Where a column is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    /// With the node, each value by itself.
    Node,
    /// There too; its texts are shared one by one.
    Common,
    /// In the set of the driver and its interfaces.
    Driver,
}

/// For each column where it is kept.
static HOMES: LazyLock<Vec<Home>> = LazyLock::new(|| {
    let home = |name: &str| match name {
        "driver" => Home::Driver,
        name if name.ends_with("_interface") => Home::Driver,
        name if IN_COMMON.contains(&name) => Home::Common,
        _ => Home::Node,
    };
    COLUMNS.iter().map(|column| home(column.name)).collect()
});

fn home(at: usize) -> Home {
    HOMES.get(at).copied().unwrap_or(Home::Node)
}

/// The place of a set that has none.
const NO_PLACE: u16 = u16::MAX;

/// Where the UUID is among the columns.
static UUID: LazyLock<usize> = LazyLock::new(|| place_of("uuid"));

/// The cells of a node of which nothing is known.
static DEFAULTS: LazyLock<Vec<Cell>> = LazyLock::new(|| {
    let node = Node::default();
    COLUMNS.iter().map(|column| (column.get)(&node)).collect()
});

/// The value of a column where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peek<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Uuid(NodeId),
}

impl<'a> Peek<'a> {
    fn of(cell: &'a Cell) -> Self {
        match cell {
            Cell::Text(None) | Cell::Int(None) => Self::Null,
            Cell::Int(Some(number)) => Self::Int(*number),
            Cell::Text(Some(text)) => Self::Text(text),
        }
    }

    /// Whether a cell has the same value.
    pub(crate) fn is(self, cell: &Cell) -> bool {
        match self {
            Self::Uuid(uuid) => Peek::of(cell) == Peek::Text(&uuid.to_string()),
            Self::Null | Self::Int(_) | Self::Text(_) => self == Peek::of(cell),
        }
    }

    /// The same as a cell of the kind of `kind`.
    fn cell(self, kind: &Cell) -> Cell {
        match (kind, self) {
            (Cell::Text(_), Self::Text(text)) => Cell::text(text),
            (Cell::Text(_), Self::Uuid(uuid)) => Cell::text(uuid.to_string()),
            (Cell::Text(_), _) => Cell::Text(None),
            (Cell::Int(_), Self::Int(number)) => Cell::int(number),
            (Cell::Int(_), _) => Cell::Int(None),
        }
    }
}

/// A node in few bytes.
#[derive(Debug)]
pub(crate) struct Packed {
    uuid: NodeId,
    /// The shared columns of the driver and its interfaces; [`NO_PLACE`] when they are among the
    /// others.
    driver: u16,
    columns: Box<[u8]>,
}

impl Packed {
    pub(crate) fn of(stored: &StoredNode) -> Self {
        let mut out = Vec::with_capacity(1024);
        let mut driver = Vec::with_capacity(256);
        for (at, (column, default)) in COLUMNS.iter().zip(DEFAULTS.iter()).enumerate() {
            if at == *UUID {
                continue;
            }
            let cell = (column.get)(&stored.node);
            if let Ok(index) = u8::try_from(at)
                && cell != *default
            {
                let to = match home(at) {
                    Home::Driver => &mut driver,
                    Home::Node | Home::Common => &mut out,
                };
                push(to, index, Peek::of(&cell));
            }
        }
        let place = shared_text::place(&driver, false).unwrap_or(NO_PLACE);
        if stored.progress != Progress::default()
            && let Ok(text) = serde_json::to_string(&stored.progress)
        {
            push(&mut out, PROGRESS, Peek::Text(&text));
        }
        if place == NO_PLACE {
            out.extend_from_slice(&driver);
        }
        Self {
            driver: place,
            uuid: stored.node.uuid,
            // Copied, not shrunk: what is cut off a long buffer would stay behind it as a hole.
            columns: out.as_slice().into(),
        }
    }

    /// Its identifier.
    pub(crate) const fn uuid(&self) -> NodeId {
        self.uuid
    }

    /// What column `at` of [`COLUMNS`] holds.
    pub(crate) fn peek(&self, at: usize) -> Peek<'_> {
        if at == *UUID {
            return Peek::Uuid(self.uuid);
        }
        let is_it = |(index, _): &(u8, Kept<'_>)| usize::from(*index) == at;
        let kept = if home(at) == Home::Driver && self.driver != NO_PLACE {
            self.driver().find(is_it)
        } else {
            Entries(&self.columns).find(is_it)
        };
        match kept {
            Some((_, kept)) => value(at, kept),
            None => DEFAULTS.get(at).map_or(Peek::Null, Peek::of),
        }
    }

    fn driver(&self) -> Entries<'static> {
        Entries(shared_text::bytes(self.driver).unwrap_or_default())
    }

    /// The same as the database would give it.
    pub(crate) fn cell(&self, at: usize) -> Cell {
        let kind = COLUMNS.get(at).map_or(&Cell::Text(None), |c| &c.kind);
        self.peek(at).cell(kind)
    }

    /// The whole node.
    ///
    /// # Errors
    /// When a value is none of its column: never, because only nodes are packed.
    pub(crate) fn unpack(&self, row: i64, revision: Revision) -> Result<StoredNode, String> {
        let mut node = Node {
            uuid: self.uuid,
            ..Node::default()
        };
        let mut progress = Progress::default();
        for (index, kept) in self.driver().chain(Entries(&self.columns)) {
            let at = usize::from(index);
            if let Some(column) = COLUMNS.get(at) {
                (column.set)(&mut node, value(at, kept).cell(&column.kind))?;
            } else if let Kept::Bytes(bytes) = kept {
                progress = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            }
        }
        Ok(StoredNode {
            node,
            row,
            revision,
            progress,
        })
    }
}

fn push(out: &mut Vec<u8>, index: u8, value: Peek<'_>) {
    out.push(index);
    match value {
        Peek::Null | Peek::Uuid(_) => out.push(NULL),
        Peek::Int(number) => put(out, &number.to_le_bytes()),
        Peek::Text(text) => {
            let at = usize::from(index);
            let is_json = COLUMNS.get(at).is_some_and(|column| column.json);
            let is_common = home(at) == Home::Common;
            let place = is_common.then(|| shared_text::place(text.as_bytes(), is_json));
            match place.flatten() {
                Some(place) => {
                    out.push(SHARED);
                    out.extend_from_slice(&place.to_le_bytes());
                }
                None => put(out, text.as_bytes()),
            }
        }
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len() + LENGTHS;
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap_or_default());
    out.extend_from_slice(bytes);
}

fn value(at: usize, kept: Kept<'_>) -> Peek<'_> {
    let (bytes, column) = match (kept, COLUMNS.get(at)) {
        (Kept::Shared(place), Some(_)) => {
            let text = shared_text::bytes(place).and_then(|text| std::str::from_utf8(text).ok());
            return text.map_or(Peek::Null, Peek::Text);
        }
        (Kept::Bytes(bytes), Some(column)) => (bytes, column),
        (Kept::Null, _) | (_, None) => return Peek::Null,
    };
    match column.kind {
        Cell::Int(_) => bytes
            .try_into()
            .map_or(Peek::Null, |bytes| Peek::Int(i64::from_le_bytes(bytes))),
        Cell::Text(_) => std::str::from_utf8(bytes).map_or(Peek::Null, Peek::Text),
    }
}

/// What is kept of a column.
#[derive(Clone, Copy)]
enum Kept<'a> {
    Null,
    Shared(u16),
    Bytes(&'a [u8]),
}

/// What is kept, in order, each with its index.
struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = (u8, Kept<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (index, mut rest) = self.0.split_first()?;
        let mut length = 0_usize;
        let mut shift = 0_u32;
        loop {
            let (byte, after) = rest.split_first()?;
            rest = after;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        let kept = if length == usize::from(NULL) {
            Kept::Null
        } else if length == usize::from(SHARED) {
            let (place, after) = rest.split_first_chunk()?;
            rest = after;
            Kept::Shared(u16::from_le_bytes(*place))
        } else {
            let (bytes, after) = rest.split_at_checked(length.checked_sub(LENGTHS)?)?;
            rest = after;
            Kept::Bytes(bytes)
        };
        self.0 = rest;
        Some((*index, kept))
    }
}

#[cfg(test)]
mod tests {
    use cupola_api::cupola::StepSummary;
    use cupola_api::{NodeId, ProvisionState};
    use serde_json::json;

    use super::*;

    fn stored(change: impl FnOnce(&mut Node)) -> StoredNode {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        change(&mut node);
        StoredNode {
            node,
            row: 7,
            revision: Revision(3),
            progress: Progress::default(),
        }
    }

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        let long = "é".repeat(20_000);
        let mut before = stored(|node| {
            node.name = Some("rack1-07".to_owned());
            node.description = Some(long.clone());
            node.provision_state = ProvisionState::DeployWait;
            node.automated_clean = Some(false);
            node.conductor_group = "g".to_owned();
            node.traits = vec!["CUSTOM_A".to_owned()];
            node.properties.insert("cpus".to_owned(), json!(32));
            node.secure_boot = Some(true);
            node.instance_uuid = Some(uuid::Uuid::from_u128(9));
        });
        before.progress.step = Some(StepSummary {
            step: "deploy.write_image".to_owned(),
            index: 2,
            total: 5,
            percent: Some(40),
        });
        let after = Packed::of(&before).unpack(7, Revision(3)).expect("a node");
        assert_eq!(after, before);
    }

    #[test]
    fn a_column_is_read_without_the_others() {
        let node = stored(|node| {
            node.owner = Some("alice".to_owned());
            node.maintenance = true;
        });
        let packed = Packed::of(&node);
        for (at, column) in COLUMNS.iter().enumerate() {
            assert_eq!(packed.cell(at), (column.get)(&node.node), "{}", column.name);
        }
    }

    #[test]
    fn a_node_as_enrolled_takes_few_bytes() {
        let packed = Packed::of(&stored(|_| ()));
        assert!(packed.columns.len() < 32, "{}", packed.columns.len());
    }

    #[test]
    fn what_many_nodes_have_in_common_is_kept_once() {
        let node = |name: &str| {
            stored(|node| {
                node.name = Some(name.to_owned());
                node.resource_class = Some("a-class-that-is-shared-by-all".to_owned());
                let model = json!("a model that is shared by all nodes of a rack");
                node.properties.insert("model".to_owned(), model);
                node.interfaces.power_interface = Some("ipmitool".to_owned());
            })
        };
        let (first, second) = (node("a"), node("b"));
        for node in [&first, &second] {
            let packed = Packed::of(node);
            assert!(packed.columns.len() < 48, "{}", packed.columns.len());
            assert_eq!(packed.unpack(7, Revision(3)).expect("a node"), *node);
            let uuid = Cell::text(node.node.uuid.to_string());
            assert!(packed.peek(place_of("uuid")).is(&uuid));
        }
    }
}
