//! Who gets which address, over the years of a pool.

use super::*;
use std::sync::LazyLock;

const HOUR: Duration = Duration::from_secs(3600);

fn subnet(last: u8) -> Subnet {
    Subnet {
        network: "10.0.0.0/24".parse().unwrap(),
        first: Ipv4Addr::new(10, 0, 0, 10),
        last: Ipv4Addr::new(10, 0, 0, last),
        router: Some(Ipv4Addr::new(10, 0, 0, 10)),
        dns: Vec::new(),
    }
}

fn mac(n: u8) -> MacAddress {
    MacAddress::new([2, 0, 0, 0, 0, n])
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// Nothing is reserved.
static NOTHING: LazyLock<Reservations> = LazyLock::new(Reservations::default);

fn wish(n: u8) -> Wish<'static> {
    Wish {
        mac: mac(n),
        node: NodeId::random(),
        reserved: None,
        wanted: None,
        reservations: &NOTHING,
    }
}

fn offer(table: &LeaseTable, n: u8, net: &Subnet, now: i64) -> Result<u8, NoAddress> {
    let offered = table.offer(&wish(n), net, at(now));
    offered.map(|offered| offered.address.octets()[3])
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn commit(table: &LeaseTable, n: u8, net: &Subnet, last: u8, now: i64) -> Option<Granted> {
    let wanted = Some(address(last));
    table.commit(&Wish { wanted, ..wish(n) }, net, HOUR, at(now))
}

#[test]
fn addresses_are_sticky_and_never_a_router_or_ours() {
    let ours = Ipv4Addr::new(10, 0, 0, 11);
    let table = LeaseTable::new(vec![ours], Vec::new());
    let net = subnet(20);
    let first: Vec<_> = (1..=9)
        .map(|n| offer(&table, n, &net, 0).unwrap())
        .collect();
    let distinct: std::collections::HashSet<_> = first.iter().collect();
    assert_eq!(distinct.len(), 9);
    assert!(
        first.iter().all(|last| (12..=20).contains(last)),
        "{first:?}"
    );
    let again: Vec<_> = (1..=9)
        .map(|n| offer(&table, n, &net, 1_000_000).unwrap())
        .collect();
    assert_eq!(first, again);
}

#[test]
fn a_machine_finds_its_address_again_after_a_restart_that_forgot_it() {
    let net = subnet(250);
    let address = offer(&LeaseTable::default(), 7, &net, 0);
    assert_eq!(offer(&LeaseTable::default(), 7, &net, 0), address);
}

#[test]
fn a_full_pool_takes_back_what_expired_first_and_nothing_else() {
    let table = LeaseTable::default();
    let net = subnet(12);
    let (one, two) = (
        offer(&table, 1, &net, 0).unwrap(),
        offer(&table, 2, &net, 0).unwrap(),
    );
    assert!(commit(&table, 1, &net, one, 1).is_some());
    assert!(commit(&table, 2, &net, two, 0).is_some());
    assert_eq!(offer(&table, 3, &net, 1800), Err(NoAddress::PoolExhausted));
    assert_eq!(offer(&table, 3, &net, 4000), Ok(two));
    assert_eq!(
        table.owner(address(two)).map(|lease| lease.mac),
        Some(mac(3))
    );
}

#[test]
fn a_declined_address_rests() {
    let table = LeaseTable::default();
    let net = subnet(12);
    let one = offer(&table, 1, &net, 0).unwrap();
    table.decline(&mac(1), Ipv4Addr::new(10, 0, 0, one), at(1));
    assert_ne!(offer(&table, 1, &net, 2), Ok(one));
    assert_eq!(offer(&table, 2, &net, 3), Err(NoAddress::PoolExhausted));
    assert_eq!(offer(&table, 2, &net, 1000), Ok(one));
}

#[test]
fn nobody_gets_another_machines_address() {
    let table = LeaseTable::default();
    let net = subnet(20);
    let stolen = Ipv4Addr::new(10, 0, 0, offer(&table, 1, &net, 0).unwrap());
    assert!(commit(&table, 2, &net, stolen.octets()[3], 0).is_none());
    let wanted = Some(stolen);
    let other = table.offer(&Wish { wanted, ..wish(2) }, &net, at(0));
    assert!(other.is_ok_and(|offered| offered.address != stolen));
}

#[test]
fn a_reserved_address_is_given_to_its_machine_alone() {
    let table = LeaseTable::new(vec![address(5)], Vec::new());
    let net = subnet(12);
    let reserve = |n, last| Wish {
        reserved: Some(address(last)),
        ..wish(n)
    };
    let ask = |wish: &Wish<'_>| table.offer(wish, &net, at(0)).map(|o| o.address);
    // Outside the pool, and moved into it later.
    assert_eq!(ask(&reserve(1, 200)), Ok(address(200)));
    assert_eq!(ask(&reserve(1, 201)), Ok(address(201)));
    for unusable in [5, 0, 255, 10] {
        let refused = Err(NoAddress::ReservationUnusable(address(unusable)));
        assert_eq!(ask(&reserve(1, unusable)), refused);
    }
    let held = ask(&wish(2)).unwrap();
    let leased = Err(NoAddress::ReservationLeased(held, mac(2)));
    assert_eq!(ask(&reserve(1, held.octets()[3])), leased);
    let later = table.offer(&reserve(1, held.octets()[3]), &net, at(100));
    assert_eq!(later.map(|offered| offered.address), Ok(held));
    // The reservation is gone: back to the pool.
    assert!(ask(&wish(1)).is_ok_and(|address| in_pool(&net, address)));
}

#[test]
fn a_reserved_address_waits_for_its_machine() {
    let table = LeaseTable::default();
    let net = subnet(13);
    let had = table.offer(&wish(1), &net, at(0)).unwrap().address;
    assert!(commit(&table, 1, &net, had.octets()[3], 0).is_some());
    let free: Vec<_> = (11..=13).map(address).filter(|a| *a != had).collect();
    let reservations: Reservations = [(had, mac(8)), (free[0], mac(9))].into_iter().collect();
    let ask = |n, now, wanted| {
        let wish = Wish {
            wanted,
            reservations: &reservations,
            ..wish(n)
        };
        let offered = table.offer(&wish, &net, at(now));
        offered.map(|offered| offered.address)
    };
    // Neither by chance nor by asking for it; and who had it before moves.
    assert_eq!(ask(1, 10, Some(had)), Ok(free[1]));
    assert_eq!(ask(2, 10, Some(free[0])), Err(NoAddress::PoolExhausted));
    assert_eq!(ask(2, 100_000, None), Ok(free[1]), "what has run out");
    let own = Wish {
        reserved: Some(free[0]),
        reservations: &reservations,
        ..wish(9)
    };
    let offered = table.offer(&own, &net, at(100_000));
    assert_eq!(offered.map(|offered| offered.address), Ok(free[0]));
}

#[test]
fn an_address_that_another_server_has_leased_is_left_alone() {
    let net = subnet(12);
    let table = LeaseTable::default();
    let one = address(offer(&table, 1, &net, 0).unwrap());
    let lease = |machine, address| Lease {
        mac: mac(machine),
        address,
        node: NodeId::random(),
        expires: at(3600),
    };
    table.lose(&mac(1), lease(7, one));
    let two = address(offer(&table, 1, &net, 1).unwrap());
    assert_ne!(one, two);
    assert_eq!(table.owner(one).map(|lease| lease.mac), Some(mac(7)));
    assert_eq!(offer(&table, 2, &net, 2), Err(NoAddress::PoolExhausted));
    // A machine that has leases of two servers keeps the first, and both addresses are left alone.
    let twice = vec![lease(1, one), lease(1, two)];
    let table = LeaseTable::new(Vec::new(), twice);
    assert_eq!(offer(&table, 1, &net, 0).map(address), Ok(one));
    assert_eq!(offer(&table, 2, &net, 0), Err(NoAddress::PoolExhausted));
    assert_eq!(offer(&table, 2, &net, 3601).map(address), Ok(two));
}

#[test]
fn a_reservation_counts_on_its_own_network_only() {
    let table = LeaseTable::default();
    let here = subnet(20);
    let mut there = here.clone();
    there.network = "10.0.1.0/24".parse().unwrap();
    let wish = Wish {
        reserved: Some(address(200)),
        ..wish(1)
    };
    assert!(table.offer(&wish, &here, at(0)).is_ok());
    assert_eq!(
        table.offer(&wish, &there, at(1)),
        Err(NoAddress::ReservationUnusable(address(200)))
    );
}

#[test]
fn an_address_of_another_network_is_not_promised() {
    let table = LeaseTable::default();
    let here = subnet(20);
    let there = Subnet {
        network: "10.0.1.0/24".parse().unwrap(),
        first: Ipv4Addr::new(10, 0, 1, 10),
        last: Ipv4Addr::new(10, 0, 1, 20),
        ..here.clone()
    };
    let own = offer(&table, 1, &here, 0).unwrap();
    assert_eq!(commit(&table, 1, &there, own, 1), None);
    assert!(commit(&table, 1, &here, own, 1).is_some());
}

#[test]
fn a_kept_lease_of_an_address_that_became_ours_or_a_routers_is_not_renewed() {
    let ours = address(11);
    let lease = |n, last| Lease {
        mac: mac(n),
        address: address(last),
        node: NodeId::random(),
        expires: at(50),
    };
    let kept = vec![lease(1, 10), lease(2, 11)];
    let table = LeaseTable::new(vec![ours], kept.clone());
    let net = subnet(12);
    assert_eq!(offer(&table, 1, &net, 0), Ok(12));
    assert_eq!(offer(&table, 2, &net, 0), Err(NoAddress::PoolExhausted));
    // Nor is it taken back for another machine.
    let table = LeaseTable::new(vec![ours], kept);
    assert_eq!(offer(&table, 3, &net, 100), Ok(12));
    assert_eq!(offer(&table, 4, &net, 100), Err(NoAddress::PoolExhausted));
}

#[test]
fn an_address_is_looked_for_before_its_first_offer_and_when_its_lease_ran_out() {
    let table = LeaseTable::default();
    let net = subnet(20);
    let unchecked = |now| table.offer(&wish(1), &net, at(now)).unwrap().unchecked;
    assert!(unchecked(0) && unchecked(1));
    let own = table.lease(&mac(1)).unwrap().address;
    table.checked(&mac(1), own);
    assert!(!unchecked(2));
    assert!(commit(&table, 1, &net, own.octets()[3], 3).is_some());
    assert!(!unchecked(3602));
    assert!(unchecked(4000));
}

#[test]
fn a_promise_is_written_down_once_and_never_outlives_what_is_written() {
    let table = LeaseTable::default();
    let net = subnet(20);
    let own = address(offer(&table, 1, &net, 0).unwrap());
    let keep = |now| commit(&table, 1, &net, own.octets()[3], now).unwrap().keep;
    let first = keep(0).unwrap();
    assert_eq!(first.expires, at(7200));
    // Not kept yet: the next one must be.
    assert!(keep(10).is_some());
    table.kept(&first);
    for now in [10, 1800, 3600] {
        assert_eq!(keep(now), None, "{now}");
    }
    assert_eq!(keep(3601).unwrap().expires, at(3601 + 7200));
    let restarted = LeaseTable::new(Vec::new(), vec![first]);
    assert_eq!(offer(&restarted, 1, &net, 5000).map(address), Ok(own));
    let others: Vec<_> = (2..=11).map(|n| offer(&restarted, n, &net, 5000)).collect();
    assert!(!others.contains(&Ok(own.octets()[3])));
}

#[test]
fn ten_thousand_machines_find_addresses_quickly() {
    let table = LeaseTable::default();
    let net = Subnet {
        network: "10.1.0.0/16".parse().unwrap(),
        first: Ipv4Addr::new(10, 1, 0, 10),
        last: Ipv4Addr::new(10, 1, 63, 250),
        router: None,
        dns: Vec::new(),
    };
    let started = std::time::Instant::now();
    for n in 0..10_000_u16 {
        let [high, low] = n.to_be_bytes();
        let mac = MacAddress::new([2, 0, 0, 0, high, low]);
        assert!(table.offer(&Wish { mac, ..wish(0) }, &net, at(0)).is_ok());
    }
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}
