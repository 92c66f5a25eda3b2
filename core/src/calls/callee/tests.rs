#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one instant to count from"
)]

use super::*;
use crate::calls::ids::{CallId, Identity};

const PARTITION: PartitionId = PartitionId(0);
const GENERATION: Generation = Generation(1);
const SECOND: Duration = Duration::from_secs(1);

fn callee(change: fn(&mut CalleeSettings)) -> Callee {
    let mut settings = CalleeSettings {
        max_duplicates: 2,
        old_replies: 2,
        ..CalleeSettings::default()
    };
    change(&mut settings);
    let mut callee = Callee::new(CalleeConfig::new(settings).expect("valid"));
    callee.assigned(PARTITION, GENERATION);
    callee
}

fn id(offset: i64) -> RequestId {
    RequestId {
        partition: PARTITION,
        generation: GENERATION,
        offset,
    }
}

fn arrival(call: u64) -> Arrival {
    Arrival {
        correlation: correlation(call),
        key: None,
        time: 10 * SECOND,
        age: SECOND,
    }
}

fn correlation(call: u64) -> Correlation {
    Correlation {
        from: Identity {
            instance: 1,
            epoch: 1,
        },
        call: CallId(call),
    }
}

#[test]
fn a_request_older_than_deadline_and_tolerance_is_dropped_with_its_age() {
    let now = Instant::now();
    let mut callee = callee(|_| {});
    for offset in 0..3 {
        callee.fetched(now, id(offset), arrival(7));
    }
    // 1 s old when it was fetched, 10 s to live, 1 s of tolerance.
    let just_in_time = now + Duration::from_nanos(9_999_999_999);
    let run = |never_began| Decision::Run {
        deadline: now + 10 * SECOND,
        never_began,
    };
    assert_eq!(callee.begin(just_in_time, id(0)), run(false));
    let late = |never_began| Decision::TooLate {
        age: 11 * SECOND,
        never_began,
    };
    assert_eq!(callee.begin(now + 10 * SECOND, id(1)), late(false));
    // The third record was not begun by an earlier owner, who was two records ahead at most.
    assert_eq!(callee.begin(now + 10 * SECOND, id(2)), late(true));
    assert_eq!(callee.counters().too_late, 2);
    assert_eq!(callee.counters().max_age, 11 * SECOND);
    assert_eq!(callee.requests_held(), 1);
}

#[test]
fn a_cancel_drops_a_request_that_waits_and_names_one_that_runs() {
    let now = Instant::now();
    let mut callee = callee(|_| {});
    callee.fetched(now, id(0), arrival(1));
    callee.fetched(now, id(1), arrival(2));
    callee.begin(now, id(0));
    assert_eq!(callee.cancel_fetched(id(2), correlation(1)), Some(id(0)));
    assert_eq!(callee.cancel_fetched(id(3), correlation(2)), None);
    assert_eq!(callee.cancel_fetched(id(4), correlation(3)), None);
    assert_eq!(callee.begin(now, id(1)), Decision::Cancelled);
    assert_eq!(callee.counters().late_cancels, 2);
    assert_eq!(callee.counters().cancelled, 1);
}

#[test]
fn an_old_reply_is_replayed_while_its_partition_is_kept_and_the_window_is_bounded() {
    let now = Instant::now();
    let mut callee = callee(|_| {});
    let keyed = |call, key| Arrival {
        key: Some(key),
        ..arrival(call)
    };
    let mut run = |offset, key| {
        callee.fetched(now, id(offset), keyed(1, key));
        let decision = callee.begin(now, id(offset));
        let is_run = matches!(decision, Decision::Run { .. });
        (
            decision,
            if is_run {
                callee.ran(id(offset), true)
            } else {
                None
            },
        )
    };
    assert_eq!(run(0, 100).1, None);
    assert_eq!(run(1, 100).0, Decision::Replay(id(0)));
    assert_eq!(run(2, 200).1, None);
    // The window has room for two: the reply of the oldest goes.
    assert_eq!(run(3, 300).1, Some(id(0)));
    assert!(matches!(run(4, 100).0, Decision::Run { .. }));
    callee.ended(PARTITION, GENERATION);
    callee.assigned(PARTITION, Generation(2));
    let id = RequestId {
        generation: Generation(2),
        ..id(5)
    };
    callee.fetched(now, id, keyed(9, 300));
    assert!(matches!(callee.begin(now, id), Decision::Run { .. }));
}

#[test]
fn a_second_attempt_of_a_running_request_is_dropped() {
    let now = Instant::now();
    let mut callee = callee(|_| {});
    let keyed = Arrival {
        key: Some(4),
        ..arrival(1)
    };
    callee.fetched(now, id(0), keyed);
    callee.fetched(now, id(1), keyed);
    assert!(matches!(callee.begin(now, id(0)), Decision::Run { .. }));
    assert_eq!(callee.begin(now, id(1)), Decision::Running);
}

#[test]
fn at_most_once_runs_after_its_position_is_acknowledged() {
    let now = Instant::now();
    let mut callee = callee(|it| it.at_most_once = true);
    callee.fetched(now, id(0), arrival(1));
    assert_eq!(callee.begin(now, id(0)), Decision::CommitFirst);
    assert_eq!(callee.begin(now, id(0)), Decision::Stale);
    callee.committed(PARTITION, GENERATION, 0);
    assert_eq!(callee.begin(now, id(0)), Decision::Stale);
    callee.committed(PARTITION, GENERATION, 1);
    let decision = callee.begin(now, id(0));
    assert!(
        matches!(
            decision,
            Decision::Run {
                never_began: true,
                ..
            }
        ),
        "{decision:?}"
    );
    assert_eq!(callee.ran(id(0), true), Some(id(0)));
    assert_eq!(callee.requests_held(), 0);
}

#[test]
fn what_belongs_to_an_ended_assignment_is_stale() {
    let now = Instant::now();
    let mut callee = callee(|_| {});
    callee.fetched(now, id(0), arrival(1));
    callee.ended(PARTITION, GENERATION);
    assert_eq!(callee.begin(now, id(0)), Decision::Stale);
    callee.fetched(now, id(1), arrival(1));
    callee.ended(PARTITION, GENERATION);
    assert_eq!(callee.counters().stale, 3);
    assert_eq!(callee.requests_held(), 0);
}

#[test]
fn what_a_caller_wrote_may_be_anything() {
    let now = Instant::now();
    let mut callee = callee(|_| {});
    let forged = |time, age| Arrival {
        time,
        age,
        ..arrival(7)
    };
    callee.fetched(now, id(0), forged(Duration::MAX, Duration::ZERO));
    callee.fetched(now, id(1), forged(Duration::MAX, Duration::MAX));
    callee.fetched(now, id(2), forged(Duration::ZERO, Duration::MAX));
    assert!(matches!(callee.begin(now, id(0)), Decision::Run { .. }));
    for offset in [1, 2] {
        let decision = callee.begin(now + SECOND, id(offset));
        assert!(
            matches!(decision, Decision::TooLate { age, .. } if age == Duration::MAX),
            "{decision:?}"
        );
    }
}

#[test]
fn a_request_that_is_known_stays_as_it_is() {
    let now = Instant::now();
    let mut callee = callee(|_| {});
    callee.fetched(now, id(0), arrival(7));
    assert!(matches!(callee.begin(now, id(0)), Decision::Run { .. }));
    callee.fetched(now, id(0), arrival(8));
    assert_eq!(callee.counters().stale, 1);
    assert_eq!(callee.begin(now, id(0)), Decision::Stale, "it runs");
    let running = callee.cancel_fetched(id(1), correlation(7));
    assert_eq!(running, Some(id(0)), "it is that of the first call");
}
