//! One simulated BMC: takes datagrams and gives the answers. Owns no socket; [`super::BmcFarm`]
//! connects it to one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU16;

use cupola_drivers::ipmi::wire::{
    DecodeError, RMCP_PORT,
    app::Privilege,
    chassis::IdentifyLight,
    message::{Request, Response},
    packet::{self, Packet, PayloadType, PlusPacket},
    rmcp::{self, Pong, Rmcp},
};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{
    boot::BootOptions,
    chassis::Chassis,
    commands,
    config::BmcConfig,
    fault::{BmcFault, Faults},
    identify::Light,
    login::Login,
    serial::Attached,
    sessions::Sessions,
};

/// A simulated BMC.
pub struct SimBmc {
    pub(super) config: BmcConfig,
    pub(super) chassis: Arc<dyn Chassis>,
    pub(super) boot: Arc<BootOptions>,
    pub(super) sessions: Mutex<Sessions>,
    pub(super) serial: Mutex<Option<Attached>>,
    /// The UDP port where it listens, which it tells consoles.
    pub(super) port: AtomicU16,
    pub(super) light: Light,
    faults: Mutex<Faults>,
    /// Told when another fault is set: an answer that is late on purpose waits no longer.
    changed: Notify,
}

impl std::fmt::Debug for SimBmc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimBmc")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl SimBmc {
    /// A BMC in front of `chassis`; `boot` is shared with the machine's firmware.
    #[must_use]
    pub fn new(config: BmcConfig, chassis: Arc<dyn Chassis>, boot: Arc<BootOptions>) -> Self {
        Self {
            sessions: Mutex::new(Sessions::new(config.sessions)),
            config,
            chassis,
            boot,
            serial: Mutex::default(),
            port: AtomicU16::new(RMCP_PORT),
            light: Light::default(),
            faults: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &BmcConfig {
        &self.config
    }

    /// Its boot options.
    #[must_use]
    pub fn boot_options(&self) -> &BootOptions {
        &self.boot
    }

    /// Its identify light.
    pub fn identify_light(&self) -> IdentifyLight {
        self.light.state(Instant::now())
    }

    /// Its faults, to be changed at any time.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock()
    }

    /// Breaks it, or repairs it. Logins of before do not survive.
    pub fn set_fault(&self, fault: Option<BmcFault>) {
        let faults: Faults = fault.map(Faults::from).unwrap_or_default();
        self.boot.ignore(fault == Some(BmcFault::IgnoresBootDevice));
        *self.faults.lock() = faults;
        self.changed.notify_waiters();
        self.forget_sessions();
    }

    /// Drops all sessions without a word, as a restart of the BMC does.
    pub fn forget_sessions(&self) {
        self.sessions.lock().close_all();
    }

    /// Sessions that are logged in.
    #[must_use]
    pub fn active_sessions(&self) -> usize {
        self.sessions.lock().active_count()
    }

    pub(super) fn reported_power(&self) -> bool {
        let lie = self.faults().lies_power_on;
        lie.unwrap_or_else(|| self.chassis.power_on())
    }

    pub(super) fn is_busy(&self) -> bool {
        let mut faults = self.faults();
        let busy = faults.busy > 0;
        faults.busy = faults.busy.saturating_sub(1);
        busy
    }

    /// Takes one datagram and gives the answer, if it deserves one.
    pub async fn handle(&self, datagram: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
        let faults = self.faults().clone();
        if faults.silent {
            return None;
        }
        if !faults.delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(faults.delay) => {}
                () = self.changed.notified() => {}
            }
        }
        match rmcp::decode(datagram) {
            Ok(Rmcp::Ping { tag }) => Some(rmcp::encode_pong(&Pong {
                tag,
                enterprise: 4542,
                ipmi: true,
            })),
            Ok(Rmcp::Ipmi(_)) if faults.pings_only => None,
            Ok(Rmcp::Ipmi(rest)) => self
                .packet(rest, from, faults.wrong_password)
                .await
                .ok()
                .flatten(),
            Ok(Rmcp::Pong(_) | Rmcp::Other) | Err(_) => None,
        }
    }

    async fn packet(
        &self,
        bytes: &[u8],
        from: SocketAddr,
        wrong_password: bool,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        let packet = match packet::decode(bytes)? {
            Packet::Legacy(payload) => {
                return Ok(Some(packet::encode_legacy(&self.outside(payload)?)));
            }
            Packet::Plus(packet) => packet,
        };
        let payload = packet.payload;
        match packet.payload_type {
            PayloadType::Ipmi if packet.session_id == 0 => Ok(Some(packet::encode_plain(
                PayloadType::Ipmi,
                &self.outside(payload)?,
            ))),
            PayloadType::Ipmi => self.in_session(&packet, from).await,
            PayloadType::Sol => Ok(self.serial_packet(&packet)),
            PayloadType::OpenSessionRequest => self.login(wrong_password, |login| {
                login.open_session(payload).map(Some)
            }),
            PayloadType::Rakp1 => {
                self.login(wrong_password, |login| login.challenge(payload).map(Some))
            }
            PayloadType::Rakp3 => self.login(wrong_password, |login| login.finish(payload)),
            PayloadType::OpenSessionResponse
            | PayloadType::Rakp2
            | PayloadType::Rakp4
            | PayloadType::Other(_) => Ok(None),
        }
    }

    fn login<T>(&self, wrong_password: bool, step: impl FnOnce(&mut Login<'_>) -> T) -> T {
        let mut sessions = self.sessions.lock();
        step(&mut Login {
            config: &self.config,
            sessions: &mut sessions,
            wrong_password,
        })
    }

    fn outside(&self, payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let request = Request::decode(payload)?;
        let result = commands::outside(&self.config, &request);
        Ok(answer(&request, result).encode())
    }

    async fn in_session(
        &self,
        packet: &PlusPacket<'_>,
        from: SocketAddr,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        let id = packet.session_id;
        let Some((request, privilege)) = self.accept(packet)? else {
            return Ok(None);
        };
        // The answer to Close Session still needs the session's keys.
        let (keys, console_session, known) = {
            let mut sessions = self.sessions.lock();
            let Some(active) = sessions.active(id) else {
                return Ok(None);
            };
            active.sequence = active.sequence.wrapping_add(1).max(1);
            active.peer = Some(from);
            (
                (active.keys.clone(), active.sequence),
                active.console_session,
                active.known(&request),
            )
        };
        let result = match known {
            Some(result) => result,
            None => self.inside(id, privilege, &request).await,
        };
        if let Some(active) = self.sessions.lock().active(id) {
            active.last = Some((request.clone(), result.clone()));
        }
        let (keys, sequence) = keys;
        let mut vector = [0; 16];
        if let Err(error) = getrandom::fill(&mut vector) {
            tracing::error!(%error, "no random numbers for the simulated BMC");
            return Ok(None);
        }
        Ok(Some(packet::encode_sealed(
            &keys,
            PayloadType::Ipmi,
            console_session,
            sequence,
            &answer(&request, result).encode(),
            vector,
        )))
    }

    /// Verifies a packet of a session; `None` where it is unknown, forged or a duplicate.
    fn accept(&self, packet: &PlusPacket<'_>) -> Result<Option<(Request, Privilege)>, DecodeError> {
        let mut sessions = self.sessions.lock();
        let Some(active) = sessions.active(packet.session_id) else {
            return Ok(None);
        };
        let payload = packet.open(&active.keys)?;
        if !active.window.accept(packet.sequence) {
            return Ok(None);
        }
        Ok(Some((Request::decode(&payload)?, active.privilege)))
    }
}

fn answer(request: &Request, result: commands::Answer) -> Response {
    Response {
        net_fn: request.net_fn,
        command: request.command,
        sequence: request.sequence,
        result,
    }
}
