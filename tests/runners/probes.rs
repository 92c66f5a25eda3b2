//! The probes over HTTP, and the connections that they come by.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use livebus_core::{Cause, Settings, Status};
use livebus_endpoints::http::Limits;
use livebus_runner::{BuildError, Bus, Handle, ServeError};
use livebus_tests::host::FullRunner;
use livebus_tests::http::{self, Answer, connect};

use crate::embedded::{small, supervise};
use crate::scripted_bus::{self, ScriptedBus, builder, quick};
use crate::watch::{blocking, eventually, start};

pub(crate) async fn the_probes_follow_the_bus_and_liveness_does_not<R: FullRunner>() {
    let cluster = small();
    let (bus, mut watch) = start(supervise::<R>(&cluster).http(any_port())).await;
    watch.until(Status::Running).await;
    let ready = ask::<R, _>(&bus, "GET", "/readyz").await;
    assert_eq!((ready.status, &*ready.body), (200, "ok"));
    cluster.kill().expect("it can be killed");
    watch.until(Status::NotReady).await;
    let lost = ask::<R, _>(&bus, "GET", "/readyz").await;
    assert_eq!(lost.status, 503);
    assert!(
        lost.body.contains("[-]message-bus failed: NotReady"),
        "{lost:?}"
    );
    let live = ask::<R, _>(&bus, "GET", "/livez").await;
    assert_eq!((live.status, &*live.body), (200, "ok"));
    let verbose = ask::<R, _>(&bus, "GET", "/livez?verbose").await;
    assert!(verbose.body.contains("[+]message-bus ok"), "{verbose:?}");
    assert_eq!(ask::<R, _>(&bus, "GET", "/nope").await.status, 404);
}

pub(crate) async fn a_head_has_no_body_and_what_only_reads_is_all_that_is_allowed<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let (handle, _watch) = start(builder::<R>(&bus).http(any_port())).await;
    for path in ["/livez", "/readyz", "/nope"] {
        let get = ask::<R, _>(&handle, "GET", path).await;
        let head = ask::<R, _>(&handle, "HEAD", path).await;
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
            // That one may have become ready in between.
            assert_eq!(head.status, get.status);
            assert_eq!(head.header("content-length"), Some(&*length), "{head:?}");
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let refused = ask::<R, _>(&handle, method, path).await;
            assert_eq!(refused.status, 405, "{method} {path}");
            assert_eq!(refused.header("allow"), Some("GET, HEAD"), "{refused:?}");
        }
    }
}

/// Also one that is slow, and one that was answered and has nothing more to ask.
pub(crate) async fn a_client_that_is_silent_is_shut_out<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let limits = Limits {
        head_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let (handle, _watch) = start(builder::<R>(&bus).http_within(any_port(), limits)).await;
    let address = handle.http_address().expect("it serves");
    let silent = ["", "GET /livez HT", "GET /livez HTTP/1.1\r\nHost: test\r\n"];
    let said = blocking::<R, _>(move || {
        let mut streams = silent.map(|request| {
            let mut stream = connect(address).expect("it listens");
            stream.write_all(request.as_bytes()).expect("it is taken");
            stream
        });
        let mut answered = connect(address).expect("it listens");
        exchange(&mut answered);
        assert_eq!(rest(&mut answered), "");
        streams.each_mut().map(rest)
    })
    .await;
    for said in said {
        assert!(said.is_empty() || said.contains(" 408 "), "{said:?}");
    }
    assert_eq!(ask::<R, _>(&handle, "GET", "/livez").await.status, 200);
}

pub(crate) async fn dropping_the_handle_ends_the_serving_and_its_connections<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let (handle, _watch) = start(builder::<R>(&bus).http(any_port())).await;
    let address = handle.http_address().expect("it serves");
    let mut kept = blocking::<R, _>(move || {
        let mut stream = connect(address).expect("it listens");
        exchange(&mut stream);
        exchange(&mut stream);
        stream
    })
    .await;
    drop(handle);
    assert_eq!(blocking::<R, _>(move || rest(&mut kept)).await, "");
    is_free::<R>(address).await;
}

pub(crate) async fn probes_are_answered_until_a_shutdown_is_done<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let long_drain = Settings {
        drain: Duration::from_hours(1),
        ..quick()
    };
    let builder = builder::<R>(&bus).settings(long_drain).http(any_port());
    let (handle, mut watch) = start(builder).await;
    watch.until(Status::Running).await;
    handle.begin_shutdown();
    assert_eq!(watch.next().await.cause, Cause::ShuttingDown);
    let ready = ask::<R, _>(&handle, "GET", "/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ask::<R, _>(&handle, "GET", "/livez").await.status, 200);
}

pub(crate) async fn a_port_in_use_is_said_to_be<R: FullRunner>() {
    let bus = ScriptedBus::new(scripted_bus::Answer::Live);
    let (first, _watch) = start(builder::<R>(&bus).http(any_port())).await;
    let taken = first.http_address().expect("it serves");
    let error = builder::<R>(&bus)
        .http(taken)
        .start()
        .await
        .expect_err("it is taken");
    assert!(matches!(error, BuildError::Serve(ServeError::InUse { address }) if address == taken));
    assert!(error.to_string().contains("the port is in use"), "{error}");
    drop(first);
    is_free::<R>(taken).await;
    let (next, _watch) = start(builder::<R>(&bus).http(taken)).await;
    assert_eq!(next.http_address(), Some(taken));
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// What the probes of `handle` answer, on a connection of its own.
pub(crate) async fn ask<R: FullRunner, B: Bus>(
    handle: &Handle<B>,
    method: &'static str,
    target: &'static str,
) -> Answer {
    let address = handle.http_address().expect("it serves");
    let answer = blocking::<R, _>(move || http::ask(address, method, target)).await;
    answer.unwrap_or_else(|error| panic!("{error:?}"))
}

/// Waits until nobody listens: the server's task ends a little after its owner.
async fn is_free<R: FullRunner>(address: SocketAddr) {
    eventually::<R>("the end of the serving", || {
        TcpStream::connect(address).is_err()
    })
    .await;
}

/// A request and its answer, on a connection that stays open.
fn exchange(stream: &mut TcpStream) {
    let request = "GET /livez HTTP/1.1\r\nHost: test\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it is answered");
        answer.extend(byte);
    }
}

/// All that comes until the other side closes.
fn rest(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("it is closed");
    rest
}
