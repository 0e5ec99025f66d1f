//! A contact: one thing a machine did with the boot services, as its timeline shows it.
//!
//! Contacts are what lets a person see which rung of a netboot broke. They hold no secret: the
//! kernel's command line is not among them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use cupola_api::{MacAddress, NodeId};
use ipnet::Ipv4Net;
use jiff::Timestamp;

use super::client::ClientSystem;
use super::files::Loader;

/// One contact.
#[derive(Clone, Debug, PartialEq)]
pub struct BootContact {
    /// When it happened.
    pub at: Timestamp,
    /// The machine's address, where it is known: always in DHCP; in TFTP and HTTP by the lease of
    /// the peer, or by the URL.
    pub mac: Option<MacAddress>,
    /// The node that owns the address; `None` for machines that are not enrolled.
    pub node: Option<NodeId>,
    /// Where the packet or request came from.
    pub peer: Option<IpAddr>,
    /// What the machine said of itself; DHCP only.
    pub client: Option<ClientSystem>,
    /// What happened.
    pub kind: ContactKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum ContactKind {
    /// The machine looks for a DHCP server.
    DhcpDiscover,
    /// We offered it an address, and perhaps a boot file.
    DhcpOffer {
        /// The address offered.
        address: Ipv4Addr,
        /// The loader's name or the script's URL; `None` where it shall boot from its disk, or is
        /// an operating system.
        bootfile: Option<String>,
    },
    /// The machine asks for an address, or to keep it.
    DhcpRequest {
        /// The address it asks for.
        address: Ipv4Addr,
    },
    /// We granted the address.
    DhcpAck {
        /// The address granted; the client's own for an INFORM.
        address: Ipv4Addr,
        /// As in the offer.
        bootfile: Option<String>,
    },
    /// We refused the address; the machine starts again.
    DhcpNak {
        /// The address refused.
        address: Ipv4Addr,
    },
    /// The machine took another server's offer: there is a second DHCP server on the network.
    DhcpOtherServer {
        /// The other server.
        server: Ipv4Addr,
        /// Its MAC address, where it is on the machine's own network and answers.
        holder: Option<MacAddress>,
    },
    /// An address that we would give is in use by somebody else; the machine gets another one.
    DhcpConflict {
        /// The address in use.
        address: Ipv4Addr,
        /// The MAC address of the interface that has it; `None` behind a relay.
        holder: Option<MacAddress>,
    },
    /// The machine found its address in use by somebody else.
    DhcpDecline {
        /// The address in use.
        address: Ipv4Addr,
    },
    /// The machine gave its address back.
    DhcpRelease {
        /// The address given back.
        address: Ipv4Addr,
    },
    /// Beside another DHCP server: we offered the boot file alone.
    ProxyDhcpOffer {
        /// The loader's name or the script's URL.
        bootfile: String,
    },
    /// Beside another DHCP server: we named the boot file on the machine's own question.
    ProxyDhcpAck {
        /// As in the offer.
        bootfile: String,
    },
    /// Beside another DHCP server: the machine takes an address from that server.
    DhcpTaken {
        /// The address.
        address: Ipv4Addr,
        /// The server; `None` where the machine keeps an address that it had.
        server: Option<Ipv4Addr>,
    },
    /// We did not answer.
    DhcpIgnored {
        /// Why not.
        reason: IgnoreReason,
    },
    /// A file is asked for over TFTP.
    TftpStarted {
        /// The file's name as asked for.
        file: String,
    },
    /// A file went over whole.
    TftpDone {
        /// The file's name.
        file: String,
        /// Octets of the file.
        bytes: u64,
        /// From the request to the last acknowledgement.
        duration: Duration,
    },
    /// A file did not go over whole.
    TftpFailed {
        /// The file's name.
        file: String,
        /// Octets acknowledged.
        bytes: u64,
        /// From the request to the end.
        duration: Duration,
        /// Why.
        reason: TftpFailure,
    },
    /// iPXE fetched its node's script, or GRUB its node's configuration.
    ScriptServed {
        /// Which of the two.
        loader: Loader,
        /// What the script tells it to do.
        action: ScriptAction,
    },
    /// A file is asked for over HTTP.
    HttpStarted {
        /// The request's path.
        path: String,
    },
    /// An answer over HTTP has ended.
    HttpDone {
        /// The request's path.
        path: String,
        /// The answer's status code.
        status: u16,
        /// Octets of the body that were handed to the connection.
        bytes: u64,
        /// From the request to the end of the body.
        duration: Duration,
        /// Whether the body went out whole; `false` where the machine hung up before.
        complete: bool,
    },
}

/// Why DHCP did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoreReason {
    /// No enrolled port has this address.
    UnknownMac,
    /// The packet came through a relay (`giaddr`) of a network that is not configured.
    UnknownNetwork {
        /// The relay's address.
        relay: Ipv4Addr,
    },
    /// No address of the pool is free.
    PoolExhausted {
        /// The pool's first address.
        first: Ipv4Addr,
        /// Its last one.
        last: Ipv4Addr,
    },
    /// The address reserved for the port is none that a machine of this network can have.
    ReservationUnusable {
        /// The reserved address.
        address: Ipv4Addr,
        /// The network that the machine asked from.
        network: Ipv4Net,
    },
    /// The address reserved for the port is leased to another machine.
    ReservationLeased {
        /// The reserved address.
        address: Ipv4Addr,
        /// Who has it.
        mac: MacAddress,
    },
    /// The address reserved for the port is in use on the network.
    ReservationInUse {
        /// The reserved address.
        address: Ipv4Addr,
    },
    /// The lease could not be written down, so nobody may have it.
    LeaseNotKept,
    /// The directory did not say in time who this is.
    DirectoryTooSlow,
}

/// Why a TFTP transfer ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TftpFailure {
    /// The file is not there. Loaders probe for names, so this is often normal.
    NotFound,
    /// The client sent an ERROR: a ROM does so after it has learnt the file's size.
    ClientError {
        /// Error code, RFC 1350 section 5.
        code: u16,
        /// The client's words.
        message: String,
    },
    /// The client stopped acknowledging.
    TimedOut,
    /// The request was refused: not a read, not octet mode.
    Refused {
        /// Why, in our words.
        reason: &'static str,
    },
    /// The network failed here.
    Io {
        /// What the operating system said.
        error: String,
    },
    /// The service is stopping.
    Cancelled,
}

/// What a script tells the loader to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptAction {
    /// Boot the ramdisk.
    Ramdisk,
    /// Boot an ISO image.
    Iso,
    /// Go on to the disk.
    Local,
}

impl fmt::Display for ScriptAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ramdisk => "boot the ramdisk",
            Self::Iso => "boot an ISO image",
            Self::Local => "boot from disk",
        })
    }
}

impl ContactKind {
    /// Whether a client broke a transfer off before its first octet, having learnt the size from the
    /// option acknowledgement (RFC 2349): what PXE ROMs do before each file.
    #[must_use]
    pub const fn is_size_query(&self) -> bool {
        matches!(
            self,
            Self::TftpFailed {
                bytes: 0,
                reason: TftpFailure::ClientError { code: 0 | 8, .. },
                ..
            }
        )
    }

    /// Whether somebody has to do something about the network, the enrolment or the
    /// configuration, so that it belongs in the service's log as well: many of these have no node
    /// whose timeline would tell.
    #[must_use]
    pub const fn is_complaint(&self) -> bool {
        match self {
            Self::DhcpIgnored { .. } | Self::DhcpConflict { .. } | Self::DhcpOtherServer { .. } => {
                true
            }
            Self::DhcpDiscover
            | Self::DhcpOffer { .. }
            | Self::DhcpRequest { .. }
            | Self::DhcpAck { .. }
            | Self::DhcpNak { .. }
            | Self::DhcpDecline { .. }
            | Self::DhcpRelease { .. }
            | Self::ProxyDhcpOffer { .. }
            | Self::ProxyDhcpAck { .. }
            | Self::DhcpTaken { .. }
            | Self::TftpStarted { .. }
            | Self::TftpDone { .. }
            | Self::TftpFailed { .. }
            | Self::ScriptServed { .. }
            | Self::HttpStarted { .. }
            | Self::HttpDone { .. } => false,
        }
    }
}

impl fmt::Display for ContactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DhcpDiscover => f.write_str("DHCP discover"),
            Self::DhcpOffer { address, bootfile } => {
                write!(f, "DHCP offer {address}{}", named(bootfile.as_deref()))
            }
            Self::DhcpRequest { address } => write!(f, "DHCP request {address}"),
            Self::DhcpAck { address, bootfile } => {
                write!(f, "DHCP ack {address}{}", named(bootfile.as_deref()))
            }
            Self::DhcpNak { address } => write!(f, "DHCP nak {address}: not its lease"),
            Self::DhcpOtherServer { server, holder } => other_server(f, *server, *holder),
            Self::DhcpConflict { address, holder } => conflict(f, *address, *holder),
            Self::DhcpDecline { address } => {
                write!(
                    f,
                    "DHCP decline {address}: already in use by another machine"
                )
            }
            Self::DhcpRelease { address } => write!(f, "DHCP release {address}"),
            Self::ProxyDhcpOffer { bootfile } => {
                write!(f, "proxyDHCP offer, boot file {bootfile}")
            }
            Self::ProxyDhcpAck { bootfile } => write!(f, "proxyDHCP ack, boot file {bootfile}"),
            Self::DhcpTaken {
                address,
                server: Some(server),
            } => write!(f, "DHCP request {address} of server {server}"),
            Self::DhcpTaken {
                address,
                server: None,
            } => write!(f, "DHCP request {address}, kept from before"),
            Self::DhcpIgnored { reason } => write!(f, "DHCP not answered: {reason}"),
            Self::TftpStarted { file } => write!(f, "TFTP {file} started"),
            Self::TftpDone {
                file,
                bytes,
                duration,
            } => {
                write!(f, "TFTP {file} done: {bytes} bytes in {duration:.1?}")
            }
            Self::TftpFailed { file, .. } if self.is_size_query() => {
                write!(f, "TFTP {file}: the client has asked for its size")
            }
            Self::TftpFailed {
                file,
                bytes,
                duration,
                reason,
            } => {
                write!(
                    f,
                    "TFTP {file} ended after {bytes} bytes, {duration:.1?}: {reason}"
                )
            }
            Self::ScriptServed { loader, action } => {
                write!(f, "{}: {action}", loader.script())
            }
            Self::HttpStarted { path } => write!(f, "HTTP {path} started"),
            Self::HttpDone {
                path,
                status,
                bytes,
                duration,
                complete,
            } => {
                let end = if *complete { "done" } else { "broken off" };
                write!(
                    f,
                    "HTTP {path} {end}: status {status}, {bytes} bytes in {duration:.1?}"
                )
            }
        }
    }
}

fn named(bootfile: Option<&str>) -> String {
    match bootfile {
        Some(file) => format!(", boot file {file}"),
        None => ", no boot file".to_owned(),
    }
}

fn other_server(
    f: &mut fmt::Formatter<'_>,
    server: Ipv4Addr,
    holder: Option<MacAddress>,
) -> fmt::Result {
    write!(f, "DHCP: took the offer of another server, {server}")?;
    if let Some(mac) = holder {
        write!(f, " with the MAC address {mac}")?;
    }
    f.write_str("; switch that server off, or set boot.dhcp to proxy")
}

fn conflict(
    f: &mut fmt::Formatter<'_>,
    address: Ipv4Addr,
    holder: Option<MacAddress>,
) -> fmt::Result {
    write!(f, "DHCP address {address} is in use")?;
    match holder {
        Some(mac) => write!(f, " by {mac}")?,
        None => f.write_str(" behind the relay")?,
    }
    f.write_str("; take it out of the pool, or give that machine another one")
}

impl fmt::Display for IgnoreReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownMac => f.write_str(
                "no enrolled port has this MAC address; enrol the machine, or add the port to its \
                 node",
            ),
            Self::UnknownNetwork { relay } => write!(
                f,
                "relay {relay} is in no configured subnet; check the port's VLAN, or add its \
                 network to boot.subnets"
            ),
            Self::PoolExhausted { first, last } => write!(
                f,
                "no address of the pool {first} - {last} is free; enlarge the pool, or shorten \
                 boot.lease_time"
            ),
            Self::ReservationUnusable { address, network } => write!(
                f,
                "the port's reserved address {address} is none for a machine of {network}; correct \
                 ip_address in the port's extra, or check the port's VLAN"
            ),
            Self::ReservationLeased { address, mac } => write!(
                f,
                "the port's reserved address {address} is leased to {mac}; choose one outside the \
                 pool, or wait until that lease has run out"
            ),
            Self::ReservationInUse { address } => write!(
                f,
                "the port's reserved address {address} is in use by another machine; free it, or \
                 reserve another one"
            ),
            Self::LeaseNotKept => {
                f.write_str("the lease could not be written to the database; see the service's log")
            }
            Self::DirectoryTooSlow => f.write_str("the node could not be looked up in time"),
        }
    }
}

impl fmt::Display for TftpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such file"),
            Self::ClientError { code, message } => {
                write!(f, "the client ended it with error {code} ({message})")
            }
            Self::TimedOut => f.write_str("the client stopped acknowledging"),
            Self::Refused { reason } => f.write_str(reason),
            Self::Io { error } => f.write_str(error),
            Self::Cancelled => f.write_str("the service is stopping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_off(bytes: u64, code: u16) -> ContactKind {
        ContactKind::TftpFailed {
            file: "snponly.efi".to_owned(),
            bytes,
            duration: Duration::from_micros(800),
            reason: TftpFailure::ClientError {
                code,
                message: "TFTP Aborted".to_owned(),
            },
        }
    }

    #[test]
    fn a_rom_that_asks_for_the_size_alone_has_not_failed() {
        let query = broken_off(0, 8);
        assert!(query.is_size_query());
        assert_eq!(
            query.to_string(),
            "TFTP snponly.efi: the client has asked for its size"
        );
        for failed in [broken_off(1468, 8), broken_off(0, 3)] {
            assert!(!failed.is_size_query());
            assert!(
                failed.to_string().contains("ended it with error"),
                "{failed}"
            );
        }
    }
}
