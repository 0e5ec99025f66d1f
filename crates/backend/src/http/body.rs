//! Reading a request body: how large and how deep it may be, and what counts as JSON (wire
//! reference §1.4). What is in it is the handlers'.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use cupola_api::fault::ApiFault;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Failure;
use super::repr::repr;
use super::schema;

/// How long a body may take to come.
const DEADLINE: Duration = Duration::from_secs(120);

/// After how many seconds it may be tried again where there is no memory for a body.
const RETRY_AFTER: u64 = 5;

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
    /// That of a heartbeat: as of most requests, but anybody may send one.
    Heartbeat,
}

impl Size {
    /// Whether such a body may come from anybody.
    pub(super) const fn is_strangers(self) -> bool {
        match self {
            Self::Inspection | Self::Heartbeat => true,
            Self::Usual | Self::Provision => false,
        }
    }
}

impl Limits {
    pub(super) const fn bytes(&self, size: Size) -> usize {
        match size {
            Size::Usual | Size::Heartbeat => self.usual,
            Size::Provision => self.provision,
            Size::Inspection => self.inspection,
        }
    }
}

/// Reads the whole body, of at most `max` bytes. What it takes of `memory` (a permit for each KiB) is
/// given back when the permit is dropped.
pub(super) async fn gather(
    body: Body,
    max: usize,
    memory: Option<&Arc<Semaphore>>,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Failure> {
    let reading = async {
        let body = Limited::new(body, max);
        match memory {
            Some(memory) => gather_within(body, memory)
                .await
                .map(|(bytes, taken)| (bytes, Some(taken))),
            None => Ok((body.collect().await?.to_bytes(), None)),
        }
    };
    let read = tokio::time::timeout(DEADLINE, reading).await.map_err(|_| {
        let seconds = DEADLINE.as_secs();
        let text = format!("The request body did not come within {seconds} seconds.");
        ApiFault::new(408, text)
    })?;
    read.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let text = format!("Request body is larger than {max} bytes");
            Failure::Guard(StatusCode::PAYLOAD_TOO_LARGE, text)
        } else if error.is::<NoMemory>() {
            Failure::TooMany(RETRY_AFTER, error.to_string())
        } else {
            ApiFault::bad_request(format!("The request body could not be read: {error}")).into()
        }
    })
}

/// All the memory for bodies that anybody may send is taken.
#[derive(Debug, thiserror::Error)]
#[error(
    "Too many machines send data at the same time; try again in {RETRY_AFTER} seconds. Where so many \
     are meant to, raise api.max_ramdisk_memory."
)]
struct NoMemory;

/// Takes memory as octets come, so that nobody holds any by promises.
async fn gather_within(
    mut body: Limited<Body>,
    memory: &Arc<Semaphore>,
) -> Result<(Bytes, OwnedSemaphorePermit), Box<dyn std::error::Error + Send + Sync>> {
    let mut bytes = Vec::new();
    let mut taken = Arc::clone(memory).try_acquire_many_owned(0)?;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let needed = (bytes.len() + data.len()).div_ceil(1024) - taken.num_permits();
        let more = Arc::clone(memory).try_acquire_many_owned(u32::try_from(needed)?);
        taken.merge(more.map_err(|_| NoMemory)?);
        bytes.extend_from_slice(&data);
    }
    Ok((bytes.into(), taken))
}

/// Reads a body as JSON. A missing body is an empty object.
pub(super) fn read(bytes: &[u8], headers: &HeaderMap, depth: usize) -> Result<Value, Failure> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    if is_form(headers) {
        let names: Vec<_> = url::form_urlencoded::parse(bytes)
            .map(|(name, _)| name)
            .collect();
        let shown: String = names.join(", ").chars().take(200).collect();
        return Err(ApiFault::bad_request(format!("Unexpected arguments: {shown}")).into());
    }
    if nesting(bytes) > depth {
        let text = format!("Request body is nested deeper than {depth} levels");
        return Err(Failure::Guard(StatusCode::BAD_REQUEST, text));
    }
    let value: Value = serde_json::from_slice(bytes)
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

/// Refuses integers of more than 64 bits: they would be kept rounded.
pub(super) fn exact(json: &[u8]) -> Result<(), ApiFault> {
    let Some(number) = rounded(json) else {
        return Ok(());
    };
    let short: String = number.chars().take(60).collect();
    Err(ApiFault::bad_request(format!(
        "The request body has the number {short}, which would not be kept exactly; whole numbers go \
         from {} to {}, longer ones must be given as text, in quotes",
        i64::MIN,
        u64::MAX
    )))
}

/// The first integer of a JSON text that fits into no 64 bits.
fn rounded(json: &[u8]) -> Option<&str> {
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = json;
    while let Some((byte, after)) = rest.split_first() {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => in_string = !in_string,
            (false, _, b'-' | b'0'..=b'9') => {
                let is_part = |b: &&u8| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let length = rest.iter().take_while(is_part).count();
                let (number, next) = rest.split_at_checked(length)?;
                let number = std::str::from_utf8(number).ok()?;
                let is_whole = !number.contains(['.', 'e', 'E']);
                if is_whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                    return Some(number);
                }
                rest = next;
                continue;
            }
            _ => {}
        }
        rest = after;
    }
    None
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
        let status = |failure: Failure| failure.into_response().status().as_u16();
        let gathered = gather(body, LIMITS.bytes(Size::Usual), None).await;
        let (bytes, _) = gathered.map_err(status)?;
        read(&bytes, &HeaderMap::new(), LIMITS.depth).map_err(status)
    }

    #[tokio::test]
    async fn memory_for_strangers_is_bounded() {
        let memory = Arc::new(Semaphore::new(3));
        let send = |size: usize| gather(Body::from(vec![b' '; size]), 1 << 20, Some(&memory));
        let (bytes, held) = send(2 * 1024).await.unwrap();
        assert_eq!((bytes.len(), memory.available_permits()), (2 * 1024, 1));
        let refused = send(2 * 1024).await.unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.headers().contains_key("retry-after"));
        assert!(send(1024).await.is_ok());
        drop(held);
        assert!(send(3 * 1024).await.is_ok());
        assert!(send(0).await.is_ok());
        assert_eq!(memory.available_permits(), 3);
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

    #[test]
    fn a_form_is_refused() {
        let mut headers = HeaderMap::new();
        let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        let error = read(b"{}", &headers, LIMITS.depth).expect_err("a form");
        assert!(matches!(error, Failure::Fault(f) if f.message == "Unexpected arguments: {}"));
    }

    #[test]
    fn integers_that_would_be_rounded_are_found() {
        for (json, want) in [
            (
                r#"{"a": 18446744073709551615, "b": [-9223372036854775808]}"#,
                None,
            ),
            (
                r#"{"a": [1, 18446744073709551616]}"#,
                Some("18446744073709551616"),
            ),
            ("-9223372036854775809", Some("-9223372036854775809")),
            ("[1e30, 123456789012345678901234567890.5]", None),
            (r#""\\" "#, None),
            (
                r#"["123456789012345678901234567890", "\"99999999999999999999", 1]"#,
                None,
            ),
        ] {
            assert_eq!(rounded(json.as_bytes()), want, "{json}");
        }
    }

    proptest! {
        #[test]
        fn an_integer_is_kept_as_it_is_or_refused(digits in "-?[1-9][0-9]{0,30}") {
            let value: Value = serde_json::from_str(&digits).unwrap_or_default();
            let kept = value.to_string();
            prop_assert_eq!(rounded(digits.as_bytes()).is_none(), kept == digits);
        }

        #[test]
        fn brackets_in_strings_do_not_count(text in "[\\[\\]{}a\\\\\"]{0,40}") {
            let json = serde_json::to_vec(&[&text]).unwrap_or_default();
            prop_assert_eq!(nesting(&json), 1);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let _ = nesting(&bytes);
            let _ = rounded(&bytes);
        }
    }
}
