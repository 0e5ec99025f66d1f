//! Looking for BMCs: does anything at an address answer IPMI, do these credentials open it, and whose
//! is it. Changes nothing on the BMC.

use std::net::SocketAddr;
use std::time::Duration;

use super::client::IpmiClient;
use super::error::IpmiFault;
use super::line::Attempts;
use super::{IpmiHub, IpmiTarget};
use crate::interface::{Credentials, LoginAttempt, Place, Sighting};

/// How long an address may take to show that it speaks IPMI.
const PRESENCE_LIMIT: Duration = Duration::from_millis(1800);
/// How long one login, and each question after it, may take.
const LOGIN_LIMIT: Duration = Duration::from_secs(5);

impl IpmiClient {
    /// Whether IPMI is spoken there, however little: many BMCs answer no presence pings.
    async fn is_present(&self) -> bool {
        let (login, mut ping, mut ask) = (self.login(), self.line(), self.line());
        let pong = async { login.ping(&mut ping, Attempts::Most(2)).await.is_ok() };
        let asked = async { login.capabilities(&mut ask).await.is_ok() };
        tokio::pin!(pong, asked);
        tokio::select! {
            true = &mut pong => true,
            true = &mut asked => true,
            else => false,
        }
    }
}

/// Looks at one place.
pub(super) async fn look(
    hub: &IpmiHub,
    place: &Place,
    credentials: &[Credentials],
) -> Option<Sighting> {
    let client = |username: &str, password: &str| {
        let address = SocketAddr::new(place.address, place.ipmi_port);
        hub.client(IpmiTarget::new(address, username, password.into()))
    };
    let nobody = client("", "").with_deadline(PRESENCE_LIMIT);
    if !nobody.is_present().await {
        return None;
    }
    let mut sighting = Sighting {
        protocol: "ipmi",
        ..Sighting::default()
    };
    for (at, user) in credentials.iter().enumerate() {
        let client = client(&user.username, user.password.expose()).with_deadline(LOGIN_LIMIT);
        match client.log_in().await {
            Ok(()) => {
                sighting.login = LoginAttempt::Accepted(at);
                if let Ok(device) = client.device_id().await {
                    sighting.manufacturer = device.manufacturer_name().map(ToOwned::to_owned);
                }
                break;
            }
            Err(error) => {
                let said = error.fault().to_string();
                let is_refused = matches!(
                    error.fault(),
                    IpmiFault::UnknownUser(_)
                        | IpmiFault::WrongPassword(_)
                        | IpmiFault::PrivilegeTooLow { .. }
                        | IpmiFault::LoginRefused { .. }
                );
                if !is_refused {
                    sighting.login = LoginAttempt::Failed(said);
                    break;
                }
                sighting.login = LoginAttempt::Refused(said);
            }
        }
    }
    Some(sighting)
}
