//! Observers see every input and every action, and what they see gives the same actions again.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use livebus_core::{Action, ClientId, Config, Event, Settings, Status, Supervisor};
use livebus_runner::{Entry, ObservedSupervisor};

type Observed = Receiver<(Instant, Entry)>;

fn supervisor(now: Instant) -> (ObservedSupervisor, Supervisor, Observed) {
    let config = Config::new(Settings::fast()).expect("the preset is valid");
    let supervisor = Supervisor::new(config, now);
    let (sender, observed) = channel();
    let send = move |at, entry| sender.send((at, entry)).expect("it is read by the test");
    let observers = vec![Box::new(send) as _];
    let wrapped = ObservedSupervisor::new(supervisor.clone(), now, observers);
    (wrapped, supervisor, observed)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn it_behaves_as_the_supervisor_that_it_wraps() {
    let now = Instant::now();
    let (mut wrapped, mut plain, observed) = supervisor(now);
    let mut at = now;
    let mut states = (0, 0);
    for step in 0..200 {
        let mut actions = Vec::new();
        while let Some(action) = wrapped.poll_action() {
            assert_eq!(plain.poll_action(), Some(action));
            actions.push(action);
        }
        assert_eq!(plain.poll_action(), None);
        assert_eq!(wrapped.poll_timeout(), plain.poll_timeout());
        assert_eq!(wrapped.wants_evidence(), plain.wants_evidence());
        assert_eq!(wrapped.is_stopped(), plain.is_stopped());
        if wrapped.wants_evidence() {
            states.0 += 1;
        } else {
            states.1 += 1;
        }
        let expected: Vec<_> = actions.iter().map(|it| (at, Entry::Action(*it))).collect();
        assert_eq!(observed.try_iter().collect::<Vec<_>>(), expected);
        let event = actions.iter().find_map(|action| match action {
            Action::Start { id, .. } => Some(Event::StartAnswered {
                id: *id,
                result: Ok(()),
            }),
            Action::SendLiveness { id, .. } if step % 7 > 0 => Some(Event::LivenessAnswered {
                id: *id,
                result: Ok(()),
            }),
            Action::SendLiveness { .. }
            | Action::RegisterHandler { .. }
            | Action::DiscardClient { .. }
            | Action::DiscardRegistration { .. }
            | Action::SetStatus(_)
            | Action::Renew { .. }
            | Action::Stop { .. } => None,
        });
        if let Some(event) = event {
            at += ms(1);
            wrapped.handle_event(at, event);
            plain.handle_event(at, event);
            assert_eq!(observed.try_recv(), Ok((at, Entry::Event(event))));
        } else {
            at = wrapped.poll_timeout().expect("it is not stopped").max(at);
            wrapped.handle_timeout(at);
            plain.handle_timeout(at);
            assert_eq!(observed.try_recv(), Ok((at, Entry::Timeout)));
        }
    }
    assert!(states.0 > 0 && states.1 > 0, "{states:?}");
    wrapped.handle_event(at, Event::Shutdown);
    plain.handle_event(at, Event::Shutdown);
    let mut last = None;
    loop {
        while let Some(action) = wrapped.poll_action() {
            assert_eq!(plain.poll_action(), Some(action));
            last = Some(action);
        }
        assert_eq!(wrapped.is_stopped(), plain.is_stopped());
        let Some(due) = plain.poll_timeout() else {
            break;
        };
        wrapped.handle_timeout(due);
        plain.handle_timeout(due);
    }
    assert!(wrapped.is_stopped());
    let Some(Action::SetStatus(report)) = last else {
        panic!("{last:?}");
    };
    assert_eq!(report.status, Status::Stopped);
}

/// Returns a late answer: it changes nothing but the time.
fn late() -> Event {
    Event::StartAnswered {
        id: ClientId::from_number(99),
        result: Ok(()),
    }
}

#[test]
fn a_call_at_which_nothing_is_due_is_observed_only_before_an_older_event() {
    let now = Instant::now();
    let (mut wrapped, _, observed) = supervisor(now);
    while wrapped.poll_action().is_some() {}
    let _actions = observed.try_iter().count();
    let event = Entry::Event(late());
    // An event at the instant of the idle call, or after it, implies it.
    for at in [ms(1), ms(2)] {
        wrapped.handle_timeout(now + ms(1));
        wrapped.handle_event(now + at, late());
        assert_eq!(observed.try_iter().collect::<Vec<_>>(), [(now + at, event)]);
    }
    wrapped.handle_timeout(now + ms(4));
    wrapped.handle_timeout(now + ms(3));
    wrapped.handle_event(now + ms(3), late());
    assert_eq!(
        observed.try_iter().collect::<Vec<_>>(),
        [(now + ms(4), Entry::Timeout), (now + ms(3), event)]
    );
    // It is observed once.
    wrapped.handle_event(now + ms(3), late());
    assert_eq!(
        observed.try_iter().collect::<Vec<_>>(),
        [(now + ms(3), event)]
    );
}
