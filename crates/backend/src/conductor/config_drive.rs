//! Config drives: what a request gives (a URL, a ready image, or data), made into what the agent
//! takes: a URL, or the base64 text of a gzipped ISO 9660 file system labelled `config-2`.

use std::io::{Cursor, Write};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cupola_api::fault::ApiFault;
use cupola_api::node::{Node, Object};
use flate2::Compression;
use flate2::write::GzEncoder;
use hadris_iso::joliet::JolietLevel;
use hadris_iso::read::PathSeparator;
use hadris_iso::rrip::RripOptions;
use hadris_iso::write::options::{BaseIsoLevel, CreationFeatures, IsoFormatOptions};
use hadris_iso::write::{File, InputFiles, IsoImageWriter};
use serde_json::{Value, json};

/// What is made of a config drive's text before it takes up room in the database; larger ones are
/// refused (the agent's partition for it has 64 MiB).
const LARGEST: usize = 64 << 20;

/// A config drive that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigDriveError {
    /// A member has the wrong type, or is none of a config drive's.
    #[error("config drive: {0}")]
    Malformed(String),
    /// The file system could not be made.
    #[error("config drive: the file system could not be made: {0}")]
    FileSystem(String),
    /// It is larger than the partition that holds it.
    #[error("config drive: {bytes} bytes do not fit into its partition of 64 MiB")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// What `configdrive` of a request becomes in `instance_info`.
///
/// # Errors
/// 400 when it cannot be made.
pub(super) async fn from_request(node: &Node, value: &Value) -> Result<String, ApiFault> {
    let data = match value {
        Value::String(text) => return Ok(text.clone()),
        Value::Object(data) => data.clone(),
        other => {
            return Err(ApiFault::bad_request(format!(
                "Invalid configdrive format: it is neither a JSON, nor a URL, nor a base64 string: \
                 {other}"
            )));
        }
    };
    let (uuid, name) = (node.uuid.to_string(), node.name.clone());
    tokio::task::spawn_blocking(move || build(&uuid, name.as_deref(), &data))
        .await
        .map_err(|error| ApiFault::internal(error.to_string()))?
        .map_err(|error| ApiFault::bad_request(error.to_string()))
}

/// Makes the drive's text from its data; `meta_data` gets the node's UUID and name where it has
/// none.
///
/// # Errors
/// When the data is malformed or too large.
pub fn build(uuid: &str, name: Option<&str>, data: &Object) -> Result<String, ConfigDriveError> {
    let image = iso(files(uuid, name, data)?)?;
    if image.len() > LARGEST {
        return Err(ConfigDriveError::TooLarge { bytes: image.len() });
    }
    let failed = |error: std::io::Error| ConfigDriveError::FileSystem(error.to_string());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&image).map_err(failed)?;
    Ok(STANDARD.encode(gzip.finish().map_err(failed)?))
}

fn files(
    uuid: &str,
    name: Option<&str>,
    data: &Object,
) -> Result<Vec<(&'static str, Vec<u8>)>, ConfigDriveError> {
    let known = ["meta_data", "user_data", "network_data", "vendor_data"];
    if let Some(unknown) = data.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(ConfigDriveError::Malformed(format!(
            "{unknown} is none of {}",
            known.join(", ")
        )));
    }
    let object = |key: &str| match data.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object.clone())),
        Some(_) => Err(ConfigDriveError::Malformed(format!(
            "{key} must be an object"
        ))),
    };
    let mut meta_data = object("meta_data")?.unwrap_or_default();
    meta_data
        .entry("uuid".to_owned())
        .or_insert_with(|| json!(uuid));
    if let Some(name) = name {
        meta_data
            .entry("name".to_owned())
            .or_insert_with(|| json!(name));
    }
    let text = |object: Object| Value::Object(object).to_string().into_bytes();
    let mut files = vec![("meta_data.json", text(meta_data))];
    match data.get("user_data") {
        None | Some(Value::Null) => {}
        Some(Value::String(user_data)) => files.push(("user_data", user_data.clone().into_bytes())),
        Some(other) => files.push(("user_data", other.to_string().into_bytes())),
    }
    if let Some(network_data) = object("network_data")? {
        files.push(("network_data.json", text(network_data)));
    }
    if let Some(vendor_data) = object("vendor_data")? {
        files.push(("vendor_data2.json", text(vendor_data)));
    }
    Ok(files)
}

fn iso(files: Vec<(&'static str, Vec<u8>)>) -> Result<Vec<u8>, ConfigDriveError> {
    let content: usize = files.iter().map(|(_, bytes)| bytes.len() + 4096).sum();
    let directory = |name: &str, children| File::Directory {
        name: Arc::new(name.to_owned()),
        children,
    };
    let children = files
        .into_iter()
        .map(|(name, contents)| File::File {
            name: Arc::new(name.to_owned()),
            contents,
        })
        .collect();
    let tree = InputFiles {
        path_separator: PathSeparator::ForwardSlash,
        files: vec![directory("openstack", vec![directory("latest", children)])],
    };
    let options = IsoFormatOptions {
        volume_name: "config-2".to_owned(),
        system_id: None,
        volume_set_id: None,
        publisher_id: None,
        preparer_id: None,
        application_id: None,
        sector_size: 2048,
        path_separator: PathSeparator::ForwardSlash,
        features: CreationFeatures {
            filenames: BaseIsoLevel::Level1 {
                supports_lowercase: false,
                supports_rrip: true,
            },
            joliet: Some(JolietLevel::Level3),
            rock_ridge: Some(RripOptions::default()),
            ..CreationFeatures::default()
        },
        strict_charset: false,
    };
    let mut image = Cursor::new(Vec::with_capacity(content + (512 << 10)));
    IsoImageWriter::create(&mut image, tree, options)
        .map_err(|error| ConfigDriveError::FileSystem(error.to_string()))?;
    Ok(image.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn unpacked(data: &Value) -> Vec<u8> {
        let drive = build("some-uuid", Some("web-1"), data.as_object().unwrap()).unwrap();
        let bytes = STANDARD.decode(drive).unwrap();
        let mut image = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice())
            .read_to_end(&mut image)
            .unwrap();
        image
    }

    #[test]
    fn the_file_system_has_the_label_and_the_files() {
        let image = unpacked(&json!({
            "meta_data": {"hostname": "web-1.example"}, "user_data": "#!/bin/sh\ntrue\n",
            "network_data": {"links": []}
        }));
        // ECMA-119, 8.4: the primary volume descriptor in sector 16, its identifier at offset 40.
        assert_eq!(&image[16 * 2048 + 1..16 * 2048 + 6], b"CD001");
        assert!(image[16 * 2048 + 40..].starts_with(b"config-2"));
        let has = |text: &[u8]| image.windows(text.len()).any(|window| window == text);
        assert!(has(b"\"hostname\":\"web-1.example\""));
        assert!(has(b"\"uuid\":\"some-uuid\""));
        assert!(has(b"#!/bin/sh\ntrue\n"));
        assert!(has(b"meta_data.json"), "Rock Ridge keeps the names");
        assert!(image.len() < 1 << 20, "{}", image.len());
    }

    #[test]
    fn unknown_members_are_named() {
        let data = json!({"metadata": {}});
        let error = build("u", None, data.as_object().unwrap()).unwrap_err();
        assert!(error.to_string().contains("metadata"), "{error}");
    }
}
