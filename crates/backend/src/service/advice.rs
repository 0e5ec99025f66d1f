//! What is wrong with this host for a configuration that could work: files that are missing or are
//! something else, an API that is open to a network. All of it may become right while the service
//! runs, so none of it is in the way of a start; `serve` logs it and `check` shows it.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use cupola_drivers::agent::authorities_file;

use crate::config::{AuthStrategy, Config};
use crate::{auth, http, operator_file, policy};

/// How much of a file tells what it is: all magic numbers are before this.
const HEAD: u64 = 0x210;

const NO_START: &str = "without it the service does not start";

const BUILD: &str = "make both with `cupola ramdisk build`, then set boot.deploy_kernel and \
                     boot.deploy_ramdisk";

/// Something that had better be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key it is about.
    pub key: &'static str,
    /// What was seen.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// Whether machines cannot be provisioned until it is mended.
    pub is_fatal: bool,
}

/// All that there is. Reads files, so it blocks.
#[must_use]
pub fn warnings(config: &Config) -> Vec<Warning> {
    let mut found: Vec<Warning> = open_api(config).into_iter().collect();
    found.extend(certificate(config));
    found.extend(tls(config));
    found.extend(users(config));
    found.extend(policy(config));
    if config.boot.enabled {
        found.extend(relayed(config));
        found.extend(images(config));
        let boot = &config.boot;
        found.extend(boots("boot.deploy_kernel", &boot.deploy_kernel, KERNEL));
        found.extend(boots("boot.deploy_ramdisk", &boot.deploy_ramdisk, RAMDISK));
        found.extend(boots("boot.rescue_kernel", &boot.rescue_kernel, KERNEL));
        found.extend(boots("boot.rescue_ramdisk", &boot.rescue_ramdisk, RAMDISK));
    }
    found
}

fn warning(key: &'static str, what: String, remedy: impl Into<String>) -> Warning {
    Warning {
        key,
        what,
        remedy: remedy.into(),
        is_fatal: false,
    }
}

fn open_api(config: &Config) -> Option<Warning> {
    let listen = config.api.listen;
    if config.api.auth != AuthStrategy::None || listen.ip().is_loopback() {
        return None;
    }
    let what = format!(
        "the API asks nobody for a password: who can reach {} can wipe machines",
        shown(listen)
    );
    let remedy = "set api.auth = \"http_basic\" (its users: `htpasswd -cB /etc/cupola/htpasswd USER`), or keep that \
                  network closed";
    Some(warning("api.auth", what, remedy))
}

fn tls(config: &Config) -> Vec<Warning> {
    match http::tls_advice(config) {
        Ok(found) => found
            .into_iter()
            .map(|(key, what, remedy)| warning(key, what, remedy))
            .collect(),
        Err(error) => vec![Warning {
            is_fatal: true,
            ..warning("api.tls_certificate", error.to_string(), NO_START)
        }],
    }
}

fn users(config: &Config) -> Option<Warning> {
    if config.api.auth != AuthStrategy::HttpBasic {
        return None;
    }
    const KEY: &str = "api.http_basic_auth_user_file";
    match auth::exposed_users(&config.api) {
        Ok(exposed) => exposed.map(|exposed| warning(KEY, exposed.what, exposed.remedy)),
        Err(error) => Some(Warning {
            is_fatal: true,
            ..warning(KEY, error.to_string(), NO_START)
        }),
    }
}

fn policy(config: &Config) -> Option<Warning> {
    let path = config.api.policy_file.as_deref()?;
    const KEY: &str = "api.policy_file";
    let (what, remedy) = match policy::check_file(path) {
        Ok((problems, exposure)) if problems.is_empty() => {
            return exposure.map(|exposed| warning(KEY, exposed.what, exposed.remedy));
        }
        Ok((problems, _)) => (
            problems.join("; "),
            "requests are refused that these rules should let pass",
        ),
        Err(error) => (error.to_string(), NO_START),
    };
    Some(Warning {
        is_fatal: true,
        ..warning(KEY, what, remedy)
    })
}

fn shown(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        format!("port {} of any address of this host", listen.port())
    } else {
        listen.to_string()
    }
}

fn relayed(config: &Config) -> Option<Warning> {
    let (address, network) = (config.boot.address?, config.boot.network?);
    if network.contains(&address) || address.is_loopback() {
        return None;
    }
    let what = format!("{network} does not have boot.address ({address}) in it");
    let remedy = "right only behind a DHCP relay; else correct one of the two";
    Some(warning("boot.network", what, remedy))
}

fn certificate(config: &Config) -> Option<Warning> {
    let path = authorities_file(&config.agent.verify_ca)?;
    let error = operator_file::open(&path).err()?;
    let what = format!("{}: {error}", path.display());
    let remedy = "put the PEM file there, or set agent.verify_ca to true; until then agents that \
                  send no certificate of their own are refused";
    Some(warning("agent.verify_ca", what, remedy))
}

fn images(config: &Config) -> Option<Warning> {
    let path = config.boot.image_directory.as_ref()?;
    if path.is_dir() {
        return None;
    }
    let what = format!("{} is no directory", path.display());
    let remedy = "`cupola serve` makes it, empty; correct boot.image_directory if your images are \
                  elsewhere";
    Some(warning("boot.image_directory", what, remedy))
}

/// What a file is to be: what a person calls it, and how it is told.
type Kind = (&'static str, fn(&[u8]) -> bool);

const KERNEL: Kind = ("Linux kernel (bzImage, EFI or arm64 Image)", is_kernel);
const RAMDISK: Kind = ("ramdisk (a cpio archive, mostly packed)", is_ramdisk);

fn boots(key: &'static str, path: &Option<PathBuf>, (kind, is_it): Kind) -> Option<Warning> {
    let path = path.as_ref()?;
    // Of the web: it comes when a machine needs it.
    if path.to_string_lossy().contains("://") {
        return None;
    }
    let what = match head(path) {
        Ok(head) if is_it(&head) => return None,
        Ok(_) => format!("{} is no {kind}", path.display()),
        Err(error) => format!("{}: {error}", path.display()),
    };
    Some(Warning {
        is_fatal: true,
        ..warning(key, what, BUILD)
    })
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    operator_file::open(path)?
        .take(HEAD)
        .read_to_end(&mut head)?;
    Ok(head)
}

/// The x86 boot protocol's `HdrS` at 202h, PE's `MZ` (EFI stub, signed kernels), and arm64's
/// `ARM\x64` at 38h (Documentation/arch/{x86,arm64}/boot* of Linux).
fn is_kernel(head: &[u8]) -> bool {
    let has = |at: usize, magic: &[u8]| head.get(at..at + magic.len()) == Some(magic);
    has(0x202, b"HdrS") || has(0, b"MZ") || has(0x38, b"ARM\x64")
}

/// cpio "newc" without and with checksums, or one of the packings that Linux unpacks (its
/// `lib/decompress.c`).
fn is_ramdisk(head: &[u8]) -> bool {
    const MAGIC: [&[u8]; 9] = [
        b"070701",
        b"070702",
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
        b"\xfd7zXZ\0",
        b"BZh",
        b"\x5d\x00\x00",
        b"\x89LZO",
        b"\x02\x21\x4c\x18",
    ];
    MAGIC.iter().any(|magic| head.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_boots_is_told_by_its_first_bytes() {
        let at = |at: usize, magic: &[u8]| {
            let mut head = vec![0; HEAD as usize];
            head.splice(at..at + magic.len(), magic.iter().copied());
            head
        };
        for kernel in [at(0x202, b"HdrS"), at(0, b"MZ"), at(0x38, b"ARM\x64")] {
            assert!(is_kernel(&kernel) && !is_ramdisk(&kernel));
        }
        for ramdisk in [at(0, b"070701"), at(0, b"\x1f\x8b"), at(0, b"\xfd7zXZ\0")] {
            assert!(is_ramdisk(&ramdisk) && !is_kernel(&ramdisk));
        }
        for neither in [&b""[..], b"# Cupola\n", b"root:x:0:0:root:/root:/bin/sh\n"] {
            assert!(!is_kernel(neither) && !is_ramdisk(neither));
        }
    }

    #[test]
    fn an_api_on_loopback_is_not_open() {
        let mut config = Config::default();
        assert_eq!(warnings(&config), []);
        config.api.listen = SocketAddr::from(([192, 0, 2, 1], 6385));
        let found = warnings(&config);
        let [open] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert!(open.what.contains("192.0.2.1:6385 can wipe machines"));
        config.api.listen = SocketAddr::from(([0, 0, 0, 0], 6385));
        let what = warnings(&config).pop().map(|open| open.what);
        assert!(what.is_some_and(|what| what.contains("port 6385 of any address")));
    }
}
