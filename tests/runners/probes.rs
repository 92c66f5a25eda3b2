//! The probes over HTTP, and their connections.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use livebus_core::{Cause, Settings, Status};
use livebus_endpoints::http::Limits;
use livebus_runner::{BuildError, Bus, Handle, ServeError};
use livebus_tests::host::FullRunner;
use livebus_tests::http::{self, Response, connect};

use crate::embedded::{small, supervise};
use crate::scripted_bus::{self, ScriptedBus, builder, quick};
use crate::waiting::{blocking, eventually, start};

pub(crate) async fn readyz_follows_the_bus_and_livez_does_not<R: FullRunner>() {
    let cluster = small();
    let (bus, mut changes) = start(supervise::<R>(&cluster).http(any_port())).await;
    changes.until(Status::Running).await;
    let ready = request::<R, _>(&bus, "GET", "/readyz").await;
    assert_eq!((ready.status, &*ready.body), (200, "ok"));
    cluster.kill().expect("the broker can be killed");
    changes.until(Status::NotReady).await;
    let lost = request::<R, _>(&bus, "GET", "/readyz").await;
    assert_eq!(lost.status, 503);
    assert!(
        lost.body.contains("[-]message-bus failed: NotReady"),
        "{lost:?}"
    );
    let live = request::<R, _>(&bus, "GET", "/livez").await;
    assert_eq!((live.status, &*live.body), (200, "ok"));
    let verbose = request::<R, _>(&bus, "GET", "/livez?verbose").await;
    assert!(
        verbose.body.contains("[+]loop/message-bus ok"),
        "{verbose:?}"
    );
    assert_eq!(request::<R, _>(&bus, "GET", "/nope").await.status, 404);
}

pub(crate) async fn head_has_no_body_and_only_get_and_head_are_allowed<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let (handle, _changes) = start(builder::<R>(&bus).http(any_port())).await;
    for path in ["/livez", "/readyz", "/nope"] {
        let get = request::<R, _>(&handle, "GET", path).await;
        let head = request::<R, _>(&handle, "HEAD", path).await;
        assert_eq!(get.header("cache-control"), Some("no-store"), "{get:?}");
        assert_eq!(
            get.header("content-type"),
            Some("text/plain; charset=utf-8"),
            "{get:?}"
        );
        let length = get.body.len().to_string();
        assert_eq!(get.header("content-length"), Some(&*length), "{get:?}");
        assert!(!get.body.is_empty() && head.body.is_empty(), "{head:?}");
        if path != "/readyz" {
            // The service may have become ready between the two requests to `/readyz`.
            assert_eq!(head.status, get.status);
            assert_eq!(head.header("content-length"), Some(&*length), "{head:?}");
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let response = request::<R, _>(&handle, method, path).await;
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.header("allow"), Some("GET, HEAD"), "{response:?}");
        }
    }
}

/// Also a slow client, and one that got a response and sends no further request.
pub(crate) async fn silent_client_is_disconnected<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let limits = Limits {
        head_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let (handle, _changes) = start(builder::<R>(&bus).http_within(any_port(), limits)).await;
    let address = handle.http_address().expect("the server is started");
    let silent = ["", "GET /livez HT", "GET /livez HTTP/1.1\r\nHost: test\r\n"];
    let received = blocking::<R, _>(move || {
        let mut streams = silent.map(|request| {
            let mut stream = connect(address).expect("the server listens");
            stream
                .write_all(request.as_bytes())
                .expect("the server reads it");
            stream
        });
        let mut answered = connect(address).expect("the server listens");
        exchange(&mut answered);
        assert_eq!(rest(&mut answered), "");
        streams.each_mut().map(rest)
    })
    .await;
    for text in received {
        assert!(text.is_empty() || text.contains(" 408 "), "{text:?}");
    }
    assert_eq!(request::<R, _>(&handle, "GET", "/livez").await.status, 200);
}

pub(crate) async fn dropped_handle_closes_the_server_and_its_connections<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let (handle, _changes) = start(builder::<R>(&bus).http(any_port())).await;
    let address = handle.http_address().expect("the server is started");
    let mut kept = blocking::<R, _>(move || {
        let mut stream = connect(address).expect("the server listens");
        exchange(&mut stream);
        exchange(&mut stream);
        stream
    })
    .await;
    drop(handle);
    assert_eq!(blocking::<R, _>(move || rest(&mut kept)).await, "");
    is_free::<R>(address).await;
}

pub(crate) async fn probes_are_answered_until_the_shutdown_is_complete<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let long_drain = Settings {
        drain: Duration::from_hours(1),
        ..quick()
    };
    let builder = builder::<R>(&bus).settings(long_drain).http(any_port());
    let (handle, mut changes) = start(builder).await;
    changes.until(Status::Running).await;
    handle.begin_shutdown();
    assert_eq!(changes.next().await.cause, Cause::ShuttingDown);
    let ready = request::<R, _>(&handle, "GET", "/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(request::<R, _>(&handle, "GET", "/livez").await.status, 200);
}

pub(crate) async fn port_in_use_is_reported<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let (first, _changes) = start(builder::<R>(&bus).http(any_port())).await;
    let taken = first.http_address().expect("the server is started");
    let error = builder::<R>(&bus)
        .http(taken)
        .start()
        .await
        .expect_err("the port is in use");
    assert!(matches!(error, BuildError::Serve(ServeError::InUse { address }) if address == taken));
    assert!(error.to_string().contains("the port is in use"), "{error}");
    drop(first);
    is_free::<R>(taken).await;
    let (next, _changes) = start(builder::<R>(&bus).http(taken)).await;
    assert_eq!(next.http_address(), Some(taken));
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Sends a request to the probes of `handle`, on a connection of its own.
pub(crate) async fn request<R: FullRunner, B: Bus>(
    handle: &Handle<B>,
    method: &'static str,
    target: &'static str,
) -> Response {
    let address = handle.http_address().expect("the server is started");
    let response = blocking::<R, _>(move || http::request(address, method, target)).await;
    response.unwrap_or_else(|error| panic!("{error:?}"))
}

/// Waits until nothing listens: the server's task ends a little after its owner.
async fn is_free<R: FullRunner>(address: SocketAddr) {
    eventually::<R>("the end of the serving", || {
        TcpStream::connect(address).is_err()
    })
    .await;
}

/// Sends a request and reads the response, on a connection that stays open.
fn exchange(stream: &mut TcpStream) {
    let request = "GET /livez HTTP/1.1\r\nHost: test\r\n\r\n";
    stream
        .write_all(request.as_bytes())
        .expect("the server reads it");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the response arrives");
        answer.extend(byte);
    }
}

/// Reads until the other side closes.
fn rest(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    stream
        .read_to_string(&mut rest)
        .expect("the server closes the connection");
    rest
}
