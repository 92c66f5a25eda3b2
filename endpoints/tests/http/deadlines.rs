//! The deadlines of a client.

use std::time::Duration;

use livebus_endpoints::http::Limits;

use crate::environment::Environment;

const TICK: Duration = Duration::from_millis(1);
const GET: &str = "GET /livez HTTP/1.1\r\n\r\n";

#[test]
fn client_that_sends_nothing_is_closed_at_the_deadline() {
    let limits = Limits::default();
    let mut environment = Environment::new(limits.clone());
    let client = environment.send("");
    environment.advance(just_before(limits.head_timeout));
    assert!(!client.is_closed());
    environment.advance(TICK);
    assert!(client.is_closed());
    assert_eq!(client.received(), "");
}

#[test]
fn slow_sender_is_closed_at_the_deadline_of_its_head() {
    let limits = Limits::default();
    let mut environment = Environment::new(limits.clone());
    let client = environment.send("");
    let second = Duration::from_secs(1);
    let mut sent = Duration::ZERO;
    while sent < limits.head_timeout {
        assert!(!client.is_closed(), "after {sent:?}");
        client.send("G");
        environment.advance(second);
        sent += second;
    }
    assert!(client.is_closed());
}

#[test]
fn each_answer_restarts_the_head_timeout() {
    let limits = Limits::default();
    let mut environment = Environment::new(limits.clone());
    let client = environment.send(GET);
    for answers in 2..=5 {
        environment.advance(just_before(limits.head_timeout));
        client.send(GET);
        environment.run();
        assert_eq!(client.answers(), answers);
    }
    environment.advance(just_before(limits.head_timeout));
    assert!(!client.is_closed());
    environment.advance(TICK);
    assert!(client.is_closed());
}

#[test]
fn client_that_takes_no_bytes_is_closed_at_the_write_timeout() {
    let limits = Limits {
        write_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let mut environment = Environment::new(limits.clone());
    let client = environment.connect();
    client.take_only(10);
    client.send(GET.repeat(1_000));
    environment.run();
    for _ in 0..3 {
        environment.advance(just_before(limits.write_timeout));
        assert!(!client.is_closed());
        client.take_only(1);
        environment.run();
    }
    environment.advance(just_before(limits.write_timeout));
    assert!(!client.is_closed());
    environment.advance(TICK);
    assert!(client.is_closed());
    assert_eq!(client.received().len(), 13);
}

#[test]
fn answer_to_a_late_request_has_the_full_write_timeout() {
    let limits = Limits::default();
    let mut environment = Environment::new(limits.clone());
    let client = environment.send("");
    client.take_only(0);
    environment.advance(just_before(limits.head_timeout));
    client.send(GET);
    environment.run();
    environment.advance(just_before(limits.write_timeout));
    assert!(!client.is_closed());
    environment.advance(TICK);
    assert!(client.is_closed());
}

#[test]
fn client_that_reads_again_gets_all_answers() {
    let limits = Limits::default();
    let mut environment = Environment::new(limits.clone());
    let client = environment.connect();
    client.take_only(300);
    client.send(GET.repeat(100));
    environment.run();
    assert_eq!(client.received().len(), 300);
    environment.advance(just_before(limits.write_timeout));
    client.take_only(usize::MAX);
    environment.run();
    assert_eq!(client.answers(), 100);
    environment.advance(just_before(limits.head_timeout));
    assert!(!client.is_closed(), "its next head has the full timeout");
    environment.advance(TICK);
    assert!(client.is_closed());
}

#[test]
fn idle_connection_is_closed_at_its_maximum_age() {
    let limits = Limits {
        lifetime: Duration::from_secs(3),
        ..Limits::default()
    };
    let mut environment = Environment::new(limits.clone());
    let (silent, answered) = (environment.send(""), environment.send(GET));
    environment.advance(just_before(limits.lifetime));
    assert!(!silent.is_closed() && !answered.is_closed());
    environment.advance(TICK);
    assert!(silent.is_closed() && answered.is_closed());
}

#[test]
fn busy_connection_is_closed_after_its_answer_at_its_maximum_age() {
    let limits = Limits::default();
    let mut environment = Environment::new(limits.clone());
    let client = environment.connect();
    let step = limits.head_timeout / 2;
    let mut age = Duration::ZERO;
    while age < limits.lifetime {
        client.send(GET);
        environment.run();
        assert!(!client.is_closed(), "after {age:?}");
        environment.advance(step);
        age += step;
    }
    assert!(client.is_closed());
    let answers = client.answers();
    assert_eq!(answers, 24, "each of its requests");
}

#[test]
fn current_answer_at_the_maximum_age_has_the_write_timeout() {
    let limits = Limits::default();
    let mut environment = Environment::new(limits.clone());
    let client = environment.connect();
    client.take_only(0);
    client.send(GET.repeat(10));
    environment.run();
    let step = just_before(limits.write_timeout);
    let mut age = Duration::ZERO;
    while age < limits.lifetime {
        client.take_only(1);
        environment.advance(step);
        age += step;
    }
    assert!(!client.is_closed(), "an answer is in progress");
    while age < limits.lifetime + limits.write_timeout {
        client.take_only(1);
        environment.advance(step);
        age += step;
    }
    assert!(client.is_closed());
    assert!(client.received().len() < 20);
}

#[test]
fn maximum_durations_never_elapse() {
    let limits = Limits {
        head_timeout: Duration::MAX,
        write_timeout: Duration::MAX,
        lifetime: Duration::MAX,
        discard_timeout: Duration::MAX,
        connections: 1,
        min_age: Duration::MAX,
        ..Limits::default()
    };
    let mut environment = Environment::new(limits);
    let (client, waiting) = (environment.send(""), environment.send(GET));
    environment.advance(Duration::from_hours(24));
    assert!(!client.is_closed() && waiting.received().is_empty());
    client.send(GET);
    environment.run();
    assert_eq!((client.answers(), waiting.answers()), (1, 0));
}

fn just_before(duration: Duration) -> Duration {
    duration.saturating_sub(TICK)
}
