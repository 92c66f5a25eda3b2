//! Each action does what its name says, and its answer has its id and its instant.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::StreamExt as _;
use livebus_core::{
    Cause, ClientId, Event, FailureClass, Handler, HandlerId, LivenessId, RegistrationId, Status,
    StopId,
};
use livebus_runner::{Bus as _, Message, Operation, Supervision, Time as _};

use crate::harness::{Call, ManualTime, NoBus, builder, poll, running, start};

fn answer(supervision: &mut Supervision<NoBus>, operation: Operation) -> Message {
    operation.now_or_never().expect("it completes at once");
    let next = supervision.inbox.next().now_or_never().flatten();
    next.expect("an answer")
}

#[test]
fn each_operation_calls_the_bus_once_and_is_answered_with_its_id() {
    let time = ManualTime::default();
    let (handle, mut supervision) = start(builder(&time));
    let now = time.now() + Duration::from_secs(1);
    time.set(now);
    let client = ClientId::from_number(1);
    let operation = supervision.effects.start(client, 1, now);
    let started = Event::StartAnswered {
        id: client,
        result: Ok(()),
    };
    assert_eq!(answer(&mut supervision, operation), (now, started));
    let id = LivenessId::from_number(2);
    let operation = supervision.effects.send_liveness(id, now);
    let sent = Event::LivenessAnswered { id, result: Ok(()) };
    assert_eq!(answer(&mut supervision, operation), (now, sent));
    let id = StopId::from_number(3);
    let operation = supervision.effects.stop(id, now);
    let stopped = Event::StopAnswered { id, result: Ok(()) };
    assert_eq!(answer(&mut supervision, operation), (now, stopped));
    let other = ClientId::from_number(4);
    supervision.effects.discard_client(other);
    let calls = handle.bus().calls.lock().expect("no thread panics");
    let expected = [
        Call::Start(client),
        Call::SendLiveness,
        Call::Stop,
        Call::Discard(other),
    ];
    assert_eq!(*calls, expected);
}

#[test]
fn a_registration_calls_its_own_handler() {
    let calls = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
    let mut builder = builder(&ManualTime::default());
    for (name, calls) in ["first", "second"].into_iter().zip(&calls) {
        let calls = Arc::clone(calls);
        builder = builder.handler(Handler::required(name), move || {
            calls.fetch_add(1, Ordering::Relaxed);
            async { Err(FailureClass::Throttled.into()) }
        });
    }
    let (_handle, mut supervision) = start(builder);
    let mut register = |index| {
        let id = RegistrationId::from_number(7);
        let handler = HandlerId::from_index(index).expect("in range");
        let operation = supervision.effects.register_handler(id, handler, 1);
        let (_, event) = answer(&mut supervision, operation);
        let Event::RegistrationAnswered {
            id: answered,
            result,
        } = event
        else {
            panic!("{event:?}");
        };
        assert_eq!(answered, id);
        result
    };
    assert_eq!(register(1), Err(FailureClass::Throttled.into()));
    let counts = calls.each_ref().map(|it| it.load(Ordering::Relaxed));
    assert_eq!(counts, [0, 1]);
    // There is no third.
    assert_eq!(register(2), Err(FailureClass::Other.into()));
}

#[test]
fn the_effects_have_the_bus_of_the_handle() {
    let (handle, supervision) = start(builder(&ManualTime::default()));
    handle.bus().observations().evidence_at(Instant::now());
    assert!(
        supervision
            .effects
            .bus()
            .observations()
            .take()
            .live
            .is_some()
    );
}

#[test]
fn the_cancellation_comes_when_the_handle_is_dropped() {
    let (handle, mut supervision) = start(builder(&ManualTime::default()));
    assert!(poll(&mut supervision.cancel).is_pending());
    drop(handle);
    assert!(poll(&mut supervision.cancel).is_ready());
}

#[test]
fn a_supervision_that_ends_publishes_stopped_once() {
    let time = ManualTime::default();
    let (handle, supervision) = start(builder(&time));
    let ready = pin!(handle.ready()).now_or_never();
    assert_eq!(ready, None);
    supervision.effects.set_status(running(time.now()));
    let end = time.now() + Duration::from_secs(3);
    time.set(end);
    drop(supervision);
    assert_eq!(handle.status(), Status::Stopped);
    assert_eq!(handle.report().since, end, "by its own clock");
    let error = handle.ready().now_or_never().expect("it has ended");
    let error = error.expect_err("it is not ready");
    assert_eq!(error.0.cause, Cause::ForcedStop);
    let mut changes = handle.changes_from_start();
    assert_eq!(changes.missed(), 0);
    let shown = std::iter::from_fn(|| changes.next().now_or_never().flatten());
    let shown: Vec<Status> = shown.map(|it| it.report.status).collect();
    assert_eq!(shown, [Status::Running, Status::Stopped]);
}

#[test]
fn changes_that_were_dropped_are_counted() {
    let time = ManualTime::default();
    let (handle, supervision) = start(builder(&time));
    let mut changes = handle.changes();
    for _ in 0..70 {
        supervision.effects.set_status(running(time.now()));
    }
    let shown = std::iter::from_fn(|| changes.next().now_or_never().flatten());
    assert_eq!(shown.take(64).count(), 64);
    assert_eq!(changes.missed(), 6);
}
