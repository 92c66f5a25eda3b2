//! The loop with clients and a clock in the test's hand.

use std::sync::Mutex;
use std::time::Duration;

use futures::FutureExt as _;
use livebus_core::Cause;
use livebus_core::calls::{AssignmentId, Correlation, Execution};

use super::*;
use crate::calls::call::CallFuture;
use crate::calls::client::OutgoingRecord;
use crate::calls::headers::HeaderWire;
use crate::calls::wire::{
    IncomingRequest, Payload, Reply, ReplyToWrite, RequestToWrite, WireError,
};
use crate::calls::{Incoming, ReplyPartitions, Wire, Written};
use crate::handlers::{Batch, Header, Record};
use crate::lock::lock;
use crate::loops::Command;

/// What the loop asked the clients for.
#[derive(Debug, Clone, PartialEq)]
enum Asked {
    Assign(AssignmentId),
    Send(CallId, u32, OutgoingRecord),
    SendUnanswered(OutgoingRecord),
    Close,
}

#[derive(Default)]
struct Shared {
    asked: Vec<Asked>,
    inputs: Vec<CallInput>,
    opened: u32,
    cannot_open: Option<Failure>,
}

struct FakeClient(Arc<Mutex<Shared>>);

impl CallClient for FakeClient {
    fn poll(&mut self, _: Instant, inputs: &mut Vec<CallInput>) -> Polled {
        inputs.append(&mut lock(&self.0).inputs);
        Polled::Idle(None)
    }

    fn assign_replies(&mut self, id: AssignmentId, _: Instant) {
        lock(&self.0).asked.push(Asked::Assign(id));
    }

    fn send(&mut self, call: CallId, attempt: u32, record: OutgoingRecord) {
        lock(&self.0).asked.push(Asked::Send(call, attempt, record));
    }

    fn send_unanswered(&mut self, record: OutgoingRecord) {
        lock(&self.0).asked.push(Asked::SendUnanswered(record));
    }

    fn close(self: Box<Self>, _: Instant) {
        lock(&self.0).asked.push(Asked::Close);
    }
}

struct Bench {
    caller: Caller,
    this: CallLoop,
    shared: Arc<Mutex<Shared>>,
    now: Instant,
}

impl Bench {
    /// A loop that was not registered yet.
    fn new() -> Self {
        Self::with(HeaderWire)
    }

    fn with(wire: impl Wire) -> Self {
        let builder = Caller::builder("to-stock", "replies").wire(wire);
        let builder = builder.default_deadline(Duration::from_hours(1));
        let builder = builder.reply_partitions(ReplyPartitions::One(3));
        let caller = builder.build().expect("is valid");
        caller.start(&Clock::Real).expect("it starts once");
        let shared = Arc::<Mutex<Shared>>::default();
        let of_open = Arc::clone(&shared);
        let open = Box::new(move |_| {
            let mut shared = lock(&of_open);
            if let Some(failure) = shared.cannot_open {
                return Err(failure);
            }
            shared.opened += 1;
            let client: Box<dyn CallClient> = Box::new(FakeClient(Arc::clone(&of_open)));
            Ok(client)
        });
        let now = Instant::now();
        let new = CallLoop::prepare("service", &caller, open, Clock::Real, now, Vec::new());
        Self {
            caller,
            this: new.this,
            shared,
            now,
        }
    }

    /// A loop whose replies are assigned.
    fn working() -> Self {
        let mut bench = Self::new();
        bench.command(Command::Open);
        let id = bench.assigned();
        bench.input(CallInput::RepliesAssigned {
            id,
            result: Ok(Some(3)),
        });
        assert!(bench.this.registration.is_registered());
        bench
    }

    fn turn(&mut self) -> Turn {
        self.this.turn(self.now)
    }

    fn command(&mut self, command: Command) -> Turn {
        self.caller.mailbox().send(CallMessage::Command(command));
        self.turn()
    }

    fn input(&mut self, input: CallInput) -> Turn {
        lock(&self.shared).inputs.push(input);
        self.turn()
    }

    fn asked(&mut self) -> Vec<Asked> {
        self.turn();
        std::mem::take(&mut lock(&self.shared).asked)
    }

    fn assigned(&mut self) -> AssignmentId {
        match self.asked().pop() {
            Some(Asked::Assign(id)) => id,
            other => panic!("{other:?} and no assignment"),
        }
    }

    fn call(&mut self) -> CallFuture {
        let mut call = self.caller.call("stock", "7", "abc").into_future();
        assert!((&mut call).now_or_never().is_none());
        self.turn();
        call
    }

    fn sent(&mut self) -> (CallId, u32, OutgoingRecord) {
        match self.asked().pop() {
            Some(Asked::Send(call, attempt, record)) => (call, attempt, record),
            other => panic!("{other:?} and no request"),
        }
    }

    fn answer(&mut self, call: CallId, attempt: u32, result: Sent) {
        self.input(CallInput::SendAnswered {
            call,
            attempt,
            result,
            partition: Some(2),
        });
    }
}

fn ended(call: &mut CallFuture) -> CallError {
    let ended = call.now_or_never().expect("it has ended");
    ended.expect_err("it has no reply")
}

fn record_of(record: &OutgoingRecord) -> Record {
    let mut batch = Batch::new(Arc::clone(&record.topic), 3);
    let headers = record.headers.iter().map(|(name, value)| Header {
        name,
        value: Some(value),
    });
    let (key, payload) = (record.key.as_deref(), Some(&*record.payload));
    assert!(batch.push(0, Some(0), key, payload, headers));
    Arc::new(batch).record(0)
}

fn reply_to(record: &OutgoingRecord, reply: Reply) -> Batch {
    let request = match HeaderWire.read_request(&record_of(record)) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("{other:?} is no request"),
    };
    let written = HeaderWire.write_reply(ReplyToWrite {
        request: &request,
        topic: "stock",
        timestamp: record.timestamp,
        reply,
    });
    let written = written.expect("it can be written");
    let mut batch = Batch::new("replies".into(), 3);
    let headers = written.headers.iter().map(|(name, value)| Header {
        name,
        value: Some(value),
    });
    assert!(batch.push(9, Some(0), None, Some(&written.payload), headers));
    batch
}

#[test]
fn request_carries_what_the_callee_needs_and_its_reply_ends_the_call() {
    let mut bench = Bench::working();
    let mut call = bench.call();
    let (id, attempt, record) = bench.sent();
    assert_eq!((id, attempt, &*record.topic), (CallId(1), 1, "stock"));
    assert_eq!(record.key.as_deref(), Some(&b"7"[..]));
    let read = HeaderWire.read_request(&record_of(&record));
    let Ok(Incoming::Request(request)) = read else {
        panic!("{read:?}");
    };
    let IncomingRequest {
        correlation,
        reply_to: address,
        payload,
        ..
    } = *request;
    let from = bench.caller.identity();
    assert_eq!(correlation, Correlation { from, call: id });
    let address = address.expect("it wants a reply");
    assert_eq!((&*address.topic, address.partition), ("replies", Some(3)));
    assert_eq!(payload, Payload::OfRecord);
    bench.input(CallInput::Fetched(reply_to(
        &record,
        Reply::Done(b"cba".to_vec()),
    )));
    let reply = (&mut call).now_or_never().expect("it has ended");
    let reply = reply.expect("it is replied");
    assert_eq!((reply.payload(), reply.record().offset()), (&b"cba"[..], 9));
    assert!(bench.this.in_flight.is_empty(), "nothing is left");
    // The acknowledgement may come after the reply.
    bench.answer(id, 1, Sent::Acknowledged);
    assert!((&mut call).now_or_never().is_none(), "polled after its end");
}

#[test]
fn sends_of_lost_clients_are_unknown_and_others_are_made_after_a_while() {
    let mut bench = Bench::working();
    let (mut sending, mut sent) = (bench.call(), bench.call());
    bench.answer(CallId(2), 1, Sent::Acknowledged);
    let failure = Failure::from(FailureClass::ClientFatal);
    bench.asked();
    bench.input(CallInput::ClientLost(failure));
    assert_eq!(bench.asked(), [Asked::Close]);
    assert_eq!(ended(&mut sending), CallError::lost(failure));
    assert!(
        (&mut sent).now_or_never().is_none(),
        "its reply may still come"
    );
    let mut refused = bench.call();
    assert_eq!(
        ended(&mut refused),
        CallError::NotSent(NotSent::Replies(failure))
    );
    bench.now += Reopening::FIRST / 2;
    bench.turn();
    assert_eq!(lock(&bench.shared).opened, 1);
    for _ in 0..100 {
        bench.now += Duration::from_millis(100);
        bench.turn();
    }
    assert_eq!(lock(&bench.shared).opened, 2);
    let id = bench.assigned();
    bench.input(CallInput::RepliesAssigned {
        id,
        result: Ok(Some(3)),
    });
    let _call = bench.call();
    assert_eq!(bench.sent().0, CallId(4));
}

#[test]
fn clients_are_made_once_it_is_registered_and_not_while_it_is_discarded() {
    let mut bench = Bench::new();
    bench.command(Command::Bus(Ok(())));
    assert_eq!(lock(&bench.shared).opened, 0);
    let mut refused = bench.call();
    assert_eq!(
        ended(&mut refused),
        CallError::NotSent(NotSent::Bus(Cause::Starting))
    );
    bench.command(Command::Open);
    assert_eq!(lock(&bench.shared).opened, 1);
    bench.command(Command::Discard);
    assert_eq!(bench.asked().pop(), Some(Asked::Close));
    for _ in 0..100 {
        bench.now += Duration::from_secs(1);
        bench.command(Command::Bus(Ok(())));
    }
    assert_eq!(lock(&bench.shared).opened, 1);
    bench.command(Command::Open);
    for _ in 0..100 {
        bench.now += Duration::from_millis(100);
        bench.turn();
    }
    assert_eq!(lock(&bench.shared).opened, 2);
}

#[test]
fn clients_that_cannot_be_made_are_the_cause() {
    let mut bench = Bench::new();
    let failure = Failure::from(FailureClass::Tls);
    lock(&bench.shared).cannot_open = Some(failure);
    bench.command(Command::Open);
    let (shown, reason) = bench.this.registration.health.failure().expect("it fails");
    assert_eq!(shown, failure);
    assert!(reason.contains("caller to-stock"), "{reason}");
    let mut refused = bench.call();
    assert_eq!(
        ended(&mut refused),
        CallError::NotSent(NotSent::Replies(failure))
    );
}

#[test]
fn dropped_call_sends_a_cancel_to_the_partition_of_its_request() {
    let mut bench = Bench::working();
    let call = bench.call();
    let (id, ..) = bench.sent();
    bench.answer(id, 1, Sent::Acknowledged);
    drop(call);
    let Some(Asked::SendUnanswered(record)) = bench.asked().pop() else {
        panic!("no cancel record");
    };
    assert_eq!((&*record.topic, record.partition), ("stock", Some(2)));
    let cancels = Correlation {
        from: bench.caller.identity(),
        call: id,
    };
    let read = HeaderWire
        .read_request(&record_of(&record))
        .expect("it is one");
    assert_eq!(read, Incoming::Cancel(cancels));
    assert!(bench.this.in_flight.is_empty(), "nothing is left");
}

#[test]
fn shutdown_ends_calls_at_the_end_of_the_drain() {
    let mut bench = Bench::working();
    let mut call = bench.call();
    bench.command(Command::Shutdown);
    assert!((&mut call).now_or_never().is_none());
    bench.now = bench.this.stop_deadline().expect("it has begun");
    assert_eq!(bench.turn(), Turn::Ended);
    assert_eq!(ended(&mut call), CallError::ShuttingDown);
    let mut late = bench.caller.call("stock", "7", "abc").into_future();
    assert_eq!(ended(&mut late), CallError::NotSent(NotSent::ShuttingDown));
    assert_eq!(bench.asked_after_the_end(), Some(Asked::Close));
}

impl Bench {
    fn asked_after_the_end(&self) -> Option<Asked> {
        lock(&self.shared).asked.pop()
    }
}

#[test]
fn loop_that_is_gone_leaves_no_call_waiting() {
    let mut bench = Bench::working();
    let mut in_flight = bench.call();
    let mut unseen = bench.caller.call("stock", "7", "abc").into_future();
    assert!((&mut unseen).now_or_never().is_none());
    let Bench { caller, this, .. } = bench;
    drop(this);
    assert_eq!(ended(&mut in_flight).execution(), Execution::Maybe);
    assert_eq!(ended(&mut unseen).execution(), Execution::Never);
    let mut late = caller.call("stock", "7", "abc").into_future();
    assert_eq!(ended(&mut late).execution(), Execution::Never);
}

#[test]
fn request_that_the_wire_cannot_carry_is_not_sent() {
    struct Nothing;

    impl Wire for Nothing {
        fn write_request(&self, _: RequestToWrite<'_>) -> Result<Written, WireError> {
            Err("it carries nothing".into())
        }

        fn write_cancel(&self, _: Correlation) -> Option<Written> {
            None
        }

        fn write_reply(&self, _: ReplyToWrite<'_>) -> Result<Written, WireError> {
            Err("it carries nothing".into())
        }

        fn read_request(&self, _: &Record) -> Result<Incoming, WireError> {
            Err("it carries nothing".into())
        }

        fn read_reply(&self, _: &Record) -> Result<crate::calls::IncomingReply, WireError> {
            Err("it carries nothing".into())
        }
    }

    let mut bench = Bench::with(Nothing);
    bench.command(Command::Open);
    let id = bench.assigned();
    bench.input(CallInput::RepliesAssigned {
        id,
        result: Ok(Some(3)),
    });
    let mut call = bench.call();
    let rejected = Failure::from(FailureClass::RecordRejected);
    assert_eq!(
        ended(&mut call),
        CallError::NotSent(NotSent::Send(rejected))
    );
}
