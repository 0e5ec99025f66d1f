//! The body in every build: on inputs that reach deep, which are the target's seeds, and on
//! hostile ones.

use dhcproto::v4::{Architecture, DhcpOption};
use dhcproto::{Encodable, Encoder};
use proptest::prelude::*;

use super::*;
use crate::boot::fuzzing::seeds;

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const RELEASE: u8 = 7;
const INFORM: u8 = 8;
/// Places of a message.
const RELAY: u8 = 1;
const HAS_OFFERED: u8 = 4;
const UNFINISHED: u8 = 0x20;
const ASKS_FOR_OFFERED: u8 = 0x40;
const TAKES_OUR_OFFER: u8 = 0xc0;
/// Events.
const RESTART: u8 = 3;
const STORE: u8 = 2;

fn play(input: &[u8]) -> Answered {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(exchanges(input))
}

fn says(machine: u8, message: u8, place: u8, options: &[u8]) -> Vec<u8> {
    let length = u8::try_from(options.len()).unwrap();
    let mut event = vec![4, machine, message, place, length];
    event.extend(options);
    event
}

fn as_it_is(datagram: &[u8]) -> Vec<u8> {
    let mut event = vec![0];
    event.extend(u16::try_from(datagram.len()).unwrap().to_be_bytes());
    event.extend(datagram);
    event
}

fn wait(seconds: u16) -> Vec<u8> {
    let [high, low] = seconds.to_be_bytes();
    vec![1, high, low]
}

fn option(code: u8, data: &[u8]) -> Vec<u8> {
    let mut option = vec![code, u8::try_from(data.len()).unwrap()];
    option.extend(data);
    option
}

fn rom(class: &[u8], architecture: u8) -> Vec<u8> {
    [
        option(60, class),
        option(93, &[0, architecture]),
        option(97, &[0; 17]),
        option(57, &1260_u16.to_be_bytes()),
        option(55, &[1, 3, 6, 12, 43, 54, 60, 66, 67]),
    ]
    .concat()
}

fn ipxe() -> Vec<u8> {
    [
        rom(b"PXEClient:Arch:00000:UNDI:002001", 0),
        option(77, b"iPXE"),
        option(175, &[0xb1, 5, 1, 0x80, 0x86, 0x10, 0x0e]),
        option(61, &[1, 2, 0, 0, 0, 0, 1]),
    ]
    .concat()
}

fn encoded(machine: u8) -> Vec<u8> {
    let mut message = Message::default();
    message.set_xid(7).set_chaddr(&mac(machine).octets());
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(MessageType::Discover));
    options.insert(DhcpOption::ClassIdentifier(
        b"PXEClient:Arch:00007".to_vec(),
    ));
    options.insert(DhcpOption::ClientSystemArchitecture(Architecture::from(7)));
    options.insert(DhcpOption::ClientNetworkInterface(1, 3, 16));
    let mut datagram = Vec::new();
    message.encode(&mut Encoder::new(&mut datagram)).unwrap();
    datagram
}

/// A boot from the ROM to the system that renews, and gives its address back.
fn boot(rom: &[u8], place: u8) -> Vec<u8> {
    let mut input = vec![0];
    let loader = ipxe();
    for options in [rom, &loader[..], &[]] {
        input.extend(says(1, DISCOVER, place, options));
        input.extend(says(1, REQUEST, place | TAKES_OUR_OFFER, options));
    }
    input.extend(wait(300));
    input.extend(says(1, REQUEST, HAS_OFFERED, &[]));
    input.extend(says(1, INFORM, HAS_OFFERED, &[]));
    input.extend(says(1, RELEASE, HAS_OFFERED, &[]));
    input
}

fn crowd() -> Vec<u8> {
    let mut input = vec![0];
    for seconds in [0, 30, 700] {
        input.extend(wait(seconds));
        for machine in 1..=6 {
            input.extend(says(machine, DISCOVER, 0, &[]));
            input.extend(says(machine, REQUEST, TAKES_OUR_OFFER, &[]));
        }
    }
    input
}

fn conflicts() -> Vec<u8> {
    let mut input = vec![16 | 32];
    for place in [0, RELAY] {
        for machine in [1, 2, 5, 6] {
            input.extend(says(machine, DISCOVER, place, &[]));
            input.extend(says(machine, REQUEST, place | TAKES_OUR_OFFER, &[]));
            input.extend(says(machine, DECLINE, place | ASKS_FOR_OFFERED, &[]));
        }
    }
    input
}

fn restarts() -> Vec<u8> {
    let mut input = vec![1 | 2 | 4 | 8];
    for _ in 0..3 {
        for machine in 1..=4 {
            input.extend(says(machine, REQUEST, HAS_OFFERED, &[]));
            input.extend(says(machine, DISCOVER, 0, &[]));
            input.extend(says(machine, REQUEST, ASKS_FOR_OFFERED, &[]));
        }
        input.extend([STORE, RESTART]);
    }
    input
}

fn moves() -> Vec<u8> {
    let mut input = vec![0];
    for machine in [1, 5, 6] {
        for place in [0, RELAY, 0] {
            input.extend(says(machine, REQUEST, place | TAKES_OUR_OFFER, &[]));
            input.extend(says(machine, DISCOVER, place, &[]));
            input.extend(says(machine, REQUEST, place | TAKES_OUR_OFFER, &[]));
        }
    }
    input
}

fn relayed() -> Vec<u8> {
    let circuit = option(82, &[1, 4, 0, 4, 1, 2, 5, 4, 10, 0, 1, 0]);
    let mut input = vec![0];
    input.extend(says(3, DISCOVER, 2, &circuit));
    input.extend(says(3, REQUEST, 2 | TAKES_OUR_OFFER, &circuit));
    input.extend(says(2, DISCOVER, RELAY, &option(118, &[10, 0, 0, 0])));
    input
}

/// Identifiers as long as they can be, twice over.
fn long() -> Vec<u8> {
    let mut datagram = encoded(3);
    assert_eq!(datagram.pop(), Some(255));
    for code in [61, 61, 97, 97, 82] {
        datagram.extend(option(code, &[code; 255]));
    }
    datagram.push(255);
    [vec![0], as_it_is(&datagram)].concat()
}

fn raw() -> Vec<u8> {
    let whole = encoded(1);
    let mut input = vec![0];
    for length in [whole.len(), whole.len() - 3, 250, 239] {
        input.extend(as_it_is(&whole[..length]));
    }
    input.extend(says(1, DISCOVER, UNFINISHED, &[12, 200, 1]));
    input
}

fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (
            "bios",
            boot(&rom(b"PXEClient:Arch:00000:UNDI:002001", 0), 0),
        ),
        (
            "uefi",
            boot(&rom(b"PXEClient:Arch:00007:UNDI:003016", 7), RELAY),
        ),
        (
            "uefi-http",
            boot(&rom(b"HTTPClient:Arch:00016:UNDI:003001", 16), 0),
        ),
        ("crowd", crowd()),
        ("conflicts", conflicts()),
        ("restarts", restarts()),
        ("moves", moves()),
        ("relayed", relayed()),
        ("long", long()),
        ("raw", raw()),
    ]
}

#[test]
fn the_seeds_reach_deep() {
    let seeds = all();
    seeds::check("dhcp", &seeds);
    let counts = |name: &str| {
        let seed = seeds.iter().find(|(known, _)| *known == name).unwrap();
        let Answered {
            offers,
            acks,
            naks,
            proxy,
        } = play(&seed.1);
        (offers, acks, naks, proxy)
    };
    // ProxyDHCP answers the ROM and iPXE, on both of its ports, and not the system.
    assert_eq!(counts("bios"), (3, 5, 0, 8));
    assert_eq!(counts("uefi"), (3, 5, 0, 8));
    assert_eq!(counts("uefi-http"), (3, 5, 0, 8));
    // Who gets no address asks for one that is not his.
    let (offers, acks, naks, _) = counts("crowd");
    assert!(
        offers >= 12 && acks == offers && naks >= 1,
        "{offers} {acks} {naks}"
    );
    let (offers, acks, naks, _) = counts("restarts");
    assert!(
        offers >= 9 && acks >= 4 && naks >= 3,
        "{offers} {acks} {naks}"
    );
    for name in ["conflicts", "moves", "relayed"] {
        let (offers, acks, ..) = counts(name);
        assert!(offers >= 2 && acks >= 1, "{name}: {offers} {acks}");
    }
    assert_eq!(counts("long").0, 1);
    // Whole, and cut off within its last option.
    assert_eq!(counts("raw").0, 1);
}

/// Its address was never promised to it: that its lease could not be written, makes it no lease.
#[test]
fn what_could_not_be_kept_is_looked_for_before_it_is_offered() {
    let (store_fails, somebody_has_the_first) = (8, 16);
    let names_the_first = 8;
    let mut input = vec![store_fails | somebody_has_the_first];
    input.extend(says(1, REQUEST, names_the_first, &[]));
    input.extend(says(1, DISCOVER, 0, &[]));
    let answered = play(&input);
    assert_eq!((answered.acks, answered.offers), (0, 1));
}

proptest! {
    #[test]
    fn hostile_messages_get_nobody_an_address_that_is_not_theirs(
        setup: u8,
        events in proptest::collection::vec(
            prop_oneof![
                8 => (
                    1_u8..8, 0_u8..9, any::<u8>(),
                    prop_oneof![
                        Just(ipxe()),
                        Just(rom(b"PXEClient:Arch:00007", 7)),
                        proptest::collection::vec(any::<u8>(), 0..40),
                    ],
                ).prop_map(|(machine, message, place, options)| {
                    says(machine, message, place, &options)
                }),
                2 => any::<u16>().prop_map(|seconds| wait(seconds % 1000)),
                1 => Just(vec![RESTART]),
                1 => Just(vec![STORE]),
                1 => (1_u8..8, 0_usize..400).prop_map(|(machine, length)| {
                    let mut datagram = encoded(machine);
                    datagram.truncate(length);
                    as_it_is(&datagram)
                }),
                1 => proptest::collection::vec(any::<u8>(), 0..20),
            ],
            0..40,
        ),
    ) {
        play(&[vec![setup], events.concat()].concat());
    }
}
