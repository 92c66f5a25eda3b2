//! Tests the queries of a supervisor: `poll_timeout`, `is_due`, `wants_evidence`, `stale_answers`, `is_stopped` and `report`.
//!
//! What a supervisor does is shown by the scenarios in `tests/scenarios/`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one instant to count from"
)]

use std::time::{Duration, Instant};

use livebus_core::{
    Backoff, ClientId, Config, Event, FailureClass, Handler, LivenessId, OnClientLost,
    RegistrationId, Settings, Status, StopId, Supervisor,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The default settings, without jitter.
fn plain() -> Settings {
    let backoff = Backoff {
        jitter_percent: 0,
        ..Settings::default().start_backoff
    };
    Settings {
        start_backoff: backoff,
        registration_backoff: backoff,
        ..Settings::default()
    }
}

/// A supervisor, and the instant from which its milliseconds count.
struct Run {
    supervisor: Supervisor,
    began: Instant,
}

impl Run {
    /// Creates a supervisor at 0: start #1 is in flight.
    fn new(settings: Settings) -> Self {
        Self::with_handlers(settings, Vec::new())
    }

    fn with_handlers(settings: Settings, handlers: Vec<Handler>) -> Self {
        let began = Instant::now();
        let config = Config::new(settings).and_then(|config| config.with_handlers(handlers));
        let config = config.expect("the settings of a test are valid");
        let mut run = Self {
            supervisor: Supervisor::new(config, began),
            began,
        };
        run.poll_all();
        run
    }

    /// Creates a supervisor that is Running since 0; the next operation is #3.
    fn running(settings: Settings) -> Self {
        let mut run = Self::new(settings);
        run.event(0, start_ok(1));
        run.event(0, liveness_ok(2));
        assert_eq!(run.supervisor.report().status, Status::Running);
        run
    }

    fn at(&self, millis: u64) -> Instant {
        self.began + ms(millis)
    }

    fn event(&mut self, millis: u64, event: Event) {
        self.supervisor.handle_event(self.at(millis), event);
        self.poll_all();
    }

    fn timeout(&mut self, millis: u64) {
        self.supervisor.handle_timeout(self.at(millis));
        self.poll_all();
    }

    fn poll_all(&mut self) {
        while self.supervisor.poll_action().is_some() {}
    }

    /// The milliseconds of `poll_timeout`.
    fn next(&self) -> Option<u128> {
        let timeout = self.supervisor.poll_timeout();
        timeout.map(|at| (at - self.began).as_millis())
    }
}

const fn start_ok(id: u64) -> Event {
    Event::StartAnswered {
        id: ClientId::from_number(id),
        result: Ok(()),
    }
}

const fn liveness_ok(id: u64) -> Event {
    Event::LivenessAnswered {
        id: LivenessId::from_number(id),
        result: Ok(()),
    }
}

fn liveness_failed(id: u64, class: FailureClass) -> Event {
    Event::LivenessAnswered {
        id: LivenessId::from_number(id),
        result: Err(class.into()),
    }
}

const fn registration_ok(id: u64) -> Event {
    Event::RegistrationAnswered {
        id: RegistrationId::from_number(id),
        result: Ok(()),
    }
}

const fn stop_ok(id: u64) -> Event {
    Event::StopAnswered {
        id: StopId::from_number(id),
        result: Ok(()),
    }
}

#[test]
fn poll_timeout_is_the_next_deadline_of_a_start_and_of_checks() {
    let mut run = Run::new(plain());
    assert_eq!(run.next(), Some(10_000), "the deadline of the start");
    run.event(0, start_ok(1));
    assert_eq!(run.next(), Some(1_000), "the end of the interval");
    run.event(0, liveness_ok(2));
    assert_eq!(run.next(), Some(5_000), "the next liveness message");
    run.timeout(4_999);
    assert_eq!(run.next(), Some(5_000), "an early timeout changes nothing");
    run.timeout(5_000);
    assert_eq!(run.next(), Some(7_000), "the deadline of the message");
    run.timeout(7_000);
    assert_eq!(run.next(), Some(7_500), "the retry");
    run.timeout(7_500);
    run.timeout(9_500);
    assert_eq!(run.next(), Some(10_500), "the first interval of NotReady");
}

#[test]
fn poll_timeout_is_the_end_of_the_spacing_while_a_suspicion_is_pending() {
    let mut run = Run::running(plain());
    run.event(100, Event::Suspicion(FailureClass::Unreachable.into()));
    assert_eq!(run.next(), Some(200));
    let at = run.at(150);
    run.event(150, Event::Live { at });
    assert_eq!(run.next(), Some(5_150), "the evidence clears the suspicion");
}

#[test]
fn poll_timeout_does_not_change_when_the_clock_goes_back() {
    let mut run = Run::running(plain());
    run.timeout(5_000);
    run.timeout(0);
    assert_eq!(run.next(), Some(7_000));
    run.event(0, liveness_ok(3));
    assert_eq!(run.supervisor.report().lease, Some(run.at(14_500)));
}

#[test]
fn poll_timeout_is_none_after_stopped_and_after_failed() {
    let mut run = Run::running(plain());
    run.event(1_000, Event::Shutdown);
    assert_eq!(run.next(), Some(6_000), "the end of the drain");
    run.timeout(6_000);
    assert_eq!(run.next(), Some(11_000), "the deadline of the stop");
    run.event(6_100, stop_ok(3));
    assert_eq!(run.next(), None);

    let mut run = Run::running(Settings {
        on_client_lost: OnClientLost::Fail,
        ..plain()
    });
    run.event(
        100,
        Event::ClientLost {
            client: ClientId::from_number(1),
            failure: FailureClass::ClientFatal.into(),
        },
    );
    assert_eq!(run.supervisor.report().status, Status::Failed);
    assert_eq!(run.next(), None);
}

#[test]
fn is_due_from_the_next_deadline_on() {
    let run = Run::running(plain());
    assert!(!run.supervisor.is_due(run.at(4_999)));
    assert!(run.supervisor.is_due(run.at(5_000)));
    assert!(run.supervisor.is_due(run.at(5_001)));
}

#[test]
fn wants_evidence_while_not_live_and_its_interval_has_no_evidence() {
    let mut run = Run::new(Settings {
        successes_to_ready: 2,
        ..plain()
    });
    assert!(!run.supervisor.wants_evidence(), "there is no client");
    run.event(0, start_ok(1));
    assert!(run.supervisor.wants_evidence());
    run.event(0, liveness_ok(2));
    assert!(
        !run.supervisor.wants_evidence(),
        "the interval has evidence"
    );
    run.timeout(1_000);
    assert!(run.supervisor.wants_evidence());
    run.event(1_010, liveness_ok(3));
    assert_eq!(run.supervisor.report().status, Status::Running);
    assert!(!run.supervisor.wants_evidence(), "it is live");
}

#[test]
fn stale_answers_counts_answers_of_operations_not_in_flight_and_no_others() {
    let mut run = Run::with_handlers(plain(), vec![Handler::required("orders")]);
    let stale = [start_ok(9), liveness_ok(9), registration_ok(9), stop_ok(9)];
    for (count, event) in (1..).zip(stale) {
        run.event(0, event);
        assert_eq!(run.supervisor.stale_answers(), count);
    }
    run.event(0, start_ok(1));
    run.event(10, liveness_ok(9));
    run.event(10, registration_ok(2));
    run.event(10, registration_ok(3));
    run.event(20, liveness_ok(2));
    assert_eq!(run.supervisor.report().status, Status::Running);
    assert_eq!(run.supervisor.stale_answers(), 6);
    run.timeout(5_020);
    run.event(5_030, liveness_failed(9, FailureClass::Unreachable));
    assert_eq!(run.supervisor.stale_answers(), 7);
    let unknown = ClientId::from_number(7);
    let failure = FailureClass::ClientFatal.into();
    run.event(
        5_040,
        Event::ClientLost {
            client: unknown,
            failure,
        },
    );
    assert_eq!(run.supervisor.stale_answers(), 8);
}

#[test]
fn stale_answers_counts_late_answers() {
    let mut run = Run::new(plain());
    run.event(10_000, start_ok(1));
    assert_eq!(run.supervisor.stale_answers(), 1, "at its deadline");
    run.event(10_001, start_ok(1));
    assert_eq!(run.supervisor.stale_answers(), 2, "after its deadline");

    let mut run = Run::new(plain());
    run.event(0, start_ok(1));
    run.timeout(1_000);
    run.event(1_001, liveness_ok(2));
    assert_eq!(run.supervisor.stale_answers(), 1, "after its interval");

    let settings = Settings {
        registration_timeout: ms(1_000),
        ..plain()
    };
    let mut run = Run::with_handlers(settings, vec![Handler::required("orders")]);
    run.event(0, start_ok(1));
    run.timeout(1_000);
    run.event(1_001, registration_ok(3));
    assert_eq!(
        run.supervisor.stale_answers(),
        1,
        "after the deadline of the registration"
    );
}

#[test]
fn is_stopped_after_the_answer_of_the_stop_and_not_before() {
    let mut run = Run::running(Settings {
        drain: ms(0),
        ..plain()
    });
    assert!(!run.supervisor.is_stopped());
    run.event(1_000, Event::Shutdown);
    assert_eq!(run.supervisor.report().lease, None);
    assert!(!run.supervisor.is_stopped());
    run.event(1_010, stop_ok(9));
    assert!(!run.supervisor.is_stopped(), "the answer is stale");
    run.event(1_020, stop_ok(3));
    assert!(run.supervisor.is_stopped());
}

#[test]
fn report_has_the_status_and_no_lease_before_the_first_evidence() {
    let mut run = Run::new(plain());
    run.event(100, start_ok(1));
    let report = run.supervisor.report();
    assert_eq!((report.status, report.lease), (Status::Prepared, None));
    run.event(150, liveness_ok(2));
    let report = run.supervisor.report();
    assert_eq!(report.status, Status::Running);
    assert_eq!(report.lease, Some(run.at(9_650)));
    assert_eq!(report.since, run.at(150));
}
