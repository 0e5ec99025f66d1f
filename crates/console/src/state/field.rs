//! The fields of a node that lists know: one table, from which columns, orders, filters and groups
//! are made. How a cell looks is not here.

use std::borrow::Cow;
use std::cmp::Ordering;

use cupola_api::cupola::NodeSummary;
use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;

use super::natural::natural;
use crate::state::fleet::{is_failed, is_moving};
use crate::summary::power_word;

/// What can be said of a node in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Field {
    #[default]
    Name,
    Uuid,
    State,
    Target,
    Power,
    PowerTarget,
    Maintenance,
    Fault,
    Driver,
    Class,
    Owner,
    Lessee,
    Rack,
    Unit,
    Conductor,
    Group,
    Instance,
    InstanceUuid,
    Description,
    Shard,
    Traits,
    Retired,
    Protected,
    Failed,
    Moving,
    Since,
    Age,
    Updated,
    Reservation,
    Waits,
    Step,
    Error,
    Does,
}

/// How the values of a field are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text; numbers in it count by their value.
    Text,
    /// A text out of a known few.
    Word,
    /// Yes or no.
    Flag,
    /// A moment: its age is what is asked for.
    Time,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The field.
    pub(crate) field: Field,
    /// Its names, the first one is the one that is shown.
    pub(crate) names: &'static [&'static str],
    /// The head of its column.
    pub(crate) head: &'static str,
    /// The width of its column.
    pub(crate) width: u16,
    /// How its values are understood.
    pub(crate) kind: Kind,
}

const fn row(
    field: Field,
    names: &'static [&'static str],
    head: &'static str,
    width: u16,
    kind: Kind,
) -> Row {
    Row {
        field,
        names,
        head,
        width,
        kind,
    }
}

/// All fields, in the order in which they are offered.
pub(crate) const TABLE: &[Row] = {
    use Field as F;
    use Kind::{Flag, Text, Time, Word};
    &[
        row(F::Name, &["name"], "NAME", 20, Text),
        row(
            F::State,
            &["state", "prov", "provision", "provision_state"],
            "STATE",
            15,
            Word,
        ),
        row(
            F::Target,
            &["target", "target_provision_state"],
            "TARGET",
            12,
            Word,
        ),
        row(F::Power, &["power", "power_state"], "POWER", 7, Word),
        row(
            F::PowerTarget,
            &["power-target", "target_power_state"],
            "GOING",
            14,
            Word,
        ),
        row(
            F::Since,
            &["since", "provision_updated_at"],
            "SINCE",
            6,
            Time,
        ),
        row(F::Rack, &["rack"], "RACK", 10, Text),
        row(F::Unit, &["unit"], "UNIT", 5, Text),
        row(F::Driver, &["driver"], "DRIVER", 14, Text),
        row(F::Class, &["class", "resource_class"], "CLASS", 14, Text),
        row(F::Owner, &["owner"], "OWNER", 14, Text),
        row(F::Lessee, &["lessee"], "LESSEE", 14, Text),
        row(F::Maintenance, &["maint", "maintenance"], "MAINT", 5, Flag),
        row(F::Fault, &["fault"], "FAULT", 16, Word),
        row(F::Error, &["error", "last_error"], "LAST ERROR", 40, Text),
        row(F::Waits, &["wait", "waits"], "WAITS FOR", 26, Text),
        row(F::Step, &["step"], "STEP", 24, Text),
        row(F::Failed, &["failed"], "FAILED", 6, Flag),
        row(F::Moving, &["moving"], "MOVING", 6, Flag),
        row(
            F::Reservation,
            &["locked", "reservation"],
            "LOCKED BY",
            16,
            Text,
        ),
        row(F::Conductor, &["conductor"], "CONDUCTOR", 16, Text),
        row(F::Group, &["group", "conductor_group"], "GROUP", 12, Text),
        row(
            F::Instance,
            &["instance", "instance_name"],
            "INSTANCE",
            18,
            Text,
        ),
        row(
            F::InstanceUuid,
            &["instance-uuid", "instance_uuid"],
            "INSTANCE UUID",
            36,
            Text,
        ),
        row(F::Description, &["description"], "DESCRIPTION", 30, Text),
        row(F::Traits, &["traits", "trait"], "TRAITS", 24, Text),
        row(F::Shard, &["shard"], "SHARD", 10, Text),
        row(F::Retired, &["retired"], "RETIRED", 7, Flag),
        row(F::Protected, &["protected"], "PROTECTED", 9, Flag),
        row(F::Age, &["age", "created", "created_at"], "AGE", 6, Time),
        row(F::Updated, &["updated", "updated_at"], "UPDATED", 7, Time),
        row(F::Uuid, &["uuid"], "UUID", 36, Text),
        row(F::Does, &["does"], "DOES OR WAITS FOR", 40, Text),
    ]
};

/// The fields by which nodes are usually grouped.
pub(crate) const GROUPS: [Field; 5] = [
    Field::State,
    Field::Rack,
    Field::Driver,
    Field::Owner,
    Field::Class,
];

/// The names of all fields as they are shown.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter_map(|row| row.names.first().copied())
}

impl Field {
    /// Its row; there is one for every field, which a test makes sure of.
    pub(crate) fn row(self) -> &'static Row {
        const FIRST: &Row = &row(Field::Name, &["name"], "NAME", 20, Kind::Text);
        TABLE.iter().find(|row| row.field == self).unwrap_or(FIRST)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        self.row().names.first().copied().unwrap_or_default()
    }

    /// How its values are understood.
    pub(crate) fn kind(self) -> Kind {
        self.row().kind
    }

    /// The field with this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let same = |name: &&str| name.eq_ignore_ascii_case(text);
        let row = TABLE.iter().find(|row| row.names.iter().any(same))?;
        Some(row.field)
    }

    /// Reads a name; one that is wrong is told with the nearest.
    ///
    /// # Errors
    /// A text for the person who typed it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| {
            let near = super::nearest(text, names());
            let near = near.map_or_else(
                || names().collect::<Vec<_>>().join(" "),
                |near| format!("is it {near}?"),
            );
            format!("there is no field {text}: {near}")
        })
    }

    /// The words that its values are, where they are few.
    pub(crate) fn words(self) -> Vec<&'static str> {
        use cupola_api::node::Fault;
        match self {
            Self::State | Self::Target => ProvisionState::ALL.iter().map(|s| s.as_str()).collect(),
            Self::Power => vec!["on", "off", "error", "unknown"],
            Self::PowerTarget => cupola_api::state::power::PowerTarget::ALL
                .iter()
                .map(|t| t.as_str())
                .collect(),
            Self::Fault => Fault::ALL.iter().map(|f| f.as_str()).collect(),
            _ if self.kind() == Kind::Flag => vec!["yes", "no"],
            _ => Vec::new(),
        }
    }

    /// Its text, as it is filtered and grouped by; of a time there is none.
    pub(crate) fn text(self, node: &NodeSummary) -> Cow<'_, str> {
        match self {
            Self::Uuid => node.uuid.to_string().into(),
            Self::InstanceUuid => node
                .instance_uuid
                .map(|id| id.to_string())
                .unwrap_or_default()
                .into(),
            Self::Traits => node.traits.join(" ").into(),
            Self::Does => crate::summary::activity(node).into(),
            Self::Since | Self::Age | Self::Updated => Cow::Borrowed(""),
            other => Cow::Borrowed(other.plain(node)),
        }
    }

    /// Its text where the node holds it as it is shown; nothing where it must be made.
    pub(crate) fn plain(self, node: &NodeSummary) -> &str {
        match self {
            Self::Name => node.name.as_deref().unwrap_or_default(),
            Self::State => node.provision_state.as_str(),
            Self::Target => node.target_provision_state.map_or("", |s| s.as_str()),
            Self::Power => power_word(node.power_state),
            Self::PowerTarget => node.target_power_state.map_or("", |s| s.as_str()),
            Self::Fault => node.fault.map_or("", |f| f.as_str()),
            Self::Driver => &node.driver,
            Self::Class => node.resource_class.as_deref().unwrap_or_default(),
            Self::Owner => node.owner.as_deref().unwrap_or_default(),
            Self::Lessee => node.lessee.as_deref().unwrap_or_default(),
            Self::Rack => node.rack.as_deref().unwrap_or_default(),
            Self::Unit => node.unit.as_deref().unwrap_or_default(),
            Self::Conductor => node.conductor.as_deref().unwrap_or_default(),
            Self::Group => &node.conductor_group,
            Self::Instance => node.instance_name.as_deref().unwrap_or_default(),
            Self::Description => node.description.as_deref().unwrap_or_default(),
            Self::Shard => node.shard.as_deref().unwrap_or_default(),
            Self::Reservation => node.reservation.as_deref().unwrap_or_default(),
            Self::Waits => node.waiting.as_ref().map_or("", |w| &w.what),
            Self::Step => node.step.as_ref().map_or("", |s| &s.step),
            Self::Error => node.last_error.as_deref().unwrap_or_default(),
            Self::Maintenance | Self::Retired | Self::Protected | Self::Failed | Self::Moving => {
                if self.flag(node) {
                    "yes"
                } else {
                    "no"
                }
            }
            Self::Uuid
            | Self::InstanceUuid
            | Self::Traits
            | Self::Does
            | Self::Since
            | Self::Age
            | Self::Updated => "",
        }
    }

    /// Whether it holds, where it is a flag.
    pub(crate) const fn flag(self, node: &NodeSummary) -> bool {
        match self {
            Self::Maintenance => node.maintenance,
            Self::Retired => node.retired,
            Self::Protected => node.protected,
            Self::Failed => is_failed(node),
            Self::Moving => is_moving(node),
            _ => false,
        }
    }

    /// The moment, where it is a time.
    pub(crate) fn time(self, node: &NodeSummary) -> Option<Timestamp> {
        match self {
            Self::Since => {
                let waiting = node.waiting.as_ref().map(|w| w.since);
                waiting.or(node.provision_updated_at)
            }
            Self::Age => node.created_at,
            Self::Updated => node.updated_at,
            _ => None,
        }
    }

    /// Which of two nodes comes first by this field: the most urgent, the latest, else by the text,
    /// those without one last.
    pub(crate) fn compare(self, a: &NodeSummary, b: &NodeSummary) -> Ordering {
        match self {
            Self::State => {
                let key = |n: &NodeSummary| (urgency(n.provision_state), n.provision_state);
                key(a).cmp(&key(b))
            }
            Self::Uuid => a.uuid.cmp(&b.uuid),
            Self::InstanceUuid => a
                .instance_uuid
                .is_none()
                .cmp(&b.instance_uuid.is_none())
                .then_with(|| a.instance_uuid.cmp(&b.instance_uuid)),
            Self::Traits | Self::Does => natural(&self.text(a), &self.text(b)),
            _ => match self.kind() {
                Kind::Flag => self.flag(b).cmp(&self.flag(a)),
                // The latest first, those without one last.
                Kind::Time => self.time(b).cmp(&self.time(a)),
                Kind::Text | Kind::Word => natural(self.plain(a), self.plain(b)),
            },
        }
    }
}

const fn urgency(state: ProvisionState) -> u8 {
    if state.is_failed() {
        0
    } else if state.is_working() || state.is_waiting() {
        1
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_field_has_one_row_and_every_name_one_field() {
        let fields: BTreeSet<Field> = TABLE.iter().map(|row| row.field).collect();
        assert_eq!(fields.len(), TABLE.len());
        assert!(fields.contains(&Field::Does) && fields.len() == Field::Does as usize + 1);
        let names: Vec<&str> = TABLE.iter().flat_map(|row| row.names).copied().collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn a_wrong_name_is_told_with_the_nearest() {
        assert_eq!(Field::read("Resource_Class"), Ok(Field::Class));
        let error = Field::read("onwer").expect_err("wrong");
        assert!(error.contains("is it owner?"), "{error}");
    }
}
