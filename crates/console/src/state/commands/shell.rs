//! An action as commands for a shell: of the openstack client, and of curl. Both do the same when
//! they are pasted; what is secret stands there as a variable.

use cupola_api::id::NodeId;
use cupola_api::patch::PatchOperation;
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;
use serde_json::Value;

use crate::effect::{Action, Steps};
use crate::request::{PASSWORD, Request, Secrets, hide, requests};

/// Who asks, as far as a command has to say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Login {
    /// Nobody in particular.
    #[default]
    None,
    /// A user and a password (RFC 7617), which are in `OS_USERNAME` and `OS_PASSWORD`.
    Basic,
    /// A token of Keystone. The openstack client gets one itself, from this cloud or from its
    /// environment; for curl it is in `OS_TOKEN`.
    Keystone(Option<String>),
}

/// What a command needs to reach the same service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shell {
    /// The address of the API.
    pub(crate) url: String,
    /// Who asks.
    pub(crate) login: Login,
    /// The file with the authorities that sign the API's certificate.
    pub(crate) authorities: Option<String>,
    /// Whether any certificate is taken.
    pub(crate) insecure: bool,
}

impl Shell {
    /// The commands of the openstack client; where it has none, a comment that says so.
    pub(crate) fn openstack(&self, node: NodeId, action: &Action) -> Vec<String> {
        let commands = words(node, action);
        if commands.is_empty() {
            return vec!["# the openstack client has no command for this".to_owned()];
        }
        let before = self.openstack_options();
        let line = |words: &Vec<String>| {
            let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
            format!("openstack{before} baremetal node {}", words.join(" "))
        };
        commands.iter().map(line).collect()
    }

    fn openstack_options(&self) -> String {
        let mut options = String::new();
        let endpoint = quote(&self.url);
        match &self.login {
            Login::None => options = format!(" --os-auth-type none --os-endpoint {endpoint}"),
            Login::Basic => {
                options = format!(
                    " --os-auth-type http_basic --os-endpoint {endpoint} \
                     --os-username \"$OS_USERNAME\" --os-password \"$OS_PASSWORD\""
                );
            }
            Login::Keystone(Some(cloud)) => options = format!(" --os-cloud {}", quote(cloud)),
            Login::Keystone(None) => {}
        }
        if let Some(file) = &self.authorities {
            options.push_str(" --os-cacert ");
            options.push_str(&quote(file));
        }
        if self.insecure {
            options.push_str(" --insecure");
        }
        options
    }

    /// The commands of curl, one per request.
    pub(crate) fn curl(
        &self,
        node: NodeId,
        action: &Action,
        indicator: Option<&str>,
    ) -> Vec<String> {
        let all = requests(node, action, indicator, Secrets::Hidden);
        all.iter().map(|request| self.curl_of(request)).collect()
    }

    fn curl_of(&self, request: &Request) -> String {
        let mut command = format!("curl -sS --fail-with-body -X {}", request.method.as_str());
        match &self.login {
            Login::None => {}
            Login::Basic => command.push_str(" -u \"$OS_USERNAME:$OS_PASSWORD\""),
            Login::Keystone(_) => command.push_str(" -H \"X-Auth-Token: $OS_TOKEN\""),
        }
        if let Some(file) = &self.authorities {
            command.push_str(" --cacert ");
            command.push_str(&quote(file));
        }
        if self.insecure {
            command.push_str(" --insecure");
        }
        command.push_str(" -H 'X-OpenStack-Ironic-API-Version: latest'");
        if let Some(body) = &request.body {
            command.push_str(" -H 'Content-Type: application/json' -d ");
            command.push_str(&quote(&body.to_string()));
        }
        let url = format!("{}{}", self.url.trim_end_matches('/'), request.path);
        format!("{command} {}", quote(&url))
    }
}

/// The words after `baremetal node` of each command that an action takes.
fn words(node: NodeId, action: &Action) -> Vec<Vec<String>> {
    let id = node.to_string();
    let one = |before: &[&str], after: &[&str]| {
        let before = before.iter().map(|word| (*word).to_owned());
        let after = after.iter().map(|word| (*word).to_owned());
        vec![before.chain([id.clone()]).chain(after).collect()]
    };
    match action {
        Action::Provision(verb) => one(&[verb_word(*verb)], &[]),
        Action::Steps {
            verb,
            steps,
            disable_ramdisk,
        } => {
            let ramdisk: &[&str] = if *disable_ramdisk {
                &["--disable-ramdisk"]
            } else {
                &[]
            };
            let (option, value) = match steps {
                Steps::Runbook(name) => ("--runbook", name.clone()),
                Steps::Listed(steps) => {
                    let mut steps = Value::from(steps.clone());
                    hide(&mut steps);
                    match verb {
                        ProvisionVerb::Service => ("--service-steps", steps.to_string()),
                        _ => ("--clean-steps", steps.to_string()),
                    }
                }
            };
            one(
                &[verb_word(*verb)],
                &[&[option, value.as_str()], ramdisk].concat(),
            )
        }
        Action::Rescue(_) => one(&["rescue"], &["--rescue-password", PASSWORD]),
        Action::Deploy {
            patch,
            config_drive,
        } => {
            let mut set = vec!["set".to_owned(), id.clone()];
            set.extend(patch.iter().flat_map(instance_info));
            let mut deploy = vec!["deploy".to_owned(), id.clone()];
            if let Some(drive) = config_drive {
                deploy.extend(["--config-drive".to_owned(), drive.to_string()]);
            }
            vec![set, deploy]
        }
        Action::Power(PowerTarget::On) => one(&["power", "on"], &[]),
        Action::Power(PowerTarget::Off) => one(&["power", "off"], &[]),
        Action::Power(PowerTarget::SoftOff) => one(&["power", "off"], &["--soft"]),
        Action::Power(PowerTarget::Reboot) => one(&["reboot"], &[]),
        Action::Power(PowerTarget::SoftReboot) => one(&["reboot"], &["--soft"]),
        Action::Maintenance(true, None) => one(&["maintenance", "set"], &[]),
        Action::Maintenance(true, Some(reason)) => {
            one(&["maintenance", "set"], &["--reason", reason])
        }
        Action::Maintenance(false, _) => one(&["maintenance", "unset"], &[]),
        Action::BootDevice(device, persistent) => {
            let after: &[&str] = if *persistent { &["--persistent"] } else { &[] };
            one(
                &["boot", "device", "set"],
                &[&[device.as_str()], after].concat(),
            )
        }
        Action::Nmi => one(&["inject", "nmi"], &[]),
        Action::Locate(_) => Vec::new(),
        Action::Console(true) => one(&["console", "enable"], &[]),
        Action::Console(false) => one(&["console", "disable"], &[]),
        Action::Flag(flag, on) => {
            let option = format!("--{}", flag.name());
            one(&[if *on { "set" } else { "unset" }], &[&option])
        }
        Action::Delete => one(&["delete"], &[]),
    }
}

/// The verb as the openstack client calls it.
const fn verb_word(verb: ProvisionVerb) -> &'static str {
    match verb {
        ProvisionVerb::Active | ProvisionVerb::Deploy => "deploy",
        ProvisionVerb::Deleted | ProvisionVerb::Undeploy => "undeploy",
        other => other.as_str(),
    }
}

fn instance_info(operation: &PatchOperation) -> Vec<String> {
    let Some(key) = operation.path.strip_prefix("/instance_info/") else {
        return Vec::new();
    };
    let value = match &operation.value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    vec!["--instance-info".to_owned(), format!("{key}={value}")]
}

/// A word for a POSIX shell, quoted where it must be; a password becomes a variable.
pub(crate) fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if word == PASSWORD {
        return "\"$PASSWORD\"".to_owned();
    }
    let inside = word
        .replace('\'', "'\\''")
        .replace(PASSWORD, "'\"$PASSWORD\"'");
    format!("'{inside}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::nodes;
    use proptest::prelude::*;

    fn shell() -> Shell {
        Shell {
            url: "http://h:6385".to_owned(),
            ..Shell::default()
        }
    }

    #[test]
    fn a_password_is_a_variable_in_both() {
        let node = nodes(1)[0].uuid;
        let rescue = Action::Rescue("geheim".into());
        let openstack = shell().openstack(node, &rescue).concat();
        let curl = shell().curl(node, &rescue, None).concat();
        assert!(
            openstack.ends_with("--rescue-password \"$PASSWORD\""),
            "{openstack}"
        );
        assert!(
            curl.contains(r#""rescue_password":"'"$PASSWORD"'""#),
            "{curl}"
        );
        assert!(!format!("{openstack}{curl}").contains("geheim"));
    }

    #[test]
    fn who_asks_is_told_by_variables() {
        let node = nodes(1)[0].uuid;
        let on = Action::Power(PowerTarget::On);
        let mut shell = shell();
        shell.login = Login::Keystone(Some("metal".to_owned()));
        let openstack = shell.openstack(node, &on).concat();
        assert!(openstack.starts_with("openstack --os-cloud metal baremetal node power on "));
        assert!(
            shell
                .curl(node, &on, None)
                .concat()
                .contains("\"X-Auth-Token: $OS_TOKEN\"")
        );
        shell.login = Login::Basic;
        let curl = shell.curl(node, &on, None).concat();
        assert!(curl.contains("-u \"$OS_USERNAME:$OS_PASSWORD\""), "{curl}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_shell_reads_a_quoted_word_as_it_was(word in "[^\0\u{F8FF}]*") {
            let script = format!("printf %s {}", quote(&word));
            let run = std::process::Command::new("sh").args(["-c", &script]).output();
            prop_assert_eq!(run.expect("a shell").stdout, word.into_bytes());
        }
    }
}
