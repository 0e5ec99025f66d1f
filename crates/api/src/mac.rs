//! Ethernet hardware addresses (IEEE 802, EUI-48).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, de};

/// An EUI-48 address; shown lower case with colons, as the Bare Metal API stores it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

/// Why a text is no MAC address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Expected a MAC address but received {0}.")]
pub struct ParseMacError(String);

impl MacAddress {
    /// Wraps six octets in transmission order.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets in transmission order.
    #[must_use]
    pub const fn octets(&self) -> [u8; 6] {
        self.0
    }

    /// The form with dashes that iPXE and PXELINUX use in file names (`52-54-00-ab-cd-ef`).
    #[must_use]
    pub fn dashed(&self) -> String {
        self.to_string().replace(':', "-")
    }
}

impl FromStr for MacAddress {
    type Err = ParseMacError;

    /// Accepts colons, dashes, and twelve bare hexadecimal digits, in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseMacError(text.to_owned());
        let mut octets = [0_u8; 6];
        let separator = [':', '-'].into_iter().find(|s| text.contains(*s));
        let parts: Vec<&str> = match separator {
            Some(s) => text.split(s).collect(),
            None if text.is_ascii() && text.len() == 12 => {
                (0..6).filter_map(|i| text.get(i * 2..i * 2 + 2)).collect()
            }
            None => return Err(bad()),
        };
        if parts.len() != octets.len() {
            return Err(bad());
        }
        for (octet, part) in octets.iter_mut().zip(parts) {
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(bad());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| bad())?;
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for MacAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_the_common_spellings() {
        let want = MacAddress::new([0x52, 0x54, 0, 0xab, 0xcd, 0xef]);
        for text in ["52:54:00:ab:cd:ef", "52-54-00-AB-CD-EF", "525400abcdef"] {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "52:54:00:ab:cd",
            "52:54:00:ab:cd:ef:00",
            "52:54:00:ab:cd:+f",
            "zz5400abcdef",
        ] {
            assert!(text.parse::<MacAddress>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn display_parses_back(octets: [u8; 6]) {
            let mac = MacAddress::new(octets);
            prop_assert_eq!(mac.to_string().parse::<MacAddress>(), Ok(mac));
            prop_assert_eq!(mac.dashed().parse::<MacAddress>(), Ok(mac));
        }

        #[test]
        fn never_panics(text in ".{0,24}") {
            let _ = text.parse::<MacAddress>();
        }
    }
}
