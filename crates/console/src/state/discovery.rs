//! Looking for many BMCs at once: where, what was found, what was chosen, what became of it.

use std::collections::VecDeque;

use cupola_api::discovery::{
    self, DEFAULT_CREDENTIALS, Discovered, DiscoveryReport, DiscoveryRequest, Login, RangeError,
    Target,
};
use cupola_api::id::NodeId;
use cupola_api::secret::Secret;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::enroll::Enroll;
use super::form::{Field, Form};
use crate::effect::Ticket;
use crate::given;

/// So many addresses are asked for with one request, so that what was found shows soon.
const CHUNK: usize = 32;

/// Where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Addresses and credentials.
    Form,
    /// It is being looked, since then.
    Looking(Timestamp),
    /// What was found.
    Found,
}

/// What becomes of a machine that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing yet.
    Open,
    /// It is being enrolled.
    Sent(Ticket),
    /// It is this node.
    Enrolled(NodeId),
    /// It was refused.
    Failed(String),
}

/// A BMC that was found.
#[derive(Debug)]
pub(crate) struct Row {
    /// What is known of it.
    pub(crate) found: Discovered,
    /// Whether it is to be enrolled.
    pub(crate) chosen: bool,
    /// What became of that.
    pub(crate) fate: Fate,
}

impl Row {
    /// Why it cannot be enrolled as it is, where that is so.
    pub(crate) fn why_not(&self) -> Option<String> {
        let why = match (&self.fate, self.found.login) {
            (Fate::Sent(_), _) => "it is being enrolled",
            (Fate::Enrolled(_), _) => "it is enrolled",
            (Fate::Open | Fate::Failed(_), _) if self.found.node.is_some() => {
                "it is the BMC of a node already"
            }
            (Fate::Open | Fate::Failed(_), _) if !self.speaks("ipmi") => {
                "it speaks Redfish alone, by which no machine can be driven yet"
            }
            (Fate::Open | Fate::Failed(_), Login::Accepted | Login::Default) => return None,
            (Fate::Open | Fate::Failed(_), Login::NotTried) => {
                "nobody was logged in: give a user name and password"
            }
            (Fate::Open | Fate::Failed(_), Login::Refused | Login::Failed) => {
                let why = self.found.problem.clone();
                return Some(why.unwrap_or_else(|| "the login failed".to_owned()));
            }
        };
        Some(why.to_owned())
    }

    fn speaks(&self, protocol: &str) -> bool {
        self.found.protocols.iter().any(|known| known == protocol)
    }

    /// The node that it is, or was before.
    pub(crate) const fn node(&self) -> Option<NodeId> {
        match self.fate {
            Fate::Enrolled(id) => Some(id),
            Fate::Open | Fate::Sent(_) | Fate::Failed(_) => self.found.node,
        }
    }

    /// Maker, model and serial number, as far as they are known.
    pub(crate) fn machine(&self) -> String {
        let found = &self.found;
        let known = [&found.manufacturer, &found.model, &found.serial_number];
        let known: Vec<&str> = known
            .into_iter()
            .filter_map(|text| text.as_deref())
            .collect();
        known.join(" ")
    }
}

/// The screen.
#[derive(Debug)]
pub(crate) struct Discovery {
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
    /// How many of them did not answer.
    pub(crate) silent: usize,
    /// How many of them were not asked to an end.
    pub(crate) unfinished: usize,
    /// Why nothing more is looked for, when that failed.
    pub(crate) problem: Option<String>,
    /// The question that is open.
    pub(crate) ticket: Ticket,
    /// The addresses that are still to be asked.
    left: VecDeque<Target>,
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
        self.stage = Stage::Looking(now);
        self.rows.clear();
        self.at = 0;
        self.total = targets.len();
        (self.silent, self.unfinished) = (0, 0);
        self.problem = None;
        self.left = targets.into();
        true
    }

    /// What is asked next; nothing when all was asked.
    pub(crate) fn next(&mut self) -> Option<DiscoveryRequest> {
        let count = CHUNK.min(self.left.len());
        let addresses: Vec<Target> = self.left.drain(..count).collect();
        if addresses.is_empty() {
            return None;
        }
        let username = self.form.text("User name");
        Some(DiscoveryRequest {
            addresses,
            password: (!username.is_empty()).then(|| Secret::new(self.form.text("Password"))),
            username: (!username.is_empty()).then_some(username),
            default_credentials: self.tries_defaults(),
            redfish_port: None,
        })
    }

    /// How many addresses have been asked.
    pub(crate) fn asked(&self) -> usize {
        self.silent + self.unfinished + self.rows.len()
    }

    /// Takes what was found.
    pub(crate) fn take(&mut self, report: DiscoveryReport) {
        self.silent += report.silent;
        self.unfinished += report.unfinished.len();
        self.rows.extend(report.found.into_iter().map(|found| Row {
            found,
            chosen: false,
            fate: Fate::Open,
        }));
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
        let maker = row.found.default_credentials.as_deref();
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
        let target = row.found.address;
        enroll.bmc.set("BMC address", &target.address.to_string());
        if let Some(port) = target.port {
            enroll.bmc.set("Port", &port.to_string());
        }
        enroll.bmc.set("User name", &user);
        enroll.bmc.set("Password", &password);
        if let Some(serial) = &row.found.serial_number {
            enroll.labels.set("Serial number", serial);
        }
        enroll
    }

    /// The body of the request that enrols one machine.
    pub(crate) fn body(&self, row: &Row) -> Value {
        let (user, password) = self.login(row);
        let mut info = Map::new();
        info.insert(
            "ipmi_address".to_owned(),
            row.found.address.address.to_string().into(),
        );
        if let Some(port) = row.found.address.port {
            info.insert("ipmi_port".to_owned(), port.into());
        }
        info.insert("ipmi_username".to_owned(), user.into());
        info.insert("ipmi_password".to_owned(), password.into());
        let mut body = json!({ "driver": "ipmi", "driver_info": info });
        if let (Some(serial), Some(members)) = (&row.found.serial_number, body.as_object_mut()) {
            members.insert("extra".to_owned(), json!({ "serial_number": serial }));
        }
        body
    }
}
