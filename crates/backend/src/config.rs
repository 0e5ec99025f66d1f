//! The configuration: one TOML file, every key also as `CUPOLA_SECTION__KEY` in the environment
//! and as `--set section.key=value` on the command line, the later ones winning.
//!
//! A key that does not exist is an error that names the nearest one that does. What the keys are
//! is in [`sections`], with their documentation; the reference for users is made from there.

mod boot_subnet;
mod check;
mod dhcp_mode;
mod error;
mod images;
mod key;
mod nearest;
pub(crate) mod priorities;
pub mod sections;
mod value;

use std::path::{Path, PathBuf};

use cupola_api::cupola::Image;
use toml::Value;

pub use boot_subnet::BootSubnet;
pub use dhcp_mode::DhcpMode;
pub use error::{ConfigError, Origin};
use images::IMAGES;
pub use key::Key;
use key::Section;
pub(crate) use nearest::nearest;
pub use sections::{
    Agent, Api, AuthStrategy, Boot, BootLoader, BootMode, Cleaning, Conductor, Database, Deploy,
    Drivers, HashAlgorithm, ImageDownloadSource, Inspection, Ipmi, Keystone, LogsCollect,
    NotificationDriver, NotificationLevel, Notifications, RpcSection, Serial, TlsMode,
};

macro_rules! config {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// Everything that can be configured. The default is what an empty file gives.
        #[derive(Clone, Debug, Default)]
        pub struct Config {
            $($(#[$doc])* pub $name: $type,)*
            /// `[[images]]`: what people can choose to deploy.
            pub images: Vec<Image>,
        }

        impl Config {
            fn section(&mut self, name: &str) -> Option<&mut dyn Section> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            fn sections(&self) -> Vec<&dyn Section> {
                vec![$(&self.$name),*]
            }
        }
    };
}

config! {
    /// `[api]`: the HTTP API.
    api: Api,
    /// `[keystone]`: the identity service.
    keystone: Keystone,
    /// `[database]`: where everything is kept.
    database: Database,
    /// `[conductor]`: what does the work.
    conductor: Conductor,
    /// `[deploy]`: how machines are deployed.
    deploy: Deploy,
    /// `[cleaning]`: how machines are cleaned.
    cleaning: Cleaning,
    /// `[inspection]`: how hardware is discovered.
    inspection: Inspection,
    /// `[drivers]`: which hardware is served.
    drivers: Drivers,
    /// `[ipmi]`: BMCs that speak IPMI.
    ipmi: Ipmi,
    /// `[boot]`: DHCP, TFTP and HTTP on the provisioning network.
    boot: Boot,
    /// `[agent]`: the agent in the ramdisk.
    agent: Agent,
    /// `[serial]`: serial consoles.
    serial: Serial,
    /// `[notifications]`: what is told of changes.
    notifications: Notifications,
    /// `[rpc]`: between API and conductor processes.
    rpc: RpcSection,
}

impl Config {
    /// Reads the file (none: no file), then the environment, then `--set` arguments of the form
    /// `section.key=value`; checks that it fits together.
    ///
    /// # Errors
    /// Names the key and where it was set, what is wrong with it and what to do.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        sets: &[String],
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File {
                path: path.to_owned(),
                source,
            })?;
            config.apply_file(&text, path)?;
        }
        for (name, text) in environment {
            config.apply_environment(&name, &text)?;
        }
        for argument in sets {
            config.apply_argument(argument)?;
        }
        check::check(&config)?;
        Ok(config)
    }

    /// The environment of this process, without what is not text.
    pub fn environment() -> impl Iterator<Item = (String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
    }

    /// The file that is read when none is named: the first of `/etc/cupola/cupola.toml` and
    /// `$XDG_CONFIG_HOME/cupola/cupola.toml` (or `~/.config`) that exists.
    #[must_use]
    pub fn default_file() -> Option<PathBuf> {
        let home = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
        let user = home.map(|directory| directory.join("cupola/cupola.toml"));
        [Some(PathBuf::from("/etc/cupola/cupola.toml")), user]
            .into_iter()
            .flatten()
            .find(|path| path.exists())
    }

    fn apply_file(&mut self, text: &str, path: &Path) -> Result<(), ConfigError> {
        let origin = Origin::File(path.to_owned());
        let table: toml::Table = text
            .parse()
            .map_err(|error| ConfigError::syntax(path, text, &error))?;
        for (section, value) in table {
            match value {
                value if section == IMAGES => self.set_images(value, &origin)?,
                Value::Table(keys) => {
                    if self.section(&section).is_none() {
                        return Err(self.unknown(&section, &origin));
                    }
                    for (key, value) in keys {
                        self.set(&section, &key, &[value], &origin)?;
                    }
                }
                _ => return Err(self.unknown(&section, &origin)),
            }
        }
        Ok(())
    }

    fn apply_environment(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let Some(key) = name.strip_prefix("CUPOLA_") else {
            return Ok(());
        };
        let key = key.to_ascii_lowercase();
        let origin = Origin::Environment(name.to_owned());
        match key.split_once("__") {
            Some((section, key)) => self.set_text(section, key, text, &origin),
            None if key == IMAGES => self.set_images(value::guess(text), &origin),
            // Not ours to judge: other programs of the family have variables too.
            None => Ok(()),
        }
    }

    fn apply_argument(&mut self, argument: &str) -> Result<(), ConfigError> {
        let origin = Origin::Argument;
        // What is no name may be a value with a password in it.
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let malformed = || {
            let end = argument.find(|c| !is_part(c)).unwrap_or(argument.len());
            ConfigError::Argument(argument.get(..end).unwrap_or_default().to_owned())
        };
        let (name, text) = argument.split_once('=').ok_or_else(malformed)?;
        let name = name.trim();
        if !name.chars().all(is_part) {
            return Err(malformed());
        }
        if name == IMAGES {
            return self.set_images(value::guess(text), &origin);
        }
        match name.split_once('.') {
            Some((section, key)) => self.set_text(section, key, text, &origin),
            None => Err(self.unknown(name, &origin)),
        }
    }

    /// A text may be meant as TOML or as itself: `6385`, `["ipmi"]`, but also `eth0`.
    fn set_text(
        &mut self,
        section: &str,
        key: &str,
        text: &str,
        origin: &Origin,
    ) -> Result<(), ConfigError> {
        let candidates = [value::guess(text), Value::String(text.to_owned())];
        self.set(section, key, &candidates, origin)
    }

    /// Sets a key to the first of the candidates that it accepts.
    fn set(
        &mut self,
        section: &str,
        key: &str,
        candidates: &[Value],
        origin: &Origin,
    ) -> Result<(), ConfigError> {
        let name = format!("{section}.{key}");
        let mut first = None;
        for candidate in candidates {
            let Some(keys) = self.section(section) else {
                return Err(self.unknown(&name, origin));
            };
            match keys.set(key, candidate) {
                None => return Err(self.unknown(&name, origin)),
                Some(Ok(())) => return Ok(()),
                Some(Err(reason)) => first = first.or(Some(reason)),
            }
        }
        Err(ConfigError::Value {
            key: name,
            origin: origin.clone(),
            reason: first.unwrap_or_default(),
        })
    }

    fn set_images(&mut self, value: Value, origin: &Origin) -> Result<(), ConfigError> {
        self.images = images::read(value).map_err(|reason| ConfigError::Value {
            key: IMAGES.to_owned(),
            origin: origin.clone(),
            reason,
        })?;
        Ok(())
    }

    fn unknown(&self, key: &str, origin: &Origin) -> ConfigError {
        let sections = self.sections();
        let keys = sections.iter().flat_map(|section| {
            let name = section.name();
            section
                .keys()
                .iter()
                .map(move |k| format!("{name}.{}", k.name))
        });
        let names = sections.iter().map(|section| section.name().to_owned());
        let known: Vec<String> = if key.contains('.') {
            keys.collect()
        } else {
            names.chain([IMAGES.to_owned()]).collect()
        };
        ConfigError::Unknown {
            key: key.to_owned(),
            origin: origin.clone(),
            nearest: nearest(key, known),
        }
    }

    /// Every key with its documentation and default, as a TOML file that changes nothing.
    #[must_use]
    pub fn reference() -> String {
        let config = Self::default();
        let mut out = "# Every key of cupola.toml with its default; made from \
            crates/backend/src/config/sections.rs.\n# Times are in seconds unless said.\n"
            .to_owned();
        for section in config.sections() {
            out.push_str(&format!("\n# {}\n[{}]\n", section.doc(), section.name()));
            for key in section.keys() {
                for line in key.doc.trim().lines() {
                    out.push_str(format!("# {}", line.trim()).trim_end());
                    out.push('\n');
                }
                match section.show(key.name) {
                    Some(value) => out.push_str(&format!("# {} = {value}\n", key.name)),
                    None => out.push_str(&format!("# {} is not set\n", key.name)),
                }
            }
        }
        out.push_str(images::REFERENCE);
        out
    }
}

#[cfg(test)]
mod tests;
