//! What the writable fields of resources may hold (wire reference §5, §8.1): one table of kinds for
//! each resource. Which field since which version, and who may write it, is told beside the resource.

/// What a field may hold, and what null stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text of at most so many characters, or null.
    Text(usize),
    /// A text that is not empty, of at most so many characters, or null.
    FilledText(usize),
    /// A text that must be there.
    RequiredText,
    /// A text of at most so many characters that must be there.
    BoundedText(usize),
    /// A boolean or one of its words; null stands for this value.
    Boolean(bool),
    /// A boolean or one of its words, or null.
    OptionalBoolean,
    /// A boolean, none of its words; null stands for this value.
    PlainBoolean(bool),
    /// A boolean, none of its words and not null; what is removed becomes this value.
    RequiredBoolean(bool),
    /// An object; null stands for the empty one.
    Object,
    /// The same, where null is named first.
    NullOrObject,
    /// A UUID or null.
    Uuid,
    /// A UUID that must be there.
    RequiredUuid,
    /// A text; null stands for the empty one.
    TextOrEmpty,
    /// A MAC address that must be there.
    Mac,
    /// A MAC address or null.
    OptionalMac,
    /// A whole number that must be there.
    Integer,
    /// A whole number of at least 0; what is removed becomes 0.
    Count,
    /// A text of at most so many characters; what is removed becomes this one. Null is refused by
    /// whoever knows the words.
    TextOr(usize, &'static str),
    /// A list; null stands for the empty one.
    List,
    /// A list; what is removed becomes the empty one.
    PlainList,
    /// A list with something in it; what that may be, the resource's own rules say.
    FilledList,
    /// A whole number of at least 1, or null.
    OptionalNumber,
    /// Whatever the operation makes of it.
    Any,
}

/// One writable field.
pub type Rule = (&'static str, Kind);

/// The writable fields of a node; the interfaces are all `Text`.
pub const NODE: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("name", Kind::Text(255)),
    ("driver", Kind::RequiredText),
    ("driver_info", Kind::Object),
    ("properties", Kind::Object),
    ("extra", Kind::Object),
    ("instance_info", Kind::Object),
    ("instance_uuid", Kind::Uuid),
    ("instance_name", Kind::FilledText(255)),
    ("chassis_uuid", Kind::Uuid),
    ("maintenance", Kind::Boolean(false)),
    ("console_enabled", Kind::Boolean(false)),
    ("resource_class", Kind::Text(80)),
    ("bios_interface", Kind::Text(255)),
    ("boot_interface", Kind::Text(255)),
    ("console_interface", Kind::Text(255)),
    ("deploy_interface", Kind::Text(255)),
    ("firmware_interface", Kind::Text(255)),
    ("inspect_interface", Kind::Text(255)),
    ("management_interface", Kind::Text(255)),
    ("network_interface", Kind::Text(255)),
    ("power_interface", Kind::Text(255)),
    ("raid_interface", Kind::Text(255)),
    ("rescue_interface", Kind::Text(255)),
    ("storage_interface", Kind::Text(255)),
    ("vendor_interface", Kind::Text(255)),
    ("conductor_group", Kind::TextOrEmpty),
    ("automated_clean", Kind::OptionalBoolean),
    ("protected", Kind::Boolean(false)),
    ("protected_reason", Kind::Text(4096)),
    ("owner", Kind::Text(255)),
    ("lessee", Kind::Text(255)),
    ("description", Kind::Text(4096)),
    ("retired", Kind::Boolean(false)),
    ("retired_reason", Kind::Text(4096)),
    ("network_data", Kind::Object),
    ("boot_mode", Kind::Text(16)),
    ("secure_boot", Kind::OptionalBoolean),
    ("shard", Kind::Text(255)),
    ("parent_node", Kind::Text(255)),
    ("disable_power_off", Kind::Boolean(false)),
];

/// The writable fields of a port.
pub const PORT: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("address", Kind::Mac),
    ("node_uuid", Kind::RequiredUuid),
    ("extra", Kind::Object),
    ("local_link_connection", Kind::NullOrObject),
    ("pxe_enabled", Kind::Boolean(true)),
    ("portgroup_uuid", Kind::Uuid),
    ("physical_network", Kind::Text(64)),
    ("is_smartnic", Kind::Boolean(false)),
    ("name", Kind::FilledText(255)),
    ("description", Kind::Text(255)),
    ("vendor", Kind::Text(32)),
    ("category", Kind::Text(80)),
    (
        "available_for_dynamic_portgroup",
        Kind::RequiredBoolean(true),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Access;

    #[test]
    fn every_writable_field_has_a_rule() {
        for (fields, rules) in [(crate::node::FIELDS, NODE), (crate::port::FIELDS, PORT)] {
            for field in fields.iter().filter(|f| f.access != Access::ReadOnly) {
                let has_rule = rules.iter().any(|(name, _)| *name == field.name);
                assert!(has_rule, "{}", field.name);
            }
        }
    }
}
