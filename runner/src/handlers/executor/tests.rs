use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures::executor::block_on;
use futures::future::pending;

use super::*;
use crate::handlers::batch::Batch;
use crate::loops::Wake;

const ID: RunId = RunId::from_number(7);

struct Bench {
    mailbox: Arc<Mailbox>,
    control: Arc<RunControl>,
}

impl Bench {
    fn new() -> Self {
        Self {
            mailbox: Arc::new(Mailbox::new(Wake::new(|| {}))),
            control: Arc::default(),
        }
    }

    fn work(&self, records: usize, timeout: Option<Duration>) -> Work {
        let mut batch = Batch::new(Arc::from("orders"), 0);
        for offset in 0..10 {
            assert!(batch.push(offset, None, None, None, [].into_iter()));
        }
        let slice = Slice {
            batch: Arc::new(batch),
            first: 0,
            length: records,
        };
        Work {
            id: ID,
            slices: vec![slice],
            assignment: (PartitionId(0), Generation(1)),
            attempt: 3,
            timeout,
            control: Arc::clone(&self.control),
            mailbox: Arc::clone(&self.mailbox),
            clock: Clock::Real,
        }
    }

    /// Returns the ends that were reported, and the numbers of done records at which a future was pending.
    fn reported(&self) -> (Vec<RunEnd>, Vec<u32>) {
        let mut messages = Vec::new();
        self.mailbox.take(&mut messages);
        let (mut ends, mut pending) = (Vec::new(), Vec::new());
        for message in messages {
            match message {
                LoopMessage::Ended { run, end, .. } if run == ID => ends.push(end),
                LoopMessage::Pending { run, done } if run == ID => pending.push(done),
                LoopMessage::Pending { .. }
                | LoopMessage::Ended { .. }
                | LoopMessage::Command(_) => panic!("no run sends it"),
            }
        }
        (ends, pending)
    }
}

#[test]
fn records_run_in_order_and_only_the_first_has_the_attempt_of_the_run() {
    let bench = Bench::new();
    let seen = Mutex::new(Vec::new());
    let function = |record: Record, cx: Context| {
        seen.lock()
            .expect("no panic")
            .push((record.offset(), cx.attempt()));
        async { Ok(()) }
    };
    block_on(run(Arc::new(function), bench.work(3, None)));
    assert_eq!(*seen.lock().expect("no panic"), [(0, 3), (1, 1), (2, 1)]);
    assert_eq!(bench.reported(), (vec![RunEnd::Done], vec![]));
}

#[test]
fn a_failure_and_a_panic_end_the_run_at_their_record() {
    let bench = Bench::new();
    let fails = |record: Record, _| async move {
        if record.offset() == 2 {
            return Err(Failed::permanent("no such customer"));
        }
        Ok(())
    };
    block_on(run(Arc::new(fails), bench.work(5, None)));
    let failed = |done, class| (vec![RunEnd::Failed { done, class }], vec![]);
    assert_eq!(bench.reported(), failed(2, RecordFailure::Permanent));

    let panics = |record: Record, _| async move {
        assert!(record.offset() < 1, "on purpose");
        Ok(())
    };
    block_on(run(Arc::new(panics), bench.work(5, None)));
    assert_eq!(bench.reported(), failed(1, RecordFailure::Panicked));

    let panics_at_once =
        |_, _| -> futures::future::Ready<Result<(), Failed>> { panic!("on purpose") };
    block_on(run(Arc::new(panics_at_once), bench.work(5, None)));
    assert_eq!(bench.reported(), failed(0, RecordFailure::Panicked));
}

#[test]
fn a_panic_of_the_end_of_a_future_is_a_failure() {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let bench = Bench::new();
    let function = |_, _| {
        let kept = PanicsOnDrop;
        poll_fn(move |_| {
            let _ = &kept;
            Poll::Ready(Ok(()))
        })
    };
    block_on(run(Arc::new(function), bench.work(2, None)));
    let class = RecordFailure::Panicked;
    assert_eq!(
        bench.reported(),
        (vec![RunEnd::Failed { done: 0, class }], vec![])
    );
}

#[test]
fn a_pending_record_keeps_the_run_and_is_dropped_when_that_is_cancelled() {
    let bench = Bench::new();
    let function = |record: Record, _| async move {
        if record.offset() == 2 {
            pending::<()>().await;
        }
        Ok(())
    };
    let work = bench.work(5, Some(Duration::from_secs(9)));
    let task = thread::spawn(move || block_on(run(Arc::new(function), work)));
    while bench
        .control
        .poll_cancelled(futures::task::noop_waker_ref())
        .is_pending()
        && Arc::strong_count(&bench.control) < 2
    {
        thread::yield_now();
    }
    bench.control.cancel();
    task.join().expect("it ends");
    let (ends, pending) = bench.reported();
    // The cancellation may come before the third record.
    match pending[..] {
        [done] => assert_eq!((done, &ends[..]), (2, &[RunEnd::Cancelled { done: 0 }][..])),
        _ => assert!(matches!(ends[..], [RunEnd::Cancelled { .. }]), "{ends:?}"),
    }
}

#[test]
fn a_run_gives_its_thread_back_after_the_time_slice() {
    let bench = Bench::new();
    let calls = AtomicUsize::new(0);
    let function = |_, _| {
        calls.fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        while begin.elapsed() < TIME_SLICE {
            std::hint::spin_loop();
        }
        async { Ok(()) }
    };
    block_on(run(Arc::new(function), bench.work(5, None)));
    assert_eq!(
        bench.reported(),
        (vec![RunEnd::Returned { done: 1 }], vec![])
    );
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_task_that_is_dropped_reports_its_end() {
    let bench = Bench::new();
    let function = |_, _| pending::<Result<(), Failed>>();
    let mut task = Box::pin(run(Arc::new(function), bench.work(1, None)));
    assert!(futures::FutureExt::now_or_never(task.as_mut()).is_none());
    drop(task);
    assert_eq!(
        bench.reported(),
        (vec![RunEnd::Cancelled { done: 0 }], vec![])
    );
}

#[test]
fn a_blocking_function_runs_each_record_and_sees_the_cancellation() {
    let bench = Bench::new();
    let control = Arc::clone(&bench.control);
    let function = move |record: Record, cx: Context| {
        if record.offset() == 1 {
            control.cancel();
            assert!(cx.is_cancelled());
        }
        Ok(())
    };
    run_blocking(&function, bench.work(5, None));
    assert_eq!(
        bench.reported(),
        (vec![RunEnd::Cancelled { done: 2 }], vec![])
    );
}
