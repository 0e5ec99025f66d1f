//! Opening a session: what the BMC offers (chapter 22.13, 22.15), Open Session and RAKP
//! (chapter 13.15 ff.), then the privilege level. Every way in which it can fail has its own error.

use std::{sync::Arc, time::Duration};

use super::{
    error::IpmiFault,
    line::{Attempts, Line},
    route::{Route, Routes},
    session::Session,
    slot::Negotiated,
    target::IpmiTarget,
    wire::{
        DecodeError,
        app::{
            AuthenticationCapabilities, CIPHER_SUITE_CHUNK, GetChannelAuthenticationCapabilities,
            GetChannelCipherSuites, SetSessionPrivilegeLevel,
        },
        completion::CompletionCode,
        crypto::same,
        message::{Command, Request, Response},
        open_session::{Answer, OpenSessionRequest, OpenSessionResponse, Status},
        packet::{self, Packet, PayloadType},
        rakp::{Exchange, NAME_ONLY_LOOKUP, Rakp1, Rakp2, Rakp3, Rakp4},
        rmcp::{self, Pong, Rmcp},
        suite::{CipherSuite, decode_records},
    },
};

const OPEN_SESSION: &str = "Open Session";
const RAKP_1: &str = "RAKP message 1";
const RAKP_3: &str = "RAKP message 3";

/// Times that one login message is repeated before the login starts anew with fresh numbers: a BMC
/// that has already moved on does not answer the old message.
const LOGIN_ATTEMPTS: Attempts = Attempts::Most(4);

/// How long to wait when the BMC has no free session.
const FULL_PAUSE: Duration = Duration::from_secs(1);
/// How long to wait before any other new login, so that a confused BMC is not flooded.
const AGAIN_PAUSE: Duration = Duration::from_millis(100);

/// A login in the making.
pub(super) struct Login<'a> {
    pub(super) target: &'a IpmiTarget,
    pub(super) routes: &'a Arc<Routes>,
}

/// Why one try to log in did not succeed.
enum Setback {
    /// Try again from the start.
    Again(IpmiFault),
    /// The BMC refuses this cipher suite.
    Suite,
    /// No use trying again.
    Fatal(IpmiFault),
}

impl From<IpmiFault> for Setback {
    fn from(fault: IpmiFault) -> Self {
        Self::Fatal(fault)
    }
}

impl Login<'_> {
    /// Asks the BMC for a presence pong.
    pub(super) async fn ping(
        &self,
        line: &mut Line<'_>,
        attempts: Attempts,
    ) -> Result<Pong, IpmiFault> {
        let (tag, mut route) = self.routes.pong(line.address)?;
        line.ask(
            "presence ping",
            &mut route,
            attempts,
            &mut (),
            |()| Ok(rmcp::encode_ping(tag)),
            |(), datagram| match rmcp::decode(datagram) {
                Ok(Rmcp::Pong(pong)) if pong.tag == tag => Some(pong),
                Ok(_) | Err(_) => None,
            },
        )
        .await
    }

    /// What the BMC's channel can do.
    pub(super) async fn capabilities(
        &self,
        line: &mut Line<'_>,
    ) -> Result<AuthenticationCapabilities, IpmiFault> {
        let command = GetChannelAuthenticationCapabilities {
            privilege: self.target.privilege,
        };
        // One number for both tries: a slow BMC's answer to the first still counts.
        let mut number = self.routes.message(line.address)?;
        let first = outside(line, &mut number, &command, Attempts::Most(2)).await;
        match first {
            // Whether it answers pings tells a BMC without IPMI over LAN from a silent one.
            Err(IpmiFault::Silent { .. }) if !line.expired() => {
                match self.ping(line, Attempts::Most(1)).await {
                    Ok(_) | Err(IpmiFault::Silent { .. }) => {}
                    Err(fault) => return Err(fault),
                }
                outside(line, &mut number, &command, Attempts::UntilDeadline).await
            }
            other => other,
        }
    }

    /// The suites to propose, best first, from what the BMC lists.
    pub(super) async fn negotiate(&self, line: &mut Line<'_>) -> Result<Negotiated, IpmiFault> {
        if !self.capabilities(line).await?.ipmi_v2 {
            return Err(IpmiFault::NoIpmi20);
        }
        if let Some(suite) = self.target.cipher_suite {
            return Ok(Negotiated {
                candidates: vec![suite],
                offered: "no such suite".to_owned(),
            });
        }
        let Some(listed) = self.cipher_suites(line).await? else {
            return Ok(Negotiated {
                candidates: CipherSuite::PREFERENCE.to_vec(),
                offered: "no list of suites".to_owned(),
            });
        };
        let names: Vec<String> = listed.iter().map(ToString::to_string).collect();
        let offered = names.join(", ");
        let candidates: Vec<CipherSuite> = CipherSuite::PREFERENCE
            .into_iter()
            .filter(|suite| listed.contains(&suite.id()))
            .collect();
        if candidates.is_empty() {
            return Err(IpmiFault::CipherSuite {
                wanted: "17 or 3".to_owned(),
                offered,
            });
        }
        Ok(Negotiated {
            candidates,
            offered,
        })
    }

    /// The suites that the BMC lists; `None` where it cannot list them.
    pub(super) async fn cipher_suites(
        &self,
        line: &mut Line<'_>,
    ) -> Result<Option<Vec<u8>>, IpmiFault> {
        let mut records = Vec::new();
        for index in 0..=0x3F {
            let command = GetChannelCipherSuites { index };
            let mut number = self.routes.message(line.address)?;
            match outside(line, &mut number, &command, Attempts::Most(3)).await {
                Ok(chunk) => {
                    records.extend(&chunk);
                    if chunk.len() < CIPHER_SUITE_CHUNK {
                        break;
                    }
                }
                // Older BMCs do not know the command or ignore it; the login then finds out.
                Err(
                    IpmiFault::Refused { .. }
                    | IpmiFault::LostPackets { .. }
                    | IpmiFault::Malformed { .. },
                ) => break,
                Err(fault) => return Err(fault),
            }
        }
        let listed = decode_records(&records).unwrap_or_default();
        Ok((!listed.is_empty()).then_some(listed))
    }

    /// Opens a session with the best suite that the BMC takes, until the line's deadline.
    pub(super) async fn open(
        &self,
        line: &mut Line<'_>,
        negotiated: &Negotiated,
    ) -> Result<Session, IpmiFault> {
        let mut candidates = negotiated.candidates.iter().copied();
        let mut suite = candidates.next();
        loop {
            let Some(current) = suite else {
                let wanted: Vec<String> = negotiated
                    .candidates
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                return Err(IpmiFault::CipherSuite {
                    wanted: wanted.join(" or "),
                    offered: negotiated.offered.clone(),
                });
            };
            let next = candidates.clone().next();
            match self.attempt(line, current, next.is_none()).await {
                Ok(session) => return Ok(session),
                Err(Setback::Suite) => suite = candidates.next(),
                Err(Setback::Fatal(fault)) => return Err(fault),
                Err(Setback::Again(fault)) => {
                    let full = matches!(fault, IpmiFault::SessionsExhausted(_));
                    line.pause(if full { FULL_PAUSE } else { AGAIN_PAUSE })
                        .await?;
                    if line.expired() {
                        return Err(fault);
                    }
                }
            }
        }
    }

    /// One try with one suite, with fresh session ids, tags and random numbers; `last` when there is
    /// no other suite to try.
    async fn attempt(
        &self,
        line: &mut Line<'_>,
        suite: CipherSuite,
        last: bool,
    ) -> Result<Session, Setback> {
        let password = self.target.password_key()?;
        let (console_session, session_route) = self.routes.session(line.address)?;
        let opened = self
            .open_session(line, suite, console_session, last)
            .await?;
        let mut exchange = Exchange {
            suite,
            console_session,
            bmc_session: opened.bmc_session,
            console_random: random()?,
            bmc_random: [0; 16],
            guid: [0; 16],
            role: self.target.privilege.code() | NAME_ONLY_LOOKUP,
            name: self.target.username.as_bytes().to_vec(),
        };
        let reply = self.first_half(line, &exchange).await?;
        exchange.bmc_random = reply.random;
        exchange.guid = reply.guid;
        if !exchange.verify_bmc(&password, &reply.code) {
            self.break_off(line, opened.bmc_session).await;
            return Err(Setback::Fatal(IpmiFault::WrongPassword(
                self.target.username.clone(),
            )));
        }
        let proof = exchange.console_proof(&password);
        let code = self.second_half(line, &exchange, proof).await?;
        let (keys, expected) = exchange.keys(&password, self.target.kg.as_ref());
        if !same(&expected, &code) {
            return Err(Setback::Fatal(IpmiFault::WrongKg));
        }
        let mut session = Session::new(
            keys,
            console_session,
            opened.bmc_session,
            session_route,
            self.target.privilege,
        );
        self.raise_privilege(line, &mut session).await?;
        Ok(session)
    }

    async fn open_session(
        &self,
        line: &mut Line<'_>,
        suite: CipherSuite,
        console_session: u32,
        last: bool,
    ) -> Result<OpenSessionResponse, Setback> {
        let (tag, mut route) = self.routes.login(line.address)?;
        let request = OpenSessionRequest {
            tag,
            privilege: self.target.privilege.code(),
            console_session,
            algorithms: suite.algorithms(),
        };
        let datagram = packet::encode_plain(PayloadType::OpenSessionRequest, &request.encode());
        let answer = line
            .ask(
                OPEN_SESSION,
                &mut route,
                if last {
                    Attempts::UntilDeadline
                } else {
                    LOGIN_ATTEMPTS
                },
                &mut (),
                |()| Ok(datagram.clone()),
                |(), datagram| {
                    login_answer(
                        datagram,
                        PayloadType::OpenSessionResponse,
                        OpenSessionResponse::decode,
                        |answer| answer.console_session == console_session,
                    )
                },
            )
            .await
            .map_err(|fault| match fault {
                // Some BMCs ignore a suite that they do not allow instead of refusing it.
                IpmiFault::Silent { .. } | IpmiFault::LostPackets { .. } if !last => Setback::Suite,
                fault => Setback::Fatal(fault),
            })?;
        let opened = answer.map_err(|refusal| self.refused(OPEN_SESSION, refusal.status))?;
        // A BMC that answers with other algorithms than proposed must not weaken the session.
        if opened.algorithms != suite.algorithms() {
            return Err(Setback::Suite);
        }
        Ok(opened)
    }

    async fn first_half(&self, line: &mut Line<'_>, exchange: &Exchange) -> Result<Rakp2, Setback> {
        let (tag, mut route) = self.routes.login(line.address)?;
        let message = Rakp1 {
            tag,
            bmc_session: exchange.bmc_session,
            random: exchange.console_random,
            role: exchange.role,
            name: exchange.name.clone(),
        };
        let datagram = packet::encode_plain(PayloadType::Rakp1, &message.encode());
        line.ask(
            RAKP_1,
            &mut route,
            LOGIN_ATTEMPTS,
            &mut (),
            |()| Ok(datagram.clone()),
            |(), datagram| {
                login_answer(datagram, PayloadType::Rakp2, Rakp2::decode, |answer| {
                    answer.console_session == exchange.console_session
                })
            },
        )
        .await
        .map_err(lost_in_login)?
        .map_err(|refusal| self.refused(RAKP_1, refusal.status))
    }

    async fn second_half(
        &self,
        line: &mut Line<'_>,
        exchange: &Exchange,
        proof: Vec<u8>,
    ) -> Result<Vec<u8>, Setback> {
        let (tag, mut route) = self.routes.login(line.address)?;
        let message = Rakp3 {
            tag,
            bmc_session: exchange.bmc_session,
            proof: Ok(proof),
        };
        let datagram = packet::encode_plain(PayloadType::Rakp3, &message.encode());
        line.ask(
            RAKP_3,
            &mut route,
            LOGIN_ATTEMPTS,
            &mut (),
            |()| Ok(datagram.clone()),
            |(), datagram| {
                login_answer(datagram, PayloadType::Rakp4, Rakp4::decode, |answer| {
                    answer.console_session == exchange.console_session
                })
            },
        )
        .await
        .map_err(lost_in_login)?
        .map(|answer| answer.code)
        .map_err(|refusal| self.refused(RAKP_3, refusal.status))
    }

    /// Tells the BMC that its proof was wrong, so that it frees the half-open session.
    async fn break_off(&self, line: &mut Line<'_>, bmc_session: u32) {
        let message = Rakp3 {
            tag: 0,
            bmc_session,
            proof: Err(Status::InvalidIntegrityCheckValue),
        };
        line.tell(&packet::encode_plain(PayloadType::Rakp3, &message.encode()))
            .await;
    }

    /// A session starts with the level USER whatever was agreed; commands need the full level.
    async fn raise_privilege(
        &self,
        line: &mut Line<'_>,
        session: &mut Session,
    ) -> Result<(), Setback> {
        let wanted = self.target.privilege;
        let too_low = || IpmiFault::PrivilegeTooLow {
            wanted,
            stage: SetSessionPrivilegeLevel::NAME,
        };
        let command = SetSessionPrivilegeLevel { privilege: wanted };
        let outcome = session
            .exchange(line, &command, LOGIN_ATTEMPTS)
            .await
            .map_err(lost_in_login)?;
        let fault = match outcome.map(|data| SetSessionPrivilegeLevel::response(&data)) {
            Ok(Ok(Some(granted))) if granted < wanted => too_low(),
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(cause)) => IpmiFault::Malformed {
                stage: SetSessionPrivilegeLevel::NAME,
                cause,
            },
            // 80h and 81h: not available for this user, exceeds the channel's limit.
            Err(CompletionCode::Other(0x80 | 0x81) | CompletionCode::InsufficientPrivilege) => {
                too_low()
            }
            Err(code) if code.is_temporary() => {
                return Err(Setback::Again(IpmiFault::Busy {
                    command: SetSessionPrivilegeLevel::NAME,
                    code,
                }));
            }
            Err(code) => IpmiFault::Refused {
                command: SetSessionPrivilegeLevel::NAME,
                code,
            },
        };
        if let Some(farewell) = session.farewell() {
            line.tell(&farewell).await;
        }
        Err(Setback::Fatal(fault))
    }

    fn refused(&self, stage: &'static str, status: Status) -> Setback {
        let user = || self.target.username.clone();
        match status {
            status if status.is_about_cipher_suite() => Setback::Suite,
            Status::InsufficientResources | Status::InsufficientResourcesForRole => {
                Setback::Again(IpmiFault::SessionsExhausted(status))
            }
            // The BMC has dropped the half-open session, or took a repeated message for a new one.
            Status::InvalidSessionId => Setback::Again(IpmiFault::LoginRefused { stage, status }),
            Status::UnauthorizedName | Status::InvalidNameLength if stage == RAKP_1 => {
                Setback::Fatal(IpmiFault::UnknownUser(user()))
            }
            Status::InvalidIntegrityCheckValue | Status::UnauthorizedName => {
                Setback::Fatal(IpmiFault::WrongPassword(user()))
            }
            Status::InvalidRole | Status::UnauthorizedRole => {
                Setback::Fatal(IpmiFault::PrivilegeTooLow {
                    wanted: self.target.privilege,
                    stage,
                })
            }
            status => Setback::Fatal(IpmiFault::LoginRefused { stage, status }),
        }
    }
}

/// One command outside of a session, under this message number.
async fn outside<C: Command>(
    line: &mut Line<'_>,
    (sequence, route): &mut (u8, Route),
    command: &C,
    attempts: Attempts,
) -> Result<C::Response, IpmiFault> {
    let request = Request {
        net_fn: C::NET_FN,
        command: C::COMMAND,
        sequence: *sequence,
        data: command.request(),
    };
    let datagram = packet::encode_legacy(&request.encode());
    let outcome = line
        .ask(
            C::NAME,
            route,
            attempts,
            &mut (),
            |()| Ok(datagram.clone()),
            |(), datagram| {
                let Ok(Rmcp::Ipmi(rest)) = rmcp::decode(datagram) else {
                    return None;
                };
                let Ok(Packet::Legacy(payload)) = packet::decode(rest) else {
                    return None;
                };
                let answer = Response::decode(payload).ok()?;
                (answer.command == C::COMMAND && answer.net_fn == C::NET_FN)
                    .then_some(answer.result)
            },
        )
        .await?;
    match outcome {
        Ok(data) => C::response(&data).map_err(|cause| IpmiFault::Malformed {
            stage: C::NAME,
            cause,
        }),
        Err(code) => Err(IpmiFault::Refused {
            command: C::NAME,
            code,
        }),
    }
}

/// In the middle of a login a lost packet means to start anew; anything else ends it.
fn lost_in_login(fault: IpmiFault) -> Setback {
    if matches!(fault, IpmiFault::LostPackets { .. }) {
        Setback::Again(fault)
    } else {
        Setback::Fatal(fault)
    }
}

fn random() -> Result<[u8; 16], IpmiFault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| IpmiFault::NoRandom)?;
    Ok(bytes)
}

/// The payload of a login message of this type and our session; `None` for any other datagram.
/// Refusals pass without a look at the session: some BMCs leave it out of them.
fn login_answer<T>(
    datagram: &[u8],
    payload_type: PayloadType,
    decode: impl Fn(&[u8]) -> Result<Answer<T>, DecodeError>,
    own: impl Fn(&T) -> bool,
) -> Option<Answer<T>> {
    let Ok(Rmcp::Ipmi(rest)) = rmcp::decode(datagram) else {
        return None;
    };
    let Ok(Packet::Plus(packet)) = packet::decode(rest) else {
        return None;
    };
    if packet.payload_type != payload_type || !packet.is_plain() {
        return None;
    }
    decode(packet.payload)
        .ok()
        .filter(|answer| answer.as_ref().map_or(true, own))
}
