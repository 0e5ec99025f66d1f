//! What was given of a machine, as the review and the summary card show it.

use cupola_api::id::NodeId;

use super::Enroll;

/// A label and its value.
pub(crate) type Fact = (&'static str, String);

impl Enroll {
    /// What was given; nothing of what was left empty, and no password.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let bmc = &self.bmc;
        let mut facts: Vec<Fact> = vec![("Name", bmc.text("Name")), ("Driver", bmc.text("Driver"))];
        if self.has_bmc() {
            let place = format!("{} port {}", bmc.text("BMC address"), bmc.text("Port"));
            let password = match bmc.text("Password").is_empty() {
                true => "none",
                false => "given, hidden",
            };
            facts.extend([
                ("BMC", place),
                ("User name", bmc.text("User name")),
                ("Password", password.to_owned()),
            ]);
        }
        let macs: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        let macs = match macs.is_empty() {
            true => "none".to_owned(),
            false => macs.join(", "),
        };
        facts.push(("MACs", macs));
        for label in ["Serial number", "Asset tag"] {
            facts.push((label, self.labels.text(label)));
        }
        for field in self.properties.fields.iter().skip(1) {
            facts.push((field.label, self.properties.text(field.label)));
        }
        facts.retain(|(_, value)| !value.is_empty());
        facts
    }

    /// What the summary card shows of the node that it has become.
    pub(crate) fn card(&self, id: NodeId) -> Vec<Fact> {
        let mut facts = vec![("UUID", id.to_string())];
        let kept = |(label, _): &Fact| !matches!(*label, "Driver" | "User name" | "Password");
        facts.extend(self.facts().into_iter().filter(kept));
        facts
    }
}

/// Where the node is in the API, where that is known to others than this process.
pub(crate) fn url(target: &str, id: NodeId) -> Option<String> {
    let is_url = target.starts_with("http://") || target.starts_with("https://");
    is_url.then(|| format!("{}/v1/nodes/{id}", target.trim_end_matches('/')))
}

/// What a code of the node says, the best first: its URL, else its UUID, in capitals, which make a
/// smaller code.
pub(crate) fn codes(target: &str, id: NodeId) -> impl Iterator<Item = (&'static str, String)> {
    let url = url(target, id).map(|url| ("URL of the node", url));
    let uuid = ("UUID of the node", id.to_string().to_uppercase());
    url.into_iter().chain([uuid])
}
