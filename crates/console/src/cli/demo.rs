//! `cupola demo`: the console over an embedded service and a virtual rack.

use clap::Args;

use super::{Common, Failure, Look, Outcome, console};
use crate::demo::{Demo, DemoOptions};
use crate::state::Welcome;
use crate::state::commands::shell::Shell;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many simulated machines; the last two are left for the wizard to enrol
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..))]
    nodes: u32,
    /// One machine for each fault that the rack can have, named after it; its first deploy fails
    #[arg(long, conflicts_with = "nodes")]
    faults: bool,
    /// Do not slow the simulated disks down
    #[arg(long)]
    fast: bool,
    #[command(flatten)]
    pub(super) look: Look,
}

/// Starts service, rack and console.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    console::terminal(&arguments.look)?;
    console::check(&arguments.look)?;
    let demo = Demo::start(DemoOptions {
        machines: arguments.nodes as usize,
        state_directory: common.state_dir.clone(),
        overrides: common.overrides.clone(),
        paced: !arguments.fast,
        faults: arguments.faults,
    });
    let demo = Box::pin(demo)
        .await
        .map_err(|e| Failure::failed(e.to_string()))?;
    let outcome = console::show(
        common,
        &arguments.look,
        demo.client(),
        Shell {
            url: demo.api().unwrap_or_default(),
            ..Shell::default()
        },
        Some(welcome(&demo, arguments.faults)),
    )
    .await;
    demo.stop().await;
    outcome
}

/// How to read a rack of broken machines.
const FAULTS: [&str; 4] = [
    "Each machine has the fault that it is named after, and is being deployed.",
    "It fails and says which rung of the boot ladder broke, why, and what to do.",
    "Its fault is repaired as soon as it has failed: deploy it again, and it",
    "becomes active. `cupola explain NODE` tells the same on the command line.",
];

/// What a person wants to know at the start: above all, what to type into the wizard.
fn welcome(demo: &Demo, faults: bool) -> Welcome {
    let mut lines = Vec::new();
    if faults {
        lines.extend(FAULTS.iter().map(ToString::to_string));
    }
    for machine in demo.left_over() {
        let (address, port) = machine
            .bmc
            .rsplit_once(':')
            .unwrap_or((&machine.bmc, "623"));
        lines.push(format!(
            "Not enrolled yet: {}, MAC {}",
            machine.name, machine.mac
        ));
        lines.push(format!(
            "  BMC {address} port {port}, user name {}, password {}",
            machine.user, machine.password
        ));
    }
    if let Some(api) = demo.api() {
        lines.push(format!("The API, for other clients: {api}"));
    }
    Welcome {
        title: "A rack of simulated machines".to_owned(),
        lines,
    }
}
