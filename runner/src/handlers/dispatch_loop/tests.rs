//! The loop with a consumer and a clock in the test's hand. Functions run where they are spawned.

mod progress;

use std::sync::Mutex;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use livebus_core::dispatch::{CommitId, Order, Position, Room, Start, Then};
use livebus_core::{Cause, FailureClass};

use super::*;
use crate::handlers::batch::Batch;
use crate::handlers::consumer::DeadLetter;
use crate::handlers::mailbox::LoopMessage;
use crate::handlers::numbers::{Numbered, PartitionNumbers};
use crate::handlers::{Context, Failed, Record, RequestHandler};
use crate::loops::Clock;
use crate::loops::Command;
use crate::runtime::Spawn;

/// What the loop asked the consumer for.
#[derive(Debug, Clone, PartialEq)]
enum Call {
    Commit(i64),
    DeadLetter(i64, String),
    SetPace(Pace),
    Release(PartitionId),
    Seek(i64),
    Close,
}

/// What the test and the consumer share.
#[derive(Default)]
struct Shared {
    inputs: Vec<Input>,
    calls: Vec<Call>,
    commits: Vec<(CommitId, i64)>,
    letters: Vec<DeadLetter>,
    opened: u32,
}

struct Scripted(Arc<Mutex<Shared>>);

impl Scripted {
    fn call(&self, call: Call) {
        self.0.lock().expect("no panic").calls.push(call);
    }
}

impl Consumer for Scripted {
    fn poll(&mut self, _: Room, _: Instant, inputs: &mut Vec<Input>) -> Polled {
        inputs.append(&mut self.0.lock().expect("no panic").inputs);
        Polled::Idle(None)
    }

    fn commit(&mut self, id: CommitId, positions: Vec<Position>, _: Instant) {
        for position in &positions {
            self.call(Call::Commit(position.offset));
        }
        let mut shared = self.0.lock().expect("no panic");
        shared.commits.push((id, positions[0].offset));
        let results = vec![(positions[0].partition, Ok(()))];
        shared.inputs.push(Input::CommitAnswered { id, results });
    }

    fn write_dead_letter(&mut self, letter: DeadLetter) {
        self.call(Call::DeadLetter(
            letter.record.offset(),
            letter.reason.clone(),
        ));
        self.0.lock().expect("no panic").letters.push(letter);
    }

    fn set_pace(&mut self, pace: Pace) {
        self.call(Call::SetPace(pace));
    }

    fn seek(&mut self, _: PartitionId, _: Generation, offset: i64) {
        self.call(Call::Seek(offset));
    }

    fn release(&mut self, partition: PartitionId, _: Generation) {
        self.call(Call::Release(partition));
    }

    fn close(self: Box<Self>, _: Instant) {
        self.call(Call::Close);
    }
}

/// Polls each task once where it is spawned, and keeps those that wait.
#[derive(Default)]
struct Here(Mutex<Vec<BoxFuture<'static, ()>>>);

impl Spawn for Here {
    fn spawn(&self, mut task: BoxFuture<'static, ()>) {
        if task.as_mut().now_or_never().is_none() {
            self.0.lock().expect("no panic").push(task);
        }
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

struct Bench {
    handler: HandlerLoop,
    shared: Arc<Mutex<Shared>>,
    tasks: Arc<Here>,
    registration: Arc<Registration>,
    mailbox: Arc<Mailbox>,
    numbers: PartitionNumbers,
    now: Instant,
    seen: Arc<Mutex<Vec<i64>>>,
}

impl Bench {
    fn new<T>(
        handler: RequestHandler,
        function: impl Fn(Record, Context) -> T + Send + Sync + 'static,
    ) -> Self
    where
        T: Future<Output = Result<(), Failed>> + Send + 'static,
    {
        let seen: Arc<Mutex<Vec<i64>>> = Arc::default();
        let of_function = Arc::clone(&seen);
        let runnable = handler.run(move |record: Record, cx: Context| {
            of_function.lock().expect("no panic").push(record.offset());
            function(record, cx)
        });
        let (shared, tasks) = (Arc::<Mutex<Shared>>::default(), Arc::<Here>::default());
        let registration = Arc::<Registration>::default();
        let mailbox = Arc::new(Mailbox::new(Wake::new(|| {})));
        let of_open = Arc::clone(&shared);
        let now = Instant::now();
        let handler = HandlerLoop::new(
            runnable.check().expect("it is valid"),
            Box::new(move || {
                of_open.lock().expect("no panic").opened += 1;
                Ok(Box::new(Scripted(Arc::clone(&of_open))))
            }),
            Environment {
                spawn: Arc::<Here>::clone(&tasks),
                clock: Clock::Real,
                began: now,
            },
            Arc::clone(&mailbox),
            Arc::clone(&registration),
            PartitionNumbers::default(),
            Vec::new(),
        );
        let mut bench = Self {
            handler,
            shared,
            tasks,
            registration,
            mailbox,
            numbers: PartitionNumbers::default(),
            now,
            seen,
        };
        bench.send(LoopMessage::Command(Command::Bus(Ok(()))));
        bench.send(LoopMessage::Command(Command::Open));
        bench
    }

    fn send(&mut self, message: LoopMessage) -> Turn {
        self.mailbox.send(message);
        self.turns()
    }

    fn input(&mut self, input: Input) -> Turn {
        self.shared.lock().expect("no panic").inputs.push(input);
        self.turns()
    }

    /// Turns until nothing comes any more.
    fn turns(&mut self) -> Turn {
        let mut turn = self.handler.turn(self.now);
        for _ in 0..10 {
            if turn == Turn::Ended {
                break;
            }
            turn = self.handler.turn(self.now);
        }
        turn
    }

    fn advance(&mut self, millis: u64) -> Turn {
        self.now += Duration::from_millis(millis);
        self.turns()
    }

    fn assign(&mut self) -> Numbered {
        let assigned = self.numbers.assign("orders", 0);
        self.input(Input::Assigned {
            assigned: assigned.clone(),
            start: Start::Committed(0),
            done: Vec::new(),
        });
        self.input(Input::Joined);
        assigned
    }

    fn fetch(&mut self, of: &Numbered, offsets: std::ops::Range<i64>) {
        let mut batch = Batch::new(Arc::from("orders"), 0);
        for offset in offsets {
            let key = offset.to_string();
            assert!(batch.push(offset, None, Some(key.as_bytes()), None, [].into_iter()));
        }
        self.input(Input::Fetched {
            partition: of.partition,
            generation: of.generation,
            batch,
        });
    }

    fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.shared.lock().expect("no panic").calls)
    }

    fn seen(&self) -> Vec<i64> {
        std::mem::take(&mut self.seen.lock().expect("no panic"))
    }

    fn is_registered(&self) -> bool {
        self.registration.wait().now_or_never() == Some(Ok(()))
    }
}

fn orders() -> RequestHandler {
    RequestHandler::new("orders")
        .topics(["orders"])
        .group("billing")
}

fn policy(then: Then) -> livebus_core::dispatch::FailurePolicy {
    let backoff = livebus_core::Backoff::fixed(Duration::from_secs(1));
    livebus_core::dispatch::FailurePolicy::new(0, backoff, then)
}

#[test]
fn records_run_and_their_position_is_committed() {
    let mut bench = Bench::new(orders(), |_, _| async { Ok(()) });
    assert!(!bench.is_registered());
    let of = bench.assign();
    assert!(bench.is_registered());
    bench.fetch(&of, 0..50);
    assert_eq!(bench.seen(), (0..50).collect::<Vec<_>>());
    bench.advance(200);
    assert_eq!(bench.calls().last(), Some(&Call::Commit(50)));
}

#[test]
fn nothing_runs_while_the_bus_cannot_be_used() {
    let mut bench = Bench::new(orders(), |_, _| async { Ok(()) });
    let of = bench.assign();
    bench.send(LoopMessage::Command(Command::Bus(Err(Cause::Starved))));
    bench.fetch(&of, 0..5);
    assert_eq!(bench.seen(), [0_i64; 0]);
    bench.send(LoopMessage::Command(Command::Bus(Ok(()))));
    assert_eq!(bench.seen(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_dead_letter_has_the_record_and_its_reason_and_is_awaited() {
    let handler = orders()
        .on_failure(policy(Then::DeadLetter))
        .dead_letter_topic("orders.dead");
    let mut bench = Bench::new(handler, |record: Record, _| async move {
        if record.offset() == 3 {
            return Err(Failed::permanent("no such customer"));
        }
        Ok(())
    });
    let of = bench.assign();
    bench.fetch(&of, 0..6);
    bench.advance(200);
    let written = Call::DeadLetter(3, "no such customer".to_owned());
    let calls = bench.calls();
    assert!(
        calls.contains(&written) && calls.contains(&Call::Commit(3)),
        "{calls:?}"
    );
    assert!(!calls.contains(&Call::Commit(6)), "{calls:?}");
    let letter = bench.shared.lock().expect("no panic").letters.remove(0);
    let (id, result) = (letter.id, Ok(()));
    bench.input(Input::DeadLetterAnswered { id, result });
    bench.advance(200);
    assert_eq!(bench.calls().last(), Some(&Call::Commit(6)));
    assert_eq!(bench.seen(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_revoked_partition_is_released_after_its_functions_and_its_commit() {
    let (open, gate) = futures::channel::oneshot::channel::<()>();
    let gate = gate.shared();
    let mut bench = Bench::new(orders().order(Order::Key), move |_, _| {
        let gate = gate.clone();
        async move {
            let _ = gate.await;
            Ok(())
        }
    });
    let of = bench.assign();
    bench.fetch(&of, 0..2);
    bench.input(Input::Revoked {
        partition: of.partition,
        generation: of.generation,
    });
    assert!(!bench.calls().contains(&Call::Release(of.partition)));
    drop(open);
    for task in std::mem::take(&mut *bench.tasks.0.lock().expect("no panic")) {
        assert!(task.now_or_never().is_some(), "the gate is open");
    }
    bench.turns();
    let calls = bench.calls();
    let last = [Call::Commit(2), Call::Release(of.partition)];
    assert!(calls.ends_with(&last), "{calls:?}");
}

#[test]
fn a_consumer_that_is_lost_is_made_again_after_a_back_off() {
    let mut bench = Bench::new(orders(), |_, _| async { Ok(()) });
    bench.assign();
    bench.input(Input::ClientLost(FailureClass::ClientFatal.into()));
    assert!(!bench.is_registered());
    // For the consumer, and for the partition.
    let set_pace = Call::SetPace(Pace::Full);
    assert_eq!(bench.calls(), [set_pace.clone(), set_pace, Call::Close]);
    assert_eq!(bench.shared.lock().expect("no panic").opened, 1);
    bench.advance(500);
    let opened = |bench: &Bench| bench.shared.lock().expect("no panic").opened;
    assert_eq!(opened(&bench), 2);
    let of = bench.assign();
    bench.fetch(&of, 0..3);
    assert_eq!(bench.seen(), [0, 1, 2]);
    // Lost soon: twice as long. Lost later: as at first.
    for (lives, first, then) in [(100, 500, 500), (60_000, 499, 1)] {
        bench.advance(lives);
        let before = opened(&bench);
        bench.input(Input::ClientLost(FailureClass::ClientFatal.into()));
        bench.advance(first);
        assert_eq!(opened(&bench), before);
        bench.advance(then);
        assert_eq!(opened(&bench), before + 1);
    }
}

#[test]
fn a_discarded_client_takes_the_consumer_with_it_until_the_next_registration() {
    let mut bench = Bench::new(orders(), |_, _| async { Ok(()) });
    bench.assign();
    bench.send(LoopMessage::Command(Command::Discard));
    assert!(!bench.is_registered());
    assert_eq!(bench.calls().last(), Some(&Call::Close));
    bench.advance(60_000);
    assert_eq!(bench.shared.lock().expect("no panic").opened, 1);
    bench.send(LoopMessage::Command(Command::Open));
    assert_eq!(bench.shared.lock().expect("no panic").opened, 2);
}

#[test]
fn a_shutdown_commits_and_closes_and_a_close_only_closes() {
    let mut bench = Bench::new(orders(), |_, _| async { Ok(()) });
    let of = bench.assign();
    bench.fetch(&of, 0..3);
    assert_eq!(
        bench.send(LoopMessage::Command(Command::Shutdown)),
        Turn::Ended
    );
    let calls = bench.calls();
    assert_eq!(calls.last(), Some(&Call::Close), "{calls:?}");
    assert!(calls.contains(&Call::Commit(3)), "{calls:?}");

    let mut bench = Bench::new(orders(), |_, _| async { Ok(()) });
    let of = bench.assign();
    bench.fetch(&of, 0..3);
    bench.calls();
    assert_eq!(
        bench.send(LoopMessage::Command(Command::Close)),
        Turn::Ended
    );
    assert_eq!(bench.calls(), [Call::Close]);
}

#[test]
fn removed_records_are_passed_if_a_policy_says_so() {
    let handler = orders();
    let settings = livebus_core::dispatch::Settings {
        on_removed: livebus_core::dispatch::OnRemoved::Continue,
        ..handler.current_settings().clone()
    };
    let mut bench = Bench::new(handler.settings(settings), |_, _| async { Ok(()) });
    let of = bench.assign();
    bench.fetch(&of, 0..3);
    bench.input(Input::Removed {
        partition: of.partition,
        generation: of.generation,
        from: 3,
        to: 10,
    });
    assert!(bench.calls().contains(&Call::Seek(10)));
    bench.fetch(&of, 10..12);
    assert_eq!(bench.seen(), [0, 1, 2, 10, 11]);
}
