//! Too many connections, and too few descriptors.

use std::io::ErrorKind;
use std::time::Duration;

use livebus_endpoints::http::Limits;

use crate::environment::Environment;
use crate::pipe::Client;

const GET: &str = "GET /livez HTTP/1.1\r\n\r\n";
const RETRY_DELAY: Duration = Duration::from_millis(100);

fn few(connections: usize) -> Limits {
    Limits {
        connections,
        ..Limits::default()
    }
}

fn closed(clients: &[Client]) -> Vec<bool> {
    clients.iter().map(Client::is_closed).collect()
}

#[test]
fn oldest_without_a_request_is_evicted_at_the_minimum_age() {
    let limits = few(3);
    let mut environment = Environment::new(limits.clone());
    let clients = [(); 3].map(|()| environment.send(""));
    let good = environment.send(GET);
    assert_eq!(good.status(), None, "the others may still send");
    assert_eq!(closed(&clients), [false; 3]);
    environment.advance(limits.min_age);
    assert_eq!(good.status(), Some(200));
    assert_eq!(closed(&clients), [true, false, false]);
}

#[test]
fn one_slot_of_eight_is_reserved_for_evicted_connections() {
    let limits = few(16);
    let mut environment = Environment::new(limits.clone());
    let idle = [(); 15].map(|()| environment.send(""));
    assert_eq!(environment.send(GET).status(), Some(200), "the last slot");
    assert_eq!(closed(&idle), [false; 15], "they may still send");
    environment.advance(limits.min_age);
    assert_eq!(environment.send(GET).status(), Some(200));
    let gone = closed(&idle).iter().filter(|closed| **closed).count();
    assert_eq!(
        gone, 2,
        "besides the one that was answered: 13 stay, and the newest"
    );
}

#[test]
fn oldest_that_was_answered_is_evicted_first_and_at_once() {
    let mut environment = Environment::new(few(4));
    let clients = [
        environment.send(""),
        environment.send(GET),
        environment.send("GET /liv"),
        environment.send(GET),
    ];
    assert_eq!(environment.send(GET).status(), Some(200));
    assert_eq!(closed(&clients), [false, true, false, false]);
    assert_eq!(environment.send(GET).status(), Some(200));
    assert_eq!(closed(&clients), [false, true, false, true]);
}

#[test]
fn client_that_never_reads_is_evicted() {
    let mut environment = Environment::new(few(2));
    let stalled = environment.connect();
    stalled.take_only(0);
    stalled.send(GET.repeat(100));
    let other = environment.send("");
    assert_eq!(environment.send(GET).status(), Some(200));
    assert!(stalled.is_closed() && !other.is_closed());
}

#[test]
fn request_that_has_arrived_is_answered_before_the_eviction() {
    let limits = few(1);
    let mut environment = Environment::new(limits.clone());
    let first = environment.send("");
    let second = environment.send(GET);
    first.send(GET);
    environment.advance(limits.min_age);
    assert_eq!((first.status(), second.status()), (Some(200), Some(200)));
}

#[test]
fn good_probes_are_answered_among_many_more_connections_than_the_limit() {
    let limits = few(8);
    let mut environment = Environment::new(limits.clone());
    for _ in 0..200 {
        let idle = [(); 30].map(|()| environment.send(""));
        let good = environment.send(GET);
        for _ in 0..5 {
            environment.advance(limits.min_age);
        }
        assert_eq!(good.status(), Some(200));
        assert!(idle.iter().filter(|client| !client.is_closed()).count() <= 8);
    }
}

#[test]
fn failed_accept_is_retried_after_a_delay() {
    let mut environment = Environment::new(Limits::default());
    environment.refuse(ErrorKind::Other, 3);
    let good = environment.connect();
    good.send(GET);
    environment.run();
    assert_eq!(environment.waiting(), 3, "one failure, and then a delay");
    environment.advance(RETRY_DELAY);
    environment.advance(RETRY_DELAY);
    assert_eq!((environment.waiting(), good.status()), (1, None));
    environment.advance(RETRY_DELAY);
    assert_eq!(good.status(), Some(200));
}

#[test]
fn failed_accept_evicts_one_connection() {
    let limits = Limits::default();
    let mut environment = Environment::new(limits.clone());
    let clients = [(); 3].map(|()| environment.send(""));
    environment.advance(limits.min_age);
    environment.refuse(ErrorKind::Other, 2);
    let good = environment.send(GET);
    assert_eq!(good.status(), Some(200), "there was no delay");
    assert_eq!(closed(&clients), [true, true, false]);
}

#[test]
fn connection_that_is_closed_before_it_is_accepted_causes_no_delay() {
    let mut environment = Environment::new(Limits::default());
    environment.refuse(ErrorKind::ConnectionAborted, 1_000);
    assert_eq!(environment.send(GET).status(), Some(200));
}

#[test]
fn closed_connections_free_their_slots() {
    let mut environment = Environment::new(few(2));
    let idle = environment.send("");
    for _ in 0..1_000 {
        let client = environment.send(GET);
        client.finish();
        environment.run();
        assert!(client.is_closed());
    }
    assert!(!idle.is_closed());
}
