//! Reading a request body: how large and how deep it may be, and what counts as JSON (wire
//! reference §1.4). What is in it is the handlers'.

use std::time::Duration;

use axum::body::Body;
use cupola_api::fault::ApiFault;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use super::answer::Failure;
use super::repr::repr;
use super::schema;

/// How long a body may take to come.
const DEADLINE: Duration = Duration::from_secs(120);

/// How large, in bytes, and how deep bodies may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) usual: usize,
    pub(super) provision: usize,
    pub(super) inspection: usize,
    pub(super) depth: usize,
}

/// Which limit of size a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// That of most requests.
    Usual,
    /// That of a provision request, which may carry a config drive.
    Provision,
    /// That of what an inspection ramdisk sends.
    Inspection,
}

impl Limits {
    const fn bytes(&self, size: Size) -> usize {
        match size {
            Size::Usual => self.usual,
            Size::Provision => self.provision,
            Size::Inspection => self.inspection,
        }
    }
}

/// Reads the whole body as JSON. A missing body is an empty object.
pub(super) async fn read(
    body: Body,
    headers: &HeaderMap,
    limits: &Limits,
    size: Size,
) -> Result<Value, Failure> {
    let max = limits.bytes(size);
    let reading = Limited::new(body, max).collect();
    let read = tokio::time::timeout(DEADLINE, reading).await.map_err(|_| {
        let seconds = DEADLINE.as_secs();
        let text = format!("The request body did not come within {seconds} seconds.");
        ApiFault::new(408, text)
    })?;
    let bytes = match read {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let text = format!("Request body is larger than {max} bytes");
            return Err(Failure::Guard(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Err(error) => {
            let text = format!("The request body could not be read: {error}");
            return Err(ApiFault::bad_request(text).into());
        }
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    if is_form(headers) {
        let names: Vec<_> = url::form_urlencoded::parse(&bytes)
            .map(|(name, _)| name)
            .collect();
        let shown: String = names.join(", ").chars().take(200).collect();
        return Err(ApiFault::bad_request(format!("Unexpected arguments: {shown}")).into());
    }
    if nesting(&bytes) > limits.depth {
        let text = format!("Request body is nested deeper than {} levels", limits.depth);
        return Err(Failure::Guard(StatusCode::BAD_REQUEST, text));
    }
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|e| ApiFault::bad_request(format!("The request body is no JSON: {e}")))?;
    if value.is_null() {
        return Err(ApiFault::bad_request("The request body must not be null").into());
    }
    Ok(value)
}

/// The members of a body that must be an object; `what` names it in the error.
pub(super) fn object(value: Value, what: &str) -> Result<serde_json::Map<String, Value>, ApiFault> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(schema::fault(
            what,
            format_args!("{} is not of type 'object'", repr(&other)),
        )),
    }
}

/// The refusal of members that are not known.
pub(super) fn additional(names: &[&str], what: &str) -> ApiFault {
    let mut list: Vec<String> = names.iter().map(|n| format!("'{n}'")).collect();
    list.sort_unstable();
    let verb = if names.len() == 1 { "was" } else { "were" };
    schema::fault(
        what,
        format_args!(
            "Additional properties are not allowed ({} {verb} unexpected)",
            list.join(", ")
        ),
    )
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| {
            v.trim_start()
                .starts_with("application/x-www-form-urlencoded")
        })
}

/// How deep brackets are nested outside of strings. Looks at bytes only, so that a hostile body is
/// refused before it is parsed.
fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in json {
        if in_string {
            match (escaped, byte) {
                (true, _) => escaped = false,
                (false, b'\\') => escaped = true,
                (false, b'"') => in_string = false,
                (false, _) => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        usual: 1 << 20,
        provision: 1 << 20,
        inspection: 1 << 20,
        depth: 25,
    };

    async fn read_text(text: &str) -> Result<Value, u16> {
        let body = Body::from(text.to_owned());
        read(body, &HeaderMap::new(), &LIMITS, Size::Usual)
            .await
            .map_err(|f| f.into_response().status().as_u16())
    }

    #[tokio::test]
    async fn what_counts_as_json() {
        assert_eq!(read_text("").await, Ok(serde_json::json!({})));
        assert_eq!(read_text("[]").await, Ok(serde_json::json!([])));
        assert_eq!(read_text("null").await, Err(400));
        assert_eq!(read_text("{nope").await, Err(400));
        assert_eq!(read_text(&"[".repeat(26)).await, Err(400));
        assert_eq!(read_text(&"x".repeat((1 << 20) + 1)).await, Err(413));
    }

    #[tokio::test]
    async fn a_form_is_refused() {
        let mut headers = HeaderMap::new();
        let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        let error = read(Body::from("{}"), &headers, &LIMITS, Size::Usual)
            .await
            .expect_err("a form");
        assert!(matches!(error, Failure::Fault(f) if f.message == "Unexpected arguments: {}"));
    }

    proptest! {
        #[test]
        fn brackets_in_strings_do_not_count(text in "[\\[\\]{}a\\\\\"]{0,40}") {
            let json = serde_json::to_vec(&[&text]).unwrap_or_default();
            prop_assert_eq!(nesting(&json), 1);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let _ = nesting(&bytes);
        }
    }
}
