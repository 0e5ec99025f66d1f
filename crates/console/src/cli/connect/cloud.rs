//! `clouds.yaml` of the OpenStack clients, with `secure.yaml` beside it: what one cloud of it says.
//! Both hold passwords: an error names the file and the place, never what stands there.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Settings;
use crate::cli::Failure;

/// What the cloud of this name says.
pub(super) fn read(name: &str) -> Result<Settings, Failure> {
    let file = std::env::var_os("OS_CLIENT_CONFIG_FILE").map(PathBuf::from);
    let file = file.or_else(|| {
        directories()
            .into_iter()
            .find_map(|d| existing(&d, "clouds"))
    });
    let Some(file) = file else {
        return Err(Failure::usage(format!(
            "there is no clouds.yaml, so there is no cloud {name}: put it into this directory, \
             ~/.config/openstack or /etc/openstack, or name it in OS_CLIENT_CONFIG_FILE"
        )));
    };
    let mut settings = Settings::new();
    let found = cloud(&file, name)?
        .ok_or_else(|| Failure::usage(format!("{} has no cloud {name}", file.display())))?;
    flatten(&found, &mut settings);
    let secure = directories()
        .into_iter()
        .find_map(|d| existing(&d, "secure"));
    if let Some(secure) = secure
        && let Some(found) = cloud(&secure, name)?
    {
        flatten(&found, &mut settings);
    }
    Ok(settings)
}

/// Where the files may be.
fn directories() -> Vec<PathBuf> {
    let home = std::env::home_dir().map(|home| home.join(".config/openstack"));
    let here = Some(PathBuf::from("."));
    let system = Some(PathBuf::from("/etc/openstack"));
    [here, home, system].into_iter().flatten().collect()
}

fn existing(directory: &Path, name: &str) -> Option<PathBuf> {
    ["yaml", "yml", "json"]
        .iter()
        .map(|suffix| directory.join(format!("{name}.{suffix}")))
        .find(|path| path.exists())
}

/// The cloud's object in this file.
fn cloud(file: &Path, name: &str) -> Result<Option<Map<String, Value>>, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{shown} cannot be read: {error}")))?;
    parse(&text, name).map_err(|line| {
        let at = line
            .map(|line| format!(" in line {line}"))
            .unwrap_or_default();
        Failure::usage(format!("{shown} is no clouds.yaml{at}"))
    })
}

/// Or the line in which the text is wrong, as far as known.
fn parse(text: &str, name: &str) -> Result<Option<Map<String, Value>>, Option<u64>> {
    let all: Value = serde_saphyr::from_str(text)
        .map_err(|error| error.location().map(|location| location.line()))?;
    let found = all.get("clouds").and_then(|clouds| clouds.get(name));
    Ok(found.and_then(Value::as_object).cloned())
}

/// Its settings, those below `auth` among them.
fn flatten(cloud: &Map<String, Value>, settings: &mut Settings) {
    for (name, value) in cloud {
        let text = match value {
            Value::Object(below) if name == "auth" => {
                flatten(below, settings);
                continue;
            }
            Value::String(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        settings.insert(name.replace('-', "_"), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
clouds:
  metal:
    auth:
      auth_url: https://h:5000/v3
      username: me
      password: 1234
    verify: false
    baremetal_endpoint_override: https://h:6385
    regions: [one, two]
";

    #[test]
    fn a_cloud_is_read() {
        let cloud = parse(FILE, "metal").unwrap().unwrap();
        let mut settings = Settings::new();
        flatten(&cloud, &mut settings);
        let value = |name: &str| settings.get(name).map(String::as_str);
        assert_eq!(value("auth_url"), Some("https://h:5000/v3"));
        assert_eq!(value("password"), Some("1234"));
        assert_eq!(value("verify"), Some("false"));
        assert_eq!(value("baremetal_endpoint_override"), Some("https://h:6385"));
        assert_eq!(parse(FILE, "other"), Ok(None));
    }

    #[test]
    fn what_is_no_yaml_is_told_without_its_text() {
        assert!(parse("clouds: [geheim", "metal").is_err());
        assert_eq!(parse("geheim", "metal"), Ok(None));
    }
}
