//! A node in few bytes: the columns that are not at their defaults, one after the other. Single
//! columns are read without the others. What a column means is told by the table of columns.
//!
//! Layout: for each kept column, in the order of the table, its index (1 byte), the length of its
//! value and one more (LEB128; 0 for null), and the value: UTF-8, or 8 bytes little-endian.

use std::sync::LazyLock;

use cupola_api::node::Node;

use super::column::COLUMNS;
use super::database::Cell;
use super::record::{Progress, Revision, StoredNode};

/// The index of what is kept beside the columns: the progress, as JSON.
const PROGRESS: u8 = u8::MAX;

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
        self == Peek::of(cell)
    }

    /// The same as a cell of the kind of `kind`.
    fn cell(self, kind: &Cell) -> Cell {
        match (kind, self) {
            (Cell::Text(_), Self::Text(text)) => Cell::text(text),
            (Cell::Text(_), _) => Cell::Text(None),
            (Cell::Int(_), Self::Int(number)) => Cell::int(number),
            (Cell::Int(_), _) => Cell::Int(None),
        }
    }
}

/// A node in few bytes.
#[derive(Debug)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    pub(crate) fn of(stored: &StoredNode) -> Self {
        let mut out = Vec::with_capacity(1024);
        for (at, (column, default)) in COLUMNS.iter().zip(DEFAULTS.iter()).enumerate() {
            let cell = (column.get)(&stored.node);
            if let Ok(index) = u8::try_from(at)
                && cell != *default
            {
                push(&mut out, index, Peek::of(&cell));
            }
        }
        if stored.progress != Progress::default()
            && let Ok(text) = serde_json::to_string(&stored.progress)
        {
            push(&mut out, PROGRESS, Peek::Text(&text));
        }
        Self(out.into())
    }

    /// What column `at` of [`COLUMNS`] holds.
    pub(crate) fn peek(&self, at: usize) -> Peek<'_> {
        let kept = Entries(&self.0)
            .take_while(|(index, _)| usize::from(*index) <= at)
            .find(|(index, _)| usize::from(*index) == at);
        match kept {
            Some((_, bytes)) => value(at, bytes),
            None => DEFAULTS.get(at).map_or(Peek::Null, Peek::of),
        }
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
        let mut node = Node::default();
        let mut progress = Progress::default();
        for (index, bytes) in Entries(&self.0) {
            let at = usize::from(index);
            if let Some(column) = COLUMNS.get(at) {
                (column.set)(&mut node, value(at, bytes).cell(&column.kind))?;
            } else if let Some(bytes) = bytes {
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
        Peek::Null => out.push(0),
        Peek::Int(number) => {
            out.push(9);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Peek::Text(text) => {
            let mut length = text.len() + 1;
            while length >= 0x80 {
                out.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
                length >>= 7;
            }
            out.push(u8::try_from(length).unwrap_or_default());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

fn value(at: usize, bytes: Option<&[u8]>) -> Peek<'_> {
    let (Some(bytes), Some(column)) = (bytes, COLUMNS.get(at)) else {
        return Peek::Null;
    };
    match column.kind {
        Cell::Int(_) => bytes
            .try_into()
            .map_or(Peek::Null, |bytes| Peek::Int(i64::from_le_bytes(bytes))),
        Cell::Text(_) => std::str::from_utf8(bytes).map_or(Peek::Null, Peek::Text),
    }
}

/// What is kept, in order: the index, and the bytes unless it is null.
struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = (u8, Option<&'a [u8]>);

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
        let Some(length) = length.checked_sub(1) else {
            self.0 = rest;
            return Some((*index, None));
        };
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*index, Some(bytes)))
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
        assert!(packed.0.len() < 64, "{}", packed.0.len());
    }
}
