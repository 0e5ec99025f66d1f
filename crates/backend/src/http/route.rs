//! Which paths there are: from the segments of a path to the [`Resource`] it names, the methods
//! that the resource takes, and the microversion that brought it (wire reference §3).
//!
//! A path that is not in [`Resource::find`] answers 404; so do resources of the reference that are
//! not served yet.

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use http::Method;

/// What a path names. Node, port, trait, … identifiers are as they were in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the names are those of the wire reference, section 3"
)]
pub(super) enum Resource<'a> {
    Root,
    V1,
    Nodes,
    NodesDetail,
    NodesValidate,
    Node(&'a str),
    NodeMaintenance(&'a str),
    NodeValidate(&'a str),
    NodeStates(&'a str),
    NodePower(&'a str),
    NodeProvision(&'a str),
    NodeBootDevice(&'a str),
    NodeSupportedBootDevices(&'a str),
    NodeTraits(&'a str),
    NodeTrait(&'a str, &'a str),
    NodeHistory(&'a str),
    NodeHistoryEntry(&'a str, &'a str),
    NodeInventory(&'a str),
    NodeChildren(&'a str),
    NodePorts(&'a str),
    NodePortsDetail(&'a str),
    NodePort(&'a str),
    NodePortgroups(&'a str),
    NodeVifs(&'a str),
    NodeVif(&'a str, &'a str),
    NodeVolume(&'a str),
    NodeVolumeConnectors(&'a str),
    NodeVolumeTargets(&'a str),
    NodeBios(&'a str),
    NodeFirmware(&'a str),
    NodeAllocation(&'a str),
    Ports,
    PortsDetail,
    Port(&'a str),
    Drivers,
    Driver(&'a str),
    DriverProperties(&'a str),
    Conductors,
    Conductor(&'a str),
    Chassis,
    ChassisItem(&'a str),
    DeployTemplates,
    DeployTemplate(&'a str),
    Lookup,
    Heartbeat(&'a str),
    ContinueInspection,
    CupolaEvents,
    CupolaNodes,
    CupolaTimeline(&'a str),
    CupolaExplain(&'a str),
    CupolaLogs(&'a str),
    CupolaLog(&'a str, &'a str),
    CupolaLogLines(&'a str, &'a str),
    CupolaImages,
    CupolaProbe,
}

/// The path's segments without the empty one behind a trailing slash; `None` when another one is
/// empty or is no UTF-8 after decoding.
pub(super) fn segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some(Vec::new());
    }
    path.split('/')
        .map(|s| if s.is_empty() { None } else { decode(s) })
        .collect()
}

/// Percent-decoding of one segment (RFC 3986, section 2.1).
fn decode(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

impl<'a> Resource<'a> {
    /// The resource that these segments name. `v1` may be left out.
    pub(super) fn find(segments: &[&'a str]) -> Option<Self> {
        match segments {
            [] => Some(Self::Root),
            ["v1"] => Some(Self::V1),
            ["v1", rest @ ..] => Self::find_in_v1(rest),
            ["cupola", "v1", rest @ ..] => Self::find_in_cupola(rest),
            rest => Self::find_in_v1(rest),
        }
    }

    fn find_in_v1(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            ["nodes", ref rest @ ..] => return Self::find_in_nodes(rest),
            ["ports"] => Self::Ports,
            ["ports", "detail"] => Self::PortsDetail,
            ["ports", port] => Self::Port(port),
            ["drivers"] => Self::Drivers,
            ["drivers", driver] => Self::Driver(driver),
            ["drivers", driver, "properties"] => Self::DriverProperties(driver),
            ["conductors"] => Self::Conductors,
            ["conductors", host] => Self::Conductor(host),
            ["chassis"] | ["chassis", "detail"] => Self::Chassis,
            ["chassis", chassis] => Self::ChassisItem(chassis),
            ["deploy_templates"] => Self::DeployTemplates,
            ["deploy_templates", template] => Self::DeployTemplate(template),
            ["lookup"] => Self::Lookup,
            ["heartbeat", node] => Self::Heartbeat(node),
            ["continue_inspection"] => Self::ContinueInspection,
            _ => return None,
        })
    }

    fn find_in_nodes(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            [] => Self::Nodes,
            ["detail"] => Self::NodesDetail,
            ["validate"] => Self::NodesValidate,
            [n] => Self::Node(n),
            [n, "maintenance"] => Self::NodeMaintenance(n),
            [n, "validate"] => Self::NodeValidate(n),
            [n, "states"] => Self::NodeStates(n),
            [n, "states", "power"] => Self::NodePower(n),
            [n, "states", "provision"] => Self::NodeProvision(n),
            [n, "management", "boot_device"] => Self::NodeBootDevice(n),
            [n, "management", "boot_device", "supported"] => Self::NodeSupportedBootDevices(n),
            [n, "traits"] => Self::NodeTraits(n),
            [n, "traits", t] => Self::NodeTrait(n, t),
            [n, "history"] => Self::NodeHistory(n),
            [n, "history", entry] => Self::NodeHistoryEntry(n, entry),
            [n, "inventory"] => Self::NodeInventory(n),
            [n, "children"] => Self::NodeChildren(n),
            [n, "ports"] => Self::NodePorts(n),
            [n, "ports", "detail"] => Self::NodePortsDetail(n),
            [n, "ports", _] => Self::NodePort(n),
            [n, "portgroups"] | [n, "portgroups", "detail"] => Self::NodePortgroups(n),
            [n, "vifs"] => Self::NodeVifs(n),
            [n, "vifs", vif] => Self::NodeVif(n, vif),
            [n, "volume"] => Self::NodeVolume(n),
            [n, "volume", "connectors"] => Self::NodeVolumeConnectors(n),
            [n, "volume", "targets"] => Self::NodeVolumeTargets(n),
            [n, "bios"] => Self::NodeBios(n),
            [n, "firmware"] => Self::NodeFirmware(n),
            [n, "allocation"] => Self::NodeAllocation(n),
            _ => return None,
        })
    }

    fn find_in_cupola(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            ["events"] => Self::CupolaEvents,
            ["nodes"] => Self::CupolaNodes,
            ["nodes", n, "timeline"] => Self::CupolaTimeline(n),
            ["nodes", n, "explain"] => Self::CupolaExplain(n),
            ["nodes", n, "logs"] => Self::CupolaLogs(n),
            ["nodes", n, "logs", name] => Self::CupolaLog(n, name),
            ["nodes", n, "logs", name, "lines"] => Self::CupolaLogLines(n, name),
            ["images"] => Self::CupolaImages,
            ["probe"] => Self::CupolaProbe,
            _ => return None,
        })
    }

    /// The methods it takes.
    pub(super) const fn methods(self) -> &'static [Method] {
        match self {
            Self::Root | Self::V1 => &[Method::GET, Method::HEAD],
            Self::Nodes | Self::Ports | Self::NodePorts(_) | Self::DeployTemplates => {
                &[Method::GET, Method::POST]
            }
            Self::Node(_) | Self::Port(_) | Self::DeployTemplate(_) => {
                &[Method::GET, Method::PATCH, Method::DELETE]
            }
            Self::NodeMaintenance(_) => &[Method::PUT, Method::DELETE],
            Self::NodePower(_) | Self::NodeProvision(_) => &[Method::PUT],
            Self::NodeBootDevice(_) => &[Method::GET, Method::PUT],
            Self::NodeTraits(_) => &[Method::GET, Method::PUT, Method::DELETE],
            Self::NodeTrait(..) => &[Method::PUT, Method::DELETE],
            Self::NodeVifs(_) => &[Method::GET, Method::POST],
            Self::NodeVif(..) => &[Method::DELETE],
            Self::NodeAllocation(_) => &[Method::GET, Method::DELETE],
            Self::NodePort(_) => &[Method::GET, Method::PATCH, Method::DELETE],
            Self::Heartbeat(_) | Self::ContinueInspection | Self::CupolaProbe => &[Method::POST],
            Self::NodesDetail
            | Self::NodesValidate
            | Self::NodeValidate(_)
            | Self::NodeStates(_)
            | Self::NodeSupportedBootDevices(_)
            | Self::NodeHistory(_)
            | Self::NodeHistoryEntry(..)
            | Self::NodeInventory(_)
            | Self::NodeChildren(_)
            | Self::NodePortsDetail(_)
            | Self::NodePortgroups(_)
            | Self::NodeVolume(_)
            | Self::NodeVolumeConnectors(_)
            | Self::NodeVolumeTargets(_)
            | Self::NodeBios(_)
            | Self::NodeFirmware(_)
            | Self::PortsDetail
            | Self::Drivers
            | Self::Driver(_)
            | Self::DriverProperties(_)
            | Self::Conductors
            | Self::Conductor(_)
            | Self::Chassis
            | Self::ChassisItem(_)
            | Self::Lookup
            | Self::CupolaEvents
            | Self::CupolaNodes
            | Self::CupolaTimeline(_)
            | Self::CupolaExplain(_)
            | Self::CupolaLogs(_)
            | Self::CupolaLog(..)
            | Self::CupolaLogLines(..)
            | Self::CupolaImages => &[Method::GET],
        }
    }

    /// The minor version that brought it.
    const fn since(self) -> u16 {
        match self {
            Self::Lookup | Self::Heartbeat(_) => 22,
            Self::NodePortgroups(_) => 24,
            Self::NodeVifs(_) | Self::NodeVif(..) => 28,
            Self::NodeVolume(_) | Self::NodeVolumeConnectors(_) | Self::NodeVolumeTargets(_) => 32,
            Self::NodeTraits(_) | Self::NodeTrait(..) => 37,
            Self::NodeBios(_) => 40,
            Self::Conductors | Self::Conductor(_) => 49,
            Self::NodeAllocation(_) => 52,
            Self::DeployTemplates | Self::DeployTemplate(_) => 55,
            Self::NodeHistory(_) | Self::NodeHistoryEntry(..) => 78,
            Self::NodeInventory(_) => 81,
            Self::NodeChildren(_) => 83,
            Self::ContinueInspection => 84,
            Self::NodeFirmware(_) => 86,
            Self::Root
            | Self::V1
            | Self::Nodes
            | Self::NodesDetail
            | Self::NodesValidate
            | Self::Node(_)
            | Self::NodeMaintenance(_)
            | Self::NodeValidate(_)
            | Self::NodeStates(_)
            | Self::NodePower(_)
            | Self::NodeProvision(_)
            | Self::NodeBootDevice(_)
            | Self::NodeSupportedBootDevices(_)
            | Self::NodePorts(_)
            | Self::NodePortsDetail(_)
            | Self::NodePort(_)
            | Self::Ports
            | Self::PortsDetail
            | Self::Port(_)
            | Self::Drivers
            | Self::Driver(_)
            | Self::DriverProperties(_)
            | Self::Chassis
            | Self::ChassisItem(_)
            | Self::CupolaEvents
            | Self::CupolaNodes
            | Self::CupolaTimeline(_)
            | Self::CupolaExplain(_)
            | Self::CupolaLogs(_)
            | Self::CupolaLog(..)
            | Self::CupolaLogLines(..)
            | Self::CupolaImages
            | Self::CupolaProbe => 1,
        }
    }

    /// Refuses a request of a version that does not know the resource, in the form measured for it.
    pub(super) fn gate(self, method: &Method, version: Microversion) -> Result<(), ApiFault> {
        if version >= Microversion::new(self.since()) {
            return Ok(());
        }
        let not_supported = || ApiFault::not_found("The API is not supported for this version");
        Err(match self {
            Self::ContinueInspection if version == Microversion::MIN => return Ok(()),
            Self::NodeTraits(_) | Self::NodeTrait(..) => {
                if method == Method::GET {
                    ApiFault::not_acceptable()
                } else if method == Method::PUT {
                    ApiFault::routing(405, "")
                } else {
                    not_supported()
                }
            }
            Self::DeployTemplates | Self::DeployTemplate(_) if method != Method::GET => {
                ApiFault::routing(405, "")
            }
            Self::Lookup
            | Self::Heartbeat(_)
            | Self::ContinueInspection
            | Self::Conductors
            | Self::Conductor(_)
            | Self::NodeVolume(_) => not_supported(),
            _ => ApiFault::routing(404, ""),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(path: &str) -> Option<String> {
        let owned = segments(path)?;
        let borrowed: Vec<&str> = owned.iter().map(String::as_str).collect();
        Resource::find(&borrowed).map(|r| format!("{r:?}"))
    }

    #[test]
    fn paths_with_and_without_the_prefix_and_the_slash() {
        for path in ["/v1/nodes", "/nodes", "/v1/nodes/", "/nodes/"] {
            assert_eq!(found(path).as_deref(), Some("Nodes"), "{path}");
        }
        assert_eq!(found("/").as_deref(), Some("Root"));
        assert_eq!(found("/v1/").as_deref(), Some("V1"));
        assert_eq!(found("/v1/nodes/a%20b").as_deref(), Some("Node(\"a b\")"));
        for path in [
            "/v2/nodes",
            "/v1.0/nodes",
            "/v1//nodes",
            "/v1/foo",
            "/v1/nodes/x/detail",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn old_versions_are_refused_as_measured() {
        let status = |r: Resource<'_>, m: Method, v: u16| {
            r.gate(&m, Microversion::new(v))
                .err()
                .map(|f| (f.status, f.routing))
        };
        assert_eq!(
            status(Resource::NodeTraits("n"), Method::GET, 36),
            Some((406, false))
        );
        assert_eq!(
            status(Resource::NodeTraits("n"), Method::PUT, 36),
            Some((405, true))
        );
        assert_eq!(
            status(Resource::NodeTraits("n"), Method::DELETE, 36),
            Some((404, false))
        );
        assert_eq!(
            status(Resource::NodeVifs("n"), Method::GET, 27),
            Some((404, true))
        );
        assert_eq!(
            status(Resource::Conductors, Method::GET, 48),
            Some((404, false))
        );
        assert_eq!(status(Resource::ContinueInspection, Method::POST, 1), None);
        assert_eq!(
            status(Resource::ContinueInspection, Method::POST, 83),
            Some((404, false))
        );
        assert_eq!(status(Resource::NodeTraits("n"), Method::GET, 37), None);
    }

    proptest! {
        #[test]
        fn any_path_is_safe(path in "(/[a-z0-9%._ äö-]{0,12}){0,5}/?") {
            let _ = found(&path);
        }
    }
}
