//! What is usually wrong where a boot stops, and what to do about it: most likely first. Who may be told
//! of other machines is not known here.

use cupola_api::diagnosis::{Cause, Reached};
use cupola_api::{MacAddress, Rung};

use super::climb::Climb;

fn cause(cause: impl Into<String>, remedy: impl Into<String>) -> Cause {
    Cause {
        cause: cause.into(),
        remedy: remedy.into(),
    }
}

/// Causes by rung: what may be wrong, and what to do.
type Table = &'static [(&'static str, &'static str)];

const BMC_ANSWERS: Table = &[
    (
        "the BMC is not on the network",
        "check address, cable and VLAN of the BMC port, and that IPMI over LAN is enabled",
    ),
    (
        "the BMC hangs",
        "reset the BMC, by its web page or by taking the machine's power cords out",
    ),
];
const BMC_SESSION: Table = &[
    (
        "user name or password were changed on the BMC",
        "set ipmi_username and ipmi_password of the node to what the BMC has",
    ),
    (
        "the user may not log in over the network, or not as administrator",
        "enable the user for IPMI over LAN on the BMC, or set ipmi_priv_level",
    ),
];
const BOOT_DEVICE: Table = &[(
    "the BMC takes the boot device and does not keep it",
    "set the network first in the boot order of the machine's firmware, or update the BMC's \
     firmware; then start the action again",
)];
const POWER: Table = &[(
    "the BMC accepts power commands and does not carry them out, or reads the power wrongly",
    "look at the machine; if it is as asked for, the BMC's reading is wrong: reset the BMC; then \
     start the action again",
)];
const DHCP_DISCOVER: Table = &[
    (
        "the machine does not boot from the network",
        "look at its console; set the network first in its boot order and enable PXE on the \
         interface that is cabled",
    ),
    (
        "the interface that it boots from is not on the provisioning network",
        "check its cable, its switch port's VLAN and, across a router, the DHCP relay",
    ),
    (
        "no port of the node has the address of that interface",
        "compare the addresses of the node's ports with those on the machine's console",
    ),
];
const DHCP_ACK: Table = &[
    (
        "the offers do not reach the machine, or it takes those of another DHCP server",
        "look for a second DHCP server on the provisioning network, and for a firewall or a switch \
         port that drops answers to UDP port 68",
    ),
    (
        "the pool has no free address",
        "enlarge boot.pool_first to boot.pool_last",
    ),
];
const LOADER: Table = &[
    (
        "the transfer of the boot loader does not get through",
        "open UDP port 69 and the ports above 1024 between the machine and this host, and check \
         the path for packet loss",
    ),
    (
        "the loader is not there",
        "install iPXE and check boot.loader_directory",
    ),
];
const IPXE: Table = &[
    (
        "the switch port blocks for a while after iPXE has reset the network card",
        "set the switch port to edge (port-fast), then start the action again",
    ),
    (
        "the loader does not run on this machine",
        "check BIOS or UEFI in the node's boot_mode, and that Secure Boot is off or the loader is \
         signed",
    ),
];
const SCRIPT: Table = &[(
    "iPXE does not reach the boot server over HTTP",
    "check boot.http_url, and that the boot services' HTTP port is open to the machine",
)];
const RAMDISK: Table = &[
    (
        "the download of kernel or ramdisk broke off",
        "look at the machine's console; check that deploy_kernel and deploy_ramdisk can be read, \
         and the network for loss",
    ),
    (
        "the machine has too little memory for the ramdisk",
        "give it more memory, or build a smaller ramdisk",
    ),
];
const KERNEL: Table = &[
    (
        "the kernel stops, or has no driver for the network card",
        "look at the machine's console; build the ramdisk with the driver that the card needs",
    ),
    (
        "another DHCP server gives the ramdisk its address",
        "look whether the agent reaches the API from there",
    ),
];
const LOOKUP: Table = &[
    (
        "the agent did not start, or does not reach the API",
        "look at the machine's console; check api.public_endpoint, and that the API's port is open \
         to the machine",
    ),
    (
        "no port of the node has an address of the machine",
        "compare the addresses of the node's ports with those on the machine's console",
    ),
];
const HEARTBEAT: Table = &[(
    "the agent's heartbeats do not reach the API, or are refused",
    "look at the agent's log on the machine's console; check that the API's port stays open to the \
     machine and that its clock is right",
)];
const STEP: Table = &[(
    "the agent fell silent: it stopped, its machine hangs, or the network between them is down",
    "look at the machine's console and at its network, then start the action again",
)];
const DISK_BOOT: Table = &[(
    "the machine was not started from its disk",
    "look at the machine's console, then set its power on",
)];
const INSTANCE: Table = &[(
    "the image does not start, or does not ask this host for anything",
    "look at the machine's console",
)];

/// What is usually wrong when this rung is not reached; never empty.
pub(super) fn usual(rung: Rung) -> Vec<Cause> {
    let table = match rung {
        Rung::BmcAnswers => BMC_ANSWERS,
        Rung::BmcSession => BMC_SESSION,
        Rung::BootDevice => BOOT_DEVICE,
        Rung::Power => POWER,
        Rung::DhcpDiscover => DHCP_DISCOVER,
        Rung::DhcpAck => DHCP_ACK,
        Rung::Loader => LOADER,
        Rung::Ipxe => IPXE,
        Rung::Script => SCRIPT,
        Rung::Ramdisk => RAMDISK,
        Rung::Kernel => KERNEL,
        Rung::Lookup => LOOKUP,
        Rung::Heartbeat => HEARTBEAT,
        Rung::Step | Rung::Image => STEP,
        Rung::DiskBoot => DISK_BOOT,
        Rung::Instance => INSTANCE,
    };
    table.iter().map(|(what, how)| cause(*what, *how)).collect()
}

/// What to do first when this rung broke.
pub(super) fn remedy(rung: Rung) -> String {
    let first = usual(rung).into_iter().next();
    first.map(|cause| cause.remedy).unwrap_or_default()
}

/// A machine of no node that asked for an address after this one was started; without its address where
/// it is told to who may not know it. `others` is what it may be just as well, or nothing.
pub(super) fn unknown_machine(mac: Option<MacAddress>, others: &str) -> Cause {
    let (address, if_its) = match mac {
        Some(mac) => (
            format!("the unknown address {mac}"),
            format!("if {mac} is an interface of it, create a port with that address"),
        ),
        None => (
            "an unknown address".to_owned(),
            "if an interface of it has another address than its ports, create a port with that \
             address (`cupola explain` tells an administrator which one asked)"
                .to_owned(),
        ),
    };
    if !others.is_empty() {
        return cause(
            format!(
                "the machine does not boot from the network, or boots from another interface than \
                 its port says: {address} asked DHCP meanwhile, which may be this machine or \
                 {others}"
            ),
            format!(
                "look at its console: {if_its}; if not, set the network first in its boot order and \
                 enable PXE on the interface that is cabled"
            ),
        );
    }
    cause(
        format!(
            "a machine with {address} asked DHCP meanwhile; this one may boot from another \
             interface than its port says"
        ),
        format!("look at its console: {if_its}, or move the cable; then start the action again"),
    )
}

/// Other machines by the names that may be told, and how many that are not told.
pub(super) fn others(named: &[String], hidden: usize) -> String {
    match (named, hidden) {
        ([], 0) => String::new(),
        ([], 1) => "1 machine that is not yours".to_owned(),
        ([], more) => format!("{more} machines that are not yours"),
        ([one], 0) => one.clone(),
        ([one], 1) => format!("{one} or 1 machine that is not yours"),
        ([one, two], 0) => format!("{one} or {two}"),
        ([one, more @ ..], hidden) => format!("{one} or {} others", more.len() + hidden),
    }
}

/// Other machines where it is not known who reads of them.
pub(super) fn unnamed(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "another one that is waited for".to_owned(),
        more => format!("one of {more} others that are waited for"),
    }
}

/// Why a step that runs in the agent failed.
pub(super) fn of_step(climb: &Climb, message: &str) -> Cause {
    if let Some(rebooted) = rebooted(climb) {
        return rebooted;
    }
    if message.starts_with("the agent was lost")
        && let Some(lost) = lost(climb)
    {
        return lost;
    }
    let lower = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let remedy = if says(&["checksum", "hash"]) {
        "compare the checksum with the one that the image's publisher gives; if it is right, the \
         image was damaged on its way: test the machine's memory and network card, then start the \
         action again"
    } else if says(&["i/o error", "input/output error", "cannot be written"]) {
        "the disk fails: look at its SMART data and cables, replace it, then start the action again"
    } else if says(&["downloading "]) {
        "check that the image's server runs and that the provisioning network reaches it at that \
         address and port, then start the action again"
    } else if says(&["has stood at"]) {
        "look at the disk's activity and its SMART data, and at the network to the image's server; \
         then start the action again"
    } else if says(&["cannot be reached"]) {
        "look at the machine's console and its network, then start the action again"
    } else {
        "read the agent's words above and its log on the machine's console, then start the action \
         again"
    };
    cause(message, remedy)
}

/// Why a step in the agent goes on without a sign of life, where that was seen.
pub(super) fn of_silence(climb: &Climb) -> Option<Cause> {
    rebooted(climb).or_else(|| lost(climb))
}

/// The machine runs, whatever its BMC reads.
pub(super) fn power_misread(runs: &Reached) -> Cause {
    cause(
        format!(
            "the machine runs, and the BMC reads its power wrongly: {} came at {}, after the power \
             command",
            runs.rung,
            runs.at.strftime("%H:%M:%S UTC")
        ),
        "reset the BMC, and update its firmware if it then reads wrongly again; then start the \
         action again",
    )
}

/// The conductor had to start the machine again.
fn lost(climb: &Climb) -> Option<Cause> {
    let lost = climb.lost.as_deref()?;
    if lost.ends_with("the machine is off") {
        return Some(cause(
            format!("the machine went off in step {lost}"),
            "look at its power supply and at the BMC's event log, then start the action again",
        ));
    }
    Some(cause(
        format!("the agent fell silent in step {lost}; its machine was then restarted by Cupola"),
        "look at the machine's console and at its network, then start the action again",
    ))
}

fn rebooted(climb: &Climb) -> Option<Cause> {
    let at = climb.rebooted?.strftime("%H:%M:%S UTC");
    Some(cause(
        format!(
            "the machine restarted by itself in the middle: its firmware asked DHCP again at {at}"
        ),
        "look for a power loss, a watchdog or a memory error in the BMC's event log, then start the \
         action again",
    ))
}
