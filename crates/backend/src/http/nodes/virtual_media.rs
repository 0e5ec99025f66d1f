//! Virtual drives of a node: images put into them and taken out by its BMC (wire reference §11.5).

use cupola_api::fault::ApiFault;
use cupola_api::resource::VirtualMedia;
use http::StatusCode;
use url::Url;

use super::super::answer::{Answer, empty, ok};
use super::super::body::{self, Size, additional};
use super::super::call::Call;
use super::super::repr::repr;

/// The drives that there are.
const DEVICES: [&str; 3] = ["disk", "cdrom", "floppy"];

/// Where the BMC may get an image from.
const SOURCES: [&str; 3] = ["http", "local", "swift"];

/// What an image may be fetched by.
const SCHEMES: [&str; 5] = ["http", "https", "cifs", "nfs", "file"];

/// `GET /v1/nodes/{node}/vmedia`.
pub(in super::super) async fn show(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    ok(&call.state.rpc.virtual_media(node.uuid).await?)
}

/// `POST /v1/nodes/{node}/vmedia`.
pub(in super::super) async fn attach(call: &mut Call, node: &str) -> Answer {
    let media = parse(body::object(call.json(Size::Usual).await?, "vmedia")?)?;
    let node = call.node(node).await?;
    let rpc = &call.state.rpc;
    rpc.change_virtual_media(node.uuid, Some(media)).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/nodes/{node}/vmedia?device_types=a,b`.
pub(in super::super) async fn detach(call: &mut Call, node: &str) -> Answer {
    let devices = call.arguments.list("device_types").unwrap_or_default();
    let is_unknown = |device: &&String| !DEVICES.contains(&device.as_str());
    let unknown: Vec<&str> = devices
        .iter()
        .filter(is_unknown)
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        return Err(ApiFault::bad_request(format!(
            "Invalid device type(s) {} (valid are {})",
            unknown.join(", "),
            DEVICES.join(", ")
        ))
        .into());
    }
    let node = call.node(node).await?;
    let rpc = &call.state.rpc;
    rpc.change_virtual_media(node.uuid, None).await?;
    empty(StatusCode::NO_CONTENT)
}

fn parse(mut given: cupola_api::node::Object) -> Result<VirtualMedia, ApiFault> {
    let wrong = |text: String| ApiFault::bad_request(format!("Schema error for vmedia: {text}"));
    let mut take = |name: &str, is_required: bool| match given.remove(name) {
        Some(serde_json::Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong(format!("{} is not of type 'string'", repr(&other)))),
        None if is_required => Err(wrong(format!("'{name}' is a required property"))),
        None => Ok(None),
    };
    let device = take("device_type", true)?.unwrap_or_default();
    let image_url = take("image_url", true)?.unwrap_or_default();
    let source = take("image_download_source", false)?;
    let left: Vec<&str> = given.keys().map(String::as_str).collect();
    if !left.is_empty() {
        return Err(additional(&left, "vmedia"));
    }
    for (word, known) in [(Some(&device), DEVICES), (source.as_ref(), SOURCES)] {
        if let Some(word) = word
            && !known.contains(&word.as_str())
        {
            return Err(wrong(
                format!("'{word}' is not one of {known:?}").replace('"', "'"),
            ));
        }
    }
    let scheme = Url::parse(&image_url).map(|url| url.scheme().to_owned());
    let scheme = scheme.unwrap_or_default();
    if !SCHEMES.contains(&scheme.as_str()) {
        let text = format!("Unsupported or missing URL scheme: {scheme}");
        return Err(ApiFault::bad_request(text));
    }
    Ok(VirtualMedia { device, image_url })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(body: Value) -> Result<VirtualMedia, String> {
        let Value::Object(given) = body else {
            unreachable!("an object")
        };
        parse(given).map_err(|fault| fault.message)
    }

    #[test]
    fn what_is_no_image_for_a_drive_is_refused() {
        let url = "http://192.0.2.1/image.iso";
        let media = parsed(json!({"device_type": "cdrom", "image_url": url})).unwrap();
        assert_eq!(
            (media.device.as_str(), media.image_url.as_str()),
            ("cdrom", url)
        );
        for (body, text) in [
            (
                json!({"image_url": url}),
                "'device_type' is a required property",
            ),
            (
                json!({"device_type": "cdrom"}),
                "'image_url' is a required property",
            ),
            (
                json!({"device_type": 1, "image_url": url}),
                "is not of type 'string'",
            ),
            (
                json!({"device_type": "tape", "image_url": url}),
                "'tape' is not one of",
            ),
            (
                json!({"device_type": "cdrom", "image_url": "image.iso"}),
                "URL scheme",
            ),
            (
                json!({"device_type": "cdrom", "image_url": url, "x": 1}),
                "'x' was unexpected",
            ),
            (
                json!({"device_type": "cdrom", "image_url": url, "image_download_source": "ftp"}),
                "'ftp' is not one of",
            ),
        ] {
            let error = parsed(body.clone()).expect_err(&body.to_string());
            assert!(error.contains(text), "{error}");
        }
    }
}
