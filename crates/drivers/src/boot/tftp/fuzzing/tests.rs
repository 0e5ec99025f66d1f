//! The body in every build: on inputs that reach deep, which are the target's seeds, and on
//! hostile ones.

use proptest::prelude::*;

use super::*;
use crate::boot::fuzzing::seeds;

/// Options of a request.
const BLOCK: u8 = 1;
const WINDOW: u8 = 2;
const TIMEOUT: u8 = 4;
const SIZE: u8 = 8;
/// The request is a datagram.
const AS_IT_IS: u8 = 0x80;
/// Events.
const IN_VAIN: u8 = 2;
const SLOW: u8 = 3;
const LAST: u8 = 5;

fn play(input: &[u8]) -> Carried {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(transfers(input))
}

/// Limits as they usually are, a file of this size, and its request.
fn asks(size: u32, what: u8, request: &[u8]) -> Vec<u8> {
    let [_, size @ ..] = size.to_be_bytes();
    [&[5, 188, 32], &size[..], &[what], request].concat()
}

fn as_it_is(datagram: &[u8]) -> Vec<u8> {
    let mut octets = vec![u8::try_from(datagram.len()).unwrap()];
    octets.extend(datagram);
    octets
}

fn says(packet: &Packet<'_>) -> Vec<u8> {
    [vec![0], as_it_is(&packet.to_vec())].concat()
}

fn behaves(windows: u16) -> Vec<u8> {
    let [high, low] = windows.to_be_bytes();
    vec![4, high, low]
}

fn has(away: i8) -> Vec<u8> {
    vec![(u8::try_from(away + 16).unwrap() << 3) | 6]
}

#[allow(clippy::too_many_lines, reason = "a table of seeds")]
fn all() -> Vec<(&'static str, Vec<u8>)> {
    let rom = b"\0\x01undionly.kpxe\0octet\0tsize\x000\0blksize\x001456\0";
    let aborted = Packet::Error {
        code: 8,
        message: "TFTP Aborted".to_owned(),
    };
    let four = asks(20_000, WINDOW, &[2, 0, 4]);
    vec![
        ("plain", [asks(70_000, 0, &[0]), behaves(200)].concat()),
        (
            "rom",
            [
                asks(70_000, AS_IT_IS, &as_it_is(rom)),
                says(&Packet::Ack { block: 0 }),
                behaves(60),
            ]
            .concat(),
        ),
        ("probe", [asks(5000, SIZE, &[1]), says(&aborted)].concat()),
        (
            "window",
            [
                asks(
                    500_000,
                    BLOCK | WINDOW | TIMEOUT | SIZE,
                    &[2, 5, 176, 0, 16, 3],
                ),
                behaves(40),
            ]
            .concat(),
        ),
        (
            "wrap",
            [
                asks(8 * 70_000, BLOCK | WINDOW, &[2, 0, 8, 0, 32]),
                behaves(2100),
                vec![LAST],
                behaves(2100),
            ]
            .concat(),
        ),
        (
            "losses",
            [
                four.clone(),
                behaves(2),
                has(2),
                has(0),
                has(0),
                has(-1),
                vec![IN_VAIN, SLOW, IN_VAIN],
                has(5),
                has(4),
                vec![1, 0, 90],
                behaves(20),
            ]
            .concat(),
        ),
        (
            "noise",
            [
                four,
                says(&Packet::Data {
                    block: 1,
                    data: b"x",
                }),
                vec![0, 3, 0, 4, 0],
                says(&Packet::OptionAck(Options::default())),
                behaves(1),
                vec![0, 2, 0, 9],
                behaves(20),
            ]
            .concat(),
        ),
        (
            "configuration",
            [asks(0, BLOCK, &[4, 2, 0]), behaves(2)].concat(),
        ),
        (
            "machine",
            [asks(511, WINDOW, &[5, 255, 255]), behaves(3)].concat(),
        ),
        ("outside", [asks(512, 0, &[6]), behaves(3)].concat()),
        ("given-up", [asks(512, 0, &[3]), vec![IN_VAIN; 5]].concat()),
        ("write", asks(512, AS_IT_IS, &as_it_is(b"\0\x02f\0octet\0"))),
    ]
}

#[test]
fn the_seeds_reach_deep() {
    let seeds = all();
    seeds::check("tftp", &seeds);
    for (name, found, done) in [
        ("plain", true, true),
        ("rom", true, true),
        ("probe", true, false),
        ("window", true, true),
        ("wrap", true, true),
        ("losses", true, true),
        ("noise", true, true),
        ("configuration", true, true),
        ("machine", true, true),
        ("outside", false, true),
        ("given-up", true, false),
        ("write", false, false),
    ] {
        let (_, seed) = seeds.iter().find(|(known, _)| *known == name).unwrap();
        let carried = play(seed);
        assert_eq!((carried.found, carried.done), (found, done), "{name}");
    }
}

proptest! {
    #[test]
    fn hostile_clients_get_the_file_and_nothing_else(
        limits in proptest::array::uniform3(any::<u8>()),
        size in 0_u32..200_000,
        what in 0_u8..16,
        request in proptest::collection::vec(any::<u8>(), 6),
        name in 0_u8..9,
        events in proptest::collection::vec(
            prop_oneof![
                4 => (-16_i8..16).prop_map(has),
                4 => Just(vec![LAST]),
                1 => Just(vec![IN_VAIN]),
                1 => Just(vec![SLOW]),
                1 => (0_u8..200).prop_map(|time| vec![1, 0, time]),
                1 => (0_u16..40).prop_map(behaves),
                1 => proptest::collection::vec(any::<u8>(), 0..20)
                    .prop_map(|datagram| [vec![0], as_it_is(&datagram)].concat()),
            ],
            0..100,
        ),
    ) {
        let mut input = asks(size, what, &[&[name], &request[..]].concat());
        input[..3].copy_from_slice(&limits);
        input.extend(events.concat());
        play(&input);
    }

    #[test]
    fn what_is_read_is_written_the_same(datagram in proptest::collection::vec(any::<u8>(), 0..700), code in 0_u8..8) {
        let datagram = [&[0, code], &datagram[..]].concat();
        round_trip(&datagram);
    }
}
