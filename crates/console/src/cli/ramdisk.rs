//! `cupola ramdisk build`: kernel and deploy ramdisk in one command.

use std::error::Error as _;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Common, Failure, Outcome, output};
use crate::ramdisk::{self, KernelSource, RamdiskError, RamdiskReport, RamdiskRequest};

/// What to do with ramdisks.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build kernel and ramdisk from Debian packages
    Build(Build),
}

/// Arguments of `ramdisk build`.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Where the files `kernel` and `ramdisk` go [default: STATE-DIR/ramdisk, else ./ramdisk]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The agent's executable [default: cupola-agent beside this one]
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Which kernel: Debian's for physical machines, Debian's for virtual ones, or this host's
    #[arg(long, value_enum, default_value_t = Kernel::Generic)]
    kernel: Kernel,
    /// Whether hdparm and nvme go in, by which disks erase themselves [default: true, false with
    /// --kernel cloud]
    #[arg(long, value_name = "BOOL")]
    disk_tools: Option<bool>,
    /// Keep downloaded packages here for the next build
    #[arg(long, value_name = "DIR")]
    package_cache: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kernel {
    Generic,
    Cloud,
    Host,
}

impl Kernel {
    /// Those of virtual machines have no erasing of their own.
    const fn has_physical_disks(self) -> bool {
        match self {
            Self::Generic | Self::Host => true,
            Self::Cloud => false,
        }
    }
}

impl From<Kernel> for KernelSource {
    fn from(kernel: Kernel) -> Self {
        match kernel {
            Kernel::Generic => Self::Generic,
            Kernel::Cloud => Self::Cloud,
            Kernel::Host => Self::Host,
        }
    }
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: Command) -> Outcome {
    let Command::Build(build) = command;
    let output = build
        .output
        .or_else(|| Some(common.state_dir.as_ref()?.join("ramdisk")));
    let request = RamdiskRequest {
        output: output.unwrap_or_else(|| PathBuf::from("ramdisk")),
        agent: build.agent,
        disk_tools: build
            .disk_tools
            .unwrap_or_else(|| build.kernel.has_physical_disks()),
        kernel: build.kernel.into(),
        package_cache: build.package_cache,
    };
    let quiet = build.json;
    let work = move || {
        ramdisk::build(&request, |stage| {
            if !quiet {
                output::note(&format!("{stage}"));
            }
        })
    };
    let report = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_panicked| Failure::failed("the build ended without an answer"))?
        .map_err(|error| Failure::failed(whole_chain(&error)))?;
    if build.json {
        return output::json(&report);
    }
    print(&report)
}

fn print(report: &RamdiskReport) -> Outcome {
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let RamdiskReport {
        kernel,
        ramdisk,
        release,
        modules,
        agent,
        ..
    } = report;
    output::line(&format!(
        "kernel   {}  {} (Linux {release})",
        kernel.display(),
        mebibytes(report.kernel_bytes)
    ))?;
    output::line(&format!(
        "ramdisk  {}  {} ({} unpacked, {modules} kernel modules)",
        ramdisk.display(),
        mebibytes(report.ramdisk_bytes),
        mebibytes(report.unpacked_bytes)
    ))?;
    output::line(&format!("agent    {}", agent.display()))?;
    if report.disk_tools {
        output::line("besides  hdparm, nvme")?;
    }
    output::line(&format!("took     {:.1} s", report.took.as_secs_f64()))?;
    if !report.missing_modules.is_empty() {
        output::note(&format!(
            "this kernel has no driver {}; --kernel generic has more",
            report.missing_modules.join(", ")
        ));
    }
    Ok(())
}

/// The error and its causes in one line.
fn whole_chain(error: &RamdiskError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
