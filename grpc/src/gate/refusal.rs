//! The answer to a call that is refused.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use livebus_core::Status;
use livebus_readiness::{Reader, ServiceSnapshot, Snapshot, one_line};
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

/// Returns the answer of a gate whose clock says `ahead`, for these services that are not Running: Trailers-Only, so all of it is in the
/// header. `number` is the number of refusals before.
pub(crate) fn refusal(
    not_running: &[ServiceSnapshot],
    ahead: Instant,
    number: u32,
) -> Response<()> {
    let message = cause(not_running, ahead);
    let now = ahead.checked_sub(Reader::Gate.lead()).unwrap_or(ahead);
    let delay = spread(delay(not_running, now), number);
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

/// Returns the services that are not Running. With a rule of the author, also an optional one may be the reason of a refusal.
pub(crate) fn not_running(snapshot: &Snapshot) -> Vec<ServiceSnapshot> {
    let services = snapshot.services();
    let not_running = |it: &ServiceSnapshot| it.report.status_at(snapshot.now()) != Status::Running;
    services.filter(not_running).collect()
}

/// Returns why the process is not ready, in one line.
fn cause(not_running: &[ServiceSnapshot], ahead: Instant) -> String {
    let described = not_running.iter().map(|it| {
        let status = it.service.describe_report_at(&it.report, ahead);
        format!("{}: {status}", it.service.name())
    });
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

/// Returns the time from `now` until each required service that is not Running was checked. If there is none, that until the next check of
/// any other.
fn delay(not_running: &[ServiceSnapshot], now: Instant) -> Duration {
    let next_check = |it: &ServiceSnapshot| it.service.next_check();
    let next = if not_running.iter().any(|it| it.service.is_required()) {
        let required = not_running.iter().filter(|it| it.service.is_required());
        required.filter_map(next_check).max()
    } else {
        not_running.iter().filter_map(next_check).min()
    };
    let delay = next.map_or(DEFAULT_DELAY, |it| it.saturating_duration_since(now));
    delay.max(MIN_DELAY)
}

/// Returns the delay, longer by up to a tenth, so that not all clients come back at once.
fn spread(delay: Duration, number: u32) -> Duration {
    // Multiples of the golden ratio: any run of numbers is spread evenly.
    const GOLDEN_RATIO: u32 = 0x9E37_79B9;
    let fraction = f64::from(number.wrapping_mul(GOLDEN_RATIO)) / f64::from(u32::MAX);
    delay.saturating_add((delay / 10).mul_f64(fraction))
}
