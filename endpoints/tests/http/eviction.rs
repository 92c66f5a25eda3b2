//! Too many connections, and too few descriptors.

use std::io::ErrorKind;
use std::time::Duration;

use livebus_endpoints::http::Limits;

use crate::environment::Environment;
use crate::pipe::Client;

const GET: &str = "GET /livez HTTP/1.1\r\n\r\n";
const PAUSE: Duration = Duration::from_millis(100);

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
fn oldest_that_sent_nothing_makes_room_once_it_had_its_time() {
    let limits = few(3);
    let mut environment = Environment::new(limits.clone());
    let clients = [(); 3].map(|()| environment.ask(""));
    let good = environment.ask(GET);
    assert_eq!(good.status(), None, "the others may still send");
    assert_eq!(closed(&clients), [false; 3]);
    environment.advance(limits.min_tenure);
    assert_eq!(good.status(), Some(200));
    assert_eq!(closed(&clients), [true, false, false]);
}

#[test]
fn one_place_of_eight_is_for_those_that_have_to_go() {
    let limits = few(16);
    let mut environment = Environment::new(limits.clone());
    let idle = [(); 15].map(|()| environment.ask(""));
    assert_eq!(environment.ask(GET).status(), Some(200), "the last place");
    assert_eq!(closed(&idle), [false; 15], "they may still send");
    environment.advance(limits.min_tenure);
    assert_eq!(environment.ask(GET).status(), Some(200));
    let gone = closed(&idle).iter().filter(|closed| **closed).count();
    assert_eq!(
        gone, 2,
        "and the one that was answered: 13 stay, and the newest"
    );
}

#[test]
fn oldest_that_was_answered_makes_room_first_and_at_once() {
    let mut environment = Environment::new(few(4));
    let clients = [
        environment.ask(""),
        environment.ask(GET),
        environment.ask("GET /liv"),
        environment.ask(GET),
    ];
    assert_eq!(environment.ask(GET).status(), Some(200));
    assert_eq!(closed(&clients), [false, true, false, false]);
    assert_eq!(environment.ask(GET).status(), Some(200));
    assert_eq!(closed(&clients), [false, true, false, true]);
}

#[test]
fn client_that_never_reads_makes_room() {
    let mut environment = Environment::new(few(2));
    let stalled = environment.connect();
    stalled.take_only(0);
    stalled.send(GET.repeat(100));
    let other = environment.ask("");
    assert_eq!(environment.ask(GET).status(), Some(200));
    assert!(stalled.is_closed() && !other.is_closed());
}

#[test]
fn request_that_has_arrived_is_answered_before_its_connection_makes_room() {
    let limits = few(1);
    let mut environment = Environment::new(limits.clone());
    let first = environment.ask("");
    let second = environment.ask(GET);
    first.send(GET);
    environment.advance(limits.min_tenure);
    assert_eq!((first.status(), second.status()), (Some(200), Some(200)));
}

#[test]
fn good_probes_are_answered_among_many_more_connections_than_the_limit() {
    let limits = few(8);
    let mut environment = Environment::new(limits.clone());
    for _ in 0..200 {
        let idle = [(); 30].map(|()| environment.ask(""));
        let good = environment.ask(GET);
        for _ in 0..5 {
            environment.advance(limits.min_tenure);
        }
        assert_eq!(good.status(), Some(200));
        assert!(idle.iter().filter(|client| !client.is_closed()).count() <= 8);
    }
}

#[test]
fn system_that_cannot_accept_is_asked_again_after_a_pause() {
    let mut environment = Environment::new(Limits::default());
    environment.refuse(ErrorKind::Other, 3);
    let good = environment.connect();
    good.send(GET);
    environment.run();
    assert_eq!(environment.waiting(), 3, "one failure, and then a pause");
    environment.advance(PAUSE);
    environment.advance(PAUSE);
    assert_eq!((environment.waiting(), good.status()), (1, None));
    environment.advance(PAUSE);
    assert_eq!(good.status(), Some(200));
}

#[test]
fn system_that_cannot_accept_has_one_connection_make_room() {
    let limits = Limits::default();
    let mut environment = Environment::new(limits.clone());
    let clients = [(); 3].map(|()| environment.ask(""));
    environment.advance(limits.min_tenure);
    environment.refuse(ErrorKind::Other, 2);
    let good = environment.ask(GET);
    assert_eq!(good.status(), Some(200), "no pause was needed");
    assert_eq!(closed(&clients), [true, true, false]);
}

#[test]
fn connection_that_is_gone_before_it_is_accepted_costs_no_pause() {
    let mut environment = Environment::new(Limits::default());
    environment.refuse(ErrorKind::ConnectionAborted, 1_000);
    assert_eq!(environment.ask(GET).status(), Some(200));
}

#[test]
fn connections_that_end_by_themselves_leave_room() {
    let mut environment = Environment::new(few(2));
    let idle = environment.ask("");
    for _ in 0..1_000 {
        let client = environment.ask(GET);
        client.finish();
        environment.run();
        assert!(client.is_closed());
    }
    assert!(!idle.is_closed());
}
