//! The answer to a call that is refused.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use livebus_core::Status;
use livebus_readiness::{Reader, Readiness, one_line};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use prost::Message as _;
use tonic::Code;

use crate::messages::{Any, RetryInfo, RpcStatus};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// The maximum length of the cause, in bytes. Clients limit the size of all header fields, many to 8 KiB.
const MAX_CAUSE: usize = 1_000;
/// The delay of a client when no check is planned.
const DEFAULT_DELAY: Duration = Duration::from_secs(1);
/// The minimum delay: a check takes some time too.
const MIN_DELAY: Duration = Duration::from_millis(100);
/// What `grpc-message` encodes besides what is not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// Returns the answer of a gate whose clock says `ahead`: Trailers-Only, so all of it is in the header.
pub(crate) fn refusal(readiness: &Readiness, ahead: Instant) -> Response<()> {
    let message = cause(readiness, ahead);
    let delay = delay(
        readiness,
        ahead,
        ahead.checked_sub(Reader::Gate.lead()).unwrap_or(ahead),
    );
    let code = Code::Unavailable as i32;
    let encoded = percent_encode(message.as_bytes(), ENCODED).to_string();
    let retry_info = RetryInfo {
        retry_delay: Some(delay.into()),
    };
    let details = RpcStatus {
        code,
        message,
        details: vec![Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: retry_info.encode_to_vec(),
        }],
    };
    let details = STANDARD_NO_PAD.encode(details.encode_to_vec());
    let milliseconds = delay.as_millis().to_string();

    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from(code));
    insert(headers, GRPC_MESSAGE, &encoded);
    insert(headers, GRPC_DETAILS, &details);
    insert(headers, GRPC_PUSHBACK, &milliseconds);
    response
}

/// Inserts a value of printable ASCII. That is always valid.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Returns why the process is not ready, in one line.
fn cause(readiness: &Readiness, now: Instant) -> String {
    let not_running = readiness
        .services()
        .filter(|service| service.report().status_at(now) != Status::Running);
    // With a rule of the author, also an optional service may be the reason.
    let described =
        not_running.map(|service| format!("{}: {}", service.name(), service.describe_at(now)));
    let described: Vec<String> = described.collect();
    let text = if described.is_empty() {
        "not ready".to_owned()
    } else {
        format!("not ready: {}", described.join("; "))
    };
    let mut text = one_line(&text);
    text.truncate(text.floor_char_boundary(MAX_CAUSE));
    text
}

/// Returns the time from `now` until the next check of a service that is not Running.
fn delay(readiness: &Readiness, ahead: Instant, now: Instant) -> Duration {
    let not_running = readiness
        .services()
        .filter(|service| service.report().status_at(ahead) != Status::Running);
    let next = not_running.filter_map(|service| service.next_check()).min();
    let delay = next.map_or(DEFAULT_DELAY, |it| it.saturating_duration_since(now));
    delay.max(MIN_DELAY)
}
