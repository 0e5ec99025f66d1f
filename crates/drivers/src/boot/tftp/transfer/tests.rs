//! The transfer against a client that loses, repeats and invents packets, without a network.

use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;

use super::*;
use crate::boot::tftp::TftpConfig;
use crate::boot::tftp::packet::Options;

const LONGEST: Duration = Duration::from_secs(600);

fn transfer(asked: Options, size: u64, now: Instant) -> Transfer {
    let config = TftpConfig::new(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    let terms = Terms::negotiate(&config, asked, size);
    Transfer::new(terms, size, 3, LONGEST, now)
}

fn ack(block: u64) -> Vec<u8> {
    let block = wire_number(block);
    Packet::Ack { block }.to_vec()
}

fn blocks(range: Range<u64>) -> Step {
    Step::Send(Outgoing::Blocks(range))
}

#[test]
fn block_numbers_wrap_and_a_full_last_block_is_followed_by_an_empty_one() {
    let now = Instant::now();
    let asked = Options {
        block_size: Some(8),
        ..Options::default()
    };
    let mut transfer = transfer(asked, 8 * 70_000, now);
    assert_eq!(transfer.start(now), Outgoing::OptionAck);
    for block in 0..=70_000 {
        assert_eq!(
            transfer.hear(&ack(block), now),
            blocks(block + 1..block + 2)
        );
    }
    assert_eq!(transfer.hear(&ack(70_001), now), Step::Done);
    assert_eq!(transfer.bytes(), 8 * 70_000);
}

#[test]
fn a_size_probe_ends_with_the_clients_error() {
    let now = Instant::now();
    let asked = Options {
        transfer_size: Some(0),
        ..Options::default()
    };
    let mut transfer = transfer(asked, 5000, now);
    transfer.start(now);
    let error = Packet::Error {
        code: 8,
        message: "TFTP Aborted".to_owned(),
    };
    let step = transfer.hear(&error.to_vec(), now);
    assert!(matches!(
        step,
        Step::Failed(TftpFailure::ClientError { code: 8, .. })
    ));
    assert_eq!(transfer.bytes(), 0);
}

#[test]
fn duplicated_acknowledgements_do_not_multiply_the_data() {
    let now = Instant::now();
    let mut transfer = transfer(Options::default(), 512 * 20, now);
    transfer.start(now);
    for block in 1..=20 {
        assert_eq!(
            transfer.hear(&ack(block), now),
            blocks(block + 1..block + 2)
        );
        assert_eq!(transfer.hear(&ack(block), now), Step::Nothing);
        assert_eq!(transfer.hear(&ack(block - 1), now), Step::Nothing);
    }
}

#[test]
fn a_lost_block_of_a_window_is_sent_again_from_there() {
    let now = Instant::now();
    let asked = Options {
        window_size: Some(4),
        ..Options::default()
    };
    let mut transfer = transfer(asked, 512 * 9, now);
    transfer.start(now);
    assert_eq!(transfer.hear(&ack(0), now), blocks(1..5));
    // The third is lost: the client says what it has, once for each packet that came too early.
    assert_eq!(transfer.hear(&ack(2), now), blocks(3..7));
    assert_eq!(transfer.hear(&ack(2), now), blocks(3..7));
    assert_eq!(transfer.hear(&ack(2), now), Step::Nothing);
    assert_eq!(transfer.hear(&ack(6), now), blocks(7..11));
    assert_eq!(transfer.hear(&ack(10), now), Step::Done);
}

#[test]
fn a_silent_client_is_given_up_after_ever_longer_waits() {
    let mut now = Instant::now();
    let mut transfer = transfer(Options::default(), 100, now);
    transfer.start(now);
    let mut waits = Vec::new();
    loop {
        let wakes = transfer.wakes_at();
        assert_eq!(
            transfer.expire(wakes - Duration::from_millis(1)),
            Step::Nothing
        );
        waits.push(wakes - now);
        now = wakes;
        match transfer.expire(now) {
            Step::Send(Outgoing::Blocks(range)) => assert_eq!(range, 1..2),
            step => {
                assert_eq!(step, Step::Failed(TftpFailure::TimedOut));
                break;
            }
        }
    }
    assert_eq!(waits, [1, 2, 4, 8].map(Duration::from_secs));
}

#[test]
fn a_client_that_dawdles_for_ever_is_given_up_too() {
    let mut now = Instant::now();
    let mut transfer = transfer(Options::default(), 1 << 30, now);
    let start = now;
    transfer.start(now);
    for block in 1.. {
        now += Duration::from_millis(900);
        if transfer.wakes_at() <= now && transfer.expire(now) == Step::Failed(TftpFailure::TimedOut)
        {
            break;
        }
        transfer.hear(&ack(block), now);
    }
    assert!(now - start >= LONGEST && now - start < LONGEST + Duration::from_secs(2));
}

proptest! {
    /// Whatever a client sends and whenever, no block beyond the window is sent, nothing panics,
    /// and the blocks that it has never become fewer.
    #[test]
    fn hostile_packets_change_nothing(
        window in 1_u16..40,
        size in 0_u64..100_000,
        packets in proptest::collection::vec(
            (prop_oneof![
                any::<u16>().prop_map(|block| Packet::Ack { block }.to_vec()),
                (0_u16..40).prop_map(|block| Packet::Ack { block }.to_vec()),
                proptest::collection::vec(any::<u8>(), 0..20),
            ], 0_u64..3000), 0..200)
    ) {
        let mut now = Instant::now();
        let asked = Options { window_size: Some(window), ..Options::default() };
        let mut transfer = transfer(asked, size, now);
        transfer.start(now);
        let mut had = 0;
        for (packet, milliseconds) in packets {
            now += Duration::from_millis(milliseconds);
            for step in [transfer.expire(now), transfer.hear(&packet, now)] {
                if matches!(step, Step::Done | Step::Failed(_)) {
                    return Ok(());
                }
                if let Step::Send(Outgoing::Blocks(range)) = step {
                    prop_assert!(range.start >= 1 && range.start < range.end);
                    prop_assert!(range.end - 1 <= size / 512 + 1);
                    prop_assert!(range.end - range.start <= u64::from(window.min(32)));
                }
            }
            prop_assert!(transfer.bytes() >= had && transfer.bytes() <= size);
            had = transfer.bytes();
        }
    }
}
