//! Clients that misuse the server of the probes. The benchmark is a larger version:
//! `cargo bench -p livebus-tests --bench http_attack`.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use livebus_core::{Settings, Status};
use livebus_endpoints::http::Limits;
use livebus_tests::WAIT_LIMIT;
use livebus_tests::attack::{Attack, Outcome, Size};
use livebus_tests::host::FullRunner;
use livebus_tests::http::{Sampler, connect};

use crate::probes::{any_port, request};
use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{blocking, start};

/// The duration of an attack whose clients do not end on their own.
const ATTACK_DURATION: Duration = Duration::from_secs(1);

/// Returns limits with no effective deadline, so that a connection ends for another reason.
fn no_deadlines() -> Limits {
    let long = Duration::from_hours(1);
    Limits {
        head_timeout: long,
        write_timeout: long,
        lifetime: long,
        discard_timeout: long,
        ..Limits::default()
    }
}

pub(crate) async fn probes_are_answered_during_every_attack<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let builder = builder::<R>(&bus)
        // A busy machine may delay any loop for a while.
        .settings(Settings::default())
        .http_within(
            any_port(),
            Limits {
                connections: 32,
                head_timeout: ATTACK_DURATION / 4,
                // A busy machine may also hold up a good client between its connection and its request.
                min_age: Duration::from_millis(100),
                ..Limits::default()
            },
        );
    let (handle, mut changes) = start(builder).await;
    changes.until(Status::Running).await;
    let address = handle.http_address().expect("the server is started");
    for attack in Attack::ALL {
        let work = move || {
            let sampler = Sampler::start(address)?;
            let size = Size {
                clients: 40,
                connections: 400,
                end: Instant::now() + ATTACK_DURATION,
            };
            let outcome = attack.run(address, size)?;
            anyhow::Ok((outcome, sampler.finish()?))
        };
        let (outcome, samples) = blocking::<R, _>(work)
            .await
            .expect("every probe is answered");
        for sample in samples {
            assert_eq!((sample.ready, sample.live), (200, 200), "{attack}");
        }
        assert_attacked(attack, outcome);
        changes.expect_no_change();
    }
    assert_eq!(handle.status(), Status::Running);
}

/// Checks that the attack had its effect.
fn assert_attacked(attack: Attack, outcome: Outcome) {
    assert!(outcome.opened >= 40, "{attack}: {outcome:?}");
    let had_effect = match attack {
        Attack::EndlessHead => outcome.refused > 0,
        Attack::Pipelining | Attack::AbortedBody => outcome.received > 0,
        Attack::Idle
        | Attack::UnfinishedHead
        | Attack::NeverReading
        | Attack::Reset
        | Attack::SlowSender => outcome.ended > 0,
    };
    assert!(had_effect, "{attack}: {outcome:?}");
}

pub(crate) async fn oldest_connections_are_closed_to_admit_a_probe<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let limits = Limits {
        connections: 8,
        ..no_deadlines()
    };
    let (handle, _changes) = start(builder::<R>(&bus).http_within(any_port(), limits)).await;
    let address = handle.http_address().expect("the server is started");
    let idle = blocking::<R, _>(move || {
        let connect = |_| connect(address).expect("the server listens");
        let mut idle: Vec<_> = (0..50).map(connect).collect();
        // The server accepts in order, so it closes the oldest: all but the last 8.
        for stream in idle.iter_mut().take(42) {
            assert!(
                is_closed(stream),
                "one of the oldest connections is still open"
            );
        }
        idle
    })
    .await;
    assert_eq!(request::<R, _>(&handle, "GET", "/livez").await.status, 200);
    drop(idle);
}

pub(crate) async fn head_that_is_too_long_gets_431_and_a_close<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let builder = builder::<R>(&bus).http_within(any_port(), no_deadlines());
    let (handle, _changes) = start(builder).await;
    let address = handle.http_address().expect("the server is started");
    let received = blocking::<R, _>(move || {
        let mut stream = connect(address).expect("the server listens");
        let head = format!("GET /livez HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(100_000));
        stream
            .write_all(head.as_bytes())
            .expect("the server reads it");
        let mut received = String::new();
        // Ends when the server shuts down its half. It does not close the connection: the client may have more to send.
        stream.read_to_string(&mut received).expect("no reset");
        received
    })
    .await;
    assert!(received.starts_with("HTTP/1.1 431 "), "{received}");
}

pub(crate) async fn client_that_never_reads_is_disconnected<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let limits = Limits {
        write_timeout: Duration::from_millis(100),
        ..no_deadlines()
    };
    let (handle, _changes) = start(builder::<R>(&bus).http_within(any_port(), limits)).await;
    let address = handle.http_address().expect("the server is started");
    let error = blocking::<R, _>(move || {
        let mut stream = connect(address).expect("the server listens");
        stream
            .set_write_timeout(Some(WAIT_LIMIT))
            .expect("the timeout is not zero");
        let requests = "GET /livez HTTP/1.1\r\n\r\n".repeat(1_000);
        loop {
            if let Err(error) = stream.write_all(requests.as_bytes()) {
                return error.kind();
            }
        }
    })
    .await;
    assert!(
        matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{error:?}"
    );
}

/// Returns whether the server closes the connection, within the read timeout of [`connect`].
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}
