//! The eviction of connections of HTTP/2.

use std::convert::Infallible;
use std::future::{Pending, pending};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::{Request, Response};
use livebus_endpoints::http::Limits;
use tower_service::Service;

use crate::environment::Environment;
use crate::pipe::Client;

/// The beginning of a connection, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// A POST of `/`, on the first stream.
const CALL: &[u8] = b"\0\0\x03\x01\x05\0\0\0\x01\x83\x86\x84";
const GOAWAY: u8 = 7;
/// For how long an evicted connection with calls is kept.
const EVICTION_TIMEOUT: Duration = Duration::from_secs(1);

/// A service whose calls stay in flight.
#[derive(Clone)]
pub(crate) struct NeverAnswers;

impl<B> Service<Request<B>> for NeverAnswers {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pending<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        pending()
    }
}

fn few(connections: usize) -> Limits {
    Limits {
        connections,
        lifetime: Duration::MAX,
        ..Limits::default()
    }
}

fn calling() -> Vec<u8> {
    [PREFACE, CALL].concat()
}

/// Returns whether the client was asked to open another connection.
fn was_asked_to_leave(client: &Client) -> bool {
    let received = client.received_bytes();
    let mut rest = &received[..];
    while let [a, b, c, kind, ..] = *rest {
        if kind == GOAWAY {
            return true;
        }
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    false
}

#[test]
fn calls_in_flight_outlive_connections_without_a_call() {
    let limits = few(8);
    let mut environment = Environment::of_http2(limits.clone());
    let calls = [(); 3].map(|()| environment.send(calling()));
    for _ in 0..50 {
        for idle in ["", "PRI"] {
            drop(environment.send(idle));
        }
        drop(environment.send(PREFACE));
        for _ in 0..3 {
            environment.advance(limits.min_age);
        }
    }
    for client in &calls {
        assert!(!client.is_closed() && !was_asked_to_leave(client));
    }
}

#[test]
fn evicted_connection_with_a_call_gets_goaway_and_is_closed_a_second_later() {
    let mut environment = Environment::of_http2(few(8));
    let calls = [(); 8].map(|()| environment.send(calling()));
    let asked = calls.iter().filter(|client| was_asked_to_leave(client));
    assert_eq!(asked.count(), 1, "seven eighths stay");
    assert!(was_asked_to_leave(&calls[0]), "the oldest");
    environment.advance(EVICTION_TIMEOUT.saturating_sub(Duration::from_nanos(1)));
    assert!(!calls[0].is_closed());
    environment.advance(Duration::from_nanos(1));
    assert!(calls[0].is_closed());
    assert!(!calls[1..].iter().any(Client::is_closed));
}

#[test]
fn evicted_connection_without_a_call_gets_goaway_and_is_closed_at_once() {
    let limits = few(8);
    let mut environment = Environment::of_http2(limits.clone());
    let first = environment.send(calling());
    let idle = environment.send(PREFACE);
    environment.advance(limits.min_age);
    let calls = [(); 6].map(|()| environment.send(calling()));
    assert!(was_asked_to_leave(&idle) && idle.is_closed());
    assert!(!was_asked_to_leave(&first));
    assert!(!calls.iter().any(was_asked_to_leave));
}

#[test]
fn server_that_is_dropped_closes_calls_at_once() {
    let mut environment = Environment::of_http2(few(4));
    let call = environment.send(calling());
    environment.server = None;
    environment.run();
    assert!(call.is_closed());
}
