//! What a fuzzer drives: every decoder of the IPMI codec, and a BMC with a session that an attacker
//! on the wire wants to use. Not part of the rack.

#![allow(unreachable_pub, reason = "public to the fuzz targets only")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cupola_api::{MacAddress, Secret};
use cupola_drivers::ipmi::wire::app::{Privilege, SetSessionPrivilegeLevel};
use cupola_drivers::ipmi::wire::chassis::ChassisControl;
use cupola_drivers::ipmi::wire::crypto::{Key, SessionKeys};
use cupola_drivers::ipmi::wire::message::{Command, NetFn, Request, Response};
use cupola_drivers::ipmi::wire::open_session::{OpenSessionRequest, OpenSessionResponse};
use cupola_drivers::ipmi::wire::packet::{self, Packet, PayloadType};
use cupola_drivers::ipmi::wire::rakp::{Exchange, NAME_ONLY_LOOKUP, Rakp1, Rakp2, Rakp3, Rakp4};
use cupola_drivers::ipmi::wire::rmcp::{self, Rmcp};
use cupola_drivers::ipmi::wire::suite::{CipherSuite, decode_records};

use super::{BmcConfig, BmcUser, BootOptions, Chassis, PlainChassis, SimBmc};

const USER: &str = "admin";
const PASSWORD: &str = "not for real";
const CONSOLE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
const CONSOLE_SESSION: u32 = 0x0BAD_CAFE;

/// A BMC, and a console that is logged in to it: the attacker sees what the console sends.
pub struct Wire {
    bmc: SimBmc,
    chassis: PlainChassis,
    keys: SessionKeys,
    bmc_session: u32,
    sequence: u32,
}

impl Wire {
    /// Powers the machine off and logs in; `None` only where the BMC or the codec is broken.
    pub async fn logged_in(suite: CipherSuite) -> Option<Self> {
        let mac = MacAddress::new([0x52, 0x54, 0, 0x78, 0, 1]);
        let config = BmcConfig::new(mac, BmcUser::administrator(USER, PASSWORD));
        let boot = Arc::new(BootOptions::default());
        let chassis = PlainChassis::new(Duration::ZERO, Arc::clone(&boot));
        let bmc = SimBmc::new(config, Arc::new(chassis.clone()), boot);
        let password = Key::new(Secret::new(PASSWORD).expose().as_bytes())?;
        let opened = OpenSessionRequest {
            tag: 1,
            privilege: Privilege::Administrator.code(),
            console_session: CONSOLE_SESSION,
            algorithms: suite.algorithms(),
        };
        let opened = plain(&bmc, PayloadType::OpenSessionRequest, &opened.encode()).await?;
        let opened = OpenSessionResponse::decode(&opened).ok()?.ok()?;
        let mut exchange = Exchange {
            suite,
            console_session: CONSOLE_SESSION,
            bmc_session: opened.bmc_session,
            console_random: [7; 16],
            bmc_random: [0; 16],
            guid: [0; 16],
            role: Privilege::Administrator.code() | NAME_ONLY_LOOKUP,
            name: USER.into(),
        };
        let first = Rakp1 {
            tag: 2,
            bmc_session: exchange.bmc_session,
            random: exchange.console_random,
            role: exchange.role,
            name: exchange.name.clone(),
        };
        let second = plain(&bmc, PayloadType::Rakp1, &first.encode()).await?;
        let second = Rakp2::decode(&second).ok()?.ok()?;
        exchange.bmc_random = second.random;
        exchange.guid = second.guid;
        let third = Rakp3 {
            tag: 3,
            bmc_session: exchange.bmc_session,
            proof: Ok(exchange.console_proof(&password)),
        };
        plain(&bmc, PayloadType::Rakp3, &third.encode()).await?;
        let (keys, _) = exchange.keys(&password, None);
        let mut wire = Self {
            bmc,
            chassis,
            keys,
            bmc_session: exchange.bmc_session,
            sequence: 0,
        };
        let level = SetSessionPrivilegeLevel {
            privilege: Privilege::Administrator,
        };
        let level = wire.sealed(
            SetSessionPrivilegeLevel::NET_FN,
            SetSessionPrivilegeLevel::COMMAND,
            level.request(),
        );
        wire.bmc.handle(&level, CONSOLE).await?;
        Some(wire)
    }

    /// The packet with which the console would switch the machine on. Sent unchanged, it does.
    pub fn power_up(&mut self) -> Vec<u8> {
        let command = ChassisControl::PowerUp;
        self.sealed(
            ChassisControl::NET_FN,
            ChassisControl::COMMAND,
            command.request(),
        )
    }

    fn sealed(&mut self, net_fn: NetFn, command: u8, data: Vec<u8>) -> Vec<u8> {
        self.sequence += 1;
        let request = Request {
            net_fn,
            command,
            sequence: 1,
            data,
        };
        packet::encode_sealed(
            &self.keys,
            PayloadType::Ipmi,
            self.bmc_session,
            self.sequence,
            &request.encode(),
            [3; 16],
        )
    }

    /// Whether the machine is on: somebody's command was carried out.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.chassis.power_on()
    }
}

async fn plain(bmc: &SimBmc, kind: PayloadType, payload: &[u8]) -> Option<Vec<u8>> {
    let answer = bmc
        .handle(&packet::encode_plain(kind, payload), CONSOLE)
        .await?;
    let Ok(Rmcp::Ipmi(rest)) = rmcp::decode(&answer) else {
        return None;
    };
    match packet::decode(rest).ok()? {
        Packet::Plus(packet) => Some(packet.payload.to_vec()),
        Packet::Legacy(_) => None,
    }
}

/// Splits the input into datagrams: a length octet, then so many octets.
fn datagrams(mut input: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((length, rest)) = input.split_first() {
        let (datagram, later) = rest.split_at(rest.len().min(usize::from(*length)));
        found.push(datagram);
        input = later;
    }
    found
}

/// Gives the input to every decoder; none may panic.
pub fn decoders(input: &[u8]) {
    if let Ok(Rmcp::Ipmi(rest)) = rmcp::decode(input) {
        let _ = packet::decode(rest);
    }
    let _ = packet::decode(input);
    let _ = Request::decode(input);
    let _ = Response::decode(input);
    let _ = OpenSessionRequest::decode(input);
    let _ = OpenSessionResponse::decode(input);
    let _ = Rakp1::decode(input);
    let _ = Rakp2::decode(input);
    let _ = Rakp3::decode(input);
    let _ = Rakp4::decode(input);
    let _ = decode_records(input);
    let _ = ChassisControl::decode(input);
}

/// One attack: the first octet chooses it, the rest is its material. The machine must stay off.
///
/// An even octet sends the input as datagrams of its own; an odd one changes the console's packet
/// that would switch the machine on: octets are replaced, the end is cut off or grown.
pub async fn attack(wire: &mut Wire, input: &[u8]) {
    let Some((choice, material)) = input.split_first() else {
        return;
    };
    decoders(material);
    if choice % 2 == 0 {
        for datagram in datagrams(material) {
            wire.bmc.handle(datagram, CONSOLE).await;
        }
    } else {
        let genuine = wire.power_up();
        let mut forged = genuine.clone();
        let (changes, tail) = material.split_at(material.len().min(usize::from(choice / 2)));
        for change in changes.chunks_exact(2) {
            if let [place, value] = change
                && let Some(octet) = forged.get_mut(usize::from(*place))
            {
                *octet = *value;
            }
        }
        match tail.split_first() {
            Some((cut, more)) if cut % 2 == 1 => {
                forged.truncate(forged.len().saturating_sub(usize::from(cut / 2)));
                forged.extend(more);
            }
            Some(_) | None => {}
        }
        // The header of RMCP is not covered by the integrity code.
        if forged.get(4..) != genuine.get(4..) {
            wire.bmc.handle(&forged, CONSOLE).await;
        }
    }
    assert!(!wire.is_on(), "a forged packet switched the machine on");
}

#[cfg(test)]
#[path = "../../../../fuzz/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use cupola_drivers::ipmi::wire::app::GetChannelAuthenticationCapabilities;
    use proptest::prelude::*;

    use super::*;

    /// Messages that a BMC takes from anybody: they open sessions.
    fn before_a_session() -> Vec<Vec<u8>> {
        let capabilities = GetChannelAuthenticationCapabilities {
            privilege: Privilege::Administrator,
        };
        let capabilities = Request {
            net_fn: GetChannelAuthenticationCapabilities::NET_FN,
            command: GetChannelAuthenticationCapabilities::COMMAND,
            sequence: 1,
            data: capabilities.request(),
        };
        let open = |suite: CipherSuite| OpenSessionRequest {
            tag: 1,
            privilege: Privilege::Administrator.code(),
            console_session: CONSOLE_SESSION,
            algorithms: suite.algorithms(),
        };
        let first = Rakp1 {
            tag: 2,
            bmc_session: 1,
            random: [7; 16],
            role: Privilege::Administrator.code() | NAME_ONLY_LOOKUP,
            name: USER.into(),
        };
        let third = Rakp3 {
            tag: 3,
            bmc_session: 1,
            proof: Ok(vec![7; 20]),
        };
        let open_request = PayloadType::OpenSessionRequest;
        vec![
            rmcp::encode_ping(9),
            packet::encode_legacy(&capabilities.encode()),
            packet::encode_plain(PayloadType::Ipmi, &capabilities.encode()),
            packet::encode_plain(open_request, &open(CipherSuite::Suite3).encode()),
            packet::encode_plain(open_request, &open(CipherSuite::Suite17).encode()),
            packet::encode_plain(PayloadType::Rakp1, &first.encode()),
            packet::encode_plain(PayloadType::Rakp3, &third.encode()),
        ]
    }

    #[test]
    fn the_seeds_are_what_the_codec_writes() {
        let mut all = vec![0];
        for datagram in before_a_session() {
            all.push(u8::try_from(datagram.len()).unwrap());
            all.extend(datagram);
        }
        let power_up = Request {
            net_fn: ChassisControl::NET_FN,
            command: ChassisControl::COMMAND,
            sequence: 1,
            data: ChassisControl::PowerUp.request(),
        };
        // Sealed for a session that is not there, with keys that nobody has.
        let keys = |suite| {
            let exchange = Exchange {
                suite,
                console_session: CONSOLE_SESSION,
                bmc_session: 1,
                console_random: [7; 16],
                bmc_random: [8; 16],
                guid: [9; 16],
                role: Privilege::Administrator.code(),
                name: USER.into(),
            };
            exchange.keys(&Key::new(b"guessed").unwrap(), None).0
        };
        let mut sealed = vec![0];
        for suite in [CipherSuite::Suite3, CipherSuite::Suite17] {
            let datagram = packet::encode_sealed(
                &keys(suite),
                PayloadType::Ipmi,
                1,
                1,
                &power_up.encode(),
                [3; 16],
            );
            sealed.push(u8::try_from(datagram.len()).unwrap());
            sealed.extend(datagram);
        }
        let seeds = [
            ("before-a-session", all),
            ("sealed", sealed),
            // Octets 9, 16 and 40 of the genuine packet are changed; its end is cut off; it grows.
            ("changed", vec![13, 9, 1, 16, 2, 40, 3]),
            ("shorter", vec![1, 25]),
            ("longer", vec![1, 1, 0, 0, 0, 0]),
            ("without-encryption", vec![0x85, 5, 0x40, 40, 0, 1, 9]),
        ];
        seeds::check("ipmi", &seeds);
        block_on(async {
            for (_, seed) in &seeds {
                let mut wire = Wire::logged_in(CipherSuite::Suite17).await.unwrap();
                attack(&mut wire, seed).await;
            }
            let wire = Wire::logged_in(CipherSuite::Suite17).await.unwrap();
            let mut answered = 0;
            for datagram in before_a_session() {
                answered += u32::from(wire.bmc.handle(&datagram, CONSOLE).await.is_some());
            }
            assert!(answered >= 5, "{answered} of them are taken");
        });
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(work)
    }

    #[tokio::test]
    async fn the_genuine_packet_switches_the_machine_on() {
        for suite in [CipherSuite::Suite3, CipherSuite::Suite17] {
            let mut wire = Wire::logged_in(suite).await.unwrap();
            let packet = wire.power_up();
            assert!(wire.bmc.handle(&packet, CONSOLE).await.is_some());
            assert!(wire.is_on());
        }
    }

    #[tokio::test]
    async fn truncated_oversized_and_forged_packets_change_nothing() {
        for suite in [CipherSuite::Suite3, CipherSuite::Suite17] {
            let mut wire = Wire::logged_in(suite).await.unwrap();
            let packet = wire.power_up();
            for length in 0..packet.len() {
                assert_eq!(
                    wire.bmc.handle(&packet[..length], CONSOLE).await,
                    None,
                    "{length} octets"
                );
            }
            for more in [1, 4, 12, 1000, 60_000] {
                let mut longer = packet.clone();
                longer.resize(packet.len() + more, 0);
                assert_eq!(
                    wire.bmc.handle(&longer, CONSOLE).await,
                    None,
                    "{more} octets more"
                );
            }
            // From the authentication type on, every bit counts.
            for place in 4..packet.len() {
                for bit in 0..8 {
                    let mut forged = packet.clone();
                    forged[place] ^= 1 << bit;
                    assert_eq!(
                        wire.bmc.handle(&forged, CONSOLE).await,
                        None,
                        "octet {place} bit {bit}"
                    );
                }
            }
            assert!(!wire.is_on());
            assert!(
                wire.bmc.handle(&packet, CONSOLE).await.is_some(),
                "the genuine one still counts"
            );
            assert!(wire.is_on());
        }
    }

    #[tokio::test]
    async fn a_replayed_packet_changes_nothing() {
        let mut wire = Wire::logged_in(CipherSuite::Suite17).await.unwrap();
        let on = wire.power_up();
        assert!(wire.bmc.handle(&on, CONSOLE).await.is_some());
        let off = wire.sealed(
            ChassisControl::NET_FN,
            ChassisControl::COMMAND,
            ChassisControl::PowerDown.request(),
        );
        assert!(wire.bmc.handle(&off, CONSOLE).await.is_some());
        assert!(!wire.is_on());
        for _ in 0..3 {
            assert_eq!(wire.bmc.handle(&on, CONSOLE).await, None);
        }
        assert!(!wire.is_on());
    }

    proptest! {
        #[test]
        fn attacks_change_nothing(
            suite in prop_oneof![Just(CipherSuite::Suite3), Just(CipherSuite::Suite17)],
            input in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            block_on(async {
                let mut wire = Wire::logged_in(suite).await.unwrap();
                attack(&mut wire, &input).await;
            });
        }
    }
}
