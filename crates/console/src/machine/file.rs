//! Files of machines: CSV with a head line, YAML or JSON with a list. All that is wrong with one is
//! found here, before anything is sent.
//!
//! Machine files hold passwords, and a shifted column or a forgotten blank puts one where another
//! value belongs: an error names line, column and field, never what stands there.

mod csv_lines;
mod listed;
mod problem;
mod twice;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cupola_api::node::Object;
use cupola_api::secret::Secret;

use super::{Machine, NoMachine, split_address};
use crate::given;

/// More is no file of machines: one line of CSV is some hundred bytes.
const MOST_BYTES: u64 = 64 << 20;
/// At most so many errors are told at once.
const TOLD: usize = 20;
/// What a machine may have, as a file calls it.
const FIELDS: [&str; 12] = [
    "name",
    "driver",
    "bmc",
    "address",
    "port",
    "user",
    "password",
    "mac",
    "macs",
    "resource_class",
    "properties",
    "driver_info",
];

/// A machine as a file gives it.
#[derive(Default)]
struct Given {
    line: u64,
    name: Option<String>,
    driver: Option<String>,
    address: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<Secret>,
    macs: Vec<String>,
    resource_class: Option<String>,
    properties: Object,
    driver_info: Object,
}

/// A machine, and where it stands in its file.
struct Found {
    line: u64,
    machine: Machine,
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Yaml,
    Json,
}

/// Reads machines from a file; `-` is standard input. The end of its name says of which kind it is,
/// and what has no such name is told by how it begins.
///
/// # Errors
/// All that is wrong with it, up to a limit, each with its line.
pub(crate) fn read(path: &Path) -> Result<Vec<Machine>, NoMachine> {
    let wrong = |problems: Vec<String>| {
        let shown = path.display();
        let more = problems.len().saturating_sub(TOLD);
        let mut lines: Vec<String> = problems
            .into_iter()
            .take(TOLD)
            .map(|problem| format!("{shown}: {problem}"))
            .collect();
        if more > 0 {
            lines.push(format!("{shown}: and {more} more"));
        }
        NoMachine(lines.join("\n"))
    };
    machines(path).map_err(wrong)
}

fn machines(path: &Path) -> Result<Vec<Machine>, Vec<String>> {
    let one = |problem: String| vec![problem];
    let (text, format) = text(path).map_err(one)?;
    let given = match format {
        Format::Csv => csv_lines::read(&text)?,
        Format::Yaml => listed::yaml(&text).map_err(one)?,
        Format::Json => listed::json(&text).map_err(one)?,
    };
    if given.is_empty() {
        return Err(one("there is no machine in it".to_owned()));
    }
    let mut problems = Vec::new();
    let found: Vec<Found> = given
        .into_iter()
        .map(|given| settled(given, &mut problems))
        .collect();
    problems.extend(twice::problems(&found));
    if problems.is_empty() {
        Ok(found.into_iter().map(|found| found.machine).collect())
    } else {
        Err(problems)
    }
}

/// What stands in the file, and of which kind it is.
fn text(path: &Path) -> Result<(String, Format), String> {
    let extension = path.extension().and_then(|e| e.to_str());
    let format = match extension.unwrap_or_default() {
        "csv" => Some(Format::Csv),
        "yaml" | "yml" => Some(Format::Yaml),
        "json" => Some(Format::Json),
        _ => None,
    };
    let stdin = path == Path::new("-");
    // Of a pipe nobody chose the name.
    let unnamed = stdin || path.metadata().is_ok_and(|data| !data.is_file());
    if format.is_none() && !unnamed {
        return Err("the name must end in .csv, .yaml or .json".to_owned());
    }
    let bytes = if stdin {
        limited(io::stdin().lock())
    } else {
        File::open(path).and_then(limited)
    };
    let bytes = bytes.map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!(
            "it is larger than {} MiB, and so no file of machines; split it if it is one",
            MOST_BYTES >> 20
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let format = format.unwrap_or_else(|| told_by_its_begin(&text));
    Ok((text, format))
}

/// One byte more than may be, by which too much is told.
fn limited(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn told_by_its_begin(text: &str) -> Format {
    let lines = text.lines().map(str::trim_start);
    let first = lines
        .into_iter()
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .unwrap_or_default();
    if first.starts_with(['[', '{']) {
        Format::Json
    } else if first.starts_with('-') {
        Format::Yaml
    } else {
        Format::Csv
    }
}

/// The machine with its addresses read; what is wrong with it goes to the problems.
fn settled(given: Given, problems: &mut Vec<String>) -> Found {
    let line = given.line;
    let who = match &given.name {
        Some(name) => format!("line {line} ({name})"),
        None => format!("line {line}"),
    };
    let mut wrong = |problem: &str| problems.push(format!("{who}: {problem}"));
    let mut machine = Machine {
        name: given.name,
        driver: given.driver.unwrap_or_else(|| "ipmi".to_owned()),
        address: None,
        port: given.port,
        user: given.user,
        password: given.password,
        macs: Vec::new(),
        resource_class: given.resource_class,
        properties: given.properties,
        driver_info: given.driver_info,
    };
    if let Some(text) = &given.address {
        match split_address(text) {
            Ok((_, Some(_))) if machine.port.is_some() => {
                wrong("the port of the BMC is given twice: in bmc and in port");
            }
            Ok((address, port)) => {
                machine.address = Some(address);
                machine.port = port.or(machine.port);
            }
            Err(_) => wrong(
                "bmc is no ADDRESS[:PORT], such as 10.0.0.7, bmc7.example:6230 or [fd00::7]:623",
            ),
        }
    }
    if let Some(Err(why)) = machine.user.as_deref().map(given::ipmi_user) {
        wrong(&format!("user is {why}"));
    }
    let password = machine.password.as_ref().map(Secret::expose);
    if let Some(Err(why)) = password.map(given::ipmi_password) {
        wrong(&format!("password is {why}"));
    }
    let separator = |c: char| c.is_whitespace() || c == ';';
    let texts = given.macs.iter().flat_map(|text| text.split(separator));
    for (number, text) in (1..).zip(texts.filter(|text| !text.is_empty())) {
        match given::mac(text) {
            Ok(mac) if machine.macs.contains(&mac) => wrong(&format!("the MAC {mac} stands twice")),
            Ok(mac) => machine.macs.push(mac),
            Err(why) => wrong(&format!("mac, address {number}: {why}")),
        }
    }
    Found { line, machine }
}

#[cfg(test)]
mod tests;
