//! What the loop shows of its progress.

use livebus_readiness::{HandlerProgress, HeldRecord};

use super::*;

impl Bench {
    fn shown(&mut self) -> Option<HandlerProgress> {
        self.handler.show_progress(self.now);
        self.registration.progress()
    }

    fn end_at(&mut self, of: &Numbered, offset: i64) {
        self.input(Input::End {
            partition: of.partition,
            generation: of.generation,
            offset,
        });
    }
}

#[test]
fn progress_has_what_waits_and_what_is_done() {
    let mut bench = Bench::new(orders(), |record, _| async move {
        if record.offset() == 3 {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    assert_eq!(bench.registration.progress(), None);
    let of = bench.assign();
    let begin = bench.now;
    bench.fetch(&of, 0..5);
    let shown = bench.shown().expect("it has begun");
    assert_eq!((shown.partitions, shown.runs_in_flight), (1, 1));
    assert_eq!(shown.records_held, 2);
    let oldest = HeldRecord {
        topic: Arc::from("orders"),
        partition: 0,
        offset: 3,
        since: begin,
    };
    assert_eq!(shown.oldest_held, Some(oldest));
    assert_eq!((shown.lag, shown.lag_as_of), (None, None));

    bench.end_at(&of, 9);
    bench.advance(100);
    let shown = bench.shown().expect("it has begun");
    assert_eq!((shown.lag, shown.lag_as_of), (Some(6), Some(begin)));
    assert_eq!(shown.counters.done, 3);
}

#[test]
fn progress_is_shown_at_most_ten_times_a_second_and_never_forgotten() {
    let mut bench = Bench::new(orders(), |_, _| async { Ok(()) });
    let of = bench.assign();
    assert_eq!(bench.handler.show_progress(bench.now), None);
    let due = bench.now + Duration::from_millis(100);
    bench.fetch(&of, 0..5);
    bench.advance(99);
    assert_eq!(bench.handler.show_progress(bench.now), Some(due));
    let done = |bench: &Bench| bench.registration.progress().map(|it| it.counters.done);
    assert_eq!(done(&bench), Some(0));
    bench.advance(1);
    assert_eq!(bench.handler.show_progress(bench.now), None);
    assert_eq!(done(&bench), Some(5));
}

#[test]
fn end_of_an_earlier_assignment_is_no_lag_and_a_lag_is_not_negative() {
    let mut bench = Bench::new(orders(), |_, _| async { Ok(()) });
    let first = bench.assign();
    bench.fetch(&first, 0..5);
    bench.end_at(&first, 2);
    assert_eq!(bench.shown().and_then(|it| it.lag), Some(0));
    bench.input(Input::Lost {
        partition: first.partition,
        generation: first.generation,
    });
    bench.advance(100);
    assert_eq!(bench.shown().map(|it| it.partitions), Some(0));
    let second = bench.assign();
    bench.advance(100);
    assert_eq!(
        bench.shown().map(|it| (it.partitions, it.lag)),
        Some((1, None))
    );
    bench.end_at(&second, 8);
    bench.advance(100);
    assert_eq!(bench.shown().and_then(|it| it.lag), Some(8));
}

#[test]
fn nothing_is_shown_after_the_end() {
    let mut bench = Bench::new(orders(), |_, _| async { Ok(()) });
    bench.assign();
    assert!(bench.shown().is_some());
    bench.handler.end_progress();
    assert_eq!(bench.registration.progress(), None);
    assert!(!bench.is_registered());
}
