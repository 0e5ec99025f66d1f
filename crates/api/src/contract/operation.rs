//! The table of all operations, in the order of the wire reference §3.

use http::Method;

use super::argument as arguments;
use super::route::{Older, Route};
use crate::microversion::Microversion;

/// Makes the operations and their routes of one table. A row is the operation, its method and path,
/// the minor version that brought it, what older ones get, its policy, its arguments, and what it does.
macro_rules! operations {
    ($($name:ident: $method:ident $path:literal, $since:literal, $older:ident, $policy:literal,
       [$($group:ident),*], $summary:literal;)*) => {
        /// What a client can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operation {
            $(#[doc = $summary] $name,)*
        }

        impl Operation {
            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What it does, in a sentence.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self {
                    $(Self::$name => $summary,)*
                }
            }
        }

        /// All routes.
        pub const ROUTES: &[Route] = &[
            $(Route {
                operation: Operation::$name,
                method: Method::$method,
                path: $path,
                since: Microversion::new($since),
                older: Older::$older,
                policy: $policy,
                arguments: &[$(arguments::$group),*],
            },)*
        ];
    };
}

operations! {
    // Version roots.
    Discovery: GET "/", 1, Fits, "", [],
        "What this service is, and the versions it speaks.";
    VersionRoot: GET "/v1", 1, Fits, "", [],
        "The collections of this version.";

    // Nodes.
    ListNodes: GET "nodes", 1, Fits, "node:list", [NODE_FILTER, PAGE, DETAIL, FIELDS_1_8],
        "Nodes, a page at a time.";
    ListNodesInDetail: GET "nodes/detail", 1, Fits, "node:list", [NODE_FILTER, PAGE],
        "Nodes with all their fields.";
    CreateNode: POST "nodes", 1, Fits, "node:create", [],
        "Enrols a node.";
    ShowNode: GET "nodes/{node}", 1, Fits, "node:get", [FIELDS_1_8],
        "A node.";
    UpdateNode: PATCH "nodes/{node}", 1, Fits, "node:update", [RESET_INTERFACES],
        "Changes a node by a JSON patch.";
    DeleteNode: DELETE "nodes/{node}", 1, Fits, "node:delete", [],
        "Removes a node.";
    ValidateNodeByArgument: GET "nodes/validate", 1, Fits, "node:validate", [NODE],
        "Whether the interfaces of a node have what they need.";
    ValidateNode: GET "nodes/{node}/validate", 1, Fits, "node:validate", [],
        "Whether the interfaces of a node have what they need.";
    SetMaintenance: PUT "nodes/{node}/maintenance", 1, Fits, "node:set_maintenance", [REASON],
        "Takes a node out of service.";
    ClearMaintenance: DELETE "nodes/{node}/maintenance", 1, Fits, "node:clear_maintenance", [REASON],
        "Puts a node back into service.";
    ShowNodeStates: GET "nodes/{node}/states", 1, Fits, "node:get_states", [],
        "The states of a node.";
    SetPowerState: PUT "nodes/{node}/states/power", 1, Fits, "node:set_power_state", [],
        "Switches a node on or off, or reboots it.";
    SetProvisionState: PUT "nodes/{node}/states/provision", 1, Fits, "node:set_provision_state", [],
        "Starts a change of the provision state.";
    ShowBootDevice: GET "nodes/{node}/management/boot_device", 1, Fits, "node:get_boot_device", [],
        "The device that a node boots from.";
    SetBootDevice: PUT "nodes/{node}/management/boot_device", 1, Fits, "node:set_boot_device", [BOOT_DEVICE],
        "Sets the device that a node boots from.";
    ListSupportedBootDevices: GET "nodes/{node}/management/boot_device/supported", 1, Fits, "node:get_boot_device", [],
        "The devices that a node can boot from.";
    ListTraits: GET "nodes/{node}/traits", 37, NotAcceptable, "node:traits:list", [],
        "The traits of a node.";
    SetTraits: PUT "nodes/{node}/traits", 37, NoMethod, "node:traits:set", [],
        "Replaces the traits of a node.";
    DeleteTraits: DELETE "nodes/{node}/traits", 37, NotSupported, "node:traits:delete", [],
        "Removes all traits of a node.";
    AddTrait: PUT "nodes/{node}/traits/{trait}", 37, NoMethod, "node:traits:set", [],
        "Adds a trait to a node.";
    DeleteTrait: DELETE "nodes/{node}/traits/{trait}", 37, NotSupported, "node:traits:delete", [],
        "Removes a trait of a node.";
    ListHistory: GET "nodes/{node}/history", 78, NoPath, "node:history:get", [PAGE, DETAIL],
        "What happened to a node.";
    ShowHistoryEntry: GET "nodes/{node}/history/{entry}", 78, NoPath, "node:history:get", [],
        "One thing that happened to a node.";
    ShowInventory: GET "nodes/{node}/inventory", 81, NoPath, "node:inventory:get", [],
        "What an inspection found.";
    ListChildren: GET "nodes/{node}/children", 83, NoPath, "node:get", [],
        "The nodes that are parts of a node.";
    ListNodePorts: GET "nodes/{node}/ports", 1, Fits, "port:get", [PAGE, DETAIL, FIELDS_1_8],
        "The ports of a node.";
    CreateNodePort: POST "nodes/{node}/ports", 1, Fits, "port:create", [],
        "Refused: ports are made under `ports`.";
    ListNodePortsInDetail: GET "nodes/{node}/ports/detail", 1, Fits, "port:get", [PAGE],
        "The ports of a node with all their fields.";
    ShowNodePort: GET "nodes/{node}/ports/{port}", 1, Fits, "port:get", [FIELDS],
        "Refused: ports are read under `ports`.";
    UpdateNodePort: PATCH "nodes/{node}/ports/{port}", 1, Fits, "port:update", [],
        "Refused: ports are changed under `ports`.";
    DeleteNodePort: DELETE "nodes/{node}/ports/{port}", 1, Fits, "port:delete", [],
        "Refused: ports are removed under `ports`.";
    ListNodePortgroups: GET "nodes/{node}/portgroups", 24, NoPath, "portgroup:get", [ADDRESS, PAGE, DETAIL, FIELDS],
        "The port groups of a node.";
    ListNodePortgroupsInDetail: GET "nodes/{node}/portgroups/detail", 24, NoPath, "portgroup:get", [ADDRESS, PAGE],
        "The port groups of a node with all their fields.";
    ListVifs: GET "nodes/{node}/vifs", 28, NoPath, "node:vif:list", [],
        "The network interfaces attached to a node.";
    AttachVif: POST "nodes/{node}/vifs", 28, NoPath, "node:vif:attach", [],
        "Attaches a network interface to a node.";
    DetachVif: DELETE "nodes/{node}/vifs/{vif}", 28, NoPath, "node:vif:detach", [],
        "Detaches a network interface from a node.";
    ShowNodeVolume: GET "nodes/{node}/volume", 32, NotSupported, "volume:get", [],
        "Links to the volumes of a node.";
    ListNodeVolumeConnectors: GET "nodes/{node}/volume/connectors", 32, NoPath, "volume:get", [PAGE, DETAIL, FIELDS],
        "The volume connectors of a node.";
    ListNodeVolumeTargets: GET "nodes/{node}/volume/targets", 32, NoPath, "volume:get", [PAGE, DETAIL, FIELDS],
        "The volume targets of a node.";
    ListBiosSettings: GET "nodes/{node}/bios", 40, NoPath, "node:bios:get", [BIOS],
        "The BIOS settings of a node.";
    ListFirmwareComponents: GET "nodes/{node}/firmware", 86, NoPath, "node:firmware:get", [PAGE, DETAIL, FIELDS],
        "The firmware of a node.";
    ShowNodeAllocation: GET "nodes/{node}/allocation", 52, NoPath, "allocation:get", [FIELDS],
        "The allocation that holds a node.";
    DeleteNodeAllocation: DELETE "nodes/{node}/allocation", 52, NoPath, "allocation:delete", [FIELDS],
        "Frees a node of its allocation.";

    // Ports.
    ListPorts: GET "ports", 1, Fits, "port:list", [PORT_FILTER, PAGE, DETAIL, FIELDS_1_8],
        "Ports, a page at a time.";
    ListPortsInDetail: GET "ports/detail", 1, Fits, "port:list", [PORT_FILTER, PAGE],
        "Ports with all their fields.";
    CreatePort: POST "ports", 1, Fits, "port:create", [],
        "Makes a port of a node.";
    ShowPort: GET "ports/{port}", 1, Fits, "port:get", [FIELDS_1_8],
        "A port.";
    UpdatePort: PATCH "ports/{port}", 1, Fits, "port:update", [],
        "Changes a port by a JSON patch.";
    DeletePort: DELETE "ports/{port}", 1, Fits, "port:delete", [],
        "Removes a port.";

    // Drivers and conductors.
    ListDrivers: GET "drivers", 1, Fits, "driver:get", [DRIVERS, FIELDS_1_77],
        "The hardware types.";
    ShowDriver: GET "drivers/{driver}", 1, Fits, "driver:get", [FIELDS_1_77],
        "A hardware type.";
    ShowDriverProperties: GET "drivers/{driver}/properties", 1, Fits, "driver:get_properties", [],
        "What a hardware type wants to know of a node.";
    ListConductors: GET "conductors", 49, NotSupported, "conductor:get", [PAGE, DETAIL, FIELDS],
        "The conductors.";
    ShowConductor: GET "conductors/{hostname}", 49, NotSupported, "conductor:get", [FIELDS],
        "A conductor.";

    // Chassis.
    ListChassis: GET "chassis", 1, Fits, "chassis:get", [PAGE, DETAIL, FIELDS],
        "Chassis, a page at a time.";
    ListChassisInDetail: GET "chassis/detail", 1, Fits, "chassis:get", [PAGE],
        "Chassis with all their fields.";
    ShowChassis: GET "chassis/{chassis}", 1, Fits, "chassis:get", [FIELDS_1_8],
        "A chassis.";

    // Deploy templates.
    ListDeployTemplates: GET "deploy_templates", 55, NotSupported, "deploy_template:get", [PAGE, DETAIL, FIELDS],
        "Deploy templates, a page at a time.";
    CreateDeployTemplate: POST "deploy_templates", 55, NoMethod, "deploy_template:create", [],
        "Makes a deploy template.";
    ShowDeployTemplate: GET "deploy_templates/{template}", 55, NotSupported, "deploy_template:get", [FIELDS],
        "A deploy template.";
    UpdateDeployTemplate: PATCH "deploy_templates/{template}", 55, NoMethod, "deploy_template:update", [],
        "Changes a deploy template by a JSON patch.";
    DeleteDeployTemplate: DELETE "deploy_templates/{template}", 55, NoMethod, "deploy_template:delete", [],
        "Removes a deploy template.";

    // The ramdisk.
    Lookup: GET "lookup", 22, NotSupported, "", [LOOKUP],
        "Which node an agent runs on.";
    Heartbeat: POST "heartbeat/{node}", 22, NotSupported, "", [],
        "An agent says that it is there.";
    ContinueInspection: POST "continue_inspection", 84, NotSupportedAfterFirst, "", [NODE_UUID],
        "What an agent found.";

    // What the Bare Metal API has no word for.
    ReadMetrics: GET "/metrics", 1, Fits, "node:list_all", [],
        "What a monitoring system wants to know.";
    ShowHealth: GET "/healthz", 1, Fits, "", [],
        "Whether the process answers.";
    ShowReadiness: GET "/readyz", 1, Fits, "", [],
        "Whether the service can work.";
    FollowEvents: GET "/cupola/v1/events", 1, Fits, "node:list_all", [EVENTS],
        "Events as they happen.";
    SummarizeNodes: GET "/cupola/v1/nodes", 1, Fits, "node:list_all", [],
        "All nodes in short.";
    ShowTimeline: GET "/cupola/v1/nodes/{node}/timeline", 1, Fits, "node:history:get", [TIMELINE],
        "What happened to a node, step by step.";
    ExplainNode: GET "/cupola/v1/nodes/{node}/explain", 1, Fits, "node:get", [],
        "Why a node is where it is, and what to do.";
    ListLogs: GET "/cupola/v1/nodes/{node}/logs", 1, Fits, "node:history:get", [],
        "The logs of a node's agents.";
    ShowLog: GET "/cupola/v1/nodes/{node}/logs/{log}", 1, Fits, "node:history:get", [],
        "One log of an agent, as it was collected.";
    ShowLogLines: GET "/cupola/v1/nodes/{node}/logs/{log}/lines", 1, Fits, "node:history:get", [LINES],
        "Lines of a log of an agent.";
    ListImages: GET "/cupola/v1/images", 1, Fits, "node:list", [],
        "The images that can be deployed.";
    ProbeBmc: POST "/cupola/v1/probe", 1, Fits, "node:create", [],
        "Whether a BMC can be reached and used.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_method_of_a_path_stands_twice() {
        let mut seen = HashSet::new();
        for route in ROUTES {
            let path = without_names(route.path);
            assert!(seen.insert((route.method.clone(), path)), "{route:?}");
        }
    }

    /// Two paths that differ in the names of their parameters only are one.
    fn without_names(path: &str) -> Vec<&str> {
        let plain = |s: &'static str| s;
        path.split('/')
            .map(|s| if s.starts_with('{') { plain("{}") } else { s })
            .collect()
    }

    #[test]
    fn what_is_newer_says_what_older_versions_get() {
        for route in ROUTES {
            let is_newer = route.since > Microversion::MIN;
            assert_eq!(is_newer, route.older != Older::Fits, "{route:?}");
            let older = Microversion::new(route.since.minor() - 1);
            assert_eq!(route.gate(older).is_err(), is_newer, "{route:?}");
            assert!(route.gate(route.since).is_ok());
        }
    }

    #[test]
    fn an_argument_is_told_once() {
        for route in ROUTES {
            let mut seen = HashSet::new();
            for argument in route.arguments.iter().flat_map(|group| group.iter()) {
                assert!(seen.insert(argument.name), "{argument:?} of {route:?}");
            }
        }
    }

    #[test]
    fn unknown_and_newer_arguments_are_refused() {
        let nodes = ROUTES
            .iter()
            .find(|r| r.operation == Operation::ListNodes)
            .unwrap();
        let check = |names: &[&str], minor| {
            nodes
                .check_arguments(names.iter().copied(), Microversion::new(minor))
                .map_err(|fault| (fault.status, fault.message))
        };
        assert_eq!(check(&["limit", "owner"], 50), Ok(()));
        assert_eq!(
            check(&["zoo", "owner", "bar", "zoo"], 49),
            Err((400, "Unexpected arguments: bar, zoo".to_owned()))
        );
        let text = "Request not acceptable. The minimal required API version should be 1.50";
        assert_eq!(check(&["owner"], 49), Err((406, text.to_owned())));
    }
}
