//! What `instance_info` says of an image: checked, and told to the agent (wire reference §23).

use cupola_api::agent::{HintError, ImageInfo, RootDeviceHints, WriteImageArgs};
use cupola_api::node::{Node, Object};
use serde_json::{Value, json};
use url::Url;

use crate::interface::{DriverError, DriverSettings, Result};

/// In `driver_internal_info`: how an image that this host serves is checked. What the user gave stays
/// as it is, for the next deploy of another version of the image.
pub(super) const SERVED_ALGORITHM: &str = "image_os_hash_algo";
/// In `driver_internal_info`: the checksum of an image that this host serves.
pub(super) const SERVED_CHECKSUM: &str = "image_os_hash_value";

fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.instance_info
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// `image_source`.
///
/// # Errors
/// When it is missing.
pub fn source(node: &Node) -> Result<&str> {
    text(node, "image_source").ok_or_else(|| {
        DriverError::MissingParameter(format!(
            "Node {} failed to validate deploy image info. Some parameters were missing. Missing \
             are: ['instance_info.image_source']",
            node.uuid
        ))
    })
}

/// Whether the image is a whole disk.
#[must_use]
pub fn is_whole_disk(node: &Node) -> bool {
    match text(node, "image_type") {
        Some(kind) => kind != "partition",
        None => text(node, "kernel").is_none() && text(node, "ramdisk").is_none(),
    }
}

/// Checks source, checksum and type, without asking the image's server.
///
/// # Errors
/// What is missing or wrong, in the texts of the reference.
pub fn validate(node: &Node) -> Result<()> {
    let source = source(node)?;
    let invalid = |text: String| Err(DriverError::InvalidParameter(text));
    hints(node)?;
    if text(node, "boot_iso").is_some() {
        return invalid(format!(
            "Node {} has both boot_iso and image_source in instance_info; remove one of them, or set \
             deploy_interface to ramdisk",
            node.uuid
        ));
    }
    if let Some(kind) = text(node, "image_type")
        && !matches!(kind, "whole-disk" | "partition")
    {
        return invalid(format!(
            "Invalid image_type {kind:?} in instance_info; it is whole-disk or partition"
        ));
    }
    if !is_whole_disk(node) && node.instance_info.get("root_gb").is_none() {
        return Err(DriverError::MissingParameter(format!(
            "Node {} failed to validate deploy image info. Some parameters were missing. Missing \
             are: ['instance_info.root_gb']",
            node.uuid
        )));
    }
    let url = match Url::parse(source) {
        Ok(url) => url,
        Err(error) => {
            return invalid(format!(
                "image_source {source:?} is no URL ({error}); give one that starts with http://, \
                 https:// or file://"
            ));
        }
    };
    match url.scheme() {
        "file" => Ok(()),
        "http" | "https" => {
            let algorithm = text(node, "image_os_hash_algo");
            let value = text(node, "image_os_hash_value");
            let pair = algorithm.is_some() && value.is_some();
            if pair || text(node, "image_checksum").is_some() {
                Ok(())
            } else {
                Err(DriverError::MissingParameter(format!(
                    "image_source's \"image_checksum\", or \"image_os_hash_algo\" and \
                     \"image_os_hash_value\" must be provided in instance_info for node {}",
                    node.uuid
                )))
            }
        }
        other => invalid(format!(
            "image_source has the scheme {other:?}, which is not served here; give a URL that \
             starts with http://, https:// or file://"
        )),
    }
}

/// Checks root device hints and the disks to leave alone.
fn hints(node: &Node) -> Result<()> {
    let wrong = |place: &str, error: HintError| {
        DriverError::InvalidParameter(format!("Node {}, {place}: {error}", node.uuid))
    };
    for (place, object) in [
        ("instance_info", &node.instance_info),
        ("properties", &node.properties),
    ] {
        RootDeviceHints::of_property(object.get("root_device"))
            .map_err(|error| wrong(place, error))?;
    }
    RootDeviceHints::skip_list(node.properties.get("skip_block_devices"))
        .map(drop)
        .map_err(|error| wrong("properties", error))
}

/// Where the agent gets an image of the web from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DownloadSource {
    /// From where it is.
    #[default]
    Http,
    /// From this host, which downloads it once for all.
    Local,
}

/// `image_download_source` of the node, else the configured one.
///
/// # Errors
/// It is none that there is.
pub fn download_source(node: &Node, configured: DownloadSource) -> Result<DownloadSource> {
    let given = text(node, "image_download_source").or_else(|| {
        let value = node.driver_info.get("image_download_source");
        value.and_then(Value::as_str)
    });
    match given {
        None => Ok(configured),
        Some("http") => Ok(DownloadSource::Http),
        Some("local") => Ok(DownloadSource::Local),
        Some(other) => Err(DriverError::InvalidParameter(format!(
            "image_download_source is {other:?}; it is http or local"
        ))),
    }
}

/// The arguments of the step `write_image`.
///
/// # Errors
/// As [`validate`].
pub fn write_image_args(node: &Node, settings: &DriverSettings) -> Result<Object> {
    validate(node)?;
    let source = source(node)?;
    let owned = |key: &str| text(node, key).map(str::to_owned);
    let url = owned("image_url").unwrap_or_else(|| source.to_owned());
    let id = source
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(source)
        .to_owned();
    let mut info = ImageInfo {
        id,
        urls: vec![url],
        disk_format: owned("image_disk_format"),
        container_format: owned("image_container_format"),
        stream_raw_images: settings.agent.stream_raw_images,
        node_uuid: Some(*node.uuid.as_uuid()),
        ..ImageInfo::default()
    };
    checksum(node, &mut info);
    proxies(node, &mut info);
    if !is_whole_disk(node) {
        partition_keys(node, settings, &mut info);
    }
    let args = WriteImageArgs {
        image_info: info,
        configdrive: owned("configdrive"),
    };
    super::object(&args)
}

fn checksum(node: &Node, info: &mut ImageInfo) {
    let served = |key: &str| node.driver_internal_info.get(key).and_then(Value::as_str);
    if let (Some(algorithm), Some(value)) = (served(SERVED_ALGORITHM), served(SERVED_CHECKSUM)) {
        info.os_hash_algo = Some(algorithm.to_owned());
        info.os_hash_value = Some(value.to_owned());
        return;
    }
    let owned = |key: &str| text(node, key).map(str::to_owned);
    info.checksum = owned("image_checksum");
    info.os_hash_algo = owned("image_os_hash_algo");
    info.os_hash_value = owned("image_os_hash_value");
}

fn proxies(node: &Node, info: &mut ImageInfo) {
    let given = |key: &str| node.driver_info.get(key).and_then(Value::as_str);
    let mut proxies = Object::new();
    for (key, scheme) in [("image_http_proxy", "http"), ("image_https_proxy", "https")] {
        if let Some(proxy) = given(key) {
            proxies.insert(scheme.to_owned(), json!(proxy));
        }
    }
    if !proxies.is_empty() {
        info.extra
            .insert("proxies".to_owned(), Value::Object(proxies));
        if let Some(hosts) = given("image_no_proxy") {
            info.extra.insert("no_proxy".to_owned(), json!(hosts));
        }
    }
}

fn partition_keys(node: &Node, settings: &DriverSettings, info: &mut ImageInfo) {
    let keys = [
        "kernel",
        "ramdisk",
        "root_gb",
        "root_mb",
        "swap_mb",
        "ephemeral_mb",
        "ephemeral_format",
        "preserve_ephemeral",
    ];
    for key in keys {
        if let Some(value) = node.instance_info.get(key) {
            info.extra.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(root) = node.instance_info.get("root_gb").and_then(Value::as_u64) {
        info.extra
            .insert("root_mb".to_owned(), json!(root.saturating_mul(1024)));
    }
    info.image_type = Some("partition".to_owned());
    let mode = match crate::interface::boot_mode(node) {
        Some(cupola_api::agent::BootMode::Bios) => "bios",
        Some(cupola_api::agent::BootMode::Uefi) => "uefi",
        None => settings.boot.default_boot_mode.as_str(),
    };
    info.extra
        .insert("deploy_boot_mode".to_owned(), json!(mode));
    info.extra.insert("boot_option".to_owned(), json!("local"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(info: &Value) -> Node {
        Node {
            instance_info: info.as_object().cloned().unwrap_or_default(),
            ..Node::default()
        }
    }

    #[test]
    fn an_image_from_the_web_needs_a_checksum() {
        let error = validate(&node(&json!({"image_source": "http://h/i.raw"}))).unwrap_err();
        assert!(
            error.to_string().contains("\"image_os_hash_algo\""),
            "{error}"
        );
        assert!(error.is_bad_request());
        for good in [
            json!({"image_source": "http://h/i.raw", "image_checksum": "00"}),
            json!({"image_source": "https://h/i.raw", "image_os_hash_algo": "sha256",
                   "image_os_hash_value": "00"}),
            json!({"image_source": "file:///srv/i.raw"}),
        ] {
            validate(&node(&good)).unwrap();
        }
    }

    #[test]
    fn no_image_and_odd_images_are_refused() {
        for bad in [
            json!({}),
            json!({"image_source": "ftp://h/i"}),
            json!({"image_source": "no url"}),
            json!({"image_source": "file:///i", "image_type": "floppy"}),
            json!({"image_source": "file:///i", "kernel": "k"}),
            json!({"image_source": "file:///i", "root_device": {"colour": "red"}}),
            json!({"image_source": "file:///i", "root_device": {"size": 0}}),
            json!({"image_source": "file:///i", "boot_iso": "http://h/i"}),
        ] {
            assert!(validate(&node(&bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_agent_is_told_the_published_url() {
        let node = node(&json!({
            "image_source": "file:///srv/os.qcow2", "image_url": "http://us/images/1",
            "image_os_hash_algo": "sha256", "image_os_hash_value": "00", "configdrive": "H4sI"
        }));
        let args = write_image_args(&node, &DriverSettings::default()).unwrap();
        assert_eq!(args["image_info"]["urls"], json!(["http://us/images/1"]));
        assert_eq!(args["image_info"]["id"], json!("os.qcow2"));
        assert_eq!(args["configdrive"], json!("H4sI"));
        assert_eq!(args["image_info"]["os_hash_value"], json!("00"));
    }

    #[test]
    fn the_agent_is_told_the_checksum_of_what_is_served() {
        let mut node = node(&json!({
            "image_source": "file:///srv/os.qcow2",
            "image_checksum": "d41d8cd98f00b204e9800998ecf8427e"
        }));
        let internal = json!({"image_os_hash_algo": "sha256", "image_os_hash_value": "11"});
        node.driver_internal_info = internal.as_object().cloned().unwrap_or_default();
        let args = write_image_args(&node, &DriverSettings::default()).unwrap();
        let info = &args["image_info"];
        assert_eq!(info["os_hash_algo"], json!("sha256"));
        assert_eq!(info["os_hash_value"], json!("11"));
        assert!(info.get("checksum").is_none_or(Value::is_null), "{info}");
    }
}
