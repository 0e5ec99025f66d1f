//! `[[images]]`: the images that people can choose to deploy.

use cupola_api::cupola::Image;
use serde::Deserialize;
use toml::Value;

/// The name of the list.
pub(super) const IMAGES: &str = "images";

/// What the reference says of it.
pub(super) const REFERENCE: &str = r#"
# Images to choose from when a machine is deployed; as many as you like.
# [[images]]
# name = "debian-12"
# Where the agent, or the conductor for file:// URLs, finds it.
# source = "http://192.0.2.1/images/debian-12.qcow2"
# raw or qcow2.
# disk_format = "qcow2"
# The file's checksum: md5 (32 digits), sha256 (64) or sha512 (128), or a URL that gives it.
# checksum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    source: String,
    #[serde(default)]
    disk_format: Format,
    #[serde(default)]
    checksum: String,
    #[serde(default)]
    size: Option<u64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Raw,
    Qcow2,
}

/// Reads the list; the reason says which image is wrong.
pub(super) fn read(value: Value) -> Result<Vec<Image>, String> {
    let Value::Array(entries) = value else {
        return Err("must be a list of tables: [[images]]".to_owned());
    };
    let mut images: Vec<Image> = Vec::new();
    for (entry, at) in entries.into_iter().zip(1..) {
        let entry: Entry = entry
            .try_into()
            .map_err(|error| format!("number {at}: {error}"))?;
        if images.iter().any(|image| image.name == entry.name) {
            return Err(format!("has two images with the name {}", entry.name));
        }
        images.push(image(entry)?);
    }
    Ok(images)
}

fn image(entry: Entry) -> Result<Image, String> {
    let name = entry.name;
    let url = url::Url::parse(&entry.source)
        .map_err(|error| format!("`{name}`: source is not a URL: {error}"))?;
    let checksum = entry.checksum;
    let is_hex = checksum.bytes().all(|b| b.is_ascii_hexdigit());
    let hash_algo = match (checksum.len(), is_hex) {
        // The conductor computes it for its own files.
        (0, _) if url.scheme() == "file" => "sha256",
        (0, _) => return Err(format!("`{name}`: checksum is missing; sha256sum gives it")),
        (32, true) => "md5",
        (64, true) => "sha256",
        (128, true) => "sha512",
        _ if checksum.starts_with("http://") || checksum.starts_with("https://") => "sha256",
        _ => {
            return Err(format!(
                "`{name}`: checksum must be 32, 64 or 128 hexadecimal digits, or a URL"
            ));
        }
    };
    Ok(Image {
        name,
        source: entry.source,
        disk_format: match entry.disk_format {
            Format::Raw => "raw".to_owned(),
            Format::Qcow2 => "qcow2".to_owned(),
        },
        hash_algo: hash_algo.to_owned(),
        hash_value: checksum,
        size: entry.size,
    })
}
