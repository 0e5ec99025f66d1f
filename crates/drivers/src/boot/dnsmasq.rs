//! A dnsmasq configuration for networks where dnsmasq hands out the addresses and Cupola does no
//! DHCP: it leads each kind of firmware to the same loaders and scripts as our own server.
//!
//! Pure text. dnsmasq does not know which machine should netboot, so each of them gets a loader,
//! and its script decides.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use url::Url;

use super::dhcp::ServedSubnet;
use super::files::{Loader, LoaderNames};

/// What the configuration is made of.
#[derive(Clone, Debug)]
pub struct DnsmasqConfig<'a> {
    /// The interface that dnsmasq serves; all of them where none is named.
    pub interface: Option<&'a str>,
    /// Where our TFTP server is, as machines see it.
    pub address: Ipv4Addr,
    /// Base URL of our HTTP boot server.
    pub http: &'a Url,
    /// What machines are netbooted through: dnsmasq does not know of single nodes' loaders.
    pub loader: Loader,
    /// Which file of it each kind of firmware gets.
    pub loaders: &'a LoaderNames,
    /// The networks that addresses are handed out on.
    pub subnets: &'a [ServedSubnet],
}

impl DnsmasqConfig<'_> {
    /// The configuration file's text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::from(
            "# Addresses and boot files for the machines of Cupola, by dnsmasq.\n\
             # Made by `cupola boot dnsmasq-config`; make it anew when [boot] of cupola.toml changes.\n\
             # TFTP and HTTP are Cupola's; this dnsmasq does neither, and no DNS.\n\
             port=0\n\
             dhcp-authoritative\n\
             log-dhcp\n",
        );
        if let Some(interface) = self.interface {
            let _ = write!(out, "interface={interface}\nbind-interfaces\n");
        }
        out.push_str("\n# The networks.\n");
        for (number, served) in self.subnets.iter().enumerate() {
            network(&mut out, number, served);
        }
        self.boot(&mut out);
        out
    }

    fn boot(&self, out: &mut String) {
        let (address, loaders) = (self.address, self.loaders);
        let http = self.http.as_str().trim_end_matches('/');
        let bios = &loaders.bios;
        let (uefi, uefi_http) = match self.loader {
            Loader::Ipxe => (&loaders.uefi_x64, &loaders.uefi_http_x64),
            Loader::Grub => (&loaders.shim_x64, &loaders.shim_x64),
        };
        let _ = write!(
            out,
            "\n# Who asks: the client's architecture (RFC 4578), and iPXE by its own options.\n\
             dhcp-match=set:bios,option:client-arch,0\n\
             dhcp-match=set:uefi,option:client-arch,7\n\
             dhcp-match=set:uefi,option:client-arch,9\n\
             dhcp-match=set:uefi-http,option:client-arch,16\n\
             dhcp-match=set:ipxe,175\n\
             dhcp-userclass=set:ipxe,iPXE\n\
             \n# What it boots.\n\
             dhcp-boot=tag:bios,tag:!ipxe,{bios},,{address}\n\
             dhcp-boot=tag:uefi,tag:!ipxe,{uefi},,{address}\n\
             dhcp-boot=tag:uefi-http,tag:!ipxe,{http}/loaders/{uefi_http}\n\
             dhcp-option-force=tag:uefi-http,tag:!ipxe,option:vendor-class,HTTPClient\n\
             dhcp-boot=tag:ipxe,{http}/boot/${{netX/mac:hexhyp}}/script.ipxe\n\
             # There is no proxyDHCP server that iPXE would have to wait for.\n\
             dhcp-option=tag:ipxe,encap:175,176,1b\n"
        );
    }
}

/// A range and its options. An option without a value keeps dnsmasq from naming itself.
fn network(out: &mut String, number: usize, served: &ServedSubnet) {
    let subnet = &served.subnet;
    let seconds = served.lease_time.as_secs();
    let (first, last, mask) = (subnet.first, subnet.last, subnet.network.netmask());
    let _ = writeln!(
        out,
        "dhcp-range=set:network{number},{first},{last},{mask},{seconds}"
    );
    let router = subnet.router.into_iter().collect::<Vec<_>>();
    for (option, addresses) in [("router", &router), ("dns-server", &subnet.dns)] {
        let _ = write!(out, "dhcp-option=tag:network{number},option:{option}");
        for address in addresses {
            let _ = write!(out, ",{address}");
        }
        out.push('\n');
    }
}
