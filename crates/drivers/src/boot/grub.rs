//! The GRUB configurations: one that leads each machine to its own, and each machine's own.
//!
//! Debian's signed network GRUB looks for `grub/x86_64-efi/grub.cfg` and then `grub/grub.cfg` on
//! the server that it was loaded from. Pure text; which decision it carries out is the
//! [directory](super::directory)'s.

use std::fmt::Write as _;

use cupola_api::MacAddress;
use url::Url;

use super::directory::{BootDecision, BootHost};
use super::script::{boot_path, plain_name};

/// Attempts to load kernel and ramdisk before the machine starts anew, each with as many seconds
/// after it, as in the iPXE script.
const ATTEMPTS: &str = "1 2 3 4 5 6 7 8 9 10";

/// The port that GRUB's HTTP client speaks to; it knows no other before GRUB 2.12.
const HTTP_PORT: u16 = 80;

/// Where GRUB is on a disk: the loader of the installed system, of which the first two are at
/// Debian's and the removable path; both begin with a shim where Secure Boot is used.
const DISK_LOADERS: [&str; 4] = [
    "/EFI/debian/shimx64.efi",
    "/EFI/BOOT/BOOTX64.EFI",
    "/EFI/ubuntu/shimx64.efi",
    "/EFI/Microsoft/Boot/bootmgfw.efi",
];

/// What a name asked for by GRUB stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigName {
    /// The configuration that leads on to the machine's own.
    Common,
    /// The configuration of the machine with this address.
    Machine(MacAddress),
}

impl ConfigName {
    /// Reads a path without its leading slash: one of those that GRUB's network builds look for.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let file = ["grub/x86_64-efi/", "x86_64-efi/", "grub/", "EFI/BOOT/", ""]
            .iter()
            .find_map(|directory| path.strip_prefix(directory))?;
        match file.strip_prefix("grub.cfg")? {
            "" => Some(Self::Common),
            // Hardware type 01 is Ethernet (RFC 1700).
            suffix => suffix.strip_prefix("-01-")?.parse().ok().map(Self::Machine),
        }
    }
}

/// The configuration that every machine loads first: it cannot know the machine, GRUB does.
#[must_use]
pub fn common() -> &'static str {
    "set timeout=0\n\
     if source /boot/$net_default_mac/grub.cfg; then\n\
     true\n\
     else\n\
     echo 'Cupola: the configuration of this machine was not served; is its port enrolled?'\n\
     sleep 10\n\
     exit 1\n\
     fi\n"
}

/// The configuration of a machine. `base` is the HTTP server's base URL, `tftp` our address:
/// kernel and ramdisk come over HTTP where GRUB can speak to its port, else over TFTP.
#[must_use]
pub fn render(
    host: &BootHost,
    decision: &BootDecision,
    base: &Url,
    tftp: std::net::Ipv4Addr,
) -> String {
    let name = plain_name(host);
    match decision {
        BootDecision::Local => local(&name),
        BootDecision::Ramdisk(boot) => ramdisk(&Ramdisk {
            name: &name,
            mac: host.mac,
            devices: &devices(base, tftp),
            kernel: &boot_path(host, "kernel"),
            ramdisk: &boot_path(host, "ramdisk"),
            cmdline: &boot.cmdline,
        }),
        BootDecision::Iso(_) => format!(
            "echo 'Cupola: {name} boots an ISO image, which needs iPXE: set its boot_interface to \
             ipxe'\nsleep 30\nexit 1\n"
        ),
    }
}

/// The GRUB devices from which boot files are read, the quicker first. Not every signed GRUB has an
/// HTTP client, and a signed one loads none: Debian 12's goes on to TFTP.
fn devices(base: &Url, tftp: std::net::Ipv4Addr) -> String {
    match base.host_str() {
        Some(host)
            if base.scheme() == "http"
                && base.port_or_known_default() == Some(HTTP_PORT)
                && base.path() == "/" =>
        {
            format!("'(http,{host})' '(tftp,{tftp})'")
        }
        Some(_) | None => format!("'(tftp,{tftp})'"),
    }
}

/// The firmware's own order of boot devices may lead back to the network, so the disk's loader is
/// started from here; without one the firmware decides. GRUB tells the loader that it came from
/// `root`, whatever device its path names, and a shim looks for the next loader there.
fn local(name: &str) -> String {
    let mut text = format!("echo 'Cupola: {name} boots from its disk'\n");
    for loader in DISK_LOADERS {
        let _ = write!(
            text,
            "if search --no-floppy --set=root --file {loader}; then\n\
             if chainloader {loader}; then boot; fi\n\
             fi\n"
        );
    }
    text.push_str("exit 1\n");
    text
}

struct Ramdisk<'a> {
    name: &'a str,
    mac: MacAddress,
    devices: &'a str,
    kernel: &'a str,
    ramdisk: &'a str,
    cmdline: &'a str,
}

fn ramdisk(boot: &Ramdisk<'_>) -> String {
    let Ramdisk {
        name,
        mac,
        devices,
        kernel,
        ramdisk,
        cmdline,
    } = boot;
    let cmdline: Vec<String> = cmdline.split_ascii_whitespace().map(quoted).collect();
    let cmdline = cmdline.join(" ");
    format!(
        "for attempt in {ATTEMPTS}; do\n\
         echo 'Cupola: {name} boots the deploy ramdisk'\n\
         for device in {devices}; do\n\
         if linux $device/{kernel} {cmdline} BOOTIF={mac}; then\n\
         if initrd $device/{ramdisk}; then boot; fi\n\
         fi\n\
         done\n\
         echo \"Cupola: failed, next attempt in $attempt s\"\n\
         sleep $attempt\n\
         done\n\
         reboot\n"
    )
}

/// A word in which GRUB finds nothing to expand or to cut.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::directory::RamdiskBoot;
    use crate::boot::files::Loader;
    use cupola_api::NodeId;
    use proptest::prelude::*;
    use std::io::Write as _;
    use std::net::Ipv4Addr;
    use std::process::{Command, Stdio};

    const US: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

    fn host() -> BootHost {
        BootHost {
            node: NodeId::random(),
            mac: MacAddress::new([0x52, 0x54, 0, 0xab, 0xcd, 0xef]),
            name: "rack 1'; reboot".to_owned(),
            pxe_enabled: true,
            address: None,
            loader: Loader::Grub,
        }
    }

    fn netboots(cmdline: &str) -> BootDecision {
        BootDecision::Ramdisk(RamdiskBoot {
            kernel: "/srv/kernel".into(),
            ramdisk: "/srv/initrd".into(),
            cmdline: cmdline.to_owned(),
        })
    }

    fn text(decision: &BootDecision, base: &str) -> String {
        render(&host(), decision, &Url::parse(base).unwrap(), US)
    }

    /// GRUB's own reader; `None` where it is not installed.
    fn grub_takes(text: &str) -> Option<bool> {
        let mut check = Command::new("grub-script-check")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        check
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        Some(check.wait().unwrap().success())
    }

    #[test]
    fn http_where_grub_may_speak_it_and_tftp_always() {
        let boot = netboots("a=b");
        let over_http = text(&boot, "http://10.77.0.1/");
        assert!(
            over_http.contains("for device in '(http,10.77.0.1)' '(tftp,10.77.0.1)'; do"),
            "{over_http}"
        );
        assert!(
            over_http.contains(
                "linux $device/boot/52-54-00-ab-cd-ef/kernel 'a=b' BOOTIF=52:54:00:ab:cd:ef; then"
            ),
            "{over_http}"
        );
        let over_tftp = text(&boot, "http://10.77.0.1:8088/");
        assert!(over_tftp.contains("for device in '(tftp,10.77.0.1)'; do"));
        assert!(over_tftp.contains("initrd $device/boot/52-54-00-ab-cd-ef/ramdisk;"));
        assert!(!over_tftp.contains("/srv/"));
    }

    #[test]
    fn grub_reads_all_of_them() {
        let boot = netboots("ipa-api-url=http://10.77.0.1:6385 x=$y;{z} q='a' #c");
        for text in [
            common().to_owned(),
            text(&BootDecision::Local, "http://10.77.0.1/"),
            text(&boot, "http://10.77.0.1/"),
        ] {
            let Some(takes) = grub_takes(&text) else {
                println!("SKIPPED: grub-script-check is not installed");
                return;
            };
            assert!(takes, "{text}");
        }
        assert_eq!(grub_takes("if\n"), Some(false));
    }

    #[test]
    fn the_names_that_grub_looks_for() {
        let mac = host().mac;
        for (path, name) in [
            ("grub/x86_64-efi/grub.cfg", Some(ConfigName::Common)),
            ("grub/grub.cfg", Some(ConfigName::Common)),
            ("grub.cfg", Some(ConfigName::Common)),
            (
                "grub/grub.cfg-01-52-54-00-ab-cd-ef",
                Some(ConfigName::Machine(mac)),
            ),
            ("grub/grub.cfg-0A4D0001", None),
            ("grub/fonts/unicode.pf2", None),
        ] {
            assert_eq!(ConfigName::parse(path), name, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_word_stays_one_word(word in "[!-~]{1,40}") {
            let quoted = quoted(&word);
            // As a shell reads it: no quote is open at the end, and nothing lies outside of quotes
            // but escaped ones.
            let mut open = false;
            let mut plain = String::new();
            let mut characters = quoted.chars();
            while let Some(c) = characters.next() {
                match c {
                    '\'' => open = !open,
                    '\\' if !open => plain.push(characters.next().unwrap()),
                    c => {
                        prop_assert!(open);
                        plain.push(c);
                    }
                }
            }
            prop_assert!(!open);
            prop_assert_eq!(plain, word);
        }
    }
}
