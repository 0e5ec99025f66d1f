//! Looking for many BMCs at once: where, what was found, what was chosen, what became of it.

mod row;

use std::collections::VecDeque;

use cupola_api::discovery::{
    self, DEFAULT_CREDENTIALS, DiscoveryReport, DiscoveryRequest, RangeError, Target,
};
use cupola_api::mac::MacAddress;
use cupola_api::secret::Secret;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::enroll::Enroll;
use super::form::{Field, Form};
use crate::effect::Ticket;
use crate::given;
use crate::machine::Machine;
pub(crate) use row::{Asked, Fate, Row};

/// So many addresses are asked for with one request, so that what was found shows soon.
const CHUNK: usize = 32;

/// Fields of the wizard that MAC addresses of a file go to.
const MACS: [&str; 4] = ["MAC 1", "MAC 2", "MAC 3", "MAC 4"];

/// Where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Addresses and credentials.
    Form,
    /// The file is being read.
    Reading,
    /// It is being looked, since then.
    Looking(Timestamp),
    /// What was found.
    Found,
}

/// Where addresses come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From the form.
    Form,
    /// From a file of machines.
    File(String),
}

/// Addresses that are asked together.
#[derive(Debug)]
struct Batch {
    addresses: Vec<Target>,
    username: Option<String>,
    password: Option<Secret>,
}

/// The screen.
#[derive(Debug)]
pub(crate) struct Discovery {
    /// Where addresses come from.
    pub(crate) source: Source,
    /// Addresses and credentials.
    pub(crate) form: Form,
    /// Where one is.
    pub(crate) stage: Stage,
    /// What was found.
    pub(crate) rows: Vec<Row>,
    /// The row under the cursor.
    pub(crate) at: usize,
    /// How many addresses were to be asked.
    pub(crate) total: usize,
    /// How many of the form's did not answer.
    silent: usize,
    /// How many of the form's were not asked to an end.
    unfinished: usize,
    /// Why nothing more is looked for, when that failed.
    pub(crate) problem: Option<String>,
    /// The question that is open.
    pub(crate) ticket: Ticket,
    /// What is still to be asked.
    left: VecDeque<Batch>,
    /// What is being asked.
    under_way: Vec<Target>,
}

impl Discovery {
    /// The form, with these addresses.
    pub(crate) fn new(range: &str) -> Self {
        let form = Form::new(vec![
            Field::text(
                "Addresses",
                "of BMCs: 10.0.0.10-10.0.0.40, 10.0.0.0/26, or single ones with commas between",
                range,
            ),
            Field::text(
                "User name",
                "of the BMCs; empty only looks who is there",
                "",
            ),
            Field::hidden("Password", "of the BMCs; it is never shown"),
            Field::switch(
                "Try defaults",
                "log in with the passwords that makers deliver BMCs with too; each is a failed \
                 login at all others, and some BMCs lock a user out after a few. Space changes",
                false,
            ),
        ]);
        Self {
            source: Source::Form,
            form,
            stage: Stage::Form,
            rows: Vec::new(),
            at: 0,
            total: 0,
            silent: 0,
            unfinished: 0,
            problem: None,
            ticket: Ticket::default(),
            left: VecDeque::new(),
            under_way: Vec::new(),
        }
    }

    /// The machines of a file, which is going to be read.
    pub(crate) fn of_file(path: String, ticket: Ticket) -> Self {
        Self {
            source: Source::File(path),
            stage: Stage::Reading,
            ticket,
            ..Self::new("")
        }
    }

    /// Whether makers' own credentials are tried.
    pub(crate) fn tries_defaults(&self) -> bool {
        self.form.is_on("Try defaults")
    }

    /// Checks the form, and begins anew.
    pub(crate) fn begin(&mut self, now: Timestamp) -> bool {
        let problem = |error: RangeError| error.to_string();
        let targets = match discovery::range(&self.form.text("Addresses")).map_err(problem) {
            Ok(targets) => targets,
            Err(why) => {
                self.form.complain("Addresses", why);
                return false;
            }
        };
        type Check = fn(&str) -> Result<(), &'static str>;
        let checks: [(&'static str, Check); 2] = [
            ("User name", given::ipmi_user),
            ("Password", given::ipmi_password),
        ];
        for (label, check) in checks {
            if let Err(why) = check(&self.form.text(label)) {
                self.form.complain(label, why);
                return false;
            }
        }
        self.rows.clear();
        self.total = targets.len();
        let username = Some(self.form.text("User name")).filter(|name| !name.is_empty());
        let password = username.is_some().then(|| self.form.text("Password"));
        let batch = |addresses: &[Target]| Batch {
            addresses: addresses.to_vec(),
            username: username.clone(),
            password: password.clone().map(Secret::new),
        };
        self.left = targets.chunks(CHUNK).map(batch).collect();
        self.look(now);
        true
    }

    /// The file is read again.
    pub(crate) fn read_again(&mut self, ticket: Ticket) {
        self.ticket = ticket;
        self.stage = Stage::Reading;
        self.problem = None;
    }

    /// The file was read: its machines, and where their BMCs are asked. Begins.
    pub(crate) fn list(&mut self, machines: Vec<(Machine, Option<Target>)>, now: Timestamp) {
        let row = |(machine, target)| Row::given(machine, target);
        self.rows = machines.into_iter().map(row).collect();
        self.left.clear();
        for row in &self.rows {
            let (Asked::Waiting(target), Some(machine)) = (&row.asked, &row.given) else {
                continue;
            };
            // A login is for whom it was given: machines of one name and password go together.
            let fits = |batch: &&mut Batch| {
                batch.addresses.len() < CHUNK
                    && batch.username == machine.user
                    && batch.password == machine.password
            };
            match self.left.iter_mut().find(fits) {
                Some(batch) => batch.addresses.push(*target),
                None => self.left.push_back(Batch {
                    addresses: vec![*target],
                    username: machine.user.clone(),
                    password: machine.password.clone(),
                }),
            }
        }
        self.total = self.left.iter().map(|batch| batch.addresses.len()).sum();
        self.look(now);
    }

    fn look(&mut self, now: Timestamp) {
        self.stage = Stage::Looking(now);
        self.at = 0;
        (self.silent, self.unfinished) = (0, 0);
        self.problem = None;
    }

    /// What is asked next; nothing when all was asked.
    pub(crate) fn next(&mut self) -> Option<DiscoveryRequest> {
        let batch = self.left.pop_front()?;
        self.under_way.clone_from(&batch.addresses);
        Some(DiscoveryRequest {
            addresses: batch.addresses,
            username: batch.username,
            password: batch.password,
            default_credentials: self.tries_defaults(),
            redfish_port: None,
        })
    }

    /// How many BMCs answered.
    pub(crate) fn answered(&self) -> usize {
        self.count(|asked| matches!(asked, Asked::Answered(_)))
    }

    /// How many did not answer.
    pub(crate) fn silent(&self) -> usize {
        self.silent + self.count(|asked| matches!(asked, Asked::Silent(_)))
    }

    /// How many were not asked to an end.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished + self.count(|asked| matches!(asked, Asked::Unfinished(_)))
    }

    /// How many addresses have been asked.
    pub(crate) fn asked(&self) -> usize {
        self.answered() + self.silent() + self.unfinished()
    }

    fn count(&self, is: impl Fn(&Asked) -> bool) -> usize {
        self.rows.iter().filter(|row| is(&row.asked)).count()
    }

    /// Takes what was found.
    pub(crate) fn take(&mut self, report: DiscoveryReport) {
        let under_way = std::mem::take(&mut self.under_way);
        match self.source {
            Source::Form => {
                self.silent += report.silent;
                self.unfinished += report.unfinished.len();
                self.rows.extend(report.found.into_iter().map(Row::found));
            }
            Source::File(_) => self.settle(&under_way, &report),
        }
    }

    /// What became of the machines whose BMCs were asked.
    fn settle(&mut self, under_way: &[Target], report: &DiscoveryReport) {
        for row in &mut self.rows {
            let Asked::Waiting(target) = row.asked else {
                continue;
            };
            if !under_way.contains(&target) {
                continue;
            }
            let found = report.found.iter().find(|it| it.address == target);
            row.asked = match found {
                Some(found) => Asked::Answered(found.clone()),
                None if report.unfinished.contains(&target) => Asked::Unfinished(target),
                None => Asked::Silent(target),
            };
        }
    }

    /// Looks no further.
    pub(crate) fn stop(&mut self) {
        self.left.clear();
        self.stage = Stage::Found;
    }

    /// The row under the cursor.
    pub(crate) fn row(&self) -> Option<&Row> {
        self.rows.get(self.at)
    }

    /// Takes a pasted text.
    pub(crate) fn paste(&mut self, text: &str) {
        if self.stage == Stage::Form {
            self.form.paste(text);
        }
    }

    /// How many are chosen.
    pub(crate) fn chosen(&self) -> usize {
        self.rows.iter().filter(|row| row.chosen).count()
    }

    /// User name and password by which the BMC lets in; those that were given where none did.
    fn login(&self, row: &Row) -> (String, String) {
        if let Some(machine) = &row.given {
            let password = machine.password.as_ref().map(Secret::expose);
            let user = machine.user.clone().unwrap_or_default();
            return (user, password.unwrap_or_default().to_owned());
        }
        let maker = row
            .answer()
            .and_then(|it| it.default_credentials.as_deref());
        let default = DEFAULT_CREDENTIALS
            .iter()
            .find(|it| Some(it.maker) == maker);
        match default {
            Some(default) => (default.username.to_owned(), default.password.to_owned()),
            None => (self.form.text("User name"), self.form.text("Password")),
        }
    }

    /// The wizard for one machine, with what is known filled in.
    pub(crate) fn wizard(&self, row: &Row) -> Enroll {
        let mut enroll = Enroll::new();
        let (user, password) = self.login(row);
        if let Some(target) = row.target() {
            enroll.bmc.set("BMC address", &target.address.to_string());
            if let Some(port) = target.port {
                enroll.bmc.set("Port", &port.to_string());
            }
        }
        enroll.bmc.set("User name", &user);
        enroll.bmc.set("Password", &password);
        if let Some(serial) = row.serial_number() {
            enroll.labels.set("Serial number", serial);
        }
        if let Some(machine) = &row.given {
            enroll
                .bmc
                .set("Name", machine.name.as_deref().unwrap_or_default());
            if let Some(name) = &machine.address {
                enroll.bmc.set("BMC address", name);
            }
            for (label, mac) in MACS.into_iter().zip(&machine.macs) {
                enroll.labels.set(label, &mac.to_string());
            }
        }
        enroll
    }

    /// The body of the request that enrols one machine, and its MAC addresses.
    pub(crate) fn body(&self, row: &Row) -> (Value, Vec<MacAddress>) {
        let (mut body, macs) = match &row.given {
            Some(machine) => (machine.body(), machine.macs.clone()),
            None => (self.found_body(row), Vec::new()),
        };
        if let (Some(serial), Some(members)) = (row.serial_number(), body.as_object_mut()) {
            members.insert("extra".to_owned(), json!({ "serial_number": serial }));
        }
        (body, macs)
    }

    fn found_body(&self, row: &Row) -> Value {
        let (user, password) = self.login(row);
        let mut info = Map::new();
        if let Some(target) = row.target() {
            info.insert("ipmi_address".to_owned(), target.address.to_string().into());
            if let Some(port) = target.port {
                info.insert("ipmi_port".to_owned(), port.into());
            }
        }
        info.insert("ipmi_username".to_owned(), user.into());
        info.insert("ipmi_password".to_owned(), password.into());
        json!({ "driver": "ipmi", "driver_info": info })
    }
}
