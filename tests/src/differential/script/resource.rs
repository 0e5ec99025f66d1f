//! What a resource's fields are, as the tables of the script write them, and the values that can be
//! wrong with each.

use serde_json::{Value, json};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Text,
    Object,
    Boolean,
    Integer,
    Uuid,
    List,
    /// The name of an interface.
    Interface,
    Mac,
}

/// A field that a client may write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) since: u16,
    pub(super) sort: Sort,
    /// A value that is right, as JSON.
    pub(super) good: &'static str,
    /// Whether it may be patched.
    pub(super) is_patched: bool,
}

pub(super) const fn field(since: u16, name: &'static str, sort: Sort, good: &'static str) -> Field {
    Field {
        name,
        since,
        sort,
        good,
        is_patched: true,
    }
}

/// The same of a field that is given once for all.
pub(super) const fn given(since: u16, name: &'static str, sort: Sort, good: &'static str) -> Field {
    Field {
        name,
        since,
        sort,
        good,
        is_patched: false,
    }
}

/// A kind of object that clients make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resource {
    /// Its collection below `/v1/`.
    pub(super) collection: &'static str,
    /// Since when it is there.
    pub(super) since: u16,
    /// A body that is enough to make one, but for its UUID.
    pub(super) minimal: &'static str,
    /// What else a client may write.
    pub(super) fields: &'static [Field],
    /// What it may not.
    pub(super) read_only: &'static [&'static str],
    /// Fields whose lists can be sorted by or which can be asked for, besides those above.
    pub(super) others: &'static [(u16, &'static str)],
}

impl Resource {
    /// Every field with the version that brought it.
    pub(super) fn all(&self) -> Vec<(u16, &'static str)> {
        let mut all: Vec<_> = self.fields.iter().map(|f| (f.since, f.name)).collect();
        all.extend_from_slice(self.others);
        all
    }
}

/// Values that are wrong, or at the edge, for a field of this kind.
pub(super) fn doubtful(sort: Sort) -> Vec<Value> {
    match sort {
        Sort::Text => vec![
            json!(5),
            json!({}),
            json!(""),
            json!(null),
            json!("a b/ä\u{1F600}"),
            json!("x".repeat(256)),
        ],
        Sort::Object => vec![
            json!(5),
            json!("x"),
            json!([]),
            json!(null),
            json!({"a": {"b": [1, null, "ü"]}}),
        ],
        Sort::Boolean => vec![
            json!("maybe"),
            json!("yes"),
            json!(1),
            json!(null),
            json!([]),
        ],
        Sort::Integer => vec![
            json!("x"),
            json!("7"),
            json!(-1),
            json!(1.5),
            json!(null),
            json!(99_999_999_999_u64),
        ],
        Sort::Uuid => vec![
            json!(5),
            json!("x"),
            json!(""),
            json!(null),
            json!("$unknown"),
            json!({}),
        ],
        Sort::List => vec![
            json!(5),
            json!("x"),
            json!([]),
            json!(null),
            json!([5]),
            json!([{}]),
        ],
        Sort::Interface => vec![json!(5), json!("nope"), json!(""), json!(null)],
        Sort::Mac => vec![
            json!(5),
            json!("x"),
            json!(""),
            json!(null),
            json!("aa-bb-cc-dd-ee-ff"),
            json!("AA:BB:CC:DD:EE:0F"),
            json!("aabbccddeeff"),
            json!("aa:bb:cc:dd:ee:ff:00"),
        ],
    }
}
