//! Looking for BMCs at many addresses: all that are spoken are asked, so many at once and within a
//! time, and what is enrolled already is said.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use cupola_api::discovery::{
    DEFAULT_CREDENTIALS, Discovered, DiscoveryReport, DiscoveryRequest, Login, Target,
};
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::Object;
use cupola_drivers::interface::{Credentials, LoginAttempt, Place, Power, Sighting};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::Conductor;
use super::error::store_fault;
use crate::store::NodeFilter;

/// How many addresses are asked at once.
const AT_ONCE: usize = 64;
/// How long all of them may take; who waits for the answer waits a little longer.
const LIMIT: Duration = Duration::from_secs(45);
/// The UDP port of IPMI.
const IPMI_PORT: u16 = 623;
/// The TCP port of Redfish.
const REDFISH_PORT: u16 = 443;

impl Conductor {
    pub(super) async fn look_for_bmcs(
        &self,
        request: DiscoveryRequest,
    ) -> Result<DiscoveryReport, ApiFault> {
        // As many at once as there are workers to spare.
        let _worker = self.inner.workers.for_request()?;
        let known = self.known_bmcs().await?;
        let credentials = credentials(&request);
        let given = usize::from(request.username.is_some());
        let powers: Vec<&dyn Power> = self.registry().powers().collect();
        let mut looked: HashMap<Target, Option<Discovered>> = HashMap::new();
        let asked = stream::iter(request.addresses.iter().copied().map(|target| {
            let (powers, credentials) = (&powers, &credentials);
            let place = place(target, &request);
            async move {
                let all = powers
                    .iter()
                    .map(|power| power.discover(&place, credentials));
                let seen = futures_util::future::join_all(all).await;
                (target, merge(target, seen.into_iter().flatten(), given))
            }
        }));
        let end = tokio::time::sleep(LIMIT);
        let mut answers = std::pin::pin!(asked.buffer_unordered(AT_ONCE).take_until(end));
        while let Some((target, found)) = answers.next().await {
            looked.insert(target, found);
        }
        let mut report = DiscoveryReport::default();
        for target in request.addresses.iter().copied() {
            match looked.remove(&target) {
                None => report.unfinished.push(target),
                Some(None) => report.silent += 1,
                Some(Some(mut found)) => {
                    found.node = known.of(target);
                    report.found.push(found);
                }
            }
        }
        Ok(report)
    }

    /// The addresses of the BMCs of all nodes.
    async fn known_bmcs(&self) -> Result<KnownBmcs, ApiFault> {
        let mut known = KnownBmcs::default();
        let mut batches = self.store().batches(NodeFilter::default());
        while let Some(nodes) = batches.next().await.map_err(|e| store_fault(&e))? {
            for node in nodes {
                known.add(node.uuid, &node.driver_info);
            }
        }
        Ok(known)
    }
}

/// Given ones first, then the makers' own.
fn credentials(request: &DiscoveryRequest) -> Vec<Credentials> {
    let given = request.username.as_ref().map(|username| Credentials {
        username: username.clone(),
        password: request.password.clone().unwrap_or_default(),
    });
    let defaults = DEFAULT_CREDENTIALS
        .iter()
        .filter(|_| request.default_credentials)
        .map(|default| Credentials {
            username: default.username.to_owned(),
            password: default.password.into(),
        });
    given.into_iter().chain(defaults).collect()
}

fn place(target: Target, request: &DiscoveryRequest) -> Place {
    let usual = target.port.is_none().then_some(REDFISH_PORT);
    Place {
        address: target.address,
        ipmi_port: target.port.unwrap_or(IPMI_PORT),
        redfish_port: request.redfish_port.or(usual),
    }
}

/// What one BMC says over all that it speaks; nothing where it says nothing. The first `given`
/// credentials are those of the request.
fn merge(
    address: Target,
    seen: impl Iterator<Item = Sighting>,
    given: usize,
) -> Option<Discovered> {
    let mut found: Option<Discovered> = None;
    for sighting in seen {
        let found = found.get_or_insert_with(|| Discovered {
            address,
            protocols: Vec::new(),
            manufacturer: None,
            model: None,
            serial_number: None,
            login: Login::NotTried,
            default_credentials: None,
            problem: None,
            node: None,
        });
        found.protocols.push(sighting.protocol.to_owned());
        found.manufacturer = found.manufacturer.take().or(sighting.manufacturer);
        found.model = found.model.take().or(sighting.model);
        found.serial_number = found.serial_number.take().or(sighting.serial_number);
        let (login, default, problem) = match sighting.login {
            LoginAttempt::NotTried => (Login::NotTried, None, None),
            LoginAttempt::Accepted(at) => match at.checked_sub(given) {
                None => (Login::Accepted, None, None),
                Some(at) => {
                    let maker = DEFAULT_CREDENTIALS.get(at).map(|d| d.maker.to_owned());
                    (Login::Default, maker, None)
                }
            },
            LoginAttempt::Refused(why) => (Login::Refused, None, Some(why)),
            LoginAttempt::Failed(why) => (Login::Failed, None, Some(why)),
        };
        // One way in is enough.
        if !matches!(found.login, Login::Accepted | Login::Default) {
            found.login = login;
            found.default_credentials = default;
            found.problem = problem;
        }
    }
    found
}

/// Which node has a BMC at which address.
#[derive(Default)]
struct KnownBmcs(HashMap<(IpAddr, Option<u16>), NodeId>);

impl KnownBmcs {
    fn add(&mut self, node: NodeId, info: &Object) {
        let text = |key: &str| info.get(key).and_then(Value::as_str);
        if let Some(address) = text("ipmi_address").and_then(|text| text.parse().ok()) {
            let port = match info.get("ipmi_port") {
                Some(Value::Number(port)) => port.as_u64().and_then(|port| port.try_into().ok()),
                Some(Value::String(port)) => port.parse().ok(),
                _ => None,
            };
            let port = port.filter(|port| *port != IPMI_PORT);
            self.0.insert((address, port), node);
        }
        let url = text("redfish_address").map(|url| url.rsplit("://").next().unwrap_or(url));
        let host = url.and_then(|url| url.split('/').next());
        if let Some(address) = host.and_then(|host| host.parse().ok()) {
            self.0.insert((address, None), node);
        }
    }

    fn of(&self, target: Target) -> Option<NodeId> {
        let port = target.port.filter(|port| *port != IPMI_PORT);
        self.0.get(&(target.address, port)).copied()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sighting(protocol: &'static str, login: LoginAttempt) -> Sighting {
        Sighting {
            protocol,
            login,
            ..Sighting::default()
        }
    }

    #[test]
    fn what_both_protocols_say_is_one_bmc() {
        let target: Target = "10.0.0.7".parse().unwrap();
        let redfish = Sighting {
            model: Some("R650".to_owned()),
            ..sighting("redfish", LoginAttempt::Accepted(2))
        };
        let ipmi = sighting("ipmi", LoginAttempt::Refused("no".to_owned()));
        let found = merge(target, [ipmi, redfish].into_iter(), 1).unwrap();
        assert_eq!(found.protocols, ["ipmi", "redfish"]);
        assert_eq!(found.login, Login::Default);
        assert_eq!(found.default_credentials.as_deref(), Some("Dell iDRAC"));
        assert_eq!(
            (found.model.as_deref(), found.problem),
            (Some("R650"), None)
        );
        let given = sighting("ipmi", LoginAttempt::Accepted(0));
        let found = merge(target, [given].into_iter(), 1).unwrap();
        assert_eq!(found.login, Login::Accepted);
        assert_eq!(merge(target, [].into_iter(), 1), None);
    }

    #[test]
    fn default_credentials_are_tried_only_when_asked_for() {
        let body = json!({ "addresses": ["10.0.0.7"], "username": "me", "password": "x" });
        let mut request: DiscoveryRequest = serde_json::from_value(body).unwrap();
        assert_eq!(credentials(&request).len(), 1);
        request.default_credentials = true;
        assert_eq!(credentials(&request).len(), 1 + DEFAULT_CREDENTIALS.len());
        request.username = None;
        assert_eq!(credentials(&request).len(), DEFAULT_CREDENTIALS.len());
    }

    #[test]
    fn a_node_is_found_by_the_address_and_port_of_its_bmc() {
        let mut known = KnownBmcs::default();
        let [a, b, c] = [NodeId::random(), NodeId::random(), NodeId::random()];
        let add = |known: &mut KnownBmcs, id, info: Value| {
            known.add(id, info.as_object().unwrap());
        };
        add(
            &mut known,
            a,
            json!({ "ipmi_address": "10.0.0.7", "ipmi_port": "623" }),
        );
        add(
            &mut known,
            b,
            json!({ "ipmi_address": "127.0.0.1", "ipmi_port": 6230 }),
        );
        add(
            &mut known,
            c,
            json!({ "redfish_address": "https://10.0.0.9/redfish" }),
        );
        for (target, node) in [
            ("10.0.0.7", Some(a)),
            ("10.0.0.7:623", Some(a)),
            ("127.0.0.1:6230", Some(b)),
            ("127.0.0.1", None),
            ("10.0.0.9", Some(c)),
        ] {
            assert_eq!(known.of(target.parse().unwrap()), node, "{target}");
        }
    }
}
