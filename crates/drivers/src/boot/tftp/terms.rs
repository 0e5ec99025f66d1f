//! What client and server agree on before the first block: RFC 2347, with the options of RFC 2348,
//! 2349 and 7440. Pure.

use std::time::Duration;

use super::TftpConfig;
use super::packet::Options;

/// Block size without the option (RFC 1350 section 2).
const DEFAULT_BLOCK_SIZE: u16 = 512;

/// The smallest block size of RFC 2348.
const MIN_BLOCK_SIZE: u16 = 8;

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// Octets of file in each block but the last.
    pub(super) block_size: usize,
    /// Blocks sent before an acknowledgement is waited for.
    pub(super) window: u64,
    /// How long the first acknowledgement is waited for.
    pub(super) timeout: Duration,
    /// The OACK to send; empty where the client asked for nothing.
    pub(super) granted: Options,
}

impl Terms {
    /// Grants what was asked for, within our limits.
    pub(super) fn negotiate(config: &TftpConfig, asked: Options, size: u64) -> Self {
        let granted = Options {
            block_size: asked
                .block_size
                .map(|wanted| wanted.min(config.max_block_size.max(MIN_BLOCK_SIZE))),
            timeout: asked.timeout,
            transfer_size: asked.transfer_size.map(|_| size),
            window_size: asked
                .window_size
                .map(|wanted| wanted.min(config.max_window_size.max(1))),
        };
        Self {
            block_size: usize::from(granted.block_size.unwrap_or(DEFAULT_BLOCK_SIZE)),
            window: u64::from(granted.window_size.unwrap_or(1)),
            timeout: granted.timeout.map_or(config.timeout, |seconds| {
                Duration::from_secs(seconds.into())
            }),
            granted,
        }
    }

    /// The number of the last block of a file, counted from 1 without wrapping. It is shorter than
    /// the others, and empty where the size is a multiple of theirs (RFC 1350 section 6).
    pub(super) const fn last_block(&self, size: u64) -> u64 {
        size / self.block_size as u64 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddrV4};

    #[test]
    fn options_are_granted_within_our_limits() {
        let config = TftpConfig::new(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        let asked = Options {
            block_size: Some(65464),
            timeout: Some(3),
            transfer_size: Some(0),
            window_size: Some(1000),
        };
        let terms = Terms::negotiate(&config, asked, 1000);
        assert_eq!((terms.block_size, terms.window), (1468, 32));
        assert_eq!(terms.timeout, Duration::from_secs(3));
        assert_eq!(terms.granted.transfer_size, Some(1000));
        let plain = Terms::negotiate(&config, Options::default(), 1000);
        assert_eq!((plain.block_size, plain.window), (512, 1));
        assert!(plain.granted.is_empty());
        assert_eq!(
            [511, 512, 513].map(|size| plain.last_block(size)),
            [1, 2, 2]
        );
    }
}
