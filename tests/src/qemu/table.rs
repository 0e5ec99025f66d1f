//! The table of boot paths and their times, as `docs/boot-paths.md` has it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::boot_path::BootPath;
use super::deploy::DeployTimes;

/// Where the table stands.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/boot-paths.md");
const BEGIN: &str = "<!-- times: begin -->\n";
const END: &str = "<!-- times: end -->";

/// One path that was taken.
#[derive(Clone, Debug)]
pub struct Row {
    /// The path.
    pub path: BootPath,
    /// How long it took.
    pub times: DeployTimes,
}

/// The table, in seconds.
#[must_use]
pub fn render(rows: &[Row]) -> String {
    let mut table = String::from(
        "| boot | DHCP | image | firmware | loading | ramdisk | deploy | login | total |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for Row { path, times } in rows {
        let cells = [
            times.netboot.firmware,
            times.netboot.loading,
            times.netboot.ramdisk,
            times.deploy,
            times.login,
        ]
        .map(|cell| format!("{:.1}", cell.as_secs_f64()))
        .join(" | ");
        let _ = writeln!(
            table,
            "| {} | {} | {} | {cells} | **{:.1}** |",
            path.boot().replace('_', " "),
            path.dhcp,
            path.image.name(),
            times.total.as_secs_f64(),
        );
    }
    table
}

/// Puts the table into the page, between its marks.
///
/// # Errors
/// When the page is not there, or lacks the marks.
pub fn write(table: &str) -> Result<()> {
    let page = Path::new(PAGE);
    let text = std::fs::read_to_string(page)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the page has no begin mark")?;
    let (_, after) = rest.split_once(END).context("the page has no end mark")?;
    std::fs::write(page, format!("{before}{BEGIN}{table}{END}{after}"))?;
    Ok(())
}
