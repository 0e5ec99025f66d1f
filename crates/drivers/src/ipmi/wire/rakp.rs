//! The RAKP exchange (chapters 13.20 to 13.24): four messages in which console and BMC prove to
//! each other that they know the user's password, and agree on the session's keys.

use super::{
    DecodeError, Reader,
    crypto::{Key, SessionKeys, hmac, integrity_length, same},
    open_session::{Answer, Refusal, Status},
    suite::CipherSuite,
};

/// Role bit: look the user up by name only, not by name and privilege.
pub const NAME_ONLY_LOOKUP: u8 = 0x10;
/// Longest user name (table 13-11).
pub const NAME_LENGTH: usize = 16;

/// RAKP message 1: the console's random number and the user's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rakp1 {
    /// Echoed by the answer.
    pub tag: u8,
    /// The session's number at the BMC.
    pub bmc_session: u32,
    /// The console's random number.
    pub random: [u8; 16],
    /// Wanted privilege in bits 3:0, [`NAME_ONLY_LOOKUP`] in bit 4.
    pub role: u8,
    /// The user's name, at most sixteen bytes; empty for the null user.
    pub name: Vec<u8>,
}

impl Rakp1 {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.tag, 0, 0, 0];
        out.extend(self.bmc_session.to_le_bytes());
        out.extend(self.random);
        out.extend([self.role, 0, 0]);
        out.push(u8::try_from(self.name.len()).unwrap_or(u8::MAX));
        out.extend(&self.name);
        out
    }

    /// From a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let [tag, _, _, _] = reader.array("RAKP message 1")?;
        let bmc_session = reader.u32("BMC session id")?;
        let random = reader.array("console random number")?;
        let [role, _, _, length] = reader.array("role and name length")?;
        if usize::from(length) > NAME_LENGTH {
            return Err(DecodeError::Invalid {
                field: "name length",
                value: length.into(),
            });
        }
        let name = reader.take(length.into(), "user name")?.to_vec();
        Ok(Self {
            tag,
            bmc_session,
            random,
            role,
            name,
        })
    }
}

/// RAKP message 2: the BMC's random number and its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rakp2 {
    /// The tag of message 1.
    pub tag: u8,
    /// The session's number at the console.
    pub console_session: u32,
    /// The BMC's random number.
    pub random: [u8; 16],
    /// The BMC's GUID.
    pub guid: [u8; 16],
    /// Key exchange authentication code.
    pub code: Vec<u8>,
}

impl Rakp2 {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.tag, 0, 0, 0];
        out.extend(self.console_session.to_le_bytes());
        out.extend(self.random);
        out.extend(self.guid);
        out.extend(&self.code);
        out
    }

    /// From a payload.
    pub fn decode(payload: &[u8]) -> Result<Answer<Self>, DecodeError> {
        let mut reader = Reader::new(payload);
        let [tag, status] = reader.array("RAKP message 2")?;
        if let Some(status) = Status::from_code(status) {
            return Ok(Err(Refusal { tag, status }));
        }
        let [_, _] = reader.array("RAKP message 2")?;
        Ok(Ok(Self {
            tag,
            console_session: reader.u32("console session id")?,
            random: reader.array("BMC random number")?,
            guid: reader.array("BMC GUID")?,
            code: reader.rest().to_vec(),
        }))
    }
}

/// RAKP message 3: the console's proof, or its reason to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rakp3 {
    /// Echoed by the answer.
    pub tag: u8,
    /// The session's number at the BMC.
    pub bmc_session: u32,
    /// The key exchange authentication code, or why the console does not go on.
    pub proof: Result<Vec<u8>, Status>,
}

impl Rakp3 {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let status = self.proof.as_ref().err().map_or(0, |status| status.code());
        let mut out = vec![self.tag, status, 0, 0];
        out.extend(self.bmc_session.to_le_bytes());
        if let Ok(code) = &self.proof {
            out.extend(code);
        }
        out
    }

    /// From a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let [tag, status, _, _] = reader.array("RAKP message 3")?;
        let bmc_session = reader.u32("BMC session id")?;
        let proof = match Status::from_code(status) {
            Some(status) => Err(status),
            None => Ok(reader.rest().to_vec()),
        };
        Ok(Self {
            tag,
            bmc_session,
            proof,
        })
    }
}

/// RAKP message 4: the session is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rakp4 {
    /// The tag of message 3.
    pub tag: u8,
    /// The session's number at the console.
    pub console_session: u32,
    /// Integrity check value, made with the session integrity key.
    pub code: Vec<u8>,
}

impl Rakp4 {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.tag, 0, 0, 0];
        out.extend(self.console_session.to_le_bytes());
        out.extend(&self.code);
        out
    }

    /// From a payload.
    pub fn decode(payload: &[u8]) -> Result<Answer<Self>, DecodeError> {
        let mut reader = Reader::new(payload);
        let [tag, status] = reader.array("RAKP message 4")?;
        if let Some(status) = Status::from_code(status) {
            return Ok(Err(Refusal { tag, status }));
        }
        let [_, _] = reader.array("RAKP message 4")?;
        Ok(Ok(Self {
            tag,
            console_session: reader.u32("console session id")?,
            code: reader.rest().to_vec(),
        }))
    }
}

/// Everything that both sides know once message 2 was sent: the input of all codes and keys.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The agreed suite.
    pub suite: CipherSuite,
    /// The session's number at the console.
    pub console_session: u32,
    /// The session's number at the BMC.
    pub bmc_session: u32,
    /// The console's random number.
    pub console_random: [u8; 16],
    /// The BMC's random number.
    pub bmc_random: [u8; 16],
    /// The BMC's GUID.
    pub guid: [u8; 16],
    /// The role byte of message 1, with its lookup bit.
    pub role: u8,
    /// The user's name.
    pub name: Vec<u8>,
}

impl Exchange {
    fn role_and_name(&self) -> [u8; 2] {
        [self.role, u8::try_from(self.name.len()).unwrap_or(u8::MAX)]
    }

    /// The BMC's proof in message 2.
    #[must_use]
    pub fn bmc_proof(&self, password: &Key) -> Vec<u8> {
        hmac(
            self.suite,
            password.as_bytes(),
            &[
                &self.console_session.to_le_bytes(),
                &self.bmc_session.to_le_bytes(),
                &self.console_random,
                &self.bmc_random,
                &self.guid,
                &self.role_and_name(),
                &self.name,
            ],
        )
    }

    /// The console's proof in message 3.
    #[must_use]
    pub fn console_proof(&self, password: &Key) -> Vec<u8> {
        hmac(
            self.suite,
            password.as_bytes(),
            &[
                &self.bmc_random,
                &self.console_session.to_le_bytes(),
                &self.role_and_name(),
                &self.name,
            ],
        )
    }

    /// The session integrity key: keyed with Kg, or with the password where no Kg is set
    /// (chapter 13.31).
    fn session_integrity_key(&self, password: &Key, kg: Option<&Key>) -> Vec<u8> {
        hmac(
            self.suite,
            kg.unwrap_or(password).as_bytes(),
            &[
                &self.console_random,
                &self.bmc_random,
                &self.role_and_name(),
                &self.name,
            ],
        )
    }

    /// The session's keys, and the integrity check value of message 4.
    #[must_use]
    pub fn keys(&self, password: &Key, kg: Option<&Key>) -> (SessionKeys, Vec<u8>) {
        let sik = self.session_integrity_key(password, kg);
        let mut check = hmac(
            self.suite,
            &sik,
            &[
                &self.console_random,
                &self.bmc_session.to_le_bytes(),
                &self.guid,
            ],
        );
        check.truncate(integrity_length(self.suite));
        (SessionKeys::derive(self.suite, &sik), check)
    }

    /// Whether the BMC's proof is right: it knows the same password.
    #[must_use]
    pub fn verify_bmc(&self, password: &Key, proof: &[u8]) -> bool {
        same(&self.bmc_proof(password), proof)
    }

    /// Whether the console's proof is right.
    #[must_use]
    pub fn verify_console(&self, password: &Key, proof: &[u8]) -> bool {
        same(&self.console_proof(password), proof)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
            let _ = Rakp1::decode(&bytes);
            let _ = Rakp2::decode(&bytes);
            let _ = Rakp3::decode(&bytes);
            let _ = Rakp4::decode(&bytes);
        }

        #[test]
        fn messages_survive_the_wire(
            tag: u8, session: u32, random: [u8; 16], guid: [u8; 16], role: u8,
            name in proptest::collection::vec(any::<u8>(), 0..=16),
            code in proptest::collection::vec(any::<u8>(), 0..=32),
        ) {
            let one = Rakp1 { tag, bmc_session: session, random, role, name };
            prop_assert_eq!(Rakp1::decode(&one.encode()), Ok(one.clone()));
            let two = Rakp2 { tag, console_session: session, random, guid, code: code.clone() };
            prop_assert_eq!(Rakp2::decode(&two.encode()), Ok(Ok(two.clone())));
            let three = Rakp3 { tag, bmc_session: session, proof: Ok(code.clone()) };
            prop_assert_eq!(Rakp3::decode(&three.encode()), Ok(three.clone()));
            let four = Rakp4 { tag, console_session: session, code };
            prop_assert_eq!(Rakp4::decode(&four.encode()), Ok(Ok(four.clone())));
        }
    }
}
