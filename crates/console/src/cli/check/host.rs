//! The checks of this host, against the configuration that would be used.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use cupola_backend::config::{Config, DhcpMode};
use cupola_backend::service::advice::warnings;
use cupola_backend::service::{other_dhcp_servers, probe_database};
use tokio::task::{JoinError, spawn_blocking};

use super::{Check, Verdict};

/// All of them.
pub(super) async fn all(config: Config, state_directory: PathBuf) -> Result<Vec<Check>, JoinError> {
    let database = database(&config, &state_directory).await;
    spawn_blocking(move || blocking(&config, &state_directory, database)).await
}

fn blocking(config: &Config, state_directory: &Path, database: Check) -> Vec<Check> {
    let mut checks = vec![
        clock(),
        state(state_directory),
        database,
        tcp("API port", config.api.listen),
    ];
    checks.extend(drivers(config));
    let warned = advice(config);
    if config.boot.enabled {
        checks.extend(boot(config, &warned));
    } else {
        let detail = "boot.enabled is false: this host does not netboot machines";
        checks.push(check("boot services", Verdict::Note, detail, None));
    }
    checks.extend(warned);
    checks.push(tools());
    checks
}

fn check(name: &str, verdict: Verdict, detail: impl Into<String>, remedy: Option<&str>) -> Check {
    Check {
        name: name.to_owned(),
        verdict,
        detail: detail.into(),
        remedy: remedy.map(str::to_owned),
    }
}

/// Certificates and leases need a clock that is not years off.
fn clock() -> Check {
    let now = jiff::Timestamp::now();
    let built = jiff::Timestamp::from_second(1_767_225_600).unwrap_or_default();
    if now < built {
        let remedy = "set the clock, and let chrony or systemd-timesyncd keep it";
        return check(
            "clock",
            Verdict::Failed,
            format!("it says {now}"),
            Some(remedy),
        );
    }
    check("clock", Verdict::Passed, format!("{now:.0}"), None)
}

fn state(directory: &Path) -> Check {
    let shown = directory.display();
    let made = std::fs::create_dir_all(directory).and_then(|()| {
        let probe = directory.join(".check");
        std::fs::write(&probe, b"")?;
        std::fs::remove_file(&probe)
    });
    match made {
        Ok(()) => check("state directory", Verdict::Passed, format!("{shown}"), None),
        Err(error) => {
            let remedy = "give the service a directory of its own with --state-dir";
            let detail = format!("{shown}: {error}");
            check("state directory", Verdict::Failed, detail, Some(remedy))
        }
    }
}

/// Opens it as the service does.
async fn database(config: &Config, directory: &Path) -> Check {
    match probe_database(config, directory).await {
        Ok(place) => check("database", Verdict::Passed, place, None),
        Err(error) => check("database", Verdict::Failed, error.to_string(), None),
    }
}

/// What the service warns of, too.
fn advice(config: &Config) -> Vec<Check> {
    let warned = warnings(config).into_iter();
    warned
        .map(|warning| Check {
            name: warning.key.to_owned(),
            verdict: if warning.is_fatal {
                Verdict::Failed
            } else {
                Verdict::Warning
            },
            detail: warning.what,
            remedy: Some(warning.remedy),
        })
        .collect()
}

fn tcp(name: &str, address: SocketAddr) -> Check {
    bound(
        name,
        &format!("TCP {address}"),
        TcpListener::bind(address).map(drop),
    )
}

fn udp(name: &str, address: SocketAddrV4) -> Check {
    bound(
        name,
        &format!("UDP {address}"),
        UdpSocket::bind(address).map(drop),
    )
}

fn bound(name: &str, what: &str, outcome: std::io::Result<()>) -> Check {
    let Err(error) = outcome else {
        return check(name, Verdict::Passed, format!("{what} is free"), None);
    };
    let remedy = match error.kind() {
        ErrorKind::AddrInUse => "another program has it (Cupola already?): `ss -lnptu` names it",
        ErrorKind::PermissionDenied => {
            "run as root, or grant cap_net_bind_service (AmbientCapabilities= in the systemd unit)"
        }
        ErrorKind::AddrNotAvailable => "this host has no such address: correct it",
        _ => "see the reason",
    };
    check(
        name,
        Verdict::Failed,
        format!("{what}: {error}"),
        Some(remedy),
    )
}

fn drivers(config: &Config) -> Option<Check> {
    let fake = config.drivers.enabled.iter().any(|d| d == "fake-hardware");
    let detail = "fake-hardware is enabled: its nodes are deployed in name only";
    fake.then(|| check("drivers", Verdict::Note, detail, None))
}

fn boot(config: &Config, warned: &[Check]) -> Vec<Check> {
    let boot = &config.boot;
    let mut checks = Vec::new();
    let Some(address) = boot.address else {
        let remedy = "set boot.address to this host's address on the provisioning network";
        return vec![check(
            "boot.address",
            Verdict::Failed,
            "not set",
            Some(remedy),
        )];
    };
    match boot.dhcp {
        DhcpMode::Server => {
            let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 67);
            checks.push(udp("DHCP port", boot.dhcp_listen.unwrap_or(any)));
        }
        DhcpMode::Proxy => {
            let usual = SocketAddrV4::new(address, 4011);
            checks.push(udp("PXE boot port", boot.pxe_listen.unwrap_or(usual)));
        }
        DhcpMode::Off => {}
    }
    if let Some(name) = boot.interface.as_deref() {
        let interface = interface(name);
        let is_up = interface.verdict == Verdict::Passed;
        checks.push(interface);
        if is_up {
            checks.push(other_servers(boot.dhcp, name));
        }
    }
    if boot.tftp {
        let usual = SocketAddrV4::new(address, 69);
        checks.push(udp("TFTP port", boot.tftp_listen.unwrap_or(usual)));
        for name in ["undionly.kpxe", "ipxe.efi"] {
            let path = boot.loader_directory.join(name);
            checks.push(file("boot loader", &path, "apt-get install ipxe"));
        }
    }
    let usual = SocketAddr::from((address, 8088));
    checks.push(tcp("HTTP boot port", boot.http_listen.unwrap_or(usual)));
    for (name, key, path) in [
        ("deploy kernel", "boot.deploy_kernel", &boot.deploy_kernel),
        (
            "deploy ramdisk",
            "boot.deploy_ramdisk",
            &boot.deploy_ramdisk,
        ),
    ] {
        let remedy = "make both with `cupola ramdisk build`, then set boot.deploy_kernel and \
                      boot.deploy_ramdisk";
        checks.extend(match path {
            // The warnings say what is wrong with it.
            Some(_) if warned.iter().any(|warning| warning.name == key) => None,
            Some(path) => Some(check(
                name,
                Verdict::Passed,
                path.display().to_string(),
                None,
            )),
            None => Some(check(
                name,
                Verdict::Note,
                "not set; each node must name one",
                Some(remedy),
            )),
        });
    }
    checks
}

fn file(name: &str, path: &Path, remedy: &str) -> Check {
    let shown = path.display();
    match std::fs::File::open(path) {
        Ok(_) => check(name, Verdict::Passed, format!("{shown}"), None),
        Err(error) => check(
            name,
            Verdict::Failed,
            format!("{shown}: {error}"),
            Some(remedy),
        ),
    }
}

fn interface(name: &str) -> Check {
    let state = std::fs::read_to_string(format!("/sys/class/net/{name}/operstate"));
    match state.as_deref().map(str::trim) {
        Ok("up" | "unknown") => check("interface", Verdict::Passed, format!("{name} is up"), None),
        Ok(state) => {
            let remedy = "plug the cable in, or `ip link set up` it";
            check(
                "interface",
                Verdict::Failed,
                format!("{name} is {state}"),
                Some(remedy),
            )
        }
        Err(_) => {
            let remedy = "`ip link` lists the interfaces; correct boot.interface";
            check(
                "interface",
                Verdict::Failed,
                format!("there is no {name}"),
                Some(remedy),
            )
        }
    }
}

/// Whether another DHCP server is there, which is wrong beside ours and needed by the other modes.
fn other_servers(mode: DhcpMode, interface: &str) -> Check {
    const NAME: &str = "DHCP servers";
    let servers = match other_dhcp_servers(interface) {
        Ok(servers) => servers,
        Err(error) => {
            let remedy = match error.kind() {
                ErrorKind::PermissionDenied => Some("run as root to look for other DHCP servers"),
                _ => None,
            };
            let detail = format!("cannot be looked for on {interface}: {error}");
            return check(NAME, Verdict::Note, detail, remedy);
        }
    };
    let list: Vec<_> = servers.iter().map(ToString::to_string).collect();
    let seen = match list.as_slice() {
        [] => format!("no other answers on {interface}"),
        list => format!("{} answers on {interface}", list.join(", ")),
    };
    match (mode, servers.is_empty()) {
        (DhcpMode::Server, true) | (DhcpMode::Proxy | DhcpMode::Off, false) => {
            check(NAME, Verdict::Passed, seen, None)
        }
        (DhcpMode::Server, false) => {
            let remedy = "switch that server off there, or set boot.dhcp to proxy";
            check(NAME, Verdict::Failed, seen, Some(remedy))
        }
        (DhcpMode::Proxy | DhcpMode::Off, true) => {
            let remedy = "start the DHCP server, or set boot.dhcp to server; one that serves known \
                          machines only does not answer this check";
            check(NAME, Verdict::Note, seen, Some(remedy))
        }
    }
}

/// What `cupola ramdisk build` needs.
fn tools() -> Check {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let missing: Vec<&str> = ["apt-get", "dpkg-deb"]
        .into_iter()
        .filter(|tool| !std::env::split_paths(&paths).any(|dir| dir.join(tool).is_file()))
        .collect();
    if missing.is_empty() {
        return check(
            "ramdisk tools",
            Verdict::Passed,
            "apt-get and dpkg-deb are there",
            None,
        );
    }
    let detail = format!(
        "{} not found: ramdisks must be built on Debian",
        missing.join(" and ")
    );
    check("ramdisk tools", Verdict::Note, detail, None)
}
