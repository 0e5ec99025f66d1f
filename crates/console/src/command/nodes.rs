//! Commands that act on nodes: the marked ones, else the one under the cursor or on the screen, or
//! those that the command names.

use cupola_api::resource::BootDevice;
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;

use super::Command;
use super::act::{Act, Flag};
use super::entry::{Entry, Scope, Takes};
use crate::key::Key::{Char, Delete, F};

const fn node(command: Command, help: &'static str) -> Entry {
    Entry::new(command, help)
        .on(Scope::NODES)
        .takes(Takes::Nodes)
}

const fn verb(verb: ProvisionVerb, names: &'static [&'static str], help: &'static str) -> Entry {
    node(Command::Act(Act::Verb(verb)), help).names(names)
}

const fn power(target: PowerTarget, names: &'static [&'static str], help: &'static str) -> Entry {
    node(Command::Act(Act::Power(target)), help).names(names)
}

const fn other(act: Act, names: &'static [&'static str], help: &'static str) -> Entry {
    node(Command::Act(act), help).names(names)
}

const fn boot(
    device: BootDevice,
    persistent: bool,
    names: &'static [&'static str],
    help: &'static str,
) -> Entry {
    other(Act::BootDevice(device, persistent), names, help)
}

/// Those that have keys, in the order in which the key bar shows them.
pub(super) const TABLE: &[Entry] = &[
    node(
        Command::Act(Act::Deploy),
        "deploy an image to the marked nodes",
    )
    .names(&["deploy"])
    .keys(&[Char('d'), F(3)])
    .bar("Deploy"),
    node(
        Command::Verbs,
        "what can be done with the marked nodes, and why not",
    )
    .names(&["verbs"])
    .keys(&[Char('v'), F(4)])
    .bar("Verbs"),
    node(Command::PowerMenu, "power on, off, reboot")
        .names(&["power"])
        .keys(&[Char('p'), F(6)])
        .bar("Power"),
    node(
        Command::MoreMenu,
        "boot device, serial console, locate LED, NMI, retired, protected, delete",
    )
    .names(&["more"])
    .keys(&[Char('a')])
    .bar("More"),
    node(
        Command::Act(Act::Maintenance),
        "put into maintenance, or take out; `:maint [NAME] [REASON]`",
    )
    .names(&["maintenance", "maint"])
    .keys(&[Char('m'), F(7)])
    .takes(Takes::Reason)
    .bar("Maint"),
];

/// The rest of them.
pub(super) const REST: &[Entry] = &[
    node(Command::Act(Act::Delete), "forget the marked nodes")
        .names(&["delete"])
        .keys(&[Delete]),
    verb(
        ProvisionVerb::Manage,
        &["manage"],
        "verify the BMC and take under management",
    ),
    verb(
        ProvisionVerb::Inspect,
        &["inspect"],
        "find out what hardware it is",
    ),
    verb(
        ProvisionVerb::Provide,
        &["provide"],
        "clean, and offer for deployment",
    ),
    verb(
        ProvisionVerb::Deleted,
        &["undeploy"],
        "tear the instance down and clean",
    ),
    verb(
        ProvisionVerb::Rebuild,
        &["rebuild"],
        "deploy the same image again",
    ),
    verb(
        ProvisionVerb::Abort,
        &["abort"],
        "stop what waits or is held",
    ),
    verb(ProvisionVerb::Unhold, &["unhold"], "go on after a hold"),
    verb(
        ProvisionVerb::Adopt,
        &["adopt"],
        "take over a machine that is in use already",
    ),
    verb(
        ProvisionVerb::Clean,
        &["clean"],
        "run clean steps, or a runbook; asks for them",
    ),
    verb(
        ProvisionVerb::Service,
        &["service"],
        "run steps on a node that is in use; asks for them",
    ),
    verb(
        ProvisionVerb::Rescue,
        &["rescue"],
        "start the rescue ramdisk; asks for its password",
    ),
    verb(ProvisionVerb::Unrescue, &["unrescue"], "leave rescue"),
    power(PowerTarget::On, &["power-on"], "power on"),
    power(PowerTarget::Off, &["power-off"], "power off at once"),
    power(PowerTarget::Reboot, &["reboot"], "off and on again"),
    power(
        PowerTarget::SoftOff,
        &["shutdown"],
        "ask the operating system to shut down",
    ),
    power(
        PowerTarget::SoftReboot,
        &["soft-reboot"],
        "ask the operating system to reboot",
    ),
    boot(
        BootDevice::Pxe,
        false,
        &["boot-pxe"],
        "boot from the network, once",
    ),
    boot(
        BootDevice::Pxe,
        true,
        &["boot-pxe-always"],
        "boot from the network from now on",
    ),
    boot(
        BootDevice::Disk,
        false,
        &["boot-disk"],
        "boot from the disk, once",
    ),
    boot(
        BootDevice::Disk,
        true,
        &["boot-disk-always"],
        "boot from the disk from now on",
    ),
    boot(
        BootDevice::Bios,
        false,
        &["boot-bios"],
        "into the firmware's setup, once",
    ),
    boot(
        BootDevice::Bios,
        true,
        &["boot-bios-always"],
        "into the firmware's setup from now on",
    ),
    other(Act::Locate(true), &["locate"], "light the locate LED"),
    other(
        Act::Locate(false),
        &["locate-off"],
        "put the locate LED out",
    ),
    other(
        Act::Console(true),
        &["console-on"],
        "enable the serial console",
    ),
    other(
        Act::Console(false),
        &["console-off"],
        "disable the serial console",
    ),
    other(
        Act::Nmi,
        &["nmi"],
        "raise a non-maskable interrupt: a dump, or a crash",
    ),
    other(
        Act::Flag(Flag::Retired, true),
        &["retire"],
        "mark as retired: provide is refused",
    ),
    other(
        Act::Flag(Flag::Retired, false),
        &["unretire"],
        "not retired any more",
    ),
    other(
        Act::Flag(Flag::Protected, true),
        &["protect"],
        "protect from undeploy, rebuild and delete",
    ),
    other(
        Act::Flag(Flag::Protected, false),
        &["unprotect"],
        "not protected any more",
    ),
];
