//! What no single key can tell: whether a configuration can work at all. Whoever loads it gets to
//! know, so that `check` and `serve` cannot differ. Nothing here looks at this host: what its files
//! and its network may still become is in `service::advice`.

use std::net::Ipv4Addr;

use cupola_drivers::fake::DelayRange;
use cupola_drivers::registry::hardware_type;
use ipnet::Ipv4Net;

use super::{Boot, Config, ConfigError, DhcpMode, NotificationDriver, TlsMode, priorities};
use crate::http::ApiOptions;
use crate::notifications::rabbitmq;
use crate::store::StoreOptions;

/// Finds the first thing that can never work.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    api(config)?;
    database(config)?;
    conductor(config)?;
    drivers(config)?;
    notifications(config)?;
    if config.serial.record_size == 0 {
        return Err(unusable("serial.record_size", "must be at least 1"));
    }
    if config.boot.lease_time.is_zero() {
        return Err(unusable("boot.lease_time", NO_TIME));
    }
    if config.boot.enabled {
        incomplete(&config.boot)?;
        network(&config.boot)?;
        subnets(&config.boot)?;
        reachable(config)?;
    }
    Ok(())
}

const NO_TIME: &str = "must be more than 0: an address that is promised for no time cannot be used";

fn unusable(key: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Unusable {
        key,
        reason: reason.into(),
    }
}

fn api(config: &Config) -> Result<(), ConfigError> {
    ApiOptions::new(config)?;
    if config.api.max_limit == 0 {
        return Err(unusable("api.max_limit", "must be at least 1"));
    }
    if config.api.max_connections == 0 {
        return Err(unusable("api.max_connections", "must be at least 1"));
    }
    if config.api.keep_alive_timeout.is_zero() {
        let reason = "must be more than 0: no request comes in no time";
        return Err(unusable("api.keep_alive_timeout", reason));
    }
    if config.api.max_ramdisk_memory == 0 {
        return Err(unusable("api.max_ramdisk_memory", "must be at least 1 MiB"));
    }
    if config.api.tls == TlsMode::Files {
        let because = "api.tls is files; set it, or set api.tls to self_signed";
        for (key, path) in [
            ("api.tls_certificate", &config.api.tls_certificate),
            ("api.tls_key", &config.api.tls_key),
        ] {
            if path.is_none() {
                return Err(ConfigError::Incomplete { key, because });
            }
        }
    }
    if config.rpc.url.is_some() {
        let reason = "is set, but this version has no message queue: API and conductor are one \
                      process; remove the key";
        return Err(unusable("rpc.url", reason));
    }
    Ok(())
}

fn database(config: &Config) -> Result<(), ConfigError> {
    StoreOptions::of(&config.database, "")
        .check()
        .map_err(|error| ConfigError::Database(error.to_string()))
}

fn conductor(config: &Config) -> Result<(), ConfigError> {
    if config.conductor.heartbeat_interval.is_zero() {
        let reason = "must be more than 0: who never says that it lives counts as gone";
        return Err(unusable("conductor.heartbeat_interval", reason));
    }
    if config.conductor.heartbeat_timeout <= config.conductor.heartbeat_interval {
        let reason = "must be longer than conductor.heartbeat_interval: who is not waited for until \
                      it says again that it lives counts as gone";
        return Err(unusable("conductor.heartbeat_timeout", reason));
    }
    if config.conductor.workers_pool_size == 0 {
        let reason = "must be more than 0: nothing could be done at all";
        return Err(unusable("conductor.workers_pool_size", reason));
    }
    priorities::read(&config.conductor.clean_step_priority_override)
        .map(drop)
        .map_err(|reason| unusable("conductor.clean_step_priority_override", reason))
}

fn drivers(config: &Config) -> Result<(), ConfigError> {
    let drivers = &config.drivers;
    let names = hardware_type::TYPES.iter().map(|known| known.name);
    let known = names.collect::<Vec<_>>().join(", ");
    if drivers.enabled.is_empty() {
        let reason = format!("is empty, so no node could be enrolled; name some of: {known}");
        return Err(unusable("drivers.enabled", reason));
    }
    let is_known = |name: &str| hardware_type::TYPES.iter().any(|known| known.name == name);
    if let Some(name) = drivers.enabled.iter().find(|name| !is_known(name)) {
        let reason = format!("has {name:?}, which is no hardware type; there are: {known}");
        return Err(unusable("drivers.enabled", reason));
    }
    if DelayRange::parse(&drivers.fake_delay).is_none() {
        let delay = &drivers.fake_delay;
        let reason = format!("is {delay:?}; write seconds as 1.5 or as 0.5,2");
        return Err(unusable("drivers.fake_delay", reason));
    }
    if !(0.0..=1.0).contains(&drivers.fake_failure_rate) {
        return Err(unusable("drivers.fake_failure_rate", "must be from 0 to 1"));
    }
    Ok(())
}

fn notifications(config: &Config) -> Result<(), ConfigError> {
    let settings = &config.notifications;
    if settings.driver != NotificationDriver::Rabbitmq {
        return Ok(());
    }
    let Some(url) = &settings.url else {
        return Err(ConfigError::Incomplete {
            key: "notifications.url",
            because: "notifications.driver is rabbitmq: say where the message broker is",
        });
    };
    if rabbitmq::read_url(url).is_none() {
        let reason = "is no URL of a message broker; write it as \
                      amqp://USER:PASSWORD@HOST:5672/VIRTUALHOST, or with amqps for TLS, with \
                      special characters of the password percent-encoded";
        return Err(unusable("notifications.url", reason));
    }
    if settings.queue_length == 0 {
        return Err(unusable("notifications.queue_length", "must be at least 1"));
    }
    Ok(())
}

fn incomplete(boot: &Boot) -> Result<(), ConfigError> {
    if boot.address.is_none() {
        return Err(ConfigError::Incomplete {
            key: "boot.address",
            because: "boot.enabled is true: machines must know where to load from",
        });
    }
    if boot.dhcp != DhcpMode::Server {
        return Ok(());
    }
    let has_network = boot.network.is_some();
    let missing = [
        ("boot.network", !has_network && boot.subnets.is_empty()),
        ("boot.pool_first", has_network && boot.pool_first.is_none()),
        ("boot.pool_last", has_network && boot.pool_last.is_none()),
    ];
    match missing.into_iter().find(|(_, missing)| *missing) {
        Some((key, _)) => Err(ConfigError::Incomplete {
            key,
            because: "boot.dhcp is server; where another server hands out addresses, set it to \
                      proxy, or to off if that server also names the boot file",
        }),
        None => Ok(()),
    }
}

/// The provisioning network, as far as it is described.
fn network(boot: &Boot) -> Result<(), ConfigError> {
    let (Some(address), Some(network)) = (boot.address, boot.network) else {
        return Ok(());
    };
    if let Some(router) = boot.router.filter(|router| !network.contains(router)) {
        let reason = format!(
            "is {router}, which machines of boot.network ({network}) cannot reach; name the \
             router's address in that network, or remove the key"
        );
        return Err(unusable("boot.router", reason));
    }
    // Behind a router boot.network may be another one than ours; on loopback all of it is ours.
    if !network.contains(&address) && boot.router.is_none() && !address.is_loopback() {
        let reason = format!(
            "is {network}, which boot.address ({address}) is not in, so its machines cannot load \
             from here; correct one of the two, or name the router between them as boot.router"
        );
        return Err(unusable("boot.network", reason));
    }
    let (Some(first), Some(last)) = (boot.pool_first, boot.pool_last) else {
        return Ok(());
    };
    if !network.contains(&first) {
        let reason = format!("is {first}, which is not in boot.network ({network}); correct it");
        return Err(unusable("boot.pool_first", reason));
    }
    if !network.contains(&last) || last < first {
        let reason = format!(
            "is {last}; it must be in boot.network ({network}) and not before boot.pool_first \
             ({first})"
        );
        return Err(unusable("boot.pool_last", reason));
    }
    if (first..=last).contains(&address) {
        let reason = format!(
            "is {first}, so that the pool, up to {last}, has boot.address ({address}) in it, which \
             is taken by this host; let the pool begin behind it, or end before it"
        );
        return Err(unusable("boot.pool_first", reason));
    }
    Ok(())
}

fn subnets(boot: &Boot) -> Result<(), ConfigError> {
    let own = boot.network.map(|network| ("boot.network", network));
    let mut before: Vec<(&str, Ipv4Net)> = own.into_iter().collect();
    for subnet in &boot.subnets {
        let network = subnet.network;
        let within = |address: &Ipv4Addr| network.contains(address);
        let wrong = if !within(&subnet.first) || !within(&subnet.last) {
            "first and last are not both in it".to_owned()
        } else if subnet.last < subnet.first {
            "last is before first".to_owned()
        } else if boot
            .address
            .is_some_and(|own| (subnet.first..=subnet.last).contains(&own))
        {
            "boot.address is between first and last, but it is taken by this host".to_owned()
        } else if subnet.router.is_some_and(|router| !within(&router)) {
            "router is not in it, so its machines cannot reach it".to_owned()
        } else if subnet.lease_time.is_some_and(|time| time.is_zero()) {
            format!("lease_time {NO_TIME}")
        } else if let Some((key, other)) = before
            .iter()
            .find(|(_, other)| other.contains(&network) || network.contains(other))
        {
            format!("it overlaps with {other} of {key}; a machine is on one of them only")
        } else {
            before.push(("boot.subnets", network));
            continue;
        };
        let reason = format!("has {network}: {wrong}; correct it");
        return Err(unusable("boot.subnets", reason));
    }
    Ok(())
}

/// Ramdisks call the API.
fn reachable(config: &Config) -> Result<(), ConfigError> {
    let Some(address) = config.boot.address else {
        return Ok(());
    };
    let api = &config.api;
    if api.public_endpoint.is_none() && api.listen.ip().is_loopback() && !address.is_loopback() {
        let reason = format!(
            "is {}, where machines cannot call back, and boot.enabled is true; set it to \
             {address}:{}, or, where a proxy passes their requests on, set api.public_endpoint to \
             its URL",
            api.listen,
            api.listen.port()
        );
        return Err(unusable("api.listen", reason));
    }
    Ok(())
}
