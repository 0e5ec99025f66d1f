//! What each client has under way, so that a repeated request does not start a second transfer:
//! our answer to the first is on its way, or lost and will be repeated.

use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::sync::Arc;

use parking_lot::Mutex;

use super::packet::Request;

/// The requests under way, by client. There are as many as there is room for requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Underway {
    requests: Arc<Mutex<HashMap<SocketAddrV4, Request>>>,
}

/// Ends a request's being under way when it is dropped.
#[derive(Debug)]
pub(super) struct Guard {
    underway: Underway,
    peer: SocketAddrV4,
    request: Request,
}

impl Underway {
    /// Notes a request; `None` where this very one is under way. Another request of the same client
    /// means that it has given up the earlier one: ROMs use one port for all.
    pub(super) fn begin(&self, peer: SocketAddrV4, request: &Request) -> Option<Guard> {
        let mut requests = self.requests.lock();
        if requests.get(&peer) == Some(request) {
            return None;
        }
        requests.insert(peer, request.clone());
        Some(Guard {
            underway: self.clone(),
            peer,
            request: request.clone(),
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut requests = self.underway.requests.lock();
        if requests.get(&self.peer) == Some(&self.request) {
            requests.remove(&self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::tftp::packet::Options;
    use std::net::Ipv4Addr;

    #[test]
    fn only_the_very_same_request_counts_as_repeated() {
        let underway = Underway::default();
        let peer = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2070);
        let probe = Request {
            file: "loader".to_owned(),
            mode: "octet".to_owned(),
            options: Options::default(),
        };
        let real = Request {
            file: "loader".to_owned(),
            mode: "octet".to_owned(),
            options: Options {
                block_size: Some(1456),
                ..Options::default()
            },
        };
        let first = underway.begin(peer, &probe).unwrap();
        assert!(underway.begin(peer, &probe).is_none());
        let second = underway.begin(peer, &real).unwrap();
        drop(first);
        assert!(underway.begin(peer, &real).is_none());
        drop(second);
        assert!(underway.begin(peer, &real).is_some());
    }
}
