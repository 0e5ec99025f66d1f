//! What stands on the labels of a machine: MAC addresses, serial number, asset tag.

use cupola_api::mac::MacAddress;
use serde_json::{Map, Value};

use super::{Enroll, Field, Form};
use crate::given;
use crate::state::form::Label;

/// Fields that are kept in `extra` of the node, and their keys there.
const EXTRA: [(&str, &str); 2] = [
    ("Serial number", "serial_number"),
    ("Asset tag", "asset_tag"),
];

/// The empty form.
pub(super) fn form() -> Form {
    let more = "one more, if there is one";
    let scan = "from the machine's label, typed or scanned; may be empty";
    Form::new(vec![
        Field::mac(
            "MAC 1",
            "the network interface that netboots, such as 52:54:00:12:34:56; a scanner may type it",
        ),
        Field::mac("MAC 2", more),
        Field::mac("MAC 3", more),
        Field::mac("MAC 4", more),
        Field::text("Serial number", scan, ""),
        Field::text("Asset tag", scan, ""),
    ])
}

impl Enroll {
    fn mac_labels(&self) -> Vec<&'static str> {
        let macs = self
            .labels
            .fields
            .iter()
            .filter(|f| f.label_of == Label::Mac);
        macs.map(|f| f.label).collect()
    }

    /// The MAC addresses that were given.
    pub(crate) fn addresses(&self) -> Vec<MacAddress> {
        let texts = self
            .mac_labels()
            .into_iter()
            .map(|label| self.labels.text(label));
        texts.filter_map(|text| given::mac(&text).ok()).collect()
    }

    /// Checks the form of the third step.
    pub(crate) fn check_labels(&mut self) -> bool {
        let mut seen = Vec::new();
        for label in self.mac_labels() {
            let text = self.labels.text(label);
            if text.is_empty() {
                continue;
            }
            let problem = match given::mac(&text) {
                Err(why) => why,
                Ok(mac) if seen.contains(&mac) => "this address is given twice",
                Ok(mac) => {
                    seen.push(mac);
                    continue;
                }
            };
            self.labels.complain(label, problem);
            return false;
        }
        if self.has_bmc() && self.addresses().is_empty() {
            self.labels.complain(
                "MAC 1",
                "netboot answers only to addresses that are enrolled",
            );
            return false;
        }
        true
    }

    /// What is kept in `extra` of the node.
    pub(super) fn extra(&self) -> Map<String, Value> {
        let mut extra = Map::new();
        for (label, key) in EXTRA {
            let text = self.labels.text(label);
            if !text.is_empty() {
                extra.insert(key.to_owned(), text.into());
            }
        }
        extra
    }
}
