//! The commands of a simulated BMC: which privilege each needs (appendix G) and what it answers.

use cupola_drivers::ipmi::wire::{
    PRESENT_CHANNEL,
    app::{
        AuthenticationCapabilities, CIPHER_SUITE_CHUNK, CLOSE_SESSION,
        GET_CHANNEL_AUTHENTICATION_CAPABILITIES, GET_CHANNEL_CIPHER_SUITES, GET_CHANNEL_INFO,
        GET_DEVICE_ID, Privilege, SET_SESSION_PRIVILEGE_LEVEL,
    },
    boot::{GET_SYSTEM_BOOT_OPTIONS, SET_SYSTEM_BOOT_OPTIONS},
    chassis::{
        CHASSIS_CONTROL, CHASSIS_IDENTIFY, ChassisControl, ChassisStatus, GET_CHASSIS_STATUS,
    },
    completion::CompletionCode,
    lan::{GET_LAN_CONFIGURATION_PARAMETERS, IP_ADDRESS, MAC_ADDRESS, PARAMETER_REVISION},
    message::{NetFn, Request},
    sol::{ACTIVATE_PAYLOAD, DEACTIVATE_PAYLOAD},
    suite::encode_records,
};

use tokio::time::Instant;

use super::{chassis::ChassisRefusal, config::BmcConfig, sim::SimBmc};

/// The only channel, a LAN channel.
const CHANNEL: u8 = 1;
const COLD_RESET: u8 = 0x02;
const WARM_RESET: u8 = 0x03;
const GET_DEVICE_GUID: u8 = 0x08;
const GET_SYSTEM_GUID: u8 = 0x37;
const GET_CHASSIS_CAPABILITIES: u8 = 0x00;

/// A response's data, or why there is none.
pub(super) type Answer = Result<Vec<u8>, CompletionCode>;

/// Answers a request that came outside of a session: only what is needed to open one.
pub(super) fn outside(config: &BmcConfig, request: &Request) -> Answer {
    match (request.net_fn, request.command) {
        (NetFn::App, GET_CHANNEL_AUTHENTICATION_CAPABILITIES) => {
            capabilities(config, &request.data)
        }
        (NetFn::App, GET_CHANNEL_CIPHER_SUITES) => cipher_suites(config, &request.data),
        (NetFn::App, GET_SYSTEM_GUID) => Ok(config.guid.to_vec()),
        _ => Err(CompletionCode::InsufficientPrivilege),
    }
}

/// The privilege that a command needs inside a session; `None` for an unknown command.
fn needed(net_fn: NetFn, command: u8) -> Option<Privilege> {
    Some(match (net_fn, command) {
        (
            NetFn::App,
            GET_CHANNEL_AUTHENTICATION_CAPABILITIES | GET_CHANNEL_CIPHER_SUITES | CLOSE_SESSION,
        ) => Privilege::Callback,
        (
            NetFn::App,
            GET_DEVICE_ID
            | GET_DEVICE_GUID
            | GET_SYSTEM_GUID
            | GET_CHANNEL_INFO
            | SET_SESSION_PRIVILEGE_LEVEL
            | ACTIVATE_PAYLOAD
            | DEACTIVATE_PAYLOAD,
        )
        | (NetFn::Chassis, GET_CHASSIS_CAPABILITIES | GET_CHASSIS_STATUS) => Privilege::User,
        (
            NetFn::Chassis,
            CHASSIS_CONTROL | CHASSIS_IDENTIFY | SET_SYSTEM_BOOT_OPTIONS | GET_SYSTEM_BOOT_OPTIONS,
        )
        | (NetFn::Transport, GET_LAN_CONFIGURATION_PARAMETERS) => Privilege::Operator,
        (NetFn::App, COLD_RESET | WARM_RESET) => Privilege::Administrator,
        _ => return None,
    })
}

impl SimBmc {
    /// Answers a request inside the session `id`, which has this privilege.
    pub(super) async fn inside(&self, id: u32, privilege: Privilege, request: &Request) -> Answer {
        let needed =
            needed(request.net_fn, request.command).ok_or(CompletionCode::InvalidCommand)?;
        if privilege < needed {
            return Err(CompletionCode::InsufficientPrivilege);
        }
        if self.is_busy() {
            return Err(CompletionCode::NodeBusy);
        }
        let data = &request.data;
        match request.net_fn {
            NetFn::Chassis => self.chassis_command(request.command, data).await,
            NetFn::App => self.app_command(id, request.command, data),
            NetFn::Transport => lan_parameter(&self.config, data),
            NetFn::Other(_) => Err(CompletionCode::InvalidCommand),
        }
    }

    async fn chassis_command(&self, command: u8, data: &[u8]) -> Answer {
        match command {
            GET_CHASSIS_CAPABILITIES => Ok(vec![0x00, 0x20, 0x20, 0x20, 0x20]),
            GET_CHASSIS_STATUS => Ok(ChassisStatus {
                power_on: self.reported_power(),
                identify: Some(self.light.state(Instant::now())),
                ..ChassisStatus::default()
            }
            .encode()),
            CHASSIS_CONTROL => {
                let control =
                    ChassisControl::decode(data).map_err(|_| CompletionCode::InvalidDataField)?;
                self.boot.keep();
                if self.faults().ignores_power {
                    return Ok(Vec::new());
                }
                match self.chassis.control(control).await {
                    Ok(()) => Ok(Vec::new()),
                    Err(ChassisRefusal::NotInPresentState) => {
                        Err(CompletionCode::NotInPresentState)
                    }
                    Err(ChassisRefusal::Unspecified) => Err(CompletionCode::Unspecified),
                }
            }
            CHASSIS_IDENTIFY => {
                self.light.set(data, Instant::now());
                Ok(Vec::new())
            }
            SET_SYSTEM_BOOT_OPTIONS => self.boot.set(data),
            GET_SYSTEM_BOOT_OPTIONS => self.boot.get(data),
            _ => Err(CompletionCode::InvalidCommand),
        }
    }

    fn app_command(&self, id: u32, command: u8, data: &[u8]) -> Answer {
        match command {
            GET_DEVICE_ID => Ok(self.config.device.encode()),
            GET_DEVICE_GUID | GET_SYSTEM_GUID => Ok(self.config.guid.to_vec()),
            GET_CHANNEL_AUTHENTICATION_CAPABILITIES => capabilities(&self.config, data),
            GET_CHANNEL_CIPHER_SUITES => cipher_suites(&self.config, data),
            GET_CHANNEL_INFO => channel_info(data),
            SET_SESSION_PRIVILEGE_LEVEL => self.set_privilege(id, data),
            CLOSE_SESSION => {
                let id = data
                    .first_chunk::<4>()
                    .ok_or(CompletionCode::RequestLengthInvalid)?;
                // 87h: invalid session id in request.
                if self.sessions.lock().close(u32::from_le_bytes(*id)) {
                    Ok(Vec::new())
                } else {
                    Err(CompletionCode::Other(0x87))
                }
            }
            ACTIVATE_PAYLOAD => self.activate(id, data),
            DEACTIVATE_PAYLOAD => self.deactivate(),
            COLD_RESET | WARM_RESET => {
                self.forget_sessions();
                Ok(Vec::new())
            }
            _ => Err(CompletionCode::InvalidCommand),
        }
    }

    fn set_privilege(&self, id: u32, data: &[u8]) -> Answer {
        let code = data.first().ok_or(CompletionCode::RequestLengthInvalid)? & 0x0F;
        let mut sessions = self.sessions.lock();
        let session = sessions.active(id).ok_or(CompletionCode::Unspecified)?;
        // Zero asks for the present level.
        if code != 0 {
            let wanted = Privilege::from_code(code).ok_or(CompletionCode::InvalidDataField)?;
            if wanted > session.limit {
                // 81h: exceeds the user's limit (table 22-23).
                return Err(CompletionCode::Other(0x81));
            }
            session.privilege = wanted;
        }
        Ok(vec![session.privilege.code()])
    }
}

fn check_channel(byte: Option<&u8>) -> Result<(), CompletionCode> {
    match byte.ok_or(CompletionCode::RequestLengthInvalid)? & 0x0F {
        CHANNEL | PRESENT_CHANNEL => Ok(()),
        _ => Err(CompletionCode::InvalidDataField),
    }
}

fn capabilities(config: &BmcConfig, data: &[u8]) -> Answer {
    check_channel(data.first())?;
    Ok(AuthenticationCapabilities {
        channel: CHANNEL,
        ipmi_v2: true,
        kg_required: config.kg.is_some(),
        named_users: config.users.iter().any(|user| !user.name.is_empty()),
        null_users: config.users.iter().any(|user| user.name.is_empty()),
        anonymous: false,
    }
    .encode())
}

fn cipher_suites(config: &BmcConfig, data: &[u8]) -> Answer {
    check_channel(data.first())?;
    let index = data.get(2).ok_or(CompletionCode::RequestLengthInvalid)? & 0x3F;
    let records = encode_records(&config.suites);
    let chunk = records
        .chunks(CIPHER_SUITE_CHUNK)
        .nth(index.into())
        .unwrap_or_default();
    let mut out = vec![CHANNEL];
    out.extend(chunk);
    Ok(out)
}

fn channel_info(data: &[u8]) -> Answer {
    check_channel(data.first())?;
    // 802.3 LAN, IPMB-1.0 protocol, multi-session, the IPMI forum's enterprise number.
    Ok(vec![
        CHANNEL, 0x04, 0x01, 0x80, 0xF2, 0x1B, 0x00, 0x00, 0x00,
    ])
}

/// Get LAN Configuration Parameters (table 23-4).
fn lan_parameter(config: &BmcConfig, data: &[u8]) -> Answer {
    check_channel(data.first())?;
    let parameter = *data.get(1).ok_or(CompletionCode::RequestLengthInvalid)?;
    let value = match parameter {
        // Set in progress: no.
        0 => vec![0],
        // Authentication types: none of IPMI v1.5, for each of the five privilege levels.
        1 => vec![0],
        2 => vec![0; 5],
        IP_ADDRESS => config.address.octets().to_vec(),
        // Source: static.
        4 => vec![1],
        MAC_ADDRESS => config.mac.octets().to_vec(),
        6 => vec![255, 0, 0, 0],
        // Default gateway: none.
        12 => vec![0; 4],
        13 => vec![0; 6],
        // VLAN: disabled.
        20 => vec![0; 2],
        21 => vec![0],
        22 => vec![u8::try_from(config.suites.len()).unwrap_or(u8::MAX)],
        23 => {
            let mut entries = vec![0];
            entries.extend(config.suites.iter().map(|suite| suite.id()));
            entries.resize(17, 0);
            entries
        }
        // Each suite up to administrator, two suites in a byte.
        24 => {
            let mut levels = vec![0];
            levels.extend([0x44; 8]);
            levels
        }
        // 80h: parameter not supported.
        _ => return Err(CompletionCode::Other(0x80)),
    };
    let mut out = vec![PARAMETER_REVISION];
    out.extend(value);
    Ok(out)
}
