//! Cipher suites (table 22-20): the two that this code speaks, and the records in which a BMC lists
//! its own. Suites without integrity and confidentiality have no type here, so nothing can fall
//! back to them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DecodeError, Reader};

/// A cipher suite with authentication, integrity and confidentiality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum CipherSuite {
    /// RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Suite3,
    /// RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Suite17,
}

impl CipherSuite {
    /// All of them, strongest first: the order of negotiation.
    pub const PREFERENCE: [Self; 2] = [Self::Suite17, Self::Suite3];

    /// The suite's number in table 22-20.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Suite3 => 3,
            Self::Suite17 => 17,
        }
    }

    /// The three algorithm numbers as they stand in an Open Session request.
    #[must_use]
    pub const fn algorithms(self) -> Algorithms {
        match self {
            Self::Suite3 => Algorithms {
                authentication: 0x01,
                integrity: 0x01,
                confidentiality: 0x01,
            },
            Self::Suite17 => Algorithms {
                authentication: 0x03,
                integrity: 0x04,
                confidentiality: 0x01,
            },
        }
    }

    /// The suite with exactly these algorithms, where it is one that is spoken here.
    #[must_use]
    pub fn from_algorithms(algorithms: Algorithms) -> Option<Self> {
        Self::PREFERENCE
            .into_iter()
            .find(|suite| suite.algorithms() == algorithms)
    }
}

impl From<CipherSuite> for u8 {
    fn from(suite: CipherSuite) -> Self {
        suite.id()
    }
}

impl TryFrom<u8> for CipherSuite {
    type Error = UnsupportedSuite;

    fn try_from(id: u8) -> Result<Self, UnsupportedSuite> {
        match id {
            3 => Ok(Self::Suite3),
            17 => Ok(Self::Suite17),
            other => Err(UnsupportedSuite(other)),
        }
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id())
    }
}

/// A cipher suite number that is not spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cipher suite {0} is not supported; use 3 or 17")]
pub struct UnsupportedSuite(pub u8);

/// Algorithm numbers of tables 13-17, 13-18 and 13-19.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithms {
    /// Authentication (RAKP) algorithm.
    pub authentication: u8,
    /// Integrity algorithm.
    pub integrity: u8,
    /// Confidentiality algorithm.
    pub confidentiality: u8,
}

/// Reads the suite numbers out of the joined record data of Get Channel Cipher Suites (table 22-19).
///
/// Real BMCs send records with surplus or unordered algorithm bytes, so only the record starts
/// are trusted; a list that ends inside a record gives what was complete.
pub fn decode_records(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut reader = Reader::new(data);
    let mut suites = Vec::new();
    while !reader.is_empty() {
        match reader.u8("record start")? {
            0xC0 => suites.push(reader.u8("cipher suite number")?),
            0xC1 => {
                suites.push(reader.u8("cipher suite number")?);
                let _enterprise: [u8; 3] = reader.array("OEM enterprise number")?;
            }
            // An algorithm byte of the record before, or filler.
            _ => {}
        }
    }
    Ok(suites)
}

/// The record data that lists these suites.
#[must_use]
pub fn encode_records(suites: &[CipherSuite]) -> Vec<u8> {
    suites
        .iter()
        .flat_map(|suite| {
            let algorithms = suite.algorithms();
            // Tag bits 7:6 say what kind of algorithm a byte names (table 22-19).
            [
                0xC0,
                suite.id(),
                algorithms.authentication,
                0x40 | algorithms.integrity,
                0x80 | algorithms.confidentiality,
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_list_suites_in_their_order() {
        let data = encode_records(&[CipherSuite::Suite3, CipherSuite::Suite17]);
        assert_eq!(decode_records(&data), Ok(vec![3, 17]));
    }

    #[test]
    fn oem_records_carry_three_more_bytes() {
        let data = [0xC1, 0x80, 0xC0, 0x03, 0xC0, 0x01, 0xC0, 17, 3, 0x44, 0x81];
        assert_eq!(decode_records(&data), Ok(vec![0x80, 17]));
    }

    #[test]
    fn algorithms_name_their_suite_and_no_other() {
        for suite in CipherSuite::PREFERENCE {
            assert_eq!(
                CipherSuite::from_algorithms(suite.algorithms()),
                Some(suite)
            );
        }
        let cleartext = Algorithms {
            authentication: 1,
            integrity: 1,
            confidentiality: 0,
        };
        assert_eq!(CipherSuite::from_algorithms(cleartext), None);
    }

    proptest! {
        #[test]
        fn any_records_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode_records(&bytes);
        }
    }
}
