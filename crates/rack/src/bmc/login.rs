//! The BMC's side of a login: Open Session and the RAKP messages (chapters 13.17 to 13.24).

use cupola_drivers::ipmi::wire::{
    DecodeError,
    app::Privilege,
    crypto::Key,
    open_session::{OpenSessionRequest, OpenSessionResponse, Refusal, Status},
    packet::{PayloadType, encode_plain},
    rakp::{Exchange, Rakp1, Rakp2, Rakp3, Rakp4},
    suite::CipherSuite,
    window::Window,
};

use super::{
    config::{BmcConfig, BmcUser},
    sessions::{Active, Sessions, Stage},
};

/// What the login needs of the BMC.
pub(super) struct Login<'a> {
    pub(super) config: &'a BmcConfig,
    pub(super) sessions: &'a mut Sessions,
    /// Refuse every password.
    pub(super) wrong_password: bool,
}

impl Login<'_> {
    /// The answer to an Open Session Request.
    pub(super) fn open_session(&mut self, payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let request = OpenSessionRequest::decode(payload)?;
        let outcome = self.accept(&request);
        let payload = match outcome {
            Ok(response) => response.encode(),
            Err(status) => Refusal {
                tag: request.tag,
                status,
            }
            .encode(request.console_session),
        };
        Ok(encode_plain(PayloadType::OpenSessionResponse, &payload))
    }

    fn accept(&mut self, request: &OpenSessionRequest) -> Result<OpenSessionResponse, Status> {
        let suite = CipherSuite::from_algorithms(request.algorithms)
            .filter(|suite| self.config.suites.contains(suite))
            .ok_or(Status::NoCipherSuiteMatch)?;
        // Zero asks for the highest level that the suite allows (table 13-9).
        let privilege = match request.privilege {
            0 => Privilege::Administrator,
            code => Privilege::from_code(code).ok_or(Status::InvalidRole)?,
        };
        let bmc_session = self.sessions.open(request.console_session, suite)?;
        Ok(OpenSessionResponse {
            tag: request.tag,
            privilege: privilege.code(),
            console_session: request.console_session,
            bmc_session,
            algorithms: request.algorithms,
        })
    }

    /// The answer to RAKP message 1.
    pub(super) fn challenge(&mut self, payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let message = Rakp1::decode(payload)?;
        let config = self.config;
        let (console_session, suite, known) = match self.sessions.stage(message.bmc_session) {
            Some(Stage::Opened {
                console_session,
                suite,
            }) => (*console_session, *suite, None),
            Some(Stage::Challenged {
                exchange, proof, ..
            }) => {
                // A repeated message gets the same numbers, or the console's proof would not fit.
                let same = exchange.console_random == message.random
                    && exchange.role == message.role
                    && exchange.name == message.name;
                let known = same.then(|| (exchange.bmc_random, proof.clone()));
                (exchange.console_session, exchange.suite, known)
            }
            Some(Stage::Active(active)) => {
                return Ok(refuse(
                    PayloadType::Rakp2,
                    message.tag,
                    Status::InvalidSessionId,
                    active.console_session,
                ));
            }
            None => {
                return Ok(refuse(
                    PayloadType::Rakp2,
                    message.tag,
                    Status::InvalidSessionId,
                    0,
                ));
            }
        };
        let response = |random, code| Rakp2 {
            tag: message.tag,
            console_session,
            random,
            guid: config.guid,
            code,
        };
        if let Some((random, proof)) = known {
            let payload = response(random, proof).encode();
            return Ok(encode_plain(PayloadType::Rakp2, &payload));
        }
        let (user, account) = match find_user(config, &message) {
            Ok(found) => found,
            Err(status) => {
                self.sessions.close(message.bmc_session);
                return Ok(refuse(
                    PayloadType::Rakp2,
                    message.tag,
                    status,
                    console_session,
                ));
            }
        };
        let exchange = Exchange {
            suite,
            console_session,
            bmc_session: message.bmc_session,
            console_random: message.random,
            bmc_random: random(),
            guid: config.guid,
            role: message.role,
            name: message.name.clone(),
        };
        let proof = exchange.bmc_proof(&self.password(account));
        let payload = response(exchange.bmc_random, proof.clone()).encode();
        if let Some(stage) = self.sessions.stage(message.bmc_session) {
            *stage = Stage::Challenged {
                exchange: Box::new(exchange),
                user,
                proof,
            };
        }
        Ok(encode_plain(PayloadType::Rakp2, &payload))
    }

    /// The answer to RAKP message 3; none where the console breaks the login off.
    pub(super) fn finish(&mut self, payload: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
        let message = Rakp3::decode(payload)?;
        let Ok(proof) = message.proof else {
            self.sessions.close(message.bmc_session);
            return Ok(None);
        };
        let (exchange, user) = match self.sessions.stage(message.bmc_session) {
            Some(Stage::Challenged { exchange, user, .. }) => (exchange.as_ref().clone(), *user),
            Some(Stage::Active(active)) if active.login.0 == proof => {
                let code = active.login.1.clone();
                return Ok(Some(accepted(message.tag, active.console_session, code)));
            }
            Some(Stage::Active(_) | Stage::Opened { .. }) | None => {
                let status = Status::InvalidSessionId;
                return Ok(Some(refuse(PayloadType::Rakp4, message.tag, status, 0)));
            }
        };
        let console_session = exchange.console_session;
        let Some(account) = self.config.users.get(user) else {
            return Ok(None);
        };
        let password = self.password(account);
        if !exchange.verify_console(&password, &proof) {
            self.sessions.close(message.bmc_session);
            let status = Status::InvalidIntegrityCheckValue;
            return Ok(Some(refuse(
                PayloadType::Rakp4,
                message.tag,
                status,
                console_session,
            )));
        }
        let (keys, code) = exchange.keys(&password, self.config.kg.as_ref());
        let wanted = Privilege::from_code(exchange.role).unwrap_or(Privilege::User);
        let active = Active {
            console_session,
            keys,
            window: Window::default(),
            sequence: 0,
            peer: None,
            privilege: wanted.min(Privilege::User),
            limit: wanted.min(account.privilege),
            last: None,
            login: (proof, code.clone()),
        };
        if let Some(stage) = self.sessions.stage(message.bmc_session) {
            *stage = Stage::Active(Box::new(active));
        }
        Ok(Some(accepted(message.tag, console_session, code)))
    }

    fn password(&self, user: &BmcUser) -> Key {
        let password = user.password.expose().as_bytes();
        let key = if self.wrong_password {
            None
        } else {
            Key::new(password)
        };
        // A password that does not fit, like one that shall be wrong, is one that nobody knows.
        key.unwrap_or_else(|| Key::from(random()))
    }
}

fn find_user<'a>(config: &'a BmcConfig, message: &Rakp1) -> Result<(usize, &'a BmcUser), Status> {
    let wanted = Privilege::from_code(message.role).ok_or(Status::InvalidRole)?;
    let found = config
        .users
        .iter()
        .enumerate()
        .find(|(_, user)| user.name.as_bytes() == message.name)
        .ok_or(Status::UnauthorizedName)?;
    if wanted > found.1.privilege {
        return Err(Status::UnauthorizedRole);
    }
    Ok(found)
}

fn accepted(tag: u8, console_session: u32, code: Vec<u8>) -> Vec<u8> {
    encode_plain(
        PayloadType::Rakp4,
        &Rakp4 {
            tag,
            console_session,
            code,
        }
        .encode(),
    )
}

fn refuse(kind: PayloadType, tag: u8, status: Status, console_session: u32) -> Vec<u8> {
    encode_plain(kind, &Refusal { tag, status }.encode(console_session))
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::error!(%error, "no random numbers for the simulated BMC");
    }
    bytes
}
