//! CSV: a head line that names the columns, then a line per machine.

use csv::{ErrorKind, StringRecord};
use cupola_api::secret::Secret;

use super::{Given, problem};

/// A column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    Driver,
    Address,
    Port,
    User,
    Password,
    Macs,
    ResourceClass,
}

impl Column {
    fn of(head: &str) -> Option<Self> {
        Some(match head {
            "name" => Self::Name,
            "driver" => Self::Driver,
            "bmc" | "address" => Self::Address,
            "port" => Self::Port,
            "user" => Self::User,
            "password" => Self::Password,
            "mac" | "macs" => Self::Macs,
            "resource_class" => Self::ResourceClass,
            _ => return None,
        })
    }
}

/// Lines with a quote that is not closed. It would take the lines after it into its field, and their
/// machines would be missing without a word; no field of a machine goes over more than a line.
fn open_quotes(text: &str) -> Vec<String> {
    let lines = text.lines().zip(1..);
    let is_open = |line: &str| !line.starts_with('#') && line.matches('"').count() % 2 == 1;
    lines
        .filter(|(line, _)| is_open(line))
        .map(|(_, number)| {
            format!(
                "line {number}: a quote is not closed; a field with a quote in it is written in \
                 quotes, with that one twice"
            )
        })
        .collect()
}

/// Machines of a CSV file.
pub(super) fn read(text: &str) -> Result<Vec<Given>, Vec<String>> {
    let open = open_quotes(text);
    if !open.is_empty() {
        return Err(open);
    }
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let (mut columns, mut machines, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for record in records.by_ref() {
        let record = record.map_err(|error| vec![unreadable(&error)])?;
        let line = line_of(text, &record);
        if columns.is_empty() {
            columns = head(&record).map_err(|problem| vec![format!("line {line}: {problem}")])?;
            continue;
        }
        match machine(line, &columns, &record) {
            Ok(machine) => machines.push(machine),
            Err(problem) => problems.push(format!("line {line}: {problem}")),
        }
    }
    if problems.is_empty() {
        Ok(machines)
    } else {
        Err(problems)
    }
}

fn unreadable(error: &csv::Error) -> String {
    let line = error.position().map_or(1, csv::Position::line);
    let problem = match error.kind() {
        ErrorKind::Utf8 { .. } => "this is not UTF-8 text",
        _ => "this is no CSV",
    };
    format!("line {line}: {problem}")
}

/// The line on which a record begins: comments and empty lines before it count as part of it.
fn line_of(text: &str, record: &StringRecord) -> u64 {
    let position = record.position();
    let (byte, line) = position.map_or((0, 1), |p| (p.byte(), p.line()));
    let rest = usize::try_from(byte).ok().and_then(|at| text.get(at..));
    let passed = |line: &&str| line.trim_end().is_empty() || line.starts_with('#');
    let lines = rest.unwrap_or_default().lines();
    line + lines.take_while(passed).count() as u64
}

fn head(record: &StringRecord) -> Result<Vec<Column>, String> {
    let mut columns = Vec::new();
    let known = record
        .iter()
        .filter(|text| Column::of(text).is_some())
        .count();
    for (number, text) in (1..).zip(record) {
        match Column::of(text) {
            Some(column) if columns.contains(&column) => {
                return Err(format!("column {number} is there already"));
            }
            Some(column) => columns.push(column),
            None if text.contains([';', '\t']) => {
                return Err("columns are separated by commas, nothing else".to_owned());
            }
            None if known == 0 => {
                return Err(
                    "this is no head line; the first line names the columns, such as \
                     name,bmc,user,password,mac"
                        .to_owned(),
                );
            }
            None => {
                let problem = problem::unknown_field(text);
                return Err(format!("column {number}: {problem}"));
            }
        }
    }
    Ok(columns)
}

fn machine(line: u64, columns: &[Column], record: &StringRecord) -> Result<Given, String> {
    if columns.len() != record.len() {
        let (have, want) = (record.len(), columns.len());
        return Err(format!(
            "it has {have} columns, the head line {want}; what holds a comma stands between quotes"
        ));
    }
    let mut given = Given {
        line,
        ..Given::default()
    };
    for (column, text) in columns.iter().zip(record) {
        let text = (!text.is_empty()).then(|| text.to_owned());
        match column {
            Column::Name => given.name = text,
            Column::Driver => given.driver = text,
            Column::Address => given.address = text,
            Column::Port => {
                let port = text.as_deref().map(str::parse).transpose();
                given.port = port.map_err(|_| {
                    let who = given.name.as_deref().unwrap_or("this machine");
                    format!("port: of {who} it is no number from 1 to 65535")
                })?;
            }
            Column::User => given.user = text,
            Column::Password => given.password = text.map(Secret::new),
            Column::Macs => given.macs = text.into_iter().collect(),
            Column::ResourceClass => given.resource_class = text,
        }
    }
    Ok(given)
}
