//! The answer that carries a content: all of it, a part of it, or word that nothing is new.
//!
//! It always says its length: UEFI's HTTP boot allocates memory by it and takes no chunked answer.

use std::ops::Range;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::file_body::FileBody;
use super::range::{Selected, Validators, select};
use crate::boot::content::{Content, OpenFile};

/// Answers a request for this content.
pub(crate) fn answer(request: &HeaderMap, content: Content, kind: &'static str) -> Response {
    let length = content.len();
    let validators = match &content {
        Content::Memory(_) => None,
        Content::File(file) => Some(validators(file)),
    };
    let selected = select(request, length, validators.as_ref());
    let (status, range) = match selected {
        Selected::Whole => (StatusCode::OK, Some(0..length)),
        Selected::Part(part) => (StatusCode::PARTIAL_CONTENT, Some(part)),
        Selected::NotModified => (StatusCode::NOT_MODIFIED, None),
        Selected::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, None),
        Selected::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, None),
    };
    let mut response = match range.clone() {
        Some(range) => Response::new(body(content, range)),
        None => Response::new(Body::empty()),
    };
    *response.status_mut() = status;
    if set_headers(
        response.headers_mut(),
        status,
        range,
        length,
        kind,
        validators,
    )
    .is_none()
    {
        // Not reached: numbers, dates and quoted hexadecimal are header values.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    response
}

fn set_headers(
    headers: &mut HeaderMap,
    status: StatusCode,
    range: Option<Range<u64>>,
    length: u64,
    kind: &'static str,
    validators: Option<Validators>,
) -> Option<()> {
    if let Some(validators) = validators {
        headers.insert(header::ETAG, validators.tag.parse().ok()?);
        if let Some(modified) = validators.modified {
            let date = httpdate::fmt_http_date(modified);
            headers.insert(header::LAST_MODIFIED, date.parse().ok()?);
        }
        headers.insert(header::ACCEPT_RANGES, "bytes".parse().ok()?);
    }
    match range {
        Some(range) => {
            headers.insert(header::CONTENT_TYPE, kind.parse().ok()?);
            let octets = range.end.saturating_sub(range.start);
            headers.insert(header::CONTENT_LENGTH, octets.into());
            if status == StatusCode::PARTIAL_CONTENT {
                let last = range.end.saturating_sub(1);
                let part = format!("bytes {}-{last}/{length}", range.start);
                headers.insert(header::CONTENT_RANGE, part.parse().ok()?);
            }
        }
        None if status == StatusCode::RANGE_NOT_SATISFIABLE => {
            let part = format!("bytes */{length}");
            headers.insert(header::CONTENT_RANGE, part.parse().ok()?);
        }
        None => {}
    }
    Some(())
}

fn body(content: Content, range: Range<u64>) -> Body {
    match content {
        Content::Memory(bytes) => Body::from(slice(&bytes, &range)),
        Content::File(file) => Body::new(FileBody::new(file, range)),
    }
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    let place = |octet: u64| usize::try_from(octet).map_or(bytes.len(), |n| n.min(bytes.len()));
    let (start, end) = (place(range.start), place(range.end));
    bytes.slice(start.min(end)..end)
}

/// A file that is replaced or rewritten gets another tag.
fn validators(file: &OpenFile) -> Validators {
    let modified = file.modified();
    let nanoseconds = modified
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos());
    Validators {
        tag: format!("\"{:x}-{:x}-{nanoseconds:x}\"", file.inode(), file.len()),
        modified,
    }
}
