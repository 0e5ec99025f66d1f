//! The table of all rules: their names and defaults are Ironic's (wire reference §25).

use super::expressions::*;
use super::rule::{Definition, Helper, Scopes, rules};
use crate::contract::Operation;

rules! {
    NodeCreate: "baremetal:node:create", SYSTEM_ADMIN_OR_SERVICE, SystemAndProject, [],
        "Enrol nodes.";
    NodeCreateSelfOwnedNode: "baremetal:node:create:self_owned_node", ADMIN_OR_SERVICE, SystemAndProject, [CreateNode],
        "Enrol nodes of the own project.";
    NodeList: "baremetal:node:list", READER_OR_SERVICE, SystemAndProject, [],
        "List the nodes that the own project owns or leases.";
    NodeListAll: "baremetal:node:list_all", SYSTEM_READER, SystemAndProject, [ListNodes, ListNodesInDetail],
        "List all nodes.";
    NodeGet: "baremetal:node:get", NODE_READER, SystemAndProject, [],
        "See a node.";
    NodeGetFilterThreshold: "baremetal:node:get:filter_threshold", SYSTEM_READER, SystemAndProject, [ShowNode, ListNodes, ListNodesInDetail],
        "See all fields of every node, without the rules per field.";
    NodeGetLastError: "baremetal:node:get:last_error", NODE_OWNER_READER, SystemAndProject, [ShowNode, ListNodes, ListNodesInDetail],
        "See `last_error`.";
    NodeGetReservation: "baremetal:node:get:reservation", NODE_OWNER_READER, SystemAndProject, [ShowNode, ListNodes, ListNodesInDetail],
        "See `reservation`.";
    NodeGetDriverInternalInfo: "baremetal:node:get:driver_internal_info", NODE_OWNER_READER, SystemAndProject, [ShowNode, ListNodes, ListNodesInDetail],
        "See `driver_internal_info`.";
    NodeGetDriverInfo: "baremetal:node:get:driver_info", NODE_OWNER_READER, SystemAndProject, [ShowNode, ListNodes, ListNodesInDetail],
        "See `driver_info`.";
    NodeUpdateDriverInfo: "baremetal:node:update:driver_info", NODE_OWNER_MEMBER, SystemAndProject, [UpdateNode],
        "Change `driver_info`.";
    NodeUpdateProperties: "baremetal:node:update:properties", NODE_OWNER_MEMBER, SystemAndProject, [UpdateNode],
        "Change `properties`.";
    NodeUpdateChassisUuid: "baremetal:node:update:chassis_uuid", SYSTEM_ADMIN, SystemAndProject, [UpdateNode],
        "Change `chassis_uuid`.";
    NodeUpdateInstanceUuid: "baremetal:node:update:instance_uuid", NODE_OWNER_MEMBER, SystemAndProject, [UpdateNode],
        "Change `instance_uuid`.";
    NodeUpdateLessee: "baremetal:node:update:lessee", NODE_OWNER_MEMBER, SystemAndProject, [UpdateNode],
        "Change `lessee`.";
    NodeUpdateOwner: "baremetal:node:update:owner", SYSTEM_MEMBER, SystemAndProject, [UpdateNode],
        "Change `owner`.";
    NodeUpdateDriverInterfaces: "baremetal:node:update:driver_interfaces", NODE_OWNER_MANAGER, SystemAndProject, [UpdateNode],
        "Change the driver and its interfaces.";
    NodeUpdateNetworkData: "baremetal:node:update:network_data", NODE_OWNER_MEMBER, SystemAndProject, [UpdateNode],
        "Change `network_data`.";
    NodeUpdateConductorGroup: "baremetal:node:update:conductor_group", SYSTEM_MEMBER, SystemAndProject, [UpdateNode],
        "Change `conductor_group`.";
    NodeUpdateName: "baremetal:node:update:name", NODE_OWNER_MEMBER, SystemAndProject, [UpdateNode],
        "Change `name`.";
    NodeUpdateRetired: "baremetal:node:update:retired", NODE_OWNER_MEMBER, SystemAndProject, [UpdateNode],
        "Change `retired` and its reason.";
    NodeUpdate: "baremetal:node:update", NODE_MEMBER, SystemAndProject, [],
        "Change what has no rule of its own.";
    NodeUpdateExtra: "baremetal:node:update_extra", NODE_MEMBER, SystemAndProject, [UpdateNode],
        "Change `extra`.";
    NodeUpdateInstanceInfo: "baremetal:node:update_instance_info", NODE_USER, SystemAndProject, [UpdateNode],
        "Change `instance_info` and `instance_name`.";
    NodeUpdateOwnerProvisioned: "baremetal:node:update_owner_provisioned", SYSTEM_ADMIN, System, [UpdateNode],
        "Change the owner of an active node.";
    NodeDelete: "baremetal:node:delete", SYSTEM_ADMIN, SystemAndProject, [],
        "Remove nodes.";
    NodeDeleteSelfOwnedNode: "baremetal:node:delete:self_owned_node", NODE_OWNER_ADMIN, SystemAndProject, [DeleteNode],
        "Remove nodes of the own project.";
    NodeValidate: "baremetal:node:validate", NODE_USER, SystemAndProject, [],
        "Validate the interfaces of a node.";
    NodeSetMaintenance: "baremetal:node:set_maintenance", NODE_USER, SystemAndProject, [],
        "Take a node out of service.";
    NodeClearMaintenance: "baremetal:node:clear_maintenance", NODE_USER, SystemAndProject, [],
        "Put a node back into service.";
    NodeGetBootDevice: "baremetal:node:get_boot_device", NODE_OWNER_MANAGER, SystemAndProject, [],
        "See the boot device.";
    NodeSetBootDevice: "baremetal:node:set_boot_device", NODE_OWNER_MANAGER, SystemAndProject, [],
        "Set the boot device.";
    NodeGetIndicatorState: "baremetal:node:get_indicator_state", NODE_READER, SystemAndProject, [],
        "See the lamps of a node.";
    NodeSetIndicatorState: "baremetal:node:set_indicator_state", NODE_OWNER_MEMBER, SystemAndProject, [],
        "Switch the lamps of a node.";
    NodeInjectNmi: "baremetal:node:inject_nmi", NODE_OWNER_MANAGER, SystemAndProject, [],
        "Send a node a non-maskable interrupt.";
    NodeGetStates: "baremetal:node:get_states", NODE_READER, SystemAndProject, [],
        "See the states of a node.";
    NodeSetPowerState: "baremetal:node:set_power_state", NODE_MEMBER, SystemAndProject, [],
        "Switch a node on or off.";
    NodeSetBootMode: "baremetal:node:set_boot_mode", NODE_MEMBER, SystemAndProject, [],
        "Set the boot mode.";
    NodeSetSecureBoot: "baremetal:node:set_secure_boot", NODE_MEMBER, SystemAndProject, [],
        "Set Secure Boot.";
    NodeSetProvisionState: "baremetal:node:set_provision_state", NODE_USER, SystemAndProject, [],
        "Change the provision state.";
    NodeSetProvisionStateCleanSteps: "baremetal:node:set_provision_state:clean_steps", NODE_USER, SystemAndProject, [SetProvisionState],
        "Give steps to clean by.";
    NodeSetProvisionStateServiceSteps: "baremetal:node:set_provision_state:service_steps", NODE_USER, SystemAndProject, [SetProvisionState],
        "Give steps to service by.";
    NodeSetRaidState: "baremetal:node:set_raid_state", NODE_OWNER_MEMBER, SystemAndProject, [],
        "Set the RAID configuration.";
    NodeGetConsole: "baremetal:node:get_console", NODE_OWNER_MEMBER, SystemAndProject, [],
        "See the console.";
    NodeSetConsoleState: "baremetal:node:set_console_state", NODE_OWNER_MEMBER, SystemAndProject, [],
        "Switch the console.";
    NodeVifList: "baremetal:node:vif:list", NODE_READER, SystemAndProject, [],
        "See attached VIFs.";
    NodeVifAttach: "baremetal:node:vif:attach", NODE_USER, SystemAndProject, [],
        "Attach VIFs.";
    NodeVifDetach: "baremetal:node:vif:detach", NODE_USER, SystemAndProject, [],
        "Detach VIFs.";
    NodeTraitsList: "baremetal:node:traits:list", NODE_READER, SystemAndProject, [],
        "See the traits of a node.";
    NodeTraitsSet: "baremetal:node:traits:set", NODE_OWNER_MANAGER, SystemAndProject, [],
        "Set traits of a node.";
    NodeTraitsDelete: "baremetal:node:traits:delete", NODE_OWNER_MANAGER, SystemAndProject, [],
        "Remove traits of a node.";
    NodeBiosGet: "baremetal:node:bios:get", NODE_READER, SystemAndProject, [],
        "See BIOS settings.";
    NodeDisableCleaning: "baremetal:node:disable_cleaning", SYSTEM_ADMIN, SystemAndProject, [UpdateNode],
        "Switch automated cleaning of a node off.";
    NodeHistoryGet: "baremetal:node:history:get", NODE_OWNER_READER, SystemAndProject, [],
        "See the history of a node.";
    NodeInventoryGet: "baremetal:node:inventory:get", NODE_OWNER_READER, SystemAndProject, [],
        "See the inventory of a node.";
    NodeUpdateShard: "baremetal:node:update:shard", SYSTEM_ADMIN, SystemAndProject, [UpdateNode],
        "Change `shard`.";
    ShardsGet: "baremetal:shards:get", SYSTEM_READER, SystemAndProject, [],
        "See the shards.";
    NodeUpdateParentNode: "baremetal:node:update:parent_node", SYSTEM_MEMBER, SystemAndProject, [UpdateNode],
        "Change `parent_node`.";
    NodeUpdateDisablePowerOff: "baremetal:node:update:disable_power_off", SYSTEM_ADMIN, SystemAndProject, [UpdateNode],
        "Change `disable_power_off`.";
    NodeFirmwareGet: "baremetal:node:firmware:get", NODE_READER, SystemAndProject, [],
        "See firmware components.";
    NodeVmediaAttach: "baremetal:node:vmedia:attach", NODE_MEMBER, SystemAndProject, [],
        "Attach virtual media.";
    NodeVmediaDetach: "baremetal:node:vmedia:detach", NODE_MEMBER, SystemAndProject, [],
        "Detach virtual media.";
    NodeVmediaGet: "baremetal:node:vmedia:get", NODE_READER, SystemAndProject, [],
        "See virtual media.";
    PortGet: "baremetal:port:get", NODE_READER, SystemAndProject, [],
        "See ports.";
    PortList: "baremetal:port:list", READER_OR_SERVICE, SystemAndProject, [],
        "List the ports of nodes of the own project.";
    PortListAll: "baremetal:port:list_all", SYSTEM_READER, SystemAndProject, [ListPorts, ListPortsInDetail, ListNodePorts, ListNodePortsInDetail, ListPortgroupPorts, ListPortgroupPortsInDetail],
        "List all ports.";
    PortCreate: "baremetal:port:create", NODE_ADMIN, SystemAndProject, [],
        "Make ports.";
    PortDelete: "baremetal:port:delete", NODE_ADMIN, SystemAndProject, [],
        "Remove ports.";
    PortUpdate: "baremetal:port:update", NODE_OWNER_MANAGER, SystemAndProject, [],
        "Change ports.";
    PortgroupGet: "baremetal:portgroup:get", NODE_READER, SystemAndProject, [],
        "See port groups.";
    PortgroupCreate: "baremetal:portgroup:create", NODE_ADMIN, SystemAndProject, [],
        "Make port groups.";
    PortgroupDelete: "baremetal:portgroup:delete", NODE_ADMIN, SystemAndProject, [],
        "Remove port groups.";
    PortgroupUpdate: "baremetal:portgroup:update", NODE_OWNER_MANAGER, SystemAndProject, [],
        "Change port groups.";
    PortgroupList: "baremetal:portgroup:list", READER_OR_SERVICE, SystemAndProject, [],
        "List the port groups of nodes of the own project.";
    PortgroupListAll: "baremetal:portgroup:list_all", SYSTEM_READER, SystemAndProject, [ListPortgroups, ListPortgroupsInDetail, ListNodePortgroups, ListNodePortgroupsInDetail],
        "List all port groups.";
    ChassisGet: "baremetal:chassis:get", SYSTEM_READER, System, [],
        "See chassis.";
    ChassisCreate: "baremetal:chassis:create", SYSTEM_ADMIN, System, [],
        "Make chassis.";
    ChassisDelete: "baremetal:chassis:delete", SYSTEM_ADMIN, System, [],
        "Remove chassis.";
    ChassisUpdate: "baremetal:chassis:update", SYSTEM_MEMBER, System, [],
        "Change chassis.";
    DriverGet: "baremetal:driver:get", SYSTEM_READER, System, [],
        "See hardware types.";
    DriverGetProperties: "baremetal:driver:get_properties", SYSTEM_READER, System, [],
        "See the properties of a hardware type.";
    DriverGetRaidLogicalDiskProperties: "baremetal:driver:get_raid_logical_disk_properties", SYSTEM_READER, System, [],
        "See the RAID properties of a hardware type.";
    NodeVendorPassthru: "baremetal:node:vendor_passthru", SYSTEM_ADMIN, SystemAndProject, [],
        "Run vendor methods of a node.";
    DriverVendorPassthru: "baremetal:driver:vendor_passthru", SYSTEM_ADMIN, System, [],
        "Run vendor methods of a hardware type.";
    NodeIpaHeartbeat: "baremetal:node:ipa_heartbeat", "", Any, [Heartbeat],
        "Heartbeats of agents.";
    DriverIpaLookup: "baremetal:driver:ipa_lookup", "", Any, [Lookup],
        "Lookups of agents.";
    DriverIpaContinueInspection: "baremetal:driver:ipa_continue_inspection", "", Any, [ContinueInspection],
        "What agents found.";
    VolumeListAll: "baremetal:volume:list_all", SYSTEM_READER, SystemAndProject, [ListVolumeConnectors, ListVolumeTargets, ListNodeVolumeConnectors, ListNodeVolumeTargets],
        "List all volumes.";
    VolumeList: "baremetal:volume:list", READER_OR_SERVICE, SystemAndProject, [],
        "List the volumes of nodes of the own project.";
    VolumeGet: "baremetal:volume:get", NODE_READER, SystemAndProject, [],
        "See volumes.";
    VolumeCreate: "baremetal:volume:create", NODE_MANAGER, SystemAndProject, [],
        "Make volumes.";
    VolumeDelete: "baremetal:volume:delete", NODE_MANAGER, SystemAndProject, [],
        "Remove volumes.";
    VolumeUpdate: "baremetal:volume:update", NODE_USER, SystemAndProject, [],
        "Change volumes.";
    VolumeViewTargetProperties: "baremetal:volume:view_target_properties", SYSTEM_READER_OR_ADMIN, SystemAndProject, [ShowVolumeTarget, ListVolumeTargets, ListNodeVolumeTargets, UpdateVolumeTarget],
        "See the properties of volume targets.";
    ConductorGet: "baremetal:conductor:get", SYSTEM_READER, SystemAndProject, [],
        "See the conductors.";
    AllocationGet: "baremetal:allocation:get", ALLOCATION_READER, SystemAndProject, [],
        "See an allocation.";
    AllocationList: "baremetal:allocation:list", READER_OR_SERVICE, SystemAndProject, [],
        "List the allocations of the own project.";
    AllocationListAll: "baremetal:allocation:list_all", SYSTEM_READER, SystemAndProject, [ListAllocations],
        "List all allocations.";
    AllocationCreate: "baremetal:allocation:create", MEMBER, SystemAndProject, [],
        "Ask for nodes.";
    AllocationCreateRestricted: "baremetal:allocation:create_restricted", SYSTEM_MEMBER, SystemAndProject, [CreateAllocation],
        "Ask for nodes for another project, and of any owner.";
    AllocationDelete: "baremetal:allocation:delete", ALLOCATION_MEMBER, SystemAndProject, [],
        "Remove allocations.";
    AllocationUpdate: "baremetal:allocation:update", ALLOCATION_MEMBER, SystemAndProject, [],
        "Change allocations.";
    AllocationCreatePreRbac: "baremetal:allocation:create_pre_rbac", "(rule:is_member and role:baremetal_admin) or (is_admin_project:True and role:admin)", Project, [],
        "Not asked: of the time before scopes.";
    EventsPost: "baremetal:events:post", SYSTEM_ADMIN, System, [],
        "Not asked: the route is not served.";
    DeployTemplateGet: "baremetal:deploy_template:get", SYSTEM_READER, SystemAndProject, [],
        "See deploy templates.";
    DeployTemplateCreate: "baremetal:deploy_template:create", SYSTEM_ADMIN, SystemAndProject, [],
        "Make deploy templates.";
    DeployTemplateDelete: "baremetal:deploy_template:delete", SYSTEM_ADMIN, SystemAndProject, [],
        "Remove deploy templates.";
    DeployTemplateUpdate: "baremetal:deploy_template:update", SYSTEM_ADMIN, SystemAndProject, [],
        "Change deploy templates.";
    RunbookGet: "baremetal:runbook:get", RUNBOOK_READER, SystemAndProject, [],
        "See a runbook.";
    RunbookList: "baremetal:runbook:list", READER_OR_SERVICE, SystemAndProject, [],
        "List public runbooks and those of the own project.";
    RunbookListAll: "baremetal:runbook:list_all", SYSTEM_READER, SystemAndProject, [ListRunbooks],
        "List all runbooks.";
    RunbookCreate: "baremetal:runbook:create", RUNBOOK_MAKER, SystemAndProject, [],
        "Make runbooks.";
    RunbookDelete: "baremetal:runbook:delete", RUNBOOK_MANAGER, SystemAndProject, [],
        "Remove runbooks.";
    RunbookUpdate: "baremetal:runbook:update", RUNBOOK_MANAGER, SystemAndProject, [],
        "Change runbooks.";
    RunbookUpdatePublic: "baremetal:runbook:update:public", SYSTEM_MEMBER, SystemAndProject, [UpdateRunbook],
        "Make a runbook public.";
    RunbookUpdateOwner: "baremetal:runbook:update:owner", SYSTEM_MEMBER, SystemAndProject, [UpdateRunbook],
        "Change the owner of a runbook.";
    RunbookUse: "baremetal:runbook:use", RUNBOOK_MANAGER, SystemAndProject, [SetProvisionState],
        "Use a runbook on a node.";
    InspectionRuleGet: "baremetal:inspection_rule:get", SYSTEM_READER, SystemAndProject, [],
        "See inspection rules.";
    InspectionRuleListAll: "baremetal:inspection_rule:list_all", SYSTEM_READER, SystemAndProject, [],
        "Not asked: the list asks `inspection_rule:get`.";
    InspectionRuleCreate: "baremetal:inspection_rule:create", SYSTEM_ADMIN, SystemAndProject, [],
        "Make inspection rules.";
    InspectionRuleUpdate: "baremetal:inspection_rule:update", SYSTEM_ADMIN, SystemAndProject, [],
        "Change inspection rules.";
    InspectionRuleDelete: "baremetal:inspection_rule:delete", SYSTEM_ADMIN, SystemAndProject, [],
        "Remove inspection rules.";
}

/// What rules refer to by `rule:`.
pub const HELPERS: &[Helper] = &[
    Helper {
        name: "admin_api",
        check: "role:admin or role:administrator",
        summary: "Administrators.",
    },
    Helper {
        name: "public_api",
        check: "is_public_api:True",
        summary: "Who is not asked.",
    },
    Helper {
        name: super::SHOW_PASSWORD,
        check: "!",
        summary: "See the secrets in `driver_info` of nodes that one may see.",
    },
    Helper {
        name: super::SHOW_INSTANCE_SECRETS,
        check: "!",
        summary: "See the secrets in `instance_info` of nodes that one may see.",
    },
    Helper {
        name: "service_role",
        check: "role:service and project_name:%(config.service_project_name)s",
        summary: "A service of the project of services.",
    },
    Helper {
        name: "is_member",
        check: "(project_domain_id:default or project_domain_id:None) and (project_name:demo or project_name:baremetal)",
        summary: "Members of the time before scopes.",
    },
    Helper {
        name: "is_observer",
        check: "rule:is_member and (role:observer or role:baremetal_observer)",
        summary: "Observers of the time before scopes.",
    },
    Helper {
        name: "is_admin",
        check: "rule:admin_api or (rule:is_member and role:baremetal_admin)",
        summary: "Administrators of the time before scopes.",
    },
    Helper {
        name: "is_node_owner",
        check: "project_id:%(node.owner)s",
        summary: "The project that owns the node.",
    },
    Helper {
        name: "is_node_lessee",
        check: "project_id:%(node.lessee)s",
        summary: "The project that leases the node.",
    },
    Helper {
        name: "is_allocation_owner",
        check: "project_id:%(allocation.owner)s",
        summary: "The project that owns the allocation.",
    },
];
