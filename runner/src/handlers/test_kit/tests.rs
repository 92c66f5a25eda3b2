use std::collections::BTreeSet;

use futures::FutureExt as _;
use futures::channel::oneshot;
use livebus_core::Backoff;
use livebus_core::dispatch::{FailurePolicy, Order, Then};

use super::*;
use crate::handlers::{Failed, RequestHandler};

fn orders() -> RequestHandler {
    RequestHandler::new("orders")
        .topics(["orders"])
        .group("billing")
}

/// The payloads that were handled.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, record: &crate::handlers::Record) -> String {
        let text = String::from_utf8_lossy(record.payload().unwrap_or_default()).into_owned();
        lock(&self.0).push(text.clone());
        text
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
    }
}

fn all(seen: &Seen) -> RunnableHandler {
    let seen = seen.clone();
    orders().run(move |record, _| {
        seen.note(&record);
        async { Ok(()) }
    })
}

fn records(payloads: &[&str]) -> Vec<TestRecord> {
    payloads.iter().map(TestRecord::new).collect()
}

#[test]
fn a_crash_hands_over_what_was_not_committed() {
    let (mut group, seen) = (TestGroup::new(), Seen::default());
    let mut first = group.join(all(&seen)).expect("it is valid");
    first.assign("orders", 0);
    first.deliver("orders", 0, records(&["a", "b"]));
    first.advance(Duration::from_secs(1));
    assert_eq!(group.committed("orders", 0), Some(2));
    first.fail_commits(true);
    first.deliver("orders", 0, records(&["c"]));
    first.advance(Duration::from_secs(1));
    drop(first);
    assert_eq!(seen.take(), ["a", "b", "c"]);

    let mut second = group.join(all(&seen)).expect("it is valid");
    second.assign("orders", 0);
    second.deliver("orders", 0, records(&["c", "d"]));
    second.shut_down();
    assert!(second.has_ended());
    assert_eq!(seen.take(), ["c", "d"]);
    assert_eq!(group.committed("orders", 0), Some(4));
}

#[test]
fn a_position_that_fails_does_not_fail_that_of_another_partition() {
    let (mut group, seen) = (TestGroup::new(), Seen::default());
    let mut member = group.join(all(&seen)).expect("it is valid");
    for partition in [0, 1] {
        member.assign("orders", partition);
    }
    member.fail_commits_of("orders", 0, true);
    for partition in [0, 1] {
        member.deliver("orders", partition, records(&["a"]));
    }
    member.advance(Duration::from_secs(1));
    let committed = [0, 1].map(|partition| group.committed("orders", partition));
    assert_eq!(committed, [Some(0), Some(1)]);
    member.fail_commits_of("orders", 0, false);
    member.advance(Duration::from_secs(1));
    assert_eq!(group.committed("orders", 0), Some(1));
    assert_eq!(seen.take(), ["a", "a"]);
}

#[test]
fn a_revoked_partition_is_kept_until_its_function_ends() {
    let mut group = TestGroup::new();
    let (open, gate) = oneshot::channel::<()>();
    let gate = gate.shared();
    let handler = orders().run(move |_, _| {
        let gate = gate.clone();
        async move {
            let _ = gate.await;
            Ok(())
        }
    });
    let mut member = group.join(handler).expect("it is valid");
    member.assign("orders", 0);
    member.deliver("orders", 0, records(&["a"]));
    assert_eq!(member.waiting_functions(), 1);
    member.revoke("orders", 0);
    assert!(member.has("orders", 0));
    drop(open);
    member.poll_functions();
    assert!(!member.has("orders", 0));
    assert_eq!(group.committed("orders", 0), Some(1));
}

#[test]
fn a_function_that_is_too_late_is_cancelled_and_its_partition_stops() {
    let mut group = TestGroup::new();
    let handler = orders()
        .record_timeout(Some(Duration::from_secs(2)))
        .on_failure(FailurePolicy::new(
            0,
            Backoff::fixed(Duration::from_mins(1)),
            Then::Stop,
        ))
        .run(|_, _| std::future::pending());
    let mut member = group.join(handler).expect("it is valid");
    member.assign("orders", 0);
    member.deliver("orders", 0, records(&["a", "b"]));
    member.advance(Duration::from_millis(1_900));
    assert_eq!(
        (member.waiting_functions(), member.health()),
        (1, Health::Working)
    );
    member.advance(Duration::from_millis(200));
    assert_eq!(member.waiting_functions(), 0);
    assert!(matches!(member.health(), Health::Stopped { offset: 0, .. }));
    assert_eq!(member.counters().timed_out, 1);
}

#[test]
fn a_dead_letter_waits_until_it_can_be_written() {
    let (mut group, seen) = (TestGroup::new(), Seen::default());
    let noted = seen.clone();
    let handler = orders()
        .on_failure(FailurePolicy::new(
            0,
            Backoff::fixed(Duration::from_millis(10)),
            Then::DeadLetter,
        ))
        .dead_letter_topic("orders.dead")
        .run(move |record, _| {
            let text = noted.note(&record);
            async move {
                if text == "b" {
                    return Err(Failed::permanent("no such customer"));
                }
                Ok(())
            }
        });
    let mut member = group.join(handler).expect("it is valid");
    member.fail_dead_letters(true);
    member.assign("orders", 0);
    member.deliver("orders", 0, records(&["a", "b", "c"]));
    member.advance(Duration::from_secs(1));
    assert!(member.dead_letters().is_empty());
    assert_eq!(group.committed("orders", 0), Some(1));
    member.fail_dead_letters(false);
    member.advance(Duration::from_mins(1));
    assert_eq!(
        member.dead_letters(),
        [("orders.dead".to_owned(), b"b".to_vec())]
    );
    assert_eq!(group.committed("orders", 0), Some(3));
    assert_eq!(seen.take(), ["a", "b", "c"]);
}

#[test]
fn results_out_of_order_are_not_handled_again_by_the_next_member() {
    let (mut group, seen) = (TestGroup::new(), Seen::default());
    let noted = seen.clone();
    let blocked = orders().order(Order::Key).run(move |record, _| {
        let text = String::from_utf8_lossy(record.payload().unwrap_or_default()).into_owned();
        let noted = noted.clone();
        async move {
            if text == "a" {
                std::future::pending::<()>().await;
            }
            noted.note(&record);
            Ok(())
        }
    });
    let keyed = || {
        let each = ["a", "b", "c"].into_iter();
        each.map(|it| TestRecord::new(it).key(it))
            .collect::<Vec<_>>()
    };
    let mut first = group.join(blocked).expect("it is valid");
    first.assign("orders", 0);
    first.deliver("orders", 0, keyed());
    first.advance(Duration::from_secs(1));
    drop(first);
    let before: BTreeSet<_> = seen.take().into_iter().collect();
    assert_eq!(before, ["b", "c"].map(str::to_owned).into());

    let mut second = group.join(all(&seen)).expect("it is valid");
    second.assign("orders", 0);
    second.deliver("orders", 0, keyed());
    second.shut_down();
    assert_eq!(seen.take(), ["a"]);
    assert_eq!(group.committed("orders", 0), Some(3));
}

#[test]
fn nothing_is_called_while_the_bus_cannot_be_used() {
    let (mut group, seen) = (TestGroup::new(), Seen::default());
    let mut member = group.join(all(&seen)).expect("it is valid");
    member.set_bus_usable(false);
    member.assign("orders", 0);
    member.deliver(
        "orders",
        0,
        [TestRecord::new("a").offset(7).header("h", "v")],
    );
    assert!(seen.take().is_empty());
    member.set_bus_usable(true);
    assert_eq!(seen.take(), ["a"]);
    member.lose("orders", 0);
    assert!(!member.has("orders", 0));
}

#[test]
fn a_member_that_holds_as_much_as_it_may_wants_no_more() {
    let mut group = TestGroup::new();
    let handler = orders();
    let settings = livebus_core::dispatch::Settings {
        limits: livebus_core::dispatch::Limits {
            records: 8,
            ..livebus_core::dispatch::Limits::default()
        },
        ..handler.current_settings().clone()
    };
    let (open, gate) = oneshot::channel::<()>();
    let gate = gate.shared();
    let handler = handler.settings(settings).run(move |_, _| {
        let gate = gate.clone();
        async move {
            let _ = gate.await;
            Ok(())
        }
    });
    let mut member = group.join(handler).expect("it is valid");
    member.assign("orders", 0);
    member.deliver("orders", 0, records(&["a", "b", "c", "d", "e", "f"]));
    assert_eq!(member.pace(), Pace::Slow);
    member.deliver("orders", 0, records(&["g", "h"]));
    assert_eq!(member.pace(), Pace::Paused);
    drop(open);
    member.poll_functions();
    assert_eq!(member.pace(), Pace::Full);
}
