//! The timer of a runtime: it accepts any instant, and can be polled on any thread.

use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use livebus_core::Status;
use livebus_runner::Timer;
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{eventually, start, within};

const DAY: Duration = Duration::from_hours(24);

pub(crate) async fn timer_accepts_any_instant_and_can_be_set_again<R: FullRunner>() {
    let time = R::time();
    let mut timer = time.timer();
    let now = time.now();
    assert!(is_pending(&mut *timer), "it has elapsed without being set");
    let soon = now + Duration::from_millis(5);
    let past = [Some(now), now.checked_sub(DAY), Some(soon)];
    for past in past.into_iter().flatten() {
        for far in [now + DAY * 365, now + DAY * 36_500, last_instant(now)] {
            timer.set(Some(far));
            assert!(is_pending(&mut *timer), "it has elapsed before {far:?}");
        }
        timer.set(None);
        assert!(
            is_pending(&mut *timer),
            "it has elapsed though it is set to never"
        );
        timer.set(Some(past));
        within::<R, _>("an instant that has passed", timer.elapsed()).await;
        assert!(time.now() >= past);
    }
    timer.set(None);
    assert!(is_pending(&mut *timer), "it has elapsed a second time");
}

/// Polls on a thread outside of the runtime.
pub(crate) async fn stream_can_be_polled_outside_of_the_runtime<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut changes) = start(builder::<R>(&bus)).await;
    changes.until(Status::Running).await;
    let mut stream = handle.changes();
    let outside = thread::spawn(move || {
        pollster::block_on(async {
            let first = stream.next().await.map(|change| change.report.status);
            let rest: Vec<_> = stream.collect().await;
            (first, rest.last().map(|change| change.report.status))
        })
    });
    bus.set_answer(Answer::Silence);
    changes.until(Status::NotReady).await;
    // Created outside of the runtime too.
    let shut_down = thread::spawn(move || {
        pollster::block_on(async {
            drop(handle.changes());
            handle.shutdown().await.status
        })
    });
    eventually::<R>("both ends", || {
        outside.is_finished() && shut_down.is_finished()
    })
    .await;
    let seen = outside.join().expect("the thread does not panic");
    assert_eq!(seen, (Some(Status::NotReady), Some(Status::Stopped)));
    assert_eq!(shut_down.join().ok(), Some(Status::Stopped));
}

fn is_pending(timer: &mut dyn Timer) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    timer.poll_elapsed(&mut context).is_pending()
}

/// Returns the last instant that the clock can represent, to the second.
fn last_instant(mut last: Instant) -> Instant {
    for bit in (0..64).rev() {
        let later = last.checked_add(Duration::from_secs(1 << bit));
        last = later.unwrap_or(last);
    }
    last
}
