//! The table of all operations, in the order of the wire reference §3.

use http::Method;

use super::argument as arguments;
use super::body::{self as bodies, Answer, Body};
use super::route::{Older, Route};
use super::rows::operations;
use crate::microversion::Microversion;

operations! {
    // Version roots.
    Discovery: GET "/", 1, Fits, "", [],
        Body::Nothing => Answer::Object(200),
        "What this service is, and the versions it speaks.";
    VersionRoot: GET "/v1", 1, Fits, "", [],
        Body::Nothing => Answer::Object(200),
        "The collections of this version.";

    // Nodes.
    ListNodes: GET "nodes", 1, Fits, "node:list", [NODE_FILTER, PAGE, DETAIL, FIELDS_1_8],
        Body::Nothing => Answer::Page(bodies::NODE),
        "Nodes, a page at a time.";
    ListNodesInDetail: GET "nodes/detail", 1, Fits, "node:list", [NODE_FILTER, PAGE],
        Body::Nothing => Answer::Page(bodies::NODE),
        "Nodes with all their fields.";
    CreateNode: POST "nodes", 1, Fits, "node:create", [],
        Body::New(bodies::NODE) => Answer::One(201, bodies::NODE),
        "Enrols a node.";
    ShowNode: GET "nodes/{node}", 1, Fits, "node:get", [FIELDS_1_8],
        Body::Nothing => Answer::One(200, bodies::NODE),
        "A node.";
    UpdateNode: PATCH "nodes/{node}", 1, Fits, "node:update", [RESET_INTERFACES],
        Body::Patch(bodies::NODE) => Answer::One(200, bodies::NODE),
        "Changes a node by a JSON patch.";
    DeleteNode: DELETE "nodes/{node}", 1, Fits, "node:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a node.";
    ValidateNodeByArgument: GET "nodes/validate", 1, Fits, "node:validate", [NODE],
        Body::Nothing => Answer::Object(200),
        "Whether the interfaces of a node have what they need.";
    ValidateNode: GET "nodes/{node}/validate", 1, Fits, "node:validate", [NODE],
        Body::Nothing => Answer::Object(200),
        "Whether the interfaces of a node have what they need.";
    SetMaintenance: PUT "nodes/{node}/maintenance", 1, Fits, "node:set_maintenance", [REASON],
        bodies::REASON => Answer::Nothing(202),
        "Takes a node out of service.";
    ClearMaintenance: DELETE "nodes/{node}/maintenance", 1, Fits, "node:clear_maintenance", [REASON],
        Body::Nothing => Answer::Nothing(202),
        "Puts a node back into service.";
    ShowNodeStates: GET "nodes/{node}/states", 1, Fits, "node:get_states", [],
        Body::Nothing => Answer::Object(200),
        "The states of a node.";
    SetPowerState: PUT "nodes/{node}/states/power", 1, Fits, "node:set_power_state", [],
        bodies::POWER => Answer::Nothing(202),
        "Switches a node on or off, or reboots it.";
    SetProvisionState: PUT "nodes/{node}/states/provision", 1, Fits, "node:set_provision_state", [],
        bodies::PROVISION => Answer::Nothing(202),
        "Starts a change of the provision state.";
    SetRaidConfig: PUT "nodes/{node}/states/raid", 12, NotAcceptable, "node:set_raid_state", [],
        Body::Object => Answer::Nothing(204),
        "Sets the RAID configuration that the next cleaning makes.";
    ShowConsole: GET "nodes/{node}/states/console", 1, Fits, "node:get_console", [],
        Body::Nothing => Answer::Object(200),
        "How to reach the console of a node.";
    SetConsole: PUT "nodes/{node}/states/console", 1, Fits, "node:set_console_state", [ENABLED],
        bodies::CONSOLE => Answer::Nothing(202),
        "Enables or disables the console of a node.";
    SetBootMode: PUT "nodes/{node}/states/boot_mode", 76, NotSupported, "node:set_boot_mode", [TARGET],
        bodies::TARGET_NAME => Answer::Nothing(202),
        "Sets whether a node boots by UEFI or by BIOS.";
    SetSecureBoot: PUT "nodes/{node}/states/secure_boot", 76, NotSupported, "node:set_secure_boot", [TARGET],
        bodies::SECURE_BOOT => Answer::Nothing(202),
        "Sets whether a node boots signed code only.";
    ShowVirtualMedia: GET "nodes/{node}/vmedia", 93, NoPath, "node:vmedia:get", [],
        Body::Nothing => Answer::Object(200),
        "The images that a node has in its virtual drives.";
    AttachVirtualMedia: POST "nodes/{node}/vmedia", 89, NoPath, "node:vmedia:attach", [],
        bodies::VIRTUAL_MEDIA => Answer::Nothing(204),
        "Puts an image into a virtual drive of a node.";
    DetachVirtualMedia: DELETE "nodes/{node}/vmedia", 89, NoPath, "node:vmedia:detach", [DEVICE_TYPES],
        Body::Nothing => Answer::Nothing(204),
        "Takes images out of virtual drives of a node.";
    ListIndicators: GET "nodes/{node}/management/indicators", 1, Fits, "node:get_indicator_state", [],
        Body::Nothing => Answer::Object(200),
        "The lamps of a node.";
    ShowIndicator: GET "nodes/{node}/management/indicators/{indicator}", 1, Fits, "node:get_indicator_state", [],
        Body::Nothing => Answer::Object(200),
        "Whether a lamp of a node is on.";
    SetIndicator: PUT "nodes/{node}/management/indicators/{indicator}", 1, Fits, "node:set_indicator_state", [STATE],
        bodies::STATE => Answer::Nothing(204),
        "Switches a lamp of a node.";
    InjectNmi: PUT "nodes/{node}/management/inject_nmi", 29, NotSupported, "node:inject_nmi", [],
        Body::Nothing => Answer::Nothing(204),
        "Sends a node a non-maskable interrupt.";
    ShowBootDevice: GET "nodes/{node}/management/boot_device", 1, Fits, "node:get_boot_device", [],
        Body::Nothing => Answer::Object(200),
        "The device that a node boots from.";
    SetBootDevice: PUT "nodes/{node}/management/boot_device", 1, Fits, "node:set_boot_device", [BOOT_DEVICE],
        bodies::BOOT_DEVICE => Answer::Nothing(204),
        "Sets the device that a node boots from.";
    ListSupportedBootDevices: GET "nodes/{node}/management/boot_device/supported", 1, Fits, "node:get_boot_device", [],
        Body::Nothing => Answer::Object(200),
        "The devices that a node can boot from.";
    ListVendorMethods: GET "nodes/{node}/vendor_passthru/methods", 1, Fits, "node:vendor_passthru", [],
        Body::Nothing => Answer::Object(200),
        "The methods that only this hardware has.";
    ReadVendorByArgument: GET "nodes/{node}/vendor_passthru", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    ReadVendor: GET "nodes/{node}/vendor_passthru/{method}", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    CallVendorByArgument: POST "nodes/{node}/vendor_passthru", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    CallVendor: POST "nodes/{node}/vendor_passthru/{method}", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    PutVendorByArgument: PUT "nodes/{node}/vendor_passthru", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    PutVendor: PUT "nodes/{node}/vendor_passthru/{method}", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    PatchVendorByArgument: PATCH "nodes/{node}/vendor_passthru", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    PatchVendor: PATCH "nodes/{node}/vendor_passthru/{method}", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    DeleteVendorByArgument: DELETE "nodes/{node}/vendor_passthru", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    DeleteVendor: DELETE "nodes/{node}/vendor_passthru/{method}", 1, Fits, "node:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method that only this hardware has.";
    ListTraits: GET "nodes/{node}/traits", 37, NotAcceptable, "node:traits:list", [],
        Body::Nothing => Answer::Object(200),
        "The traits of a node.";
    SetTraits: PUT "nodes/{node}/traits", 37, NoMethod, "node:traits:set", [],
        bodies::TRAITS => Answer::Nothing(204),
        "Replaces the traits of a node.";
    DeleteTraits: DELETE "nodes/{node}/traits", 37, NotSupported, "node:traits:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes all traits of a node.";
    AddTrait: PUT "nodes/{node}/traits/{trait}", 37, NoMethod, "node:traits:set", [],
        Body::Nothing => Answer::Nothing(204),
        "Adds a trait to a node.";
    DeleteTrait: DELETE "nodes/{node}/traits/{trait}", 37, NotSupported, "node:traits:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a trait of a node.";
    ListHistory: GET "nodes/{node}/history", 78, NoPath, "node:history:get", [PAGE, DETAIL],
        Body::Nothing => Answer::Object(200),
        "What happened to a node.";
    ShowHistoryEntry: GET "nodes/{node}/history/{entry}", 78, NoPath, "node:history:get", [],
        Body::Nothing => Answer::Object(200),
        "One thing that happened to a node.";
    ShowInventory: GET "nodes/{node}/inventory", 81, NoPath, "node:inventory:get", [],
        Body::Nothing => Answer::Object(200),
        "What an inspection found.";
    ListChildren: GET "nodes/{node}/children", 83, NoPath, "node:get", [],
        Body::Nothing => Answer::Object(200),
        "The nodes that are parts of a node.";
    ListNodePorts: GET "nodes/{node}/ports", 1, Fits, "port:get", [NODE_PORT_FILTER, PAGE, DETAIL, FIELDS_1_8],
        Body::Nothing => Answer::Page(bodies::PORT),
        "The ports of a node.";
    CreateNodePort: POST "nodes/{node}/ports", 1, Fits, "port:create", [],
        Body::Nothing => Answer::Object(200),
        "Refused: ports are made under `ports`.";
    ListNodePortsInDetail: GET "nodes/{node}/ports/detail", 1, Fits, "port:get", [NODE_PORT_FILTER, PAGE],
        Body::Nothing => Answer::Page(bodies::PORT),
        "The ports of a node with all their fields.";
    ShowNodePort: GET "nodes/{node}/ports/{port}", 1, Fits, "port:get", [FIELDS],
        Body::Nothing => Answer::Object(200),
        "Refused: ports are read under `ports`.";
    UpdateNodePort: PATCH "nodes/{node}/ports/{port}", 1, Fits, "port:update", [],
        Body::Nothing => Answer::Object(200),
        "Refused: ports are changed under `ports`.";
    DeleteNodePort: DELETE "nodes/{node}/ports/{port}", 1, Fits, "port:delete", [],
        Body::Nothing => Answer::Object(200),
        "Refused: ports are removed under `ports`.";
    ListNodePortgroups: GET "nodes/{node}/portgroups", 24, NoPath, "portgroup:get", [PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::PORTGROUP),
        "The port groups of a node.";
    ListNodePortgroupsInDetail: GET "nodes/{node}/portgroups/detail", 24, NoPath, "portgroup:get", [PAGE],
        Body::Nothing => Answer::Page(bodies::PORTGROUP),
        "The port groups of a node with all their fields.";
    CreateNodePortgroup: POST "nodes/{node}/portgroups", 24, NoPath, "portgroup:create", [],
        Body::Nothing => Answer::Object(200),
        "Refused: port groups are made under `portgroups`.";
    ShowNodePortgroup: GET "nodes/{node}/portgroups/{portgroup}", 24, NoPath, "portgroup:get", [FIELDS],
        Body::Nothing => Answer::Object(200),
        "Refused: port groups are read under `portgroups`.";
    UpdateNodePortgroup: PATCH "nodes/{node}/portgroups/{portgroup}", 24, NoPath, "portgroup:update", [],
        Body::Nothing => Answer::Object(200),
        "Refused: port groups are changed under `portgroups`.";
    DeleteNodePortgroup: DELETE "nodes/{node}/portgroups/{portgroup}", 24, NoPath, "portgroup:delete", [],
        Body::Nothing => Answer::Object(200),
        "Refused: port groups are removed under `portgroups`.";
    ListVifs: GET "nodes/{node}/vifs", 28, NoPath, "node:vif:list", [],
        Body::Nothing => Answer::Object(200),
        "The network interfaces attached to a node.";
    AttachVif: POST "nodes/{node}/vifs", 28, NoPath, "node:vif:attach", [],
        bodies::VIF => Answer::Nothing(204),
        "Attaches a network interface to a node.";
    DetachVif: DELETE "nodes/{node}/vifs/{vif}", 28, NoPath, "node:vif:detach", [],
        Body::Nothing => Answer::Nothing(204),
        "Detaches a network interface from a node.";
    ShowNodeVolume: GET "nodes/{node}/volume", 32, NotSupported, "volume:get", [],
        Body::Nothing => Answer::Object(200),
        "Links to the volumes of a node.";
    ListNodeVolumeConnectors: GET "nodes/{node}/volume/connectors", 32, NoPath, "volume:get", [NODE_OF_VOLUME, PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::VOLUME_CONNECTOR),
        "The volume connectors of a node.";
    CreateNodeVolumeConnector: POST "nodes/{node}/volume/connectors", 32, NoPath, "volume:create", [],
        Body::Nothing => Answer::Object(200),
        "Refused: volume connectors are made under `volume/connectors`.";
    ShowNodeVolumeConnector: GET "nodes/{node}/volume/connectors/{connector}", 32, NoPath, "volume:get", [FIELDS],
        Body::Nothing => Answer::Object(200),
        "Refused: volume connectors are read under `volume/connectors`.";
    UpdateNodeVolumeConnector: PATCH "nodes/{node}/volume/connectors/{connector}", 32, NoPath, "volume:update", [],
        Body::Nothing => Answer::Object(200),
        "Refused: volume connectors are changed under `volume/connectors`.";
    DeleteNodeVolumeConnector: DELETE "nodes/{node}/volume/connectors/{connector}", 32, NoPath, "volume:delete", [],
        Body::Nothing => Answer::Object(200),
        "Refused: volume connectors are removed under `volume/connectors`.";
    ListNodeVolumeTargets: GET "nodes/{node}/volume/targets", 32, NoPath, "volume:get", [NODE_OF_VOLUME, PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::VOLUME_TARGET),
        "The volume targets of a node.";
    CreateNodeVolumeTarget: POST "nodes/{node}/volume/targets", 32, NoPath, "volume:create", [],
        Body::Nothing => Answer::Object(200),
        "Refused: volume targets are made under `volume/targets`.";
    ShowNodeVolumeTarget: GET "nodes/{node}/volume/targets/{target}", 32, NoPath, "volume:get", [FIELDS],
        Body::Nothing => Answer::Object(200),
        "Refused: volume targets are read under `volume/targets`.";
    UpdateNodeVolumeTarget: PATCH "nodes/{node}/volume/targets/{target}", 32, NoPath, "volume:update", [],
        Body::Nothing => Answer::Object(200),
        "Refused: volume targets are changed under `volume/targets`.";
    DeleteNodeVolumeTarget: DELETE "nodes/{node}/volume/targets/{target}", 32, NoPath, "volume:delete", [],
        Body::Nothing => Answer::Object(200),
        "Refused: volume targets are removed under `volume/targets`.";
    ListBiosSettings: GET "nodes/{node}/bios", 40, NoPath, "node:bios:get", [BIOS],
        Body::Nothing => Answer::Object(200),
        "The BIOS settings of a node.";
    ShowBiosSetting: GET "nodes/{node}/bios/{setting}", 40, NoPath, "node:bios:get", [],
        Body::Nothing => Answer::Object(200),
        "A BIOS setting of a node.";
    ListFirmwareComponents: GET "nodes/{node}/firmware", 86, NoPath, "node:firmware:get", [PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Object(200),
        "The firmware of a node.";
    ShowNodeAllocation: GET "nodes/{node}/allocation", 52, NoPath, "allocation:get", [FIELDS],
        Body::Nothing => Answer::Object(200),
        "The allocation that holds a node.";
    DeleteNodeAllocation: DELETE "nodes/{node}/allocation", 52, NoPath, "allocation:delete", [FIELDS],
        Body::Nothing => Answer::Nothing(204),
        "Frees a node of its allocation.";

    // Ports.
    ListPorts: GET "ports", 1, Fits, "port:list", [PORT_FILTER, PAGE, DETAIL, FIELDS_1_8],
        Body::Nothing => Answer::Page(bodies::PORT),
        "Ports, a page at a time.";
    ListPortsInDetail: GET "ports/detail", 1, Fits, "port:list", [PORT_FILTER, PAGE],
        Body::Nothing => Answer::Page(bodies::PORT),
        "Ports with all their fields.";
    CreatePort: POST "ports", 1, Fits, "port:create", [],
        Body::New(bodies::PORT) => Answer::One(201, bodies::PORT),
        "Makes a port of a node.";
    ShowPort: GET "ports/{port}", 1, Fits, "port:get", [FIELDS_1_8],
        Body::Nothing => Answer::One(200, bodies::PORT),
        "A port.";
    UpdatePort: PATCH "ports/{port}", 1, Fits, "port:update", [],
        Body::Patch(bodies::PORT) => Answer::One(200, bodies::PORT),
        "Changes a port by a JSON patch.";
    DeletePort: DELETE "ports/{port}", 1, Fits, "port:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a port.";

    // Port groups.
    ListPortgroups: GET "portgroups", 23, NotSupported, "portgroup:list", [PORTGROUP_FILTER, PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::PORTGROUP),
        "Port groups, a page at a time.";
    ListPortgroupsInDetail: GET "portgroups/detail", 23, NotSupported, "portgroup:list", [PORTGROUP_FILTER, PAGE],
        Body::Nothing => Answer::Page(bodies::PORTGROUP),
        "Port groups with all their fields.";
    CreatePortgroup: POST "portgroups", 23, NotSupported, "portgroup:create", [],
        Body::New(bodies::PORTGROUP) => Answer::One(201, bodies::PORTGROUP),
        "Makes a port group of a node.";
    ShowPortgroup: GET "portgroups/{portgroup}", 23, NotSupported, "portgroup:get", [FIELDS],
        Body::Nothing => Answer::One(200, bodies::PORTGROUP),
        "A port group.";
    UpdatePortgroup: PATCH "portgroups/{portgroup}", 23, NotSupported, "portgroup:update", [],
        Body::Patch(bodies::PORTGROUP) => Answer::One(200, bodies::PORTGROUP),
        "Changes a port group by a JSON patch.";
    DeletePortgroup: DELETE "portgroups/{portgroup}", 23, NotSupported, "portgroup:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a port group.";
    ListPortgroupPorts: GET "portgroups/{portgroup}/ports", 24, NoPath, "port:get", [PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::PORT),
        "The ports of a port group.";
    ListPortgroupPortsInDetail: GET "portgroups/{portgroup}/ports/detail", 24, NoPath, "port:get", [PAGE],
        Body::Nothing => Answer::Page(bodies::PORT),
        "The ports of a port group with all their fields.";
    CreatePortgroupPort: POST "portgroups/{portgroup}/ports", 24, NoPath, "port:create", [],
        Body::Nothing => Answer::Object(200),
        "Refused: ports are made under `ports`.";
    ShowPortgroupPort: GET "portgroups/{portgroup}/ports/{port}", 24, NoPath, "port:get", [FIELDS],
        Body::Nothing => Answer::Object(200),
        "Refused: ports are read under `ports`.";
    UpdatePortgroupPort: PATCH "portgroups/{portgroup}/ports/{port}", 24, NoPath, "port:update", [],
        Body::Nothing => Answer::Object(200),
        "Refused: ports are changed under `ports`.";
    DeletePortgroupPort: DELETE "portgroups/{portgroup}/ports/{port}", 24, NoPath, "port:delete", [],
        Body::Nothing => Answer::Object(200),
        "Refused: ports are removed under `ports`.";

    // Drivers and conductors.
    ListDrivers: GET "drivers", 1, Fits, "driver:get", [DRIVERS, FIELDS_1_77],
        Body::Nothing => Answer::Object(200),
        "The hardware types.";
    ShowDriver: GET "drivers/{driver}", 1, Fits, "driver:get", [FIELDS_1_77],
        Body::Nothing => Answer::Object(200),
        "A hardware type.";
    ShowDriverProperties: GET "drivers/{driver}/properties", 1, Fits, "driver:get_properties", [],
        Body::Nothing => Answer::Object(200),
        "What a hardware type wants to know of a node.";
    ListRaidProperties: GET "drivers/{driver}/raid/logical_disk_properties", 12, NotAcceptable, "driver:get_raid_logical_disk_properties", [],
        Body::Nothing => Answer::Object(200),
        "What a logical disk of a RAID configuration may have.";
    ListDriverVendorMethods: GET "drivers/{driver}/vendor_passthru/methods", 1, Fits, "driver:vendor_passthru", [],
        Body::Nothing => Answer::Object(200),
        "The methods of a hardware type.";
    ReadDriverVendorByArgument: GET "drivers/{driver}/vendor_passthru", 1, Fits, "driver:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    CallDriverVendorByArgument: POST "drivers/{driver}/vendor_passthru", 1, Fits, "driver:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    PutDriverVendorByArgument: PUT "drivers/{driver}/vendor_passthru", 1, Fits, "driver:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    PatchDriverVendorByArgument: PATCH "drivers/{driver}/vendor_passthru", 1, Fits, "driver:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    DeleteDriverVendorByArgument: DELETE "drivers/{driver}/vendor_passthru", 1, Fits, "driver:vendor_passthru", [METHOD],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    ReadDriverVendor: GET "drivers/{driver}/vendor_passthru/{method}", 1, Fits, "driver:vendor_passthru", [],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    CallDriverVendor: POST "drivers/{driver}/vendor_passthru/{method}", 1, Fits, "driver:vendor_passthru", [],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    PutDriverVendor: PUT "drivers/{driver}/vendor_passthru/{method}", 1, Fits, "driver:vendor_passthru", [],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    PatchDriverVendor: PATCH "drivers/{driver}/vendor_passthru/{method}", 1, Fits, "driver:vendor_passthru", [],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    DeleteDriverVendor: DELETE "drivers/{driver}/vendor_passthru/{method}", 1, Fits, "driver:vendor_passthru", [],
        Body::Object => Answer::Object(200),
        "Runs a method of a hardware type.";
    ListConductors: GET "conductors", 49, NotSupported, "conductor:get", [PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Object(200),
        "The conductors.";
    ShowConductor: GET "conductors/{hostname}", 49, NotSupported, "conductor:get", [FIELDS],
        Body::Nothing => Answer::Object(200),
        "A conductor.";

    ListShards: GET "shards", 82, NotSupported, "shards:get", [],
        Body::Nothing => Answer::Object(200),
        "How many nodes are in which shard.";

    // Chassis.
    ListChassis: GET "chassis", 1, Fits, "chassis:get", [PAGE, DETAIL, FIELDS_1_8],
        Body::Nothing => Answer::Page(bodies::CHASSIS),
        "Chassis, a page at a time.";
    ListChassisInDetail: GET "chassis/detail", 1, Fits, "chassis:get", [PAGE],
        Body::Nothing => Answer::Page(bodies::CHASSIS),
        "Chassis with all their fields.";
    CreateChassis: POST "chassis", 1, Fits, "chassis:create", [],
        Body::New(bodies::CHASSIS) => Answer::One(201, bodies::CHASSIS),
        "Makes a chassis.";
    ShowChassis: GET "chassis/{chassis}", 1, Fits, "chassis:get", [FIELDS_1_8],
        Body::Nothing => Answer::One(200, bodies::CHASSIS),
        "A chassis.";
    UpdateChassis: PATCH "chassis/{chassis}", 1, Fits, "chassis:update", [],
        Body::Patch(bodies::CHASSIS) => Answer::One(200, bodies::CHASSIS),
        "Changes a chassis by a JSON patch.";
    DeleteChassis: DELETE "chassis/{chassis}", 1, Fits, "chassis:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a chassis.";
    ListChassisNodes: GET "chassis/{chassis}/nodes", 1, Fits, "node:list", [NODE_FILTER, PAGE, DETAIL, FIELDS_1_8],
        Body::Nothing => Answer::Page(bodies::NODE),
        "The nodes of a chassis.";
    ListChassisNodesInDetail: GET "chassis/{chassis}/nodes/detail", 1, Fits, "node:list", [NODE_FILTER, PAGE],
        Body::Nothing => Answer::Page(bodies::NODE),
        "The nodes of a chassis with all their fields.";
    CreateChassisNode: POST "chassis/{chassis}/nodes", 1, Fits, "node:create", [],
        Body::Nothing => Answer::Object(200),
        "Refused: nodes are made under `nodes`.";
    ShowChassisNode: GET "chassis/{chassis}/nodes/{node}", 1, Fits, "node:get", [FIELDS_1_8],
        Body::Nothing => Answer::Object(200),
        "Refused: nodes are read under `nodes`.";
    UpdateChassisNode: PATCH "chassis/{chassis}/nodes/{node}", 1, Fits, "node:update", [],
        Body::Nothing => Answer::Object(200),
        "Refused: nodes are changed under `nodes`.";
    DeleteChassisNode: DELETE "chassis/{chassis}/nodes/{node}", 1, Fits, "node:delete", [],
        Body::Nothing => Answer::Object(200),
        "Refused: nodes are removed under `nodes`.";

    // Volumes.
    ShowVolume: GET "volume", 32, NotSupported, "volume:get", [],
        Body::Nothing => Answer::Object(200),
        "Links to the volumes.";
    ListVolumeConnectors: GET "volume/connectors", 32, NoPath, "volume:list", [NODE_OF_VOLUME, PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::VOLUME_CONNECTOR),
        "Volume connectors, a page at a time.";
    CreateVolumeConnector: POST "volume/connectors", 32, NoPath, "volume:create", [],
        Body::New(bodies::VOLUME_CONNECTOR) => Answer::One(201, bodies::VOLUME_CONNECTOR),
        "Makes a volume connector of a node.";
    ShowVolumeConnector: GET "volume/connectors/{connector}", 32, NoPath, "volume:get", [FIELDS],
        Body::Nothing => Answer::One(200, bodies::VOLUME_CONNECTOR),
        "A volume connector.";
    UpdateVolumeConnector: PATCH "volume/connectors/{connector}", 32, NoPath, "volume:update", [],
        Body::Patch(bodies::VOLUME_CONNECTOR) => Answer::One(200, bodies::VOLUME_CONNECTOR),
        "Changes a volume connector by a JSON patch.";
    DeleteVolumeConnector: DELETE "volume/connectors/{connector}", 32, NoPath, "volume:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a volume connector.";
    ListVolumeTargets: GET "volume/targets", 32, NoPath, "volume:list", [NODE_OF_VOLUME, PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::VOLUME_TARGET),
        "Volume targets, a page at a time.";
    CreateVolumeTarget: POST "volume/targets", 32, NoPath, "volume:create", [],
        Body::New(bodies::VOLUME_TARGET) => Answer::One(201, bodies::VOLUME_TARGET),
        "Makes a volume target of a node.";
    ShowVolumeTarget: GET "volume/targets/{target}", 32, NoPath, "volume:get", [FIELDS],
        Body::Nothing => Answer::One(200, bodies::VOLUME_TARGET),
        "A volume target.";
    UpdateVolumeTarget: PATCH "volume/targets/{target}", 32, NoPath, "volume:update", [],
        Body::Patch(bodies::VOLUME_TARGET) => Answer::One(200, bodies::VOLUME_TARGET),
        "Changes a volume target by a JSON patch.";
    DeleteVolumeTarget: DELETE "volume/targets/{target}", 32, NoPath, "volume:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a volume target.";

    // Allocations.
    ListAllocations: GET "allocations", 52, NotSupported, "allocation:list", [ALLOCATION_FILTER, PAGE, FIELDS],
        Body::Nothing => Answer::Page(bodies::ALLOCATION),
        "Allocations, a page at a time.";
    CreateAllocation: POST "allocations", 52, NoMethod, "allocation:create", [],
        Body::New(bodies::ALLOCATION) => Answer::One(201, bodies::ALLOCATION),
        "Asks for a node.";
    ShowAllocation: GET "allocations/{allocation}", 52, NotSupported, "allocation:get", [FIELDS],
        Body::Nothing => Answer::One(200, bodies::ALLOCATION),
        "An allocation.";
    UpdateAllocation: PATCH "allocations/{allocation}", 57, NoMethod, "allocation:update", [],
        Body::Patch(bodies::ALLOCATION) => Answer::One(200, bodies::ALLOCATION),
        "Changes an allocation by a JSON patch.";
    DeleteAllocation: DELETE "allocations/{allocation}", 52, NoMethod, "allocation:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes an allocation and frees its node.";

    // Deploy templates.
    ListDeployTemplates: GET "deploy_templates", 55, NotSupported, "deploy_template:get", [PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::DEPLOY_TEMPLATE),
        "Deploy templates, a page at a time.";
    CreateDeployTemplate: POST "deploy_templates", 55, NoMethod, "deploy_template:create", [],
        Body::New(bodies::DEPLOY_TEMPLATE) => Answer::One(201, bodies::DEPLOY_TEMPLATE),
        "Makes a deploy template.";
    ShowDeployTemplate: GET "deploy_templates/{template}", 55, NotSupported, "deploy_template:get", [FIELDS],
        Body::Nothing => Answer::One(200, bodies::DEPLOY_TEMPLATE),
        "A deploy template.";
    UpdateDeployTemplate: PATCH "deploy_templates/{template}", 55, NoMethod, "deploy_template:update", [],
        Body::Patch(bodies::DEPLOY_TEMPLATE) => Answer::One(200, bodies::DEPLOY_TEMPLATE),
        "Changes a deploy template by a JSON patch.";
    DeleteDeployTemplate: DELETE "deploy_templates/{template}", 55, NoMethod, "deploy_template:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a deploy template.";

    // Runbooks.
    ListRunbooks: GET "runbooks", 92, NotSupported, "runbook:list", [RUNBOOK_FILTER, PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::RUNBOOK),
        "Runbooks, a page at a time.";
    CreateRunbook: POST "runbooks", 92, NoMethod, "runbook:create", [],
        Body::New(bodies::RUNBOOK) => Answer::One(201, bodies::RUNBOOK),
        "Makes a runbook.";
    ShowRunbook: GET "runbooks/{runbook}", 92, NotSupported, "runbook:get", [FIELDS],
        Body::Nothing => Answer::One(200, bodies::RUNBOOK),
        "A runbook.";
    UpdateRunbook: PATCH "runbooks/{runbook}", 92, NoMethod, "runbook:update", [],
        Body::Patch(bodies::RUNBOOK) => Answer::One(200, bodies::RUNBOOK),
        "Changes a runbook by a JSON patch.";
    DeleteRunbook: DELETE "runbooks/{runbook}", 92, NoMethod, "runbook:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a runbook.";
    ListRunbookTraits: GET "runbooks/{runbook}/traits", 112, NotSupported, "runbook:get", [],
        Body::Nothing => Answer::Object(200),
        "The traits of nodes that a runbook is for.";
    SetRunbookTraits: PUT "runbooks/{runbook}/traits", 112, NotSupported, "runbook:update", [],
        bodies::TRAITS => Answer::Nothing(204),
        "Replaces the traits of a runbook.";
    DeleteRunbookTraits: DELETE "runbooks/{runbook}/traits", 112, NotSupported, "runbook:update", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes all traits of a runbook.";
    AddRunbookTrait: PUT "runbooks/{runbook}/traits/{trait}", 112, NotSupported, "runbook:update", [],
        Body::Nothing => Answer::Nothing(204),
        "Adds a trait to a runbook.";
    DeleteRunbookTrait: DELETE "runbooks/{runbook}/traits/{trait}", 112, NotSupported, "runbook:update", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes a trait of a runbook.";

    // Inspection rules.
    ListInspectionRules: GET "inspection_rules", 96, NotSupported, "inspection_rule:get", [RULE_FILTER, PAGE, DETAIL, FIELDS],
        Body::Nothing => Answer::Page(bodies::INSPECTION_RULE),
        "Inspection rules, a page at a time.";
    CreateInspectionRule: POST "inspection_rules", 96, NoMethod, "inspection_rule:create", [],
        Body::New(bodies::INSPECTION_RULE) => Answer::One(201, bodies::INSPECTION_RULE),
        "Makes an inspection rule.";
    ShowInspectionRule: GET "inspection_rules/{rule}", 96, NotSupported, "inspection_rule:get", [FIELDS],
        Body::Nothing => Answer::One(200, bodies::INSPECTION_RULE),
        "An inspection rule.";
    UpdateInspectionRule: PATCH "inspection_rules/{rule}", 96, NoMethod, "inspection_rule:update", [],
        Body::Patch(bodies::INSPECTION_RULE) => Answer::One(200, bodies::INSPECTION_RULE),
        "Changes an inspection rule by a JSON patch.";
    DeleteInspectionRule: DELETE "inspection_rules/{rule}", 96, NoMethod, "inspection_rule:delete", [],
        Body::Nothing => Answer::Nothing(204),
        "Removes an inspection rule.";

    // What other services tell.
    TakeExternalEvents: POST "events", 54, NotSupported, "events:post", [],
        bodies::EXTERNAL_EVENTS => Answer::Nothing(204),
        "What the network service tells of ports.";

    // The ramdisk.
    Lookup: GET "lookup", 22, NotSupported, "", [LOOKUP],
        Body::Nothing => Answer::Object(200),
        "Which node an agent runs on.";
    Heartbeat: POST "heartbeat/{node}", 22, NotSupported, "", [],
        Body::Object => Answer::Nothing(202),
        "An agent says that it is there.";
    ContinueInspection: POST "continue_inspection", 84, NotSupportedAfterFirst, "", [NODE_UUID],
        Body::Object => Answer::Object(202),
        "What an agent found.";

    // What the Bare Metal API has no word for.
    ReadMetrics: GET "/metrics", 1, Fits, "node:list_all", [],
        Body::Nothing => Answer::Other,
        "What a monitoring system wants to know.";
    ShowHealth: GET "/healthz", 1, Fits, "", [],
        Body::Nothing => Answer::Object(200),
        "Whether the process answers.";
    ShowReadiness: GET "/readyz", 1, Fits, "", [],
        Body::Nothing => Answer::Object(200),
        "Whether the service can work.";
    ShowOpenApi: GET "/cupola/v1/openapi.json", 1, Fits, "", [],
        Body::Nothing => Answer::Object(200),
        "The routes as an OpenAPI document.";
    FollowEvents: GET "/cupola/v1/events", 1, Fits, "node:list_all", [EVENTS],
        Body::Nothing => Answer::Other,
        "Events as they happen.";
    SummarizeNodes: GET "/cupola/v1/nodes", 1, Fits, "node:list_all", [],
        Body::Nothing => Answer::Object(200),
        "All nodes in short.";
    ShowTimeline: GET "/cupola/v1/nodes/{node}/timeline", 1, Fits, "node:history:get", [TIMELINE],
        Body::Nothing => Answer::Object(200),
        "What happened to a node, step by step.";
    ExplainNode: GET "/cupola/v1/nodes/{node}/explain", 1, Fits, "node:history:get", [],
        Body::Nothing => Answer::Object(200),
        "Why a node is where it is, and what to do.";
    ShowDurations: GET "/cupola/v1/durations", 1, Fits, "node:history:get", [],
        Body::Nothing => Answer::Object(200),
        "How long phases and steps usually take, by the kind of hardware.";
    ListLogs: GET "/cupola/v1/nodes/{node}/logs", 1, Fits, "node:history:get", [],
        Body::Nothing => Answer::Object(200),
        "The logs of a node's agents.";
    ShowLog: GET "/cupola/v1/nodes/{node}/logs/{log}", 1, Fits, "node:history:get", [],
        Body::Nothing => Answer::Other,
        "One log of an agent, as it was collected.";
    ShowLogLines: GET "/cupola/v1/nodes/{node}/logs/{log}/lines", 1, Fits, "node:history:get", [LINES],
        Body::Nothing => Answer::Object(200),
        "Lines of a log of an agent.";
    FollowSerial: GET "/cupola/v1/nodes/{node}/serial", 1, Fits, "node:get_console", [SERIAL],
        Body::Nothing => Answer::Other,
        "What a node's machine writes to its serial console, as it comes.";
    SendSerial: POST "/cupola/v1/nodes/{node}/serial", 1, Fits, "node:set_console_state", [],
        bodies::SERIAL => Answer::Nothing(204),
        "Types into a node's serial console, or sends it a break.";
    ListImages: GET "/cupola/v1/images", 1, Fits, "node:list_all", [],
        Body::Nothing => Answer::Object(200),
        "The images that can be deployed.";
    ProbeBmc: POST "/cupola/v1/probe", 1, Fits, "node:create", [],
        Body::Object => Answer::Object(200),
        "Whether a BMC can be reached and used.";
    IdentifyBmc: POST "/cupola/v1/identify", 1, Fits, "node:create", [],
        Body::Object => Answer::Nothing(204),
        "Lights the locate LED of a machine that has no node yet, or puts it out.";
    DiscoverBmcs: POST "/cupola/v1/discovery", 1, Fits, "node:create", [],
        Body::Object => Answer::Object(200),
        "Which BMCs there are at these addresses.";
    ListUnknownMacs: GET "/cupola/v1/unknown-macs", 1, Fits, "node:list_all", [],
        Body::Nothing => Answer::Object(200),
        "Who asked DHCP lately and belongs to no port.";
}

#[cfg(test)]
mod tests;
