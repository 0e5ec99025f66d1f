//! The firmware's TFTP client: asks for the size, then fetches the file and throws it away.

use std::net::{Ipv4Addr, SocketAddr};

use cupola_drivers::boot::tftp::packet::{Options, Packet, Request, error_code};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::{FirmwareConfig, FirmwareFault, RomError};

/// A loader must fit below the memory that ROMs use; nothing larger is one.
const MAX_BYTES: u64 = 32 << 20;

/// Where a transfer stops that shall stall, in octets.
const STALLS_AFTER: u64 = 16 << 10;

/// Fetches the file; returns its octets.
pub(super) async fn fetch(
    config: &FirmwareConfig,
    source: Ipv4Addr,
    server: SocketAddr,
    file: &str,
) -> Result<u64, RomError> {
    if config.fault == Some(FirmwareFault::LoaderLost) {
        return Err(RomError::TftpTimeout);
    }
    let size = probe(config, source, server, file).await?;
    let options = Options {
        block_size: Some(1456),
        transfer_size: Some(0),
        ..Options::default()
    };
    let mut transfer = Transfer::open(config, source, server, file, options).await?;
    let (mut next, mut received) = (1_u16, 0_u64);
    let mut block_size = 512;
    let stalls = config.fault == Some(FirmwareFault::LoaderStalls);
    loop {
        let heard = transfer.exchange().await?;
        match Packet::decode(&heard) {
            Ok(Packet::OptionAck(granted)) => {
                block_size = usize::from(granted.block_size.unwrap_or(512));
                transfer.say(&Packet::Ack { block: 0 });
            }
            Ok(Packet::Data { block, data }) if block == next => {
                received += data.len() as u64;
                if stalls && received > STALLS_AFTER {
                    // The server sends the block again and again, and gives up in the end.
                    std::future::pending::<()>().await;
                }
                transfer.say(&Packet::Ack { block });
                next = next.wrapping_add(1);
                if data.len() < block_size {
                    transfer.send().await?;
                    break;
                }
                if received > MAX_BYTES {
                    return Err(refused(3, "Disk full"));
                }
            }
            Ok(Packet::Error { code, message }) => return Err(refused(code, &message)),
            // A block that we have: its acknowledgement was lost, so it is sent again.
            Ok(Packet::Data { .. } | Packet::Read(_) | Packet::Write(_) | Packet::Ack { .. })
            | Err(_) => {}
        }
    }
    match size {
        Some(size) if size != received => Err(refused(0, "file size differs from tsize")),
        Some(_) | None => Ok(received),
    }
}

/// Asks for the size only, and breaks the transfer off, as ROMs do.
async fn probe(
    config: &FirmwareConfig,
    source: Ipv4Addr,
    server: SocketAddr,
    file: &str,
) -> Result<Option<u64>, RomError> {
    let options = Options {
        transfer_size: Some(0),
        ..Options::default()
    };
    let mut transfer = Transfer::open(config, source, server, file, options).await?;
    let heard = transfer.exchange().await?;
    let size = match Packet::decode(&heard) {
        Ok(Packet::Error { code, message }) => return Err(refused(code, &message)),
        Ok(Packet::OptionAck(granted)) => granted.transfer_size,
        Ok(Packet::Data { .. } | Packet::Read(_) | Packet::Write(_) | Packet::Ack { .. })
        | Err(_) => None,
    };
    let code = error_code::OPTION_REFUSED;
    transfer.say(&Packet::Error {
        code,
        message: "TFTP Aborted".to_owned(),
    });
    transfer.send().await?;
    Ok(size)
}

struct Transfer {
    socket: UdpSocket,
    /// Where the last packet goes: to the server, and after its first answer to the transfer's
    /// own port.
    to: SocketAddr,
    server: SocketAddr,
    last: Vec<u8>,
    wait: std::time::Duration,
    attempts: u32,
}

impl Transfer {
    async fn open(
        config: &FirmwareConfig,
        source: Ipv4Addr,
        server: SocketAddr,
        file: &str,
        options: Options,
    ) -> Result<Self, RomError> {
        let socket = UdpSocket::bind((source, 0)).await.map_err(io)?;
        let request = Request {
            file: file.to_owned(),
            mode: "octet".to_owned(),
            options,
        };
        Ok(Self {
            socket,
            to: server,
            server,
            last: Packet::Read(request).to_vec(),
            wait: config.timing.tftp_wait,
            attempts: config.timing.tftp_attempts,
        })
    }

    fn say(&mut self, packet: &Packet<'_>) {
        packet.encode(&mut self.last);
    }

    async fn send(&self) -> Result<(), RomError> {
        self.socket
            .send_to(&self.last, self.to)
            .await
            .map(|_| ())
            .map_err(io)
    }

    /// Sends the last packet until something is heard from the server.
    async fn exchange(&mut self) -> Result<Vec<u8>, RomError> {
        let mut buffer = [0_u8; 2048];
        for _ in 0..self.attempts {
            self.send().await?;
            let heard = timeout(self.wait, async {
                loop {
                    let (length, from) = self.socket.recv_from(&mut buffer).await.map_err(io)?;
                    // The transfer's port is whichever answers the request first (RFC 1350
                    // section 4).
                    let expected = self.to == from
                        || (self.to == self.server && from.ip() == self.server.ip());
                    if expected {
                        return Ok((length, from));
                    }
                }
            })
            .await;
            if let Ok(heard) = heard {
                let (length, from) = heard?;
                self.to = from;
                return Ok(buffer.get(..length).unwrap_or_default().to_vec());
            }
        }
        Err(RomError::TftpTimeout)
    }
}

fn refused(code: u16, message: &str) -> RomError {
    RomError::TftpRefused {
        code,
        message: message.to_owned(),
    }
}

fn io(source: std::io::Error) -> RomError {
    RomError::Io { code: 32, source }
}
