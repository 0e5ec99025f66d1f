//! The iPXE scripts of the nodes: boot the ramdisk, or go on to the disk.
//!
//! Pure text; which of the two is the [directory](super::directory)'s decision.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use url::Url;

use super::directory::{BootDecision, BootHost, IsoBoot};
use super::files::GRUB_X64;

/// Attempts of one script to load kernel and ramdisk before the machine starts anew. All machines
/// of a room come back at once after a power cut, so a refused one waits instead of hammering: as
/// many seconds as it has failed before.
const ATTEMPTS: u32 = 10;

/// Name under which the kernel's command line finds the ramdisk; the last part of its URL, which
/// is what iPXE calls the file.
const RAMDISK_NAME: &str = "ramdisk";

/// Path of a node's boot files below the HTTP server's base, and their names over TFTP; `file` is
/// one of `script.ipxe`, `grub.cfg`, `kernel` and `ramdisk`.
#[must_use]
pub fn boot_path(host: &BootHost, file: &str) -> String {
    format!("boot/{}/{file}", host.mac.dashed())
}

/// The script of a machine; `base` is the HTTP server's base URL with a trailing slash, `server`
/// the address where TFTP is.
#[must_use]
pub fn render(host: &BootHost, decision: &BootDecision, base: &Url, server: Ipv4Addr) -> String {
    let mut script = String::from("#!ipxe\n");
    let name = plain_name(host);
    match decision {
        BootDecision::Local => local(&mut script, &name, base, server),
        BootDecision::Ramdisk(boot) => {
            let url = |file| format!("{base}{}", boot_path(host, file));
            ramdisk(
                &mut script,
                &name,
                &url("kernel"),
                &url("ramdisk"),
                &boot.cmdline,
            );
        }
        BootDecision::Iso(IsoBoot::Url(url)) => iso(&mut script, &name, &plain_url(url)),
        BootDecision::Iso(IsoBoot::File(_)) => {
            let url = format!("{base}{}", boot_path(host, "boot.iso"));
            iso(&mut script, &name, &url);
        }
    }
    script
}

/// The node's name without anything that a script language could take for its own.
pub(crate) fn plain_name(host: &BootHost) -> String {
    host.name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// A BIOS may come back to the network when the loader returns, so the first disk is booted from
/// here, and only where that fails the BIOS decides. UEFI firmware goes on to its next boot option
/// when the loader ends with an error, but the next ones are mostly the network again, by HTTP and
/// by IPv6, and iPXE cannot start a loader of a disk there: GRUB can, with the configuration that
/// it finds at the server that it is told.
fn local(script: &mut String, name: &str, base: &Url, server: Ipv4Addr) {
    let _ = write!(
        script,
        "echo Cupola: {name} boots from its disk\n\
         iseq ${{platform}} efi && goto efi ||\n\
         sanboot --no-describe --drive 0x80 ||\n\
         exit\n\
         :efi\n\
         set netX/next-server {server}\n\
         chain {base}loaders/{GRUB_X64} ||\n\
         exit 1\n"
    );
}

fn ramdisk(script: &mut String, name: &str, kernel: &str, ramdisk: &str, cmdline: &str) {
    let _ = write!(
        script,
        "echo Cupola: {name} boots the deploy ramdisk\n\
         set attempt:int32 0\n\
         :load\n\
         imgfree\n\
         kernel {kernel} {cmdline} BOOTIF=${{mac}} initrd={RAMDISK_NAME} || goto retry\n\
         initrd {ramdisk} || goto retry\n\
         boot || goto retry\n\
         :retry\n\
         inc attempt\n\
         iseq ${{attempt}} {ATTEMPTS} && reboot ||\n\
         echo Cupola: failed, next attempt in ${{attempt}} s\n\
         sleep ${{attempt}}\n\
         goto load\n"
    );
}

/// A URL without anything that iPXE would take for its own: `$` begins a setting, and `#` a comment.
fn plain_url(url: &Url) -> String {
    url.as_str().replace('$', "%24").replace('#', "%23")
}

fn iso(script: &mut String, name: &str, url: &str) {
    let _ = write!(
        script,
        "echo Cupola: {name} boots an ISO image\n\
         set attempt:int32 0\n\
         :load\n\
         imgfree\n\
         sanboot {url} || goto retry\n\
         :retry\n\
         inc attempt\n\
         iseq ${{attempt}} {ATTEMPTS} && reboot ||\n\
         echo Cupola: failed, next attempt in ${{attempt}} s\n\
         sleep ${{attempt}}\n\
         goto load\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::directory::RamdiskBoot;
    use crate::boot::files::Loader;
    use cupola_api::{MacAddress, NodeId};

    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

    fn host(name: &str) -> BootHost {
        BootHost {
            node: NodeId::random(),
            mac: MacAddress::new([0x52, 0x54, 0, 0xab, 0xcd, 0xef]),
            name: name.to_owned(),
            pxe_enabled: true,
            loader: Loader::Ipxe,
            address: None,
        }
    }

    #[test]
    fn the_ramdisk_script_carries_urls_and_command_line() {
        let decision = BootDecision::Ramdisk(RamdiskBoot {
            kernel: "/srv/kernel".into(),
            ramdisk: "/srv/initrd".into(),
            cmdline: "ipa-api-url=http://10.77.0.1:6385".to_owned(),
        });
        let base = Url::parse("http://10.77.0.1:8088/").unwrap();
        let script = render(&host("rack-1"), &decision, &base, SERVER);
        assert!(script.starts_with("#!ipxe\n"));
        assert!(script.contains(
            "kernel http://10.77.0.1:8088/boot/52-54-00-ab-cd-ef/kernel \
             ipa-api-url=http://10.77.0.1:6385 BOOTIF=${mac} initrd=ramdisk ||"
        ));
        assert!(script.contains("initrd http://10.77.0.1:8088/boot/52-54-00-ab-cd-ef/ramdisk ||"));
        assert!(!script.contains("/srv/"));
    }

    #[test]
    fn an_iso_is_read_from_where_it_is() {
        let base = Url::parse("http://10.77.0.1/").unwrap();
        let local = BootDecision::Iso(IsoBoot::File("/srv/live.iso".into()));
        let script = render(&host("a"), &local, &base, SERVER);
        assert!(
            script.contains("sanboot http://10.77.0.1/boot/52-54-00-ab-cd-ef/boot.iso ||"),
            "{script}"
        );
        let url = Url::parse("http://h/live.iso?a=${b}").unwrap();
        let script = render(
            &host("a"),
            &BootDecision::Iso(IsoBoot::Url(url)),
            &base,
            SERVER,
        );
        assert!(
            script.contains("sanboot http://h/live.iso?a=%24{b} ||"),
            "{script}"
        );
    }

    #[test]
    fn a_name_cannot_become_a_command() {
        let base = Url::parse("http://10.77.0.1/").unwrap();
        let script = render(
            &host("x\nreboot || ${mac}"),
            &BootDecision::Local,
            &base,
            SERVER,
        );
        assert!(
            script.contains("echo Cupola: x_reboot______mac_ boots from its disk\n"),
            "{script}"
        );
    }
}
