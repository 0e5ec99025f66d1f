//! Asks an address behind a relay whether somebody has it (ICMP echo, as RFC 2131 section 2.2
//! proposes). The raw socket needs `CAP_NET_RAW`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::waiting::Waiting;

/// Identifier of our echo requests; answers to other programs' requests are not ours.
const IDENTIFIER: u16 = 0x6375;
const ECHO_REPLY: u8 = 0;
const ECHO: u8 = 8;

/// Asks by echo requests.
#[derive(Debug)]
pub(crate) struct IcmpProber {
    /// A raw ICMP socket; the type only lends it to the runtime.
    socket: UdpSocket,
    waiting: Waiting<Ipv4Addr, ()>,
}

impl IcmpProber {
    /// Opens the socket.
    ///
    /// # Errors
    /// `CAP_NET_RAW` is missing.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
            waiting: Waiting::default(),
        })
    }

    /// Whether somebody at the address answers in time.
    pub(crate) async fn is_held(&self, address: Ipv4Addr) -> io::Result<bool> {
        let answer = self.waiting.ask(address);
        let to: SocketAddr = (address, 0).into();
        self.socket.send_to(&echo(), to).await?;
        Ok(answer.receive().await.is_some())
    }

    /// Hears answers until told to stop.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut buffer = [0_u8; 256];
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.socket.recv_from(&mut buffer) => received,
            };
            if let Ok((length, _)) = received
                && let Some(address) = buffer.get(..length).and_then(replier)
            {
                self.waiting.tell(address, ());
            }
        }
    }
}

/// An echo request without data (RFC 792).
fn echo() -> [u8; 8] {
    let [high, low] = IDENTIFIER.to_be_bytes();
    // The sum of the two 16-bit words that are not zero does not overflow.
    let sum = !(u16::from_be_bytes([ECHO, 0]) + IDENTIFIER);
    let [sum_high, sum_low] = sum.to_be_bytes();
    [ECHO, 0, sum_high, sum_low, high, low, 0, 0]
}

/// Who sent this IPv4 packet, if it is an answer to a request of ours.
#[must_use]
pub fn replier(packet: &[u8]) -> Option<Ipv4Addr> {
    let words = usize::from(packet.first()? & 0x0f);
    let source = Ipv4Addr::from(*packet.get(12..)?.first_chunk::<4>()?);
    let message = packet.get(words * 4..)?;
    let identifier = u16::from_be_bytes(*message.get(4..)?.first_chunk::<2>()?);
    (*message.first()? == ECHO_REPLY && identifier == IDENTIFIER).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_echo_sums_up_and_only_its_reply_counts() {
        let sum = echo().chunks(2).fold(0_u32, |sum, word| {
            sum + u32::from(u16::from_be_bytes([word[0], word[1]]))
        });
        assert_eq!(sum, 0xffff);
        let mut packet = [0_u8; 28];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&[10, 0, 0, 9]);
        packet[20..].copy_from_slice(&echo());
        assert_eq!(replier(&packet), None);
        packet[20] = ECHO_REPLY;
        assert_eq!(replier(&packet), Some(Ipv4Addr::new(10, 0, 0, 9)));
        packet[24] ^= 1;
        assert_eq!(replier(&packet), None);
    }

    proptest! {
        #[test]
        fn no_packet_panics(packet in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = replier(&packet);
        }
    }
}
