//! What a fuzzer drives: a request to the TFTP server and the transfer that follows, from the
//! names' lookup to the last block, with a client that says anything at any time. Sockets are left
//! out. Not part of the server.

#![allow(unreachable_pub, reason = "public to the fuzz targets only")]

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::TftpConfig;
use super::packet::{Options, Packet, Request};
use crate::boot::fuzzing::Input;
use peer::Peer;

mod lookup;
mod peer;

/// Names that lead somewhere, or look as if they did.
const NAMES: [&str; 8] = [
    "undionly.kpxe",
    "\\undionly.kpxe",
    "boot/02-00-00-00-00-03/kernel",
    "/boot/02-00-00-00-00-01/script.ipxe",
    "grub/grub.cfg",
    "grub.cfg-01-02-00-00-00-00-03",
    "boot/02-00-00-00-00-03/../../../etc/passwd",
    "/etc/passwd",
];

/// The address that requests come from.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10));

/// How far an input came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The name led to a content.
    pub found: bool,
    /// Blocks sent, repeated ones too.
    pub blocks: u64,
    /// The client has the last block.
    pub done: bool,
}

/// What can be read is written again so that it reads the same.
fn round_trip(datagram: &[u8]) -> Option<Packet<'_>> {
    let packet = Packet::decode(datagram).ok()?;
    let again = packet.to_vec();
    assert_eq!(Packet::decode(&again).as_ref(), Ok(&packet), "{again:?}");
    Some(packet)
}

/// The highest bit of `what` takes the request as it is; else the others say which options it has.
fn request(what: u8, input: &mut Input<'_>) -> Option<Request> {
    let datagram = if what & 0x80 == 0 {
        let name = input.octet();
        let file = match NAMES.get(usize::from(name)) {
            Some(file) => (*file).to_owned(),
            None => String::from_utf8_lossy(input.octets(name.into())).into_owned(),
        };
        let options = Options {
            block_size: (what & 1 != 0).then(|| input.number()),
            window_size: (what & 2 != 0).then(|| input.number()),
            timeout: (what & 4 != 0).then(|| input.octet()),
            transfer_size: (what & 8 != 0).then_some(0),
        };
        let mode = "octet".to_owned();
        Packet::Read(Request {
            file,
            mode,
            options,
        })
        .to_vec()
    } else {
        let length = input.octet();
        input.octets(length.into()).to_vec()
    };
    match round_trip(&datagram) {
        Some(Packet::Read(request)) => Some(request),
        Some(_) | None => None,
    }
}

fn config(input: &mut Input<'_>) -> TftpConfig {
    TftpConfig {
        max_block_size: input.number(),
        max_window_size: u16::from(input.octet() & 0x3f),
        retries: 3,
        longest: Duration::from_secs(600),
        ..TftpConfig::new(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
    }
}

/// Plays the input: the server's limits, the file's size, the request, then events. The low three
/// bits of an event's octet say which: a datagram as it is (its length in an octet before it); time
/// that passes; the time that the transfer waits for; a disk that was slow; a client that behaves
/// for so many windows; and acknowledgements of blocks near those under way.
///
/// Nothing panics. Names lead to what is served under them alone. Blocks are those of the file,
/// after the acknowledged one, never more than the window that was asked for and granted; they are
/// sent a bounded number of times for what is heard; the transfer is done when the last block is
/// acknowledged, and ends by itself when the client is silent.
pub async fn transfers(input: &[u8]) -> Carried {
    let mut input = Input::new(input);
    let config = config(&mut input);
    let size = (u64::from(input.octet()) << 16) | u64::from(input.number());
    let what = input.octet();
    let Some(request) = request(what, &mut input) else {
        return Carried::default();
    };
    let found = lookup::is_served(&request.file).await;
    let mut peer = Peer::ask(&config, request.options, size % peer::LARGEST);
    while !input.is_empty() && !peer.is_over() {
        let what = input.octet();
        match what & 7 {
            0 => {
                let length = input.octet();
                let datagram = input.octets(length.into());
                round_trip(datagram);
                peer.say(datagram);
            }
            1 => peer.wait(Duration::from_millis(10) * u32::from(input.number())),
            2 => peer.wait_in_vain(),
            3 => peer.slow_disk(),
            4 => {
                let windows = input.number();
                peer.behave(windows);
            }
            5 => peer.acknowledge_last(),
            // From -16 to 15 blocks from the acknowledged one.
            _ => peer.acknowledge(i64::from(what >> 3) - 16),
        }
    }
    let (blocks, done) = peer.fall_silent();
    Carried {
        found,
        blocks,
        done,
    }
}

#[cfg(test)]
mod tests;
