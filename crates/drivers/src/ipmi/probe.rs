//! The live test of a BMC's address and credentials: an ordered list of checks, each with what was
//! seen and what to do, as the enrolment wizard shows it.

use cupola_api::probe::{CheckResult, ProbeCheck, ProbeReport};

use super::{
    client::IpmiClient,
    error::{IpmiError, IpmiFault},
    line::Attempts,
    wire::{boot::BootFlags, suite::CipherSuite},
};

/// The names of the checks, in their order.
const REACHABLE: &str = "reachable";
const CIPHER_SUITES: &str = "cipher suites";
const CREDENTIALS: &str = "credentials";
const PRIVILEGE: &str = "privilege";
const POWER_STATUS: &str = "power status";
const BOOT_DEVICE: &str = "boot device";
const ALL: [&str; 6] = [
    REACHABLE,
    CIPHER_SUITES,
    CREDENTIALS,
    PRIVILEGE,
    POWER_STATUS,
    BOOT_DEVICE,
];

/// The checks made so far.
#[derive(Default)]
struct Progress(ProbeReport);

impl Progress {
    fn passed(&mut self, name: &str, detail: impl Into<String>) {
        self.0.checks.push(ProbeCheck {
            name: name.to_owned(),
            result: CheckResult::Passed,
            detail: detail.into(),
            remedy: None,
        });
    }

    fn failed(&mut self, name: &str, error: &IpmiError) {
        self.0.checks.push(ProbeCheck {
            name: name.to_owned(),
            result: CheckResult::Failed,
            detail: error.fault().to_string(),
            remedy: Some(error.remedy().to_owned()),
        });
    }

    /// Marks the checks that are still missing as not made.
    fn finish(mut self) -> ProbeReport {
        let failed = self
            .0
            .checks
            .iter()
            .rev()
            .find(|c| c.result == CheckResult::Failed);
        let reason = failed.map_or_else(String::new, |check| format!("{} failed", check.name));
        let missing = ALL.into_iter().skip(self.0.checks.len());
        let skipped: Vec<ProbeCheck> = missing
            .map(|name| ProbeCheck {
                name: name.to_owned(),
                result: CheckResult::Skipped,
                detail: reason.clone(),
                remedy: None,
            })
            .collect();
        self.0.checks.extend(skipped);
        self.0
    }
}

/// The report of a test that could not even begin.
pub(super) fn unreachable_report(detail: String, remedy: &str) -> ProbeReport {
    let mut progress = Progress::default();
    progress.0.checks.push(ProbeCheck {
        name: REACHABLE.to_owned(),
        result: CheckResult::Failed,
        detail,
        remedy: Some(remedy.to_owned()),
    });
    progress.finish()
}

impl IpmiClient {
    /// Tests everything that a deployment will need, in the order in which it depends on each
    /// other. Changes nothing on the BMC. Each check has the client's deadline.
    pub async fn probe(&self) -> ProbeReport {
        let mut progress = Progress::default();
        if self.check_login(&mut progress).await {
            self.check_use(&mut progress).await;
        }
        progress.finish()
    }

    /// The checks up to and including the privilege; whether all passed.
    async fn check_login(&self, progress: &mut Progress) -> bool {
        let login = self.login();
        // A BMC may answer no pings and still speak IPMI, so the ping alone decides nothing.
        let pong = login
            .ping(&mut self.line(), Attempts::Most(2))
            .await
            .is_ok();
        match login.capabilities(&mut self.line()).await {
            Ok(capabilities) if capabilities.ipmi_v2 => progress.passed(
                REACHABLE,
                if pong {
                    "answers presence pings and IPMI v2.0"
                } else {
                    "answers IPMI v2.0 (but no presence pings)"
                },
            ),
            Ok(_) => {
                progress.failed(REACHABLE, &self.error(IpmiFault::NoIpmi20));
                return false;
            }
            Err(IpmiFault::Silent { sent, waited }) if pong => {
                let stage = "Get Channel Authentication Capabilities";
                let fault = IpmiFault::LostPackets {
                    stage,
                    sent,
                    waited,
                };
                progress.failed(REACHABLE, &self.error(fault));
                return false;
            }
            Err(fault) => {
                progress.failed(REACHABLE, &self.error(fault));
                return false;
            }
        }
        let listed = login.cipher_suites(&mut self.line()).await.ok().flatten();
        let outcome = self.log_in().await;
        match &outcome {
            Err(error) if matches!(error.fault(), IpmiFault::CipherSuite { .. }) => {
                progress.failed(CIPHER_SUITES, error);
                return false;
            }
            Ok(()) | Err(_) => progress.passed(CIPHER_SUITES, describe_suites(listed.as_deref())),
        }
        match outcome {
            Ok(()) => {
                let user = &self.target.username;
                progress.passed(CREDENTIALS, format!("logged in as '{user}'"));
                progress.passed(PRIVILEGE, self.target.privilege.name());
                true
            }
            Err(error) if matches!(error.fault(), IpmiFault::PrivilegeTooLow { .. }) => {
                progress.passed(CREDENTIALS, "the password is right");
                progress.failed(PRIVILEGE, &error);
                false
            }
            Err(error) => {
                progress.failed(CREDENTIALS, &error);
                false
            }
        }
    }

    async fn check_use(&self, progress: &mut Progress) {
        match self.power_state().await {
            Ok(state) => {
                progress.passed(POWER_STATUS, state.as_str());
                progress.0.power_state = Some(state);
            }
            Err(error) => progress.failed(POWER_STATUS, &error),
        }
        match self.boot_flags().await {
            Ok(flags) => progress.passed(BOOT_DEVICE, describe_flags(flags)),
            Err(error) => progress.failed(BOOT_DEVICE, &error),
        }
        // Nice to know, but no reason to fail: not every BMC answers these.
        progress.0.bmc_mac = self.mac_address().await.ok();
        if let Ok(device) = self.device_id().await {
            progress.0.manufacturer = Some(device.manufacturer_name().map_or_else(
                || format!("IANA enterprise {}", device.manufacturer),
                ToOwned::to_owned,
            ));
        }
    }
}

fn describe_suites(listed: Option<&[u8]>) -> String {
    let Some(listed) = listed else {
        return "the BMC does not list them, but accepted one".to_owned();
    };
    let names: Vec<String> = listed.iter().map(ToString::to_string).collect();
    let best = CipherSuite::PREFERENCE
        .iter()
        .find(|suite| listed.contains(&suite.id()));
    match best {
        Some(best) => format!("offers {}; best is {best}", names.join(", ")),
        None => format!("offers {}", names.join(", ")),
    }
}

fn describe_flags(flags: BootFlags) -> String {
    if !flags.valid {
        return "readable; no override is set".to_owned();
    }
    let when = if flags.persistent { "always" } else { "once" };
    let how = if flags.efi { "UEFI" } else { "BIOS" };
    format!("readable; {:?} {when}, {how}", flags.device)
}
