//! What a person gives of a machine, in the wizard, on the command line and in files: whether it can
//! be right at all, and what is wrong with it in a few words. What a BMC itself says is tested by the
//! conductor.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cupola_api::MacAddress;

/// Bytes of a host name (RFC 1035, section 2.3.4), and of a label of it.
const NAME: usize = 253;
const LABEL: usize = 63;
/// Bytes of a user name and of a password (IPMI 2.0, sections 13.20 and 22.30).
const USER: usize = 16;
const PASSWORD: usize = 20;

/// Looks at the address of a BMC, without a port.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn host(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("an address is needed");
    }
    if text.contains("://") || text.contains('/') {
        return Err("an address or host name alone, without http:// and the rest of a URL");
    }
    // A zone says through which interface (RFC 4007, section 11).
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    if let Ok(address) = address.parse::<IpAddr>() {
        return match is_of_one(address) {
            true => Ok(()),
            false => Err("no machine has this address: it is none, a multicast or a broadcast one"),
        };
    }
    if text.contains(':') {
        return Err("no IPv6 address, such as fd00::7");
    }
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    if text.split('.').all(is_number) {
        return Err("no IPv4 address: four numbers from 0 to 255, such as 10.0.0.7");
    }
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= LABEL && label.bytes().all(is_allowed)
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    match name.len() <= NAME && name.split('.').all(is_label) {
        true => Ok(()),
        false => Err("no host name: letters, digits and - with dots between them"),
    }
}

fn is_of_one(address: IpAddr) -> bool {
    let is_none = address.is_unspecified() || address.is_multicast();
    !is_none && address != IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Whether it is an IPv6 address, with a zone or without (RFC 4007, section 11).
pub(crate) fn is_ipv6(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

/// Looks at the user name of a BMC that speaks IPMI.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn ipmi_user(text: &str) -> Result<(), &'static str> {
    match text.len() <= USER {
        true => Ok(()),
        false => Err("longer than 16 bytes, which IPMI does not allow"),
    }
}

/// Looks at the password of a BMC that speaks IPMI.
///
/// # Errors
/// What is wrong with it; never the password.
pub(crate) fn ipmi_password(text: &str) -> Result<(), &'static str> {
    match text.len() <= PASSWORD {
        true => Ok(()),
        false => {
            Err("longer than 20 bytes, which IPMI does not allow: set a shorter one at the BMC")
        }
    }
}

/// What stands before the value on labels of machines, besides the data identifiers of ANSI MH10.8.2
/// that cannot begin the value itself.
const CAPTIONS: [&str; 8] = [
    "S/N",
    "SN",
    "SERIAL NUMBER",
    "SERIAL",
    "ASSET TAG",
    "ASSET",
    "MAC ADDRESS",
    "MAC",
];

/// The value of a label, without what says what it is: `S/N: CZ1234` is `CZ1234`.
pub(crate) fn label(text: &str) -> &str {
    let text = text.trim();
    let value = text.split_once(':').and_then(|(caption, value)| {
        let caption = caption.trim();
        let is_known = CAPTIONS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(caption));
        (is_known && !value.trim().is_empty()).then(|| value.trim())
    });
    value.unwrap_or(text)
}

/// Twelve hexadecimal digits as switches and labels write them: with dots, with blanks, with the data
/// identifier 23S of ANSI MH10.8.2.
fn bare_mac(text: &str) -> Option<MacAddress> {
    let text = text.strip_prefix("23S").unwrap_or(text);
    let digits: String = text.split(['.', ' ', ':', '-']).collect();
    (digits.len() == 12).then(|| digits.parse().ok()).flatten()
}

/// Reads the MAC address of an interface, as people, labels and switches write them.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn mac(text: &str) -> Result<MacAddress, &'static str> {
    let text = label(text);
    let mac: MacAddress = text
        .parse()
        .or_else(|problem| bare_mac(text).ok_or(problem))
        .map_err(|_| "six pairs of hexadecimal digits, as 52:54:00:12:34:56")?;
    let [first, ..] = mac.octets();
    if first & 1 == 1 {
        return Err("a multicast address: an interface's own has an even second digit");
    }
    if mac.octets() == [0; 6] {
        return Err("no interface has this address");
    }
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_no_bmc_can_have_are_told() {
        let names = [
            "10.0.0.7",
            "fd00::7",
            "fe80::1%eth0",
            "bmc7",
            "7.example.org.",
            "rack1_u7",
        ];
        for good in names {
            assert_eq!(host(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", "is needed"),
            ("10.0.0.256", "0 to 255"),
            ("10.0.0", "0 to 255"),
            ("10.0.0.7.8", "0 to 255"),
            ("http://10.0.0.7", "without http"),
            ("10.0.0.0/24", "without http"),
            ("0.0.0.0", "no machine"),
            ("255.255.255.255", "no machine"),
            ("224.0.0.1", "no machine"),
            ("ff02::1", "no machine"),
            ("::", "no machine"),
            ("10.0.0.7:623", "IPv6"),
            ("bmc..example", "no host name"),
            ("bmc 7", "no host name"),
        ] {
            let said = host(bad).expect_err(bad);
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn addresses_that_no_interface_can_have_are_told() {
        assert!(mac("52:54:00:12:34:56").is_ok());
        for (bad, why) in [
            ("01:00:5e:00:00:01", "multicast"),
            ("ff:ff:ff:ff:ff:ff", "multicast"),
            ("00:00:00:00:00:00", "no interface"),
            ("52:54:00:12:34", "six pairs"),
        ] {
            assert!(mac(bad).expect_err(bad).contains(why));
        }
    }

    #[test]
    fn labels_and_switches_write_addresses_in_many_ways() {
        let want = mac("52:54:00:ab:cd:ef");
        for text in [
            "525400ABCDEF",
            "52-54-00-AB-CD-EF",
            "5254.00ab.cdef",
            "52 54 00 ab cd ef",
            "5254:00ab:cdef",
            "23S525400ABCDEF",
            "MAC: 52:54:00:AB:CD:EF ",
        ] {
            assert_eq!(mac(text), want, "{text}");
        }
        assert_eq!(label(" Asset tag: A-17 "), "A-17");
        assert_eq!(label("S/N:"), "S/N:");
        assert_eq!(label("rack:7"), "rack:7");
    }

    #[test]
    fn what_ipmi_has_no_room_for_is_told_and_not_shown() {
        assert_eq!(ipmi_user(&"u".repeat(16)), Ok(()));
        assert_eq!(ipmi_password(&"p".repeat(20)), Ok(()));
        assert!(ipmi_user(&"u".repeat(17)).is_err());
        let said = ipmi_password("correct-horse-battery").expect_err("21 bytes");
        assert!(!said.contains("horse"), "{said}");
    }
}
