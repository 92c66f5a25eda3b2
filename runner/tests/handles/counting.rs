//! Starts, liveness checks and changes are counted once each, with their durations.

use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use livebus_core::{Action, ClientId, LivenessId};
use livebus_endpoints::Probes;
use livebus_readiness::CheckOutcome;
use livebus_runner::{Bus, Handle, Operation, Supervision, Time as _};

use crate::harness::{ManualTime, NoBus, builder, start};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns the number of checks and the sum of their durations, of each outcome: succeeded, rejected, failed, cancelled.
fn checks<B: Bus>(handle: &Handle<B>) -> [(u64, Duration); 4] {
    let service = handle.readiness().services().next().expect("one service");
    let counts = service.counts();
    let mut of_outcomes = counts.checks().map(|(_, it)| (it.count(), it.sum()));
    CheckOutcome::ALL.map(|_| of_outcomes.next().expect("one for each outcome"))
}

const NONE: (u64, Duration) = (0, Duration::ZERO);

#[test]
fn a_check_is_counted_once_when_it_ends() {
    let time = ManualTime::default();
    let (handle, supervision) = start(builder(&time));
    let now = time.now();
    let send = |number| {
        let id = LivenessId::from_number(number);
        supervision.effects.send_liveness(id, time.now() + ms(100))
    };
    let answered = send(1);
    assert_eq!(checks(&handle), [NONE; 4]);
    time.set(now + ms(30));
    answered.now_or_never().expect("it completes at once");
    assert_eq!(checks(&handle), [(1, ms(30)), NONE, NONE, NONE]);

    let given_up = send(2);
    time.set(now + ms(50));
    drop(given_up);
    assert_eq!(checks(&handle), [(1, ms(30)), NONE, NONE, (1, ms(20))]);

    // A runner drops it some time after its deadline.
    let unanswered = send(3);
    time.set(now + ms(250));
    drop(unanswered);
    let all = [(1, ms(30)), NONE, (1, ms(100)), (1, ms(20))];
    assert_eq!(checks(&handle), all);
}

#[test]
fn a_start_is_counted_when_it_begins() {
    let time = ManualTime::default();
    let (handle, supervision) = start(builder(&time));
    for number in [1, 2] {
        let client = ClientId::from_number(number);
        drop(supervision.effects.start(client, 1, time.now()));
    }
    let service = handle.readiness().services().next().expect("one service");
    assert_eq!(service.counts().starts(), 2);
}

/// A loop in virtual time, which counts what it does.
struct Driver {
    time: ManualTime,
    supervision: Supervision<NoBus>,
    /// Operations that the bus does not answer, with their deadlines.
    in_flight: Vec<(Instant, Operation)>,
    starts: u64,
    checks: u64,
    statuses: u64,
}

impl Driver {
    /// Runs until the clock shows `end`. The bus answers at once, or not at all.
    fn run_until(&mut self, end: Instant, is_live: bool) {
        loop {
            while let Some(action) = self.supervision.supervisor.poll_action() {
                self.execute(action, is_live);
            }
            let mut is_idle = true;
            while let Some((at, event)) = self.supervision.inbox.next().now_or_never().flatten() {
                self.supervision.supervisor.handle_event(at, event);
                is_idle = false;
            }
            if !is_idle {
                continue;
            }
            let next = self.supervision.supervisor.poll_timeout();
            let Some(next) = next.filter(|next| *next <= end) else {
                return self.time.set(end);
            };
            self.time.set(next);
            self.supervision.supervisor.handle_timeout(next);
        }
    }

    fn execute(&mut self, action: Action, is_live: bool) {
        let effects = &self.supervision.effects;
        let now = self.time.now();
        match action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => {
                self.starts += 1;
                let start = effects.start(id, attempt, deadline);
                start.now_or_never().expect("it completes at once");
            }
            Action::SendLiveness { id, deadline } => {
                self.checks += 1;
                let check = effects.send_liveness(id, deadline);
                self.in_flight.retain(|(deadline, _)| *deadline > now);
                if is_live {
                    check.now_or_never().expect("it completes at once");
                } else {
                    self.in_flight.push((deadline, check));
                }
            }
            Action::SetStatus(report) => {
                self.statuses += 1;
                effects.set_status(report);
            }
            Action::Renew { evidence, lease } => effects.renew(evidence, lease),
            Action::DiscardClient { client } => effects.discard_client(client),
            Action::RegisterHandler { .. }
            | Action::DiscardRegistration { .. }
            | Action::Stop { .. } => resume_unwind(Box::new("not in this script")),
        }
    }
}

#[test]
fn metrics_follow_a_run_in_virtual_time() {
    let time = ManualTime::default();
    let (handle, supervision) = start(builder(&time));
    let began = time.now();
    let mut driver = Driver {
        time: time.clone(),
        supervision,
        in_flight: Vec::new(),
        starts: 0,
        checks: 0,
        statuses: 0,
    };
    let probes = Probes::new(handle.readiness().clone());
    let has = |line: &str| {
        let body = probes.answer("/metrics", None, time.now()).body;
        assert!(body.lines().any(|it| it == line), "{line}\n{body}");
    };
    let labels = |label: &str, value: &str| {
        format!("{{livebus_service=\"message-bus\",{label}=\"{value}\"}}")
    };
    let changes = |cause, count: u64| {
        let labels = labels("cause", cause);
        has(&format!("livebus_changes_total{labels} {count}"));
    };
    let checks = |outcome, count: u64| {
        let labels = labels("outcome", outcome);
        has(&format!(
            "livebus_check_duration_seconds_count{labels} {count}"
        ));
    };
    has("livebus_ready 0");
    changes("Evidence", 0);

    // One check at the start, and one each five seconds.
    driver.run_until(began + ms(21_000), true);
    has("livebus_ready 1");
    changes("Evidence", 1);
    checks("succeeded", 5);
    checks("failed", 0);
    // The lease is that of the evidence one second ago.
    has("livebus_lease_remaining_seconds{livebus_service=\"message-bus\"} 8.5");

    // Two checks are not answered, each for two seconds: the detection bound is that of the evidence at 20 s.
    driver.run_until(began + ms(29_499), false);
    has("livebus_ready 1");
    driver.run_until(began + ms(29_500), false);
    has("livebus_ready 0");
    changes("LivenessFailed", 1);
    let timeouts = labels("class", "Timeout");
    has(&format!("livebus_reported_failures_total{timeouts} 1"));
    driver
        .in_flight
        .retain(|(deadline, _)| *deadline > time.now());
    checks("failed", 2);
    let sum = labels("outcome", "failed");
    has(&format!("livebus_check_duration_seconds_sum{sum} 4.0"));

    driver.run_until(began + ms(60_000), false);
    driver.run_until(began + ms(90_000), true);
    has("livebus_ready 1");
    changes("Evidence", 2);

    driver.in_flight.clear();
    let service = handle.readiness().services().next().expect("one service");
    let counts = service.counts();
    let ended: u64 = counts.checks().map(|(_, it)| it.count()).sum();
    assert_eq!(ended, driver.checks, "each check is counted once");
    assert_eq!(counts.starts(), driver.starts);
    let changes: u64 = counts.changes_by_cause().map(|(_, count)| count).sum();
    assert_eq!(changes, driver.statuses, "each change is counted once");
}
