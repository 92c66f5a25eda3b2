//! Fairness between connections, and bounded memory.

use std::io::ErrorKind;

use livebus_endpoints::http::Limits;

use crate::environment::Environment;

const GET: &str = "GET /livez HTTP/1.1\r\n\r\n";
const HEAD: &str = "HEAD /livez HTTP/1.1\r\n\r\n";

#[test]
fn each_answer_is_one_write() {
    let mut environment = Environment::new(Limits::default());
    let client = environment.send(GET.repeat(50));
    assert_eq!((client.answers(), client.writes()), (50, 50));
}

#[test]
fn client_that_pipelines_does_not_delay_others() {
    let mut environment = Environment::new(Limits::default());
    let greedy = environment.connect();
    greedy.send(GET.repeat(1_000));
    let good = environment.connect();
    let seen = greedy.clone();
    good.send(GET);
    good.on_answer(move || seen.answers());
    environment.run();
    assert_eq!(greedy.answers(), 1_000);
    let before = good.noted().expect("it was answered");
    assert!(before <= 5, "{before} of the other's answers came first");
}

#[test]
fn connections_that_wait_do_not_delay_the_open_ones() {
    let mut environment = Environment::new(Limits::default());
    let good = environment.send("");
    environment.refuse(ErrorKind::ConnectionAborted, 1_000);
    good.send(GET);
    good.on_answer(environment.waiting_later());
    environment.run();
    let waiting = good.noted().expect("it was answered");
    // The acceptor yields after 32, the first connection included, and not after each.
    assert_eq!(waiting, 969);
}

#[test]
fn requests_of_a_client_that_never_reads_are_not_read() {
    for request in [GET, HEAD] {
        let mut environment = Environment::new(Limits::default());
        let client = environment.connect();
        client.take_only(1_000);
        let sent = request.repeat(100_000);
        client.send(&sent);
        environment.run();
        let read = sent.len() - client.unread();
        // The answered requests, those in the buffer, and a head that waits.
        assert!(read <= 32 * 1024, "{request:?}: {read} bytes were read");
        client.take_only(usize::MAX);
        environment.run();
        assert_eq!(client.answers(), 100_000, "{request:?}");
    }
}
