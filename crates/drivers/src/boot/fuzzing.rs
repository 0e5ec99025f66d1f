//! What a fuzzer drives: datagrams of machines at the boot services. Not part of them.

use super::dhcp::request::DhcpRequest;
use super::tftp::packet::Packet;

/// Reads a datagram as a DHCP request.
pub fn dhcp(datagram: &[u8]) {
    let _ = DhcpRequest::decode(datagram);
}

/// Reads a datagram as TFTP. What can be read is written again so that it reads the same.
pub fn tftp(datagram: &[u8]) {
    if let Ok(packet) = Packet::decode(datagram) {
        let again = packet.to_vec();
        assert_eq!(Packet::decode(&again).as_ref(), Ok(&packet), "{again:?}");
    }
}
