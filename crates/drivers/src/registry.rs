//! The registry: which hardware types there are, which interfaces implement them, and which of
//! them this service has enabled. A driver lists itself in [`Implementations`] and, when it brings
//! a new type, in [`hardware_type::TYPES`].
//!
//! It also answers what the API asks of drivers: defaults, validation of a node's choice, and the
//! hardware types with their properties.

pub mod hardware_type;

use std::collections::BTreeMap;
use std::sync::Arc;

use cupola_api::node::{Node, Object};
use serde_json::Value;

use crate::boot::Loader;
use crate::interface::{
    Boot, Configuration, Deploy, DriverSettings, Hardware, Inspect, InterfaceKind, Management,
    Power, Rescue, Serial, Vendor,
};
pub use hardware_type::HardwareType;

/// Why a node's driver or one of its interfaces cannot be used; the texts are the API's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The hardware type is unknown or not enabled.
    #[error("Could not find the following driver(s) or hardware type(s): {0}.")]
    UnknownType(String),
    /// The interface is not among the enabled ones.
    #[error(
        "Could not find the following interface in the 'ironic.hardware.interfaces.{kind}' \
         entrypoint: {name}. Valid interfaces are {valid}."
    )]
    UnknownInterface {
        /// Its kind.
        kind: InterfaceKind,
        /// The name that was asked for.
        name: String,
        /// Those there are, as a list with quotes.
        valid: String,
    },
    /// The interface exists, and the hardware type does not take it.
    #[error(
        "{kind} interface implementation '{name}' is not supported by hardware type {hardware_type}."
    )]
    Incompatible {
        /// Its kind.
        kind: InterfaceKind,
        /// The name that was asked for.
        name: String,
        /// The hardware type.
        hardware_type: String,
    },
    /// Nothing of this kind is enabled for the hardware type.
    #[error(
        "For{node} hardware type '{hardware_type}', no default value found for {kind} interface \
         could be determined. Please ensure the interfaces are enabled."
    )]
    NoDefault {
        /// ` node X`, or nothing.
        node: String,
        /// The hardware type.
        hardware_type: String,
        /// The kind.
        kind: InterfaceKind,
    },
}

/// Everything that can be used: implementations by name.
#[derive(Clone, Default)]
pub struct Implementations {
    /// Power interfaces.
    pub power: BTreeMap<&'static str, Arc<dyn Power>>,
    /// Management interfaces.
    pub management: BTreeMap<&'static str, Arc<dyn Management>>,
    /// Boot interfaces.
    pub boot: BTreeMap<&'static str, Arc<dyn Boot>>,
    /// Deploy interfaces.
    pub deploy: BTreeMap<&'static str, Arc<dyn Deploy>>,
    /// Inspect interfaces.
    pub inspect: BTreeMap<&'static str, Arc<dyn Inspect>>,
    /// Rescue interfaces.
    pub rescue: BTreeMap<&'static str, Arc<dyn Rescue>>,
    /// BIOS interfaces.
    pub bios: BTreeMap<&'static str, Arc<dyn Configuration>>,
    /// Firmware interfaces.
    pub firmware: BTreeMap<&'static str, Arc<dyn Configuration>>,
    /// Vendor interfaces.
    pub vendor: BTreeMap<&'static str, Arc<dyn Vendor>>,
    /// Serial consoles, by the power interface whose BMC carries them.
    pub serial: BTreeMap<&'static str, Arc<dyn Serial>>,
    /// Interfaces of kinds that need no implementation: the conductor does all that they do.
    pub plain: Vec<(InterfaceKind, &'static str)>,
}

impl Implementations {
    /// Adds the fake interfaces.
    #[must_use]
    pub fn with_fake(mut self, settings: crate::fake::FakeSettings) -> Self {
        use crate::fake::{
            FakeBios, FakeBoot, FakeDeploy, FakeFirmware, FakeInspect, FakeManagement, FakePower,
            FakeRescue, FakeVendor,
        };
        self.power.insert("fake", Arc::new(FakePower(settings)));
        self.management
            .insert("fake", Arc::new(FakeManagement(settings)));
        self.boot.insert("fake", Arc::new(FakeBoot(settings)));
        self.deploy.insert("fake", Arc::new(FakeDeploy(settings)));
        self.inspect.insert("fake", Arc::new(FakeInspect(settings)));
        self.rescue.insert("fake", Arc::new(FakeRescue(settings)));
        self.vendor.insert("fake", Arc::new(FakeVendor(settings)));
        self.bios.insert("fake", Arc::new(FakeBios(settings)));
        self.firmware
            .insert("fake", Arc::new(FakeFirmware(settings)));
        self.plain.push((InterfaceKind::Console, "fake"));
        self.plain.push((InterfaceKind::Raid, "fake"));
        self
    }

    /// Adds the interfaces of hardware type `ipmi`; `efi_by_default` says how nodes boot of which
    /// nobody says it.
    #[must_use]
    pub fn with_ipmi(mut self, hub: crate::ipmi::IpmiHub, efi_by_default: bool) -> Self {
        let serial = crate::ipmi::IpmiSerial::new(hub.clone());
        self.serial.insert("ipmitool", Arc::new(serial));
        let (power, management) = crate::ipmi::interfaces(hub, efi_by_default);
        self.power.insert("ipmitool", Arc::new(power));
        self.management.insert("ipmitool", Arc::new(management));
        self
    }

    /// Adds the interfaces of hardware type `redfish`.
    #[must_use]
    pub fn with_redfish(mut self) -> Self {
        use crate::redfish::{RedfishManagement, RedfishPower};
        self.power.insert("redfish", Arc::new(RedfishPower));
        self.management
            .insert("redfish", Arc::new(RedfishManagement));
        self
    }

    /// Adds the interfaces that work through an agent and the boot services of this process.
    #[must_use]
    pub fn with_agent(
        mut self,
        boot: crate::ipxe::IpxeBoot,
        deploy: crate::direct::DirectDeploy,
        rescue: crate::agent::AgentRescue,
    ) -> Self {
        self.boot.insert("pxe", Arc::new(boot.through_grub()));
        self.boot.insert("ipxe", Arc::new(boot));
        let deploy = Arc::new(deploy);
        let ramdisk = crate::ramdisk::RamdiskDeploy::new(Arc::clone(&deploy));
        self.deploy.insert("ramdisk", Arc::new(ramdisk));
        self.deploy.insert("direct", deploy);
        self.inspect
            .insert("agent", Arc::new(crate::agent::AgentInspect));
        self.rescue.insert("agent", Arc::new(rescue));
        self.management
            .insert("noop", Arc::new(crate::noop::NoopManagement));
        self
    }

    fn has(&self, kind: InterfaceKind, name: &str) -> bool {
        match kind {
            InterfaceKind::Power => self.power.contains_key(name),
            InterfaceKind::Management => self.management.contains_key(name),
            InterfaceKind::Boot => self.boot.contains_key(name),
            InterfaceKind::Deploy => self.deploy.contains_key(name),
            InterfaceKind::Inspect => name == "no-inspect" || self.inspect.contains_key(name),
            InterfaceKind::Rescue => name == "no-rescue" || self.rescue.contains_key(name),
            // What networks ask of this service is to note who is attached where: there is no trait.
            InterfaceKind::Network => matches!(name, "noop" | "flat"),
            InterfaceKind::Vendor => name == "no-vendor" || self.vendor.contains_key(name),
            InterfaceKind::Bios => name == "no-bios" || self.bios.contains_key(name),
            InterfaceKind::Firmware => name == "no-firmware" || self.firmware.contains_key(name),
            // Names that stand for "nothing of this kind"; there is no trait behind them yet.
            InterfaceKind::Storage => name == "noop",
            InterfaceKind::Console | InterfaceKind::Raid => {
                name.strip_prefix("no-") == Some(kind.as_str())
                    || self.plain.contains(&(kind, name))
            }
        }
    }
}

/// The enabled hardware types and their interfaces.
#[derive(Clone)]
pub struct Registry {
    types: Vec<&'static HardwareType>,
    implementations: Implementations,
    /// The boot interface of nodes that name none, where their type takes it.
    default_boot: Option<&'static str>,
    settings: Arc<DriverSettings>,
}

impl Registry {
    /// A registry with these hardware types enabled.
    ///
    /// # Errors
    /// A name that is no hardware type, or a type of which a kind of interface is not there.
    pub fn new(
        enabled: &[String],
        implementations: Implementations,
        settings: DriverSettings,
    ) -> Result<Self, RegistryError> {
        let mut types = Vec::new();
        for name in enabled {
            let found = hardware_type::TYPES
                .iter()
                .find(|t| t.name == name)
                .ok_or_else(|| RegistryError::UnknownType(name.clone()))?;
            types.push(found);
        }
        let registry = Self {
            types,
            implementations,
            default_boot: None,
            settings: Arc::new(settings),
        };
        for hardware_type in &registry.types {
            for kind in InterfaceKind::ALL {
                registry.default_interface(hardware_type, *kind, "")?;
            }
        }
        Ok(registry)
    }

    /// The same, with this loader's boot interface for nodes that name none, instead of each
    /// hardware type's own choice.
    #[must_use]
    pub const fn with_loader(mut self, loader: Loader) -> Self {
        self.default_boot = match loader {
            Loader::Ipxe => None,
            Loader::Grub => Some("pxe"),
        };
        self
    }

    /// What drivers know of the configuration.
    #[must_use]
    pub fn settings(&self) -> &Arc<DriverSettings> {
        &self.settings
    }

    /// The power interfaces that there are, whatever types are enabled.
    pub fn powers(&self) -> impl Iterator<Item = &dyn Power> + '_ {
        self.implementations.power.values().map(|power| &**power)
    }

    /// Names of the enabled hardware types.
    pub fn types(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.types.iter().map(|t| t.name)
    }

    /// The enabled hardware type of that name.
    ///
    /// # Errors
    /// [`RegistryError::UnknownType`].
    pub fn hardware_type(&self, name: &str) -> Result<&'static HardwareType, RegistryError> {
        self.types
            .iter()
            .find(|t| t.name == name)
            .copied()
            .ok_or_else(|| RegistryError::UnknownType(name.to_owned()))
    }

    /// The interfaces of a kind that a type can use here, the default first.
    #[must_use]
    pub fn enabled_interfaces(
        &self,
        hardware_type: &HardwareType,
        kind: InterfaceKind,
    ) -> Vec<&'static str> {
        hardware_type
            .interfaces(kind)
            .iter()
            .copied()
            .filter(|name| self.implementations.has(kind, name))
            .collect()
    }

    fn default_interface(
        &self,
        hardware_type: &HardwareType,
        kind: InterfaceKind,
        node: &str,
    ) -> Result<&'static str, RegistryError> {
        let enabled = self.enabled_interfaces(hardware_type, kind);
        // Simulated hardware has no loader to choose.
        let configured = self
            .default_boot
            .filter(|_| kind == InterfaceKind::Boot && enabled.first() != Some(&"fake"));
        configured
            .filter(|name| enabled.contains(name))
            .or_else(|| enabled.first().copied())
            .ok_or_else(|| RegistryError::NoDefault {
                node: node.to_owned(),
                hardware_type: hardware_type.name.to_owned(),
                kind,
            })
    }

    /// Fills in the defaults where the node names no interface, and checks those that it names.
    /// With `reset`, what it names is put aside first.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn choose_interfaces(&self, node: &mut Node, reset: bool) -> Result<(), RegistryError> {
        let hardware_type = self.hardware_type(&node.driver)?;
        let shown = format!(" node {}", node.uuid);
        for kind in InterfaceKind::ALL.iter().copied() {
            let slot = kind.slot(&mut node.interfaces);
            match slot.as_deref().filter(|_| !reset) {
                None => {
                    let default = self.default_interface(hardware_type, kind, &shown)?;
                    *slot = Some(default.to_owned());
                }
                Some(name) => self.check_interface(hardware_type, kind, name)?,
            }
        }
        Ok(())
    }

    fn check_interface(
        &self,
        hardware_type: &HardwareType,
        kind: InterfaceKind,
        name: &str,
    ) -> Result<(), RegistryError> {
        if self.enabled_interfaces(hardware_type, kind).contains(&name) {
            return Ok(());
        }
        let mut valid: Vec<String> = Vec::new();
        for t in &self.types {
            for found in self.enabled_interfaces(t, kind) {
                let quoted = format!("'{found}'");
                if !valid.contains(&quoted) {
                    valid.push(quoted);
                }
            }
        }
        if valid.contains(&format!("'{name}'")) {
            return Err(RegistryError::Incompatible {
                kind,
                name: name.to_owned(),
                hardware_type: hardware_type.name.to_owned(),
            });
        }
        valid.sort_unstable();
        Err(RegistryError::UnknownInterface {
            kind,
            name: name.to_owned(),
            valid: format!("[{}]", valid.join(", ")),
        })
    }

    /// What a node is driven with.
    ///
    /// # Errors
    /// When its type or one of its interfaces cannot be used here.
    pub fn hardware(&self, node: &Node) -> Result<Hardware, RegistryError> {
        let hardware_type = self.hardware_type(&node.driver)?;
        let shown = format!(" node {}", node.uuid);
        let name = |kind: InterfaceKind| -> Result<String, RegistryError> {
            match kind.of(&node.interfaces) {
                Some(name) => Ok(name.to_owned()),
                None => self
                    .default_interface(hardware_type, kind, &shown)
                    .map(str::to_owned),
            }
        };
        fn pick<T: ?Sized>(
            from: &BTreeMap<&'static str, Arc<T>>,
            kind: InterfaceKind,
            name: &str,
        ) -> Result<Arc<T>, RegistryError> {
            from.get(name)
                .cloned()
                .ok_or_else(|| RegistryError::UnknownInterface {
                    kind,
                    name: name.to_owned(),
                    valid: format!("{:?}", from.keys().collect::<Vec<_>>()).replace('"', "'"),
                })
        }
        let found = &self.implementations;
        let inspect = name(InterfaceKind::Inspect)?;
        let rescue = name(InterfaceKind::Rescue)?;
        let vendor = name(InterfaceKind::Vendor)?;
        let bios = name(InterfaceKind::Bios)?;
        let firmware = name(InterfaceKind::Firmware)?;
        Ok(Hardware {
            power: pick(
                &found.power,
                InterfaceKind::Power,
                &name(InterfaceKind::Power)?,
            )?,
            management: pick(
                &found.management,
                InterfaceKind::Management,
                &name(InterfaceKind::Management)?,
            )?,
            boot: pick(
                &found.boot,
                InterfaceKind::Boot,
                &name(InterfaceKind::Boot)?,
            )?,
            deploy: pick(
                &found.deploy,
                InterfaceKind::Deploy,
                &name(InterfaceKind::Deploy)?,
            )?,
            inspect: match inspect.as_str() {
                "no-inspect" => None,
                name => Some(pick(&found.inspect, InterfaceKind::Inspect, name)?),
            },
            rescue: match rescue.as_str() {
                "no-rescue" => None,
                name => Some(pick(&found.rescue, InterfaceKind::Rescue, name)?),
            },
            bios: match bios.as_str() {
                "no-bios" => None,
                name => Some(pick(&found.bios, InterfaceKind::Bios, name)?),
            },
            firmware: match firmware.as_str() {
                "no-firmware" => None,
                name => Some(pick(&found.firmware, InterfaceKind::Firmware, name)?),
            },
            vendor: match vendor.as_str() {
                "no-vendor" => None,
                name => Some(pick(&found.vendor, InterfaceKind::Vendor, name)?),
            },
            serial: found
                .serial
                .get(name(InterfaceKind::Power)?.as_str())
                .cloned(),
            settings: Arc::clone(&self.settings),
        })
    }

    /// `default_X_interface` and `enabled_X_interfaces` of a type, as the API lists drivers.
    #[must_use]
    pub fn describe(&self, hardware_type: &HardwareType) -> Object {
        let mut described = Object::new();
        for kind in InterfaceKind::ALL.iter().copied() {
            let enabled = self.enabled_interfaces(hardware_type, kind);
            let default = self.default_interface(hardware_type, kind, "").ok();
            described.insert(
                format!("default_{kind}_interface"),
                default.map_or(Value::Null, Into::into),
            );
            let mut sorted = enabled;
            sorted.sort_unstable();
            described.insert(format!("enabled_{kind}_interfaces"), sorted.into());
        }
        described
    }

    /// The `driver_info` keys of a type's default interfaces, each with its meaning. The type need
    /// not be enabled: whoever is about to enable it wants to know them.
    ///
    /// # Errors
    /// [`RegistryError::UnknownType`], also when an interface of it is only there when it is enabled.
    pub fn properties(&self, name: &str) -> Result<Object, RegistryError> {
        let unknown = || RegistryError::UnknownType(name.to_owned());
        let hardware_type = hardware_type::TYPES.iter().find(|t| t.name == name);
        let only = Self {
            types: vec![hardware_type.ok_or_else(unknown)?],
            ..self.clone()
        };
        let mut node = Node::new(cupola_api::NodeId::random(), name.to_owned());
        let chosen = only.choose_interfaces(&mut node, true);
        let hardware = chosen
            .and_then(|()| only.hardware(&node))
            .map_err(|_| unknown())?;
        let known = [
            hardware.power.properties(),
            hardware.management.properties(),
            hardware.boot.properties(),
            hardware.deploy.properties(),
            hardware
                .inspect
                .as_ref()
                .map_or(&[][..], |i| i.properties()),
            hardware.rescue.as_ref().map_or(&[][..], |r| r.properties()),
            hardware.bios.as_ref().map_or(&[][..], |b| b.properties()),
            hardware
                .firmware
                .as_ref()
                .map_or(&[][..], |f| f.properties()),
        ];
        Ok(known
            .into_iter()
            .flatten()
            .map(|(key, meaning)| ((*key).to_owned(), Value::from(*meaning)))
            .collect())
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.types()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeSettings;

    fn registry() -> Registry {
        let implementations = Implementations::default().with_fake(FakeSettings::default());
        Registry::new(
            &["fake-hardware".to_owned()],
            implementations,
            DriverSettings::default(),
        )
        .unwrap()
    }

    #[test]
    fn defaults_are_those_of_the_reference() {
        let mut node = Node::new(cupola_api::NodeId::random(), "fake-hardware".to_owned());
        registry().choose_interfaces(&mut node, false).unwrap();
        let name = |kind: InterfaceKind| kind.of(&node.interfaces).unwrap_or_default();
        assert_eq!(name(InterfaceKind::Power), "fake");
        assert_eq!(name(InterfaceKind::Deploy), "fake");
        assert_eq!(name(InterfaceKind::Network), "noop");
        assert_eq!(name(InterfaceKind::Rescue), "fake");
    }

    #[test]
    fn a_wrong_interface_names_the_right_ones() {
        let mut node = Node::new(cupola_api::NodeId::random(), "fake-hardware".to_owned());
        node.interfaces.boot_interface = Some("x".to_owned());
        let error = registry().choose_interfaces(&mut node, false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Could not find the following interface in the 'ironic.hardware.interfaces.boot' \
             entrypoint: x. Valid interfaces are ['fake']."
        );
    }

    #[test]
    fn an_unknown_type_is_named() {
        assert!(registry().hardware_type("ipmi").is_err());
    }
}
