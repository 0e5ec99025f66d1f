//! How the fields of a node are kept in columns: one table of them, and one codec per Rust type.

use cupola_api::id::NodeId;
use cupola_api::node::{Fault, Node, Object};
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;
use uuid::Uuid;

use super::database::Cell;

/// How a type is kept. Errors say what is wrong with the value.
pub(crate) trait Stored: Sized {
    fn to_cell(&self) -> Cell;
    fn from_cell(cell: Cell) -> Result<Self, String>;
    /// The kind of cell; only its variant counts.
    const KIND: Cell;
    /// Whether it is kept as JSON, which has no order.
    const JSON: bool = false;
}

const TEXT: Cell = Cell::Text(None);
const INT: Cell = Cell::Int(None);

fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => text,
        Cell::Int(number) => number.map(|n| n.to_string()),
    }
}

fn int(cell: Cell) -> Option<i64> {
    match cell {
        Cell::Text(_) => None,
        Cell::Int(number) => number,
    }
}

fn parsed<T>(cell: Cell, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    text(cell)
        .map(|t| parse(&t).ok_or_else(|| format!("`{t}` is unknown")))
        .transpose()
}

impl Stored for String {
    const KIND: Cell = TEXT;
    fn to_cell(&self) -> Cell {
        Cell::text(self)
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        text(cell).ok_or_else(|| "null".to_owned())
    }
}

impl Stored for Option<String> {
    const KIND: Cell = TEXT;
    fn to_cell(&self) -> Cell {
        Cell::Text(self.clone())
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        Ok(text(cell))
    }
}

impl Stored for bool {
    const KIND: Cell = INT;
    fn to_cell(&self) -> Cell {
        Cell::flag(*self)
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        int(cell).map(|n| n != 0).ok_or_else(|| "null".to_owned())
    }
}

impl Stored for Option<bool> {
    const KIND: Cell = INT;
    fn to_cell(&self) -> Cell {
        Cell::Int(self.map(i64::from))
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        Ok(int(cell).map(|n| n != 0))
    }
}

impl Stored for Option<Timestamp> {
    const KIND: Cell = INT;
    fn to_cell(&self) -> Cell {
        Cell::Int(self.map(Timestamp::as_microsecond))
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        int(cell)
            .map(Timestamp::from_microsecond)
            .transpose()
            .map_err(|e| e.to_string())
    }
}

impl Stored for Option<Uuid> {
    const KIND: Cell = TEXT;
    fn to_cell(&self) -> Cell {
        Cell::Text(self.map(|u| u.to_string()))
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        parsed(cell, |t| Uuid::try_parse(t).ok())
    }
}

impl Stored for NodeId {
    const KIND: Cell = TEXT;
    fn to_cell(&self) -> Cell {
        Cell::text(self.to_string())
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        parsed(cell, |t| t.parse().ok())?.ok_or_else(|| "null".to_owned())
    }
}

impl Stored for ProvisionState {
    const KIND: Cell = TEXT;
    fn to_cell(&self) -> Cell {
        Cell::text(self.as_str())
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        parsed(cell, Self::parse)?.ok_or_else(|| "null".to_owned())
    }
}

impl Stored for Option<ProvisionState> {
    const KIND: Cell = TEXT;
    fn to_cell(&self) -> Cell {
        Cell::Text(self.map(|s| s.as_str().to_owned()))
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        parsed(cell, ProvisionState::parse)
    }
}

impl Stored for Option<PowerState> {
    const KIND: Cell = TEXT;
    fn to_cell(&self) -> Cell {
        Cell::Text(self.map(|s| s.as_str().to_owned()))
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        parsed(cell, PowerState::parse)
    }
}

impl Stored for Option<Fault> {
    const KIND: Cell = TEXT;
    fn to_cell(&self) -> Cell {
        Cell::Text(self.map(|f| f.as_str().to_owned()))
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        parsed(cell, Fault::parse)
    }
}

impl Stored for Object {
    const KIND: Cell = TEXT;
    const JSON: bool = true;
    fn to_cell(&self) -> Cell {
        // `Value` prints itself as JSON and cannot fail; serde_json::to_string could only by type.
        Cell::text(serde_json::Value::Object(self.clone()).to_string())
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        let text = text(cell).unwrap_or_default();
        serde_json::from_str(&text).map_err(|e| e.to_string())
    }
}

impl Stored for Vec<String> {
    const KIND: Cell = TEXT;
    const JSON: bool = true;
    fn to_cell(&self) -> Cell {
        Cell::text(serde_json::Value::from(self.clone()).to_string())
    }
    fn from_cell(cell: Cell) -> Result<Self, String> {
        let text = text(cell).unwrap_or_default();
        serde_json::from_str(&text).map_err(|e| e.to_string())
    }
}

/// Who writes a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Only when the node is created.
    Once,
    /// Whenever the node is saved.
    Saved,
    /// By a method of its own: a node that was read before must not undo it.
    Apart,
}

/// One field of a node in the table `nodes`.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) written: Written,
    pub(crate) sealed: bool,
    pub(crate) json: bool,
    /// Only the variant counts.
    pub(crate) kind: Cell,
    pub(crate) get: fn(&Node) -> Cell,
    pub(crate) set: fn(&mut Node, Cell) -> Result<(), String>,
}

const fn kind_of<T: Stored>(_: fn(&Node) -> &T) -> Cell {
    T::KIND
}

const fn is_json<T: Stored>(_: fn(&Node) -> &T) -> bool {
    T::JSON
}

macro_rules! columns {
    ($($written:ident $seal:tt $name:literal $($path:ident).+;)*) => {
        &[$(Column {
            name: $name,
            written: Written::$written,
            sealed: $seal,
            json: is_json(|n| &n.$($path).+),
            kind: kind_of(|n| &n.$($path).+),
            get: |n| n.$($path).+.to_cell(),
            set: |n, cell| { n.$($path).+ = Stored::from_cell(cell)?; Ok(()) },
        }),*]
    };
}

/// All columns that hold a field of [`Node`].
pub(crate) static COLUMNS: &[Column] = columns! {
    Once false "uuid" uuid;
    Once false "created_at" created_at;
    Apart false "reservation" reservation;
    Apart false "traits" traits;
    Saved false "updated_at" updated_at;
    Saved false "name" name;
    Saved false "driver" driver;
    Saved true "driver_info" driver_info;
    Saved true "driver_internal_info" driver_internal_info;
    Saved false "properties" properties;
    Saved false "extra" extra;
    Saved true "instance_info" instance_info;
    Saved false "instance_uuid" instance_uuid;
    Saved false "instance_name" instance_name;
    Saved false "chassis_uuid" chassis_uuid;
    Saved false "power_state" power_state;
    Saved false "target_power_state" target_power_state;
    Saved false "provision_state" provision_state;
    Saved false "target_provision_state" target_provision_state;
    Saved false "provision_updated_at" provision_updated_at;
    Saved false "last_error" last_error;
    Saved false "maintenance" maintenance;
    Saved false "maintenance_reason" maintenance_reason;
    Saved false "fault" fault;
    Saved false "console_enabled" console_enabled;
    Saved false "inspection_started_at" inspection_started_at;
    Saved false "inspection_finished_at" inspection_finished_at;
    Saved true "clean_step" clean_step;
    Saved true "deploy_step" deploy_step;
    Saved true "service_step" service_step;
    Saved false "raid_config" raid_config;
    Saved false "target_raid_config" target_raid_config;
    Saved false "bios_interface" interfaces.bios_interface;
    Saved false "boot_interface" interfaces.boot_interface;
    Saved false "console_interface" interfaces.console_interface;
    Saved false "deploy_interface" interfaces.deploy_interface;
    Saved false "firmware_interface" interfaces.firmware_interface;
    Saved false "inspect_interface" interfaces.inspect_interface;
    Saved false "management_interface" interfaces.management_interface;
    Saved false "network_interface" interfaces.network_interface;
    Saved false "power_interface" interfaces.power_interface;
    Saved false "raid_interface" interfaces.raid_interface;
    Saved false "rescue_interface" interfaces.rescue_interface;
    Saved false "storage_interface" interfaces.storage_interface;
    Saved false "vendor_interface" interfaces.vendor_interface;
    Saved false "resource_class" resource_class;
    Saved false "conductor_group" conductor_group;
    Saved false "conductor" conductor;
    Saved false "automated_clean" automated_clean;
    Saved false "protected" protected;
    Saved false "protected_reason" protected_reason;
    Saved false "owner" owner;
    Saved false "lessee" lessee;
    Saved false "description" description;
    Saved false "allocation_uuid" allocation_uuid;
    Saved false "retired" retired;
    Saved false "retired_reason" retired_reason;
    Saved false "network_data" network_data;
    Saved false "boot_mode" boot_mode;
    Saved false "secure_boot" secure_boot;
    Saved false "shard" shard;
    Saved false "parent_node" parent_node;
    Saved false "disable_power_off" disable_power_off;
    Saved false "health" health;
};

/// Looks a column up by its name.
pub(crate) fn find_column(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|c| c.name == name)
}

/// The index of the column with this name; past the end for what is none.
pub(crate) fn place_of(name: &str) -> usize {
    let mut names = COLUMNS.iter().map(|column| column.name);
    names.position(|known| known == name).unwrap_or(usize::MAX)
}
