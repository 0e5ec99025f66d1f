//! Groups of the node list: nodes that are alike in one field, under a heading that can be folded.

use std::collections::BTreeSet;

use super::field::{Field, Kind};
use super::fleet::Fleet;

/// A heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// What its nodes have in common; empty where they have nothing in the field.
    pub(crate) label: String,
    /// How many nodes the filter shows of it.
    pub(crate) count: usize,
    /// Whether its nodes are hidden.
    pub(crate) folded: bool,
}

/// A row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// The heading of the group with this number.
    Head(u32),
    /// The node at this place of the fleet.
    Node(u32),
}

/// Makes rows and headings of nodes that are sorted by the field already.
pub(super) fn rows(
    fleet: &Fleet,
    matched: &[u32],
    field: Option<Field>,
    folded: &BTreeSet<String>,
) -> (Vec<Row>, Vec<Group>) {
    let Some(field) = field else {
        let rows = matched.iter().map(|place| Row::Node(*place)).collect();
        return (rows, Vec::new());
    };
    let mut rows = Vec::with_capacity(matched.len());
    let mut groups: Vec<Group> = Vec::new();
    for place in matched {
        let Some(node) = fleet.at(*place as usize) else {
            continue;
        };
        let label = label(field, node);
        if groups.last().is_none_or(|group| group.label != label) {
            rows.push(Row::Head(u32::try_from(groups.len()).unwrap_or(u32::MAX)));
            groups.push(Group {
                folded: folded.contains(label.as_ref()),
                label: label.into_owned(),
                count: 0,
            });
        }
        if let Some(group) = groups.last_mut() {
            group.count += 1;
            if !group.folded {
                rows.push(Row::Node(*place));
            }
        }
    }
    (rows, groups)
}

/// What a node has in this field, as a heading says it. Times have days for groups.
pub(super) fn label(
    field: Field,
    node: &cupola_api::cupola::NodeSummary,
) -> std::borrow::Cow<'_, str> {
    if field.kind() == Kind::Time {
        let day = field.time(node);
        let zone = jiff::tz::TimeZone::UTC;
        return day
            .map(|moment| moment.to_zoned(zone).date().to_string())
            .unwrap_or_default()
            .into();
    }
    field.text(node)
}
