//! The enrolment wizard: BMC, test, labels, properties, review, and the way to `available`.

pub(crate) mod facts;
mod labels;
mod request;
mod unknown;

use cupola_api::cupola::{NodeSummary, UnknownMac};
use cupola_api::id::NodeId;
use cupola_api::mac::MacAddress;
use cupola_api::probe::ProbeReport;
use jiff::Timestamp;

use super::form::{Field, Form};
use super::journey::{Goal, Journey, Status};
use crate::effect::Ticket;
use crate::given;

/// The steps of the wizard, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Address and credentials of the BMC.
    Bmc,
    /// The live test.
    Test,
    /// What stands on the machine: the MAC addresses that netboot, serial number, asset tag.
    Labels,
    /// Properties, or inspection.
    Properties,
    /// Everything once more.
    Review,
    /// The node on its way.
    Progress,
}

impl Step {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Bmc,
        Self::Test,
        Self::Labels,
        Self::Properties,
        Self::Review,
        Self::Progress,
    ];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bmc => "BMC",
            Self::Test => "Test",
            Self::Labels => "Labels",
            Self::Properties => "Properties",
            Self::Review => "Review",
            Self::Progress => "Enrol",
        }
    }

    /// Its position, from 1.
    pub(crate) fn number(self) -> usize {
        Self::ALL
            .iter()
            .position(|s| *s == self)
            .map_or(1, |at| at + 1)
    }
}

/// The live test of the BMC.
#[derive(Debug)]
pub(crate) enum Probe {
    /// Not made yet.
    Idle,
    /// It runs, since then.
    Running(Timestamp),
    /// It was made.
    Done(ProbeReport),
    /// It could not be made.
    Failed(String),
    /// The server cannot make it: it is done without.
    NotServed(String),
}

/// The wizard.
#[derive(Debug)]
pub(crate) struct Enroll {
    /// The step that is shown.
    pub(crate) step: Step,
    /// Address and credentials.
    pub(crate) bmc: Form,
    /// The MAC addresses, serial number and asset tag.
    pub(crate) labels: Form,
    /// Properties.
    pub(crate) properties: Form,
    /// The live test.
    pub(crate) probe: Probe,
    /// The question that is open.
    pub(crate) ticket: Ticket,
    /// Whether the locate LED was lit.
    pub(crate) is_lit: bool,
    /// Who asked DHCP and is not enrolled, once that was told.
    pub(crate) unknown: Option<Result<Vec<UnknownMac>, String>>,
    /// When that was asked, while it is of use.
    pub(crate) unknown_asked: Option<Timestamp>,
    /// Which of them was taken last.
    taken: Option<MacAddress>,
    /// The node on its way.
    pub(crate) journey: Journey,
}

/// Words that are parts of the API's paths and so never names.
const RESERVED: [&str; 6] = [
    "maintenance",
    "management",
    "states",
    "vendor_passthru",
    "detail",
    "validate",
];

/// Whether the service takes this name: 1 to 255 unreserved characters of RFC 3986 that are neither
/// a UUID nor a word of the API.
fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
        && !RESERVED.contains(&name)
        && uuid::Uuid::try_parse(name).is_err()
}

const DRIVERS: [&str; 2] = ["ipmi", "fake-hardware"];

impl Enroll {
    /// An empty wizard.
    pub(crate) fn new() -> Self {
        let drivers = DRIVERS.iter().map(ToString::to_string).collect();
        let bmc = vec![
            Field::text(
                "Name",
                "what people call the machine, such as rack1-u07; may be empty",
                "",
            ),
            Field::choice(
                "Driver",
                "the hardware type: Left and Right choose",
                drivers,
            ),
            Field::text("BMC address", "IP address or host name of the BMC", ""),
            Field::text("Port", "UDP port of the BMC", "623"),
            Field::text("User name", "of the BMC", ""),
            Field::hidden("Password", "of the BMC; it is never shown"),
        ];
        let properties = vec![
            Field::switch(
                "Inspect it",
                "boot the ramdisk and find the hardware out; Space changes",
                true,
            ),
            Field::text(
                "Resource class",
                "what schedulers call this kind of machine; may be empty",
                "",
            ),
            Field::text("CPUs", "number of processors; inspection finds it", ""),
            Field::text("Memory MiB", "inspection finds it", ""),
            Field::text("Disk GiB", "inspection finds it", ""),
            Field::text(
                "Root disk serial",
                "the disk that the image goes to; else the smallest",
                "",
            ),
        ];
        Self {
            step: Step::Bmc,
            bmc: Form::new(bmc),
            labels: labels::form(),
            properties: Form::new(properties),
            probe: Probe::Idle,
            ticket: Ticket::default(),
            is_lit: false,
            unknown: None,
            unknown_asked: None,
            taken: None,
            journey: Journey::default(),
        }
    }

    /// Whether something was typed that would be lost: it is not, once the node is enrolled.
    pub(crate) fn is_filled(&self) -> bool {
        let texts = |form: &Form| -> Vec<String> {
            let typed = form.fields.iter().filter(|f| f.is_typed());
            typed.map(|f| form.text(f.label)).collect()
        };
        let empty = Self::new();
        let differ = |a: &Form, b: &Form| texts(a) != texts(b);
        let is_sent = self.step == Step::Progress && self.refused().is_none();
        !is_sent
            && self.node().is_none()
            && (differ(&self.bmc, &empty.bmc)
                || differ(&self.labels, &empty.labels)
                || differ(&self.properties, &empty.properties))
    }

    /// The hardware types that the service offers.
    pub(crate) fn set_drivers(&mut self, drivers: Vec<String>) {
        let Some(field) = self.bmc.fields.iter_mut().find(|f| f.label == "Driver") else {
            return;
        };
        if let super::form::Value::Choice { options, chosen } = &mut field.value
            && !drivers.is_empty()
        {
            let current = options.get(*chosen).cloned();
            *chosen = drivers
                .iter()
                .position(|d| Some(d) == current.as_ref())
                .unwrap_or(0);
            *options = drivers;
        }
    }

    /// Whether the chosen hardware type has a BMC that is spoken to over the network.
    pub(crate) fn has_bmc(&self) -> bool {
        self.bmc.text("Driver") != "fake-hardware"
    }

    /// Checks the form of the first step.
    pub(crate) fn check_bmc(&mut self) -> bool {
        let name = self.bmc.text("Name");
        if !name.is_empty() && !is_name(&name) {
            self.bmc.complain(
                "Name",
                "letters, digits and - . _ ~ only; no UUID, no word of the API",
            );
            return false;
        }
        if !self.has_bmc() {
            return true;
        }
        let port = |text: &str| match text.parse::<u16>() {
            Ok(port) if port > 0 => Ok(()),
            Ok(_) | Err(_) => Err("a number from 1 to 65535; IPMI has 623"),
        };
        type Check<'a> = &'a dyn Fn(&str) -> Result<(), &'static str>;
        let checks: [(&'static str, Check<'_>); 4] = [
            ("BMC address", &given::host),
            ("Port", &port),
            ("User name", &given::ipmi_user),
            ("Password", &given::ipmi_password),
        ];
        for (label, check) in checks {
            if let Err(why) = check(&self.bmc.text(label)) {
                self.bmc.complain(label, why);
                return false;
            }
        }
        true
    }

    /// Checks the form of the fourth step.
    pub(crate) fn check_properties(&mut self) -> bool {
        for label in ["CPUs", "Memory MiB", "Disk GiB"] {
            let text = self.properties.text(label);
            if !text.is_empty() && text.parse::<u64>().is_err() {
                self.properties.complain(label, "a whole number");
                return false;
            }
        }
        true
    }

    /// What a person calls what is enrolled: its name, else the address of its BMC.
    pub(crate) fn title(&self) -> String {
        let known = ["Name", "BMC address"].map(|label| self.bmc.text(label));
        let known = known.into_iter().find(|text| !text.is_empty());
        known.unwrap_or_else(|| "what was typed".to_owned())
    }

    /// The enrolment was refused: goes back to the field that is wrong, else to the review. All that
    /// was typed stays.
    pub(crate) fn correct(&mut self, why: &str) {
        let mac = why
            .strip_prefix("port ")
            .and_then(|rest| rest.split_once(": "))
            .and_then(|(mac, problem)| Some((mac.parse::<MacAddress>().ok()?, problem)));
        if let Some((mac, problem)) = mac {
            let same = |f: &&Field| self.labels.text(f.label).parse() == Ok(mac);
            if let Some(label) = self.labels.fields.iter().find(same).map(|f| f.label) {
                self.labels.complain(label, problem);
                self.step = Step::Labels;
                return;
            }
        }
        let name = self.bmc.text("Name");
        if !name.is_empty() && why.contains("name") && why.contains(&name) {
            self.bmc.complain("Name", why);
            self.step = Step::Bmc;
        } else {
            self.step = Step::Review;
        }
    }

    /// Whether something on the way failed, so that it can be tried again.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.journey.current(), Some((_, Status::Failed(_))))
    }

    /// Why the service refused to enrol, when it did.
    pub(crate) fn refused(&self) -> Option<&str> {
        match self.journey.current() {
            Some((Goal::Enrol, Status::Failed(why))) => Some(why),
            Some(_) | None => None,
        }
    }

    /// Whether the test is under way.
    pub(crate) const fn is_testing(&self) -> bool {
        matches!((self.step, &self.probe), (Step::Test, Probe::Running(_)))
    }

    /// Whether the test has passed.
    pub(crate) fn has_passed(&self) -> bool {
        matches!(&self.probe, Probe::Done(report) if report.passed())
    }

    /// What to do about a failed check, in the words of the form.
    pub(crate) fn in_words_of_the_form(remedy: &str) -> String {
        [
            ("ipmi_address", "BMC address"),
            ("ipmi_port", "Port"),
            ("ipmi_username", "User name"),
            ("ipmi_password", "Password"),
        ]
        .into_iter()
        .fold(remedy.to_owned(), |text, (key, label)| {
            text.replace(key, &format!("the field {label}"))
        })
    }

    /// The goals on the way to `available`.
    pub(crate) fn goals(&self) -> Vec<Goal> {
        let mut goals = vec![Goal::Enrol, Goal::Manage];
        if self.properties.is_on("Inspect it") {
            goals.push(Goal::Inspect);
        }
        goals.push(Goal::Provide);
        goals
    }

    /// The node, once it is enrolled.
    pub(crate) const fn node(&self) -> Option<NodeId> {
        self.journey.node
    }

    /// A node of this name exists already.
    pub(crate) fn name_is_taken(&self, taken: impl Fn(&str) -> Option<NodeSummary>) -> bool {
        let name = self.bmc.text("Name");
        !name.is_empty() && taken(&name).is_some()
    }
}
