//! `[safety]` and `[profiles.NAME]` of `console.toml`: what keeps from harm, and the services that
//! somebody works with.

use std::time::Duration;

use serde::Deserialize;

use super::{Settings, SettingsError};
use crate::state::safety::Safety;

/// `[safety]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SafetySettings {
    challenge: Option<usize>,
    grace: Option<u64>,
    stop_percent: Option<u8>,
    stop_least: Option<usize>,
    parallel: Option<usize>,
    read_only: bool,
}

/// `[profiles.NAME]`: a service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Profile {
    /// Its API.
    pub(crate) api: Option<String>,
    /// The cloud of `clouds.yaml` whose login is used.
    pub(crate) cloud: Option<String>,
    /// Whether every destroying action wants something typed.
    guarded: bool,
    /// Whether nothing may be changed.
    read_only: bool,
}

impl Settings {
    /// The profile of this name.
    ///
    /// # Errors
    /// [`SettingsError::NoProfile`].
    pub(crate) fn profile(&self, name: &str) -> Result<&Profile, SettingsError> {
        self.profiles.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            SettingsError::NoProfile {
                name: name.to_owned(),
                known: if known.is_empty() {
                    format!("write [profiles.{name}] with api = \"URL\" into console.toml")
                } else {
                    format!("console.toml has {}", known.join(", "))
                },
            }
        })
    }

    /// What keeps from harm, with this profile; `read_only` says who else wants that.
    pub(crate) fn safety(
        &self,
        profile: Option<(&str, &Profile)>,
        read_only: Option<&str>,
    ) -> Safety {
        let set = &self.safety;
        let usual = Safety::default();
        let of_profile = profile.filter(|(_, profile)| profile.read_only);
        let of_profile = of_profile.map(|(name, _)| format!("profile {name}"));
        let of_file = set.read_only.then(|| "console.toml".to_owned());
        Safety {
            challenge: set.challenge.unwrap_or(usual.challenge),
            grace: set.grace.map_or(usual.grace, Duration::from_secs),
            stop_percent: set.stop_percent.unwrap_or(usual.stop_percent).min(100),
            stop_least: set.stop_least.unwrap_or(usual.stop_least),
            parallel: set.parallel.unwrap_or(usual.parallel).max(1),
            guarded: profile
                .filter(|(_, profile)| profile.guarded)
                .map(|(name, _)| name.to_owned()),
            read_only: read_only.map(str::to_owned).or(of_profile).or(of_file),
            captive: usual.captive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
[safety]
challenge = 2
grace = 10

[profiles.prod]
api = \"https://prod:6385\"
guarded = true

[profiles.lab]
cloud = \"lab\"
read_only = true
";

    #[test]
    fn a_profile_says_what_is_guarded_and_what_is_read_only() {
        let settings: Settings = toml::from_str(FILE).expect("settings");
        let prod = settings.profile("prod").expect("a profile");
        let safety = settings.safety(Some(("prod", prod)), None);
        assert_eq!(safety.guarded.as_deref(), Some("prod"));
        assert_eq!(safety.grace, Duration::from_secs(10));
        assert_eq!(safety.challenge(2).as_deref(), Some("2"));
        assert_eq!(safety.read_only, None);
        let lab = settings.profile("lab").expect("a profile");
        let safety = settings.safety(Some(("lab", lab)), None);
        assert!(
            safety
                .refusal()
                .is_some_and(|why| why.contains("profile lab"))
        );
        let safety = settings.safety(Some(("prod", prod)), Some("--read-only"));
        assert!(
            safety
                .refusal()
                .is_some_and(|why| why.contains("--read-only"))
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let error = settings_error("[safety]\ngrce = 5\n");
        assert!(error.contains("grce") && error.contains(":2: "), "{error}");
        let error = Settings::default().profile("prod").expect_err("none");
        assert!(error.to_string().contains("[profiles.prod]"), "{error}");
    }

    fn settings_error(text: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("console.toml");
        std::fs::write(&file, text).expect("written");
        Settings::read(&file).expect_err("wrong").to_string()
    }
}
