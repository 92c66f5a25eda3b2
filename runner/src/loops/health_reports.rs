//! What the loop of a handler reports to the supervisor: whether the handler does its work.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::channel::mpsc::Sender;
use livebus_core::{Event, Failure, FailureClass, RegistrationId};

use crate::lock::lock;
use crate::message::Message;
use crate::time::Time;

/// How long a supervisor may take to read a health before the next one is tried again.
const SEND_AGAIN: Duration = Duration::from_millis(50);

/// The health of one handler, on its way to the supervisor. Only the newest counts, so nothing can grow.
#[derive(Default)]
pub(crate) struct HealthReports(Mutex<State>);

/// What can fail of a handler. The first one that does is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Its records, as the dispatcher sees it.
    Records,
    /// Its consumer.
    Consumer,
}

#[derive(Default)]
struct State {
    /// Why the handler does not do its work, with a sentence for people; `None` while it does. By source.
    failures: [Option<(Failure, String)>; 2],
    inbox: Option<Inbox>,
}

/// The supervisor that has registered the handler.
struct Inbox {
    registration: RegistrationId,
    sender: Sender<Message>,
    time: Arc<dyn Time>,
    /// What it received last; it begins with a handler that works.
    sent: Option<Failure>,
}

impl HealthReports {
    /// Takes the newest health. [`send`](Self::send) follows.
    pub(crate) fn set(&self, source: Source, failure: Option<(Failure, String)>) {
        lock(&self.0).failures[source as usize] = failure;
    }

    /// Reports to this supervisor from now on, which has received the answer to its registration.
    pub(crate) fn registered(
        &self,
        registration: RegistrationId,
        sender: Sender<Message>,
        time: Arc<dyn Time>,
    ) {
        lock(&self.0).inbox = Some(Inbox {
            registration,
            sender,
            time,
            sent: None,
        });
        // The loop sends what is left.
        self.send();
    }

    /// Reports to nobody: the registration has ended.
    pub(crate) fn discarded(&self) {
        lock(&self.0).inbox = None;
    }

    /// Sends the newest health, if it differs from what the supervisor has received. Returns whether nothing is left: a supervisor that
    /// has not read the health before takes no other.
    pub(crate) fn send(&self) -> bool {
        let mut state = lock(&self.0);
        let newest = state.failures.iter().flatten().next();
        let newest = newest.map(|(failure, _)| *failure);
        let Some(inbox) = &mut state.inbox else {
            return true;
        };
        if inbox.sent == newest {
            return true;
        }
        let event = Event::HandlerHealth {
            id: inbox.registration,
            result: newest.map_or(Ok(()), Err),
        };
        match inbox.sender.try_send((inbox.time.now(), event)) {
            Ok(()) => {
                inbox.sent = newest;
                true
            }
            // After the loop of the supervisor has ended there is no receiver.
            Err(error) => !error.is_full(),
        }
    }

    /// Sends the newest health as [`send`](Self::send). Returns when to try again, if something is left.
    pub(crate) fn send_at(&self, now: Instant) -> Option<Instant> {
        let is_left = !self.send();
        is_left.then(|| now + SEND_AGAIN)
    }

    /// Returns why the handler does not do its work, if it does not.
    pub(crate) fn failure(&self) -> Option<(Failure, String)> {
        lock(&self.0).failures.iter().flatten().next().cloned()
    }

    /// Returns what a person reads about a failure of this class, if the handler has it.
    pub(crate) fn reason(&self, class: FailureClass) -> Option<String> {
        let state = lock(&self.0);
        let mut failures = state.failures.iter().flatten();
        let found = failures.find(|(failure, _)| failure.class == class);
        found.map(|(_, reason)| reason.clone())
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;

    use super::*;
    use crate::time::Timer;

    struct Clock(Instant);

    impl Time for Clock {
        fn now(&self) -> Instant {
            self.0
        }

        fn timer(&self) -> Box<dyn Timer> {
            unreachable!("reports wait for nothing")
        }
    }

    fn stalled() -> (Failure, String) {
        let class = FailureClass::HandlerStalled;
        (class.into(), "orders [0] at 7".to_owned())
    }

    fn received(inbox: &mut mpsc::Receiver<Message>) -> Vec<Event> {
        std::iter::from_fn(|| inbox.try_recv().ok())
            .map(|(_, event)| event)
            .collect()
    }

    #[test]
    fn health_is_reported_when_it_changes_and_to_a_new_registration() {
        let (sender, mut inbox) = mpsc::channel(0);
        let time: Arc<dyn Time> = Arc::new(Clock(Instant::now()));
        let [first, second] = [3, 9].map(RegistrationId::from_number);
        let health = |id, result| Event::HandlerHealth { id, result };
        let failure = Failure::from(FailureClass::HandlerStalled);
        let reports = HealthReports::default();

        reports.set(Source::Records, Some(stalled()));
        assert!(reports.send(), "nobody is there to receive it");
        reports.registered(first, sender.clone(), Arc::clone(&time));
        assert_eq!(received(&mut inbox), [health(first, Err(failure))]);
        assert!(reports.send());
        assert_eq!(received(&mut inbox), []);
        reports.set(Source::Records, None);
        assert!(reports.send());
        assert_eq!(received(&mut inbox), [health(first, Ok(()))]);

        reports.registered(second, sender.clone(), Arc::clone(&time));
        assert_eq!(received(&mut inbox), [], "a registered handler works");
        reports.discarded();
        reports.set(Source::Records, Some(stalled()));
        assert!(reports.send());
        assert_eq!(received(&mut inbox), []);
    }

    #[test]
    fn health_that_is_not_read_yet_is_replaced_by_a_newer_one() {
        let (sender, mut inbox) = mpsc::channel(0);
        let reports = HealthReports::default();
        let id = RegistrationId::from_number(1);
        reports.registered(id, sender, Arc::new(Clock(Instant::now())));
        reports.set(Source::Records, Some(stalled()));
        assert!(reports.send());
        reports.set(Source::Records, None);
        assert!(!reports.send(), "the report before was not read");
        reports.set(Source::Records, Some(stalled()));
        assert!(reports.send(), "the supervisor has received that");
        reports.set(Source::Records, None);
        assert_eq!(received(&mut inbox).len(), 1);
        assert!(reports.send());
        let ok = Event::HandlerHealth { id, result: Ok(()) };
        assert_eq!(received(&mut inbox), [ok]);
    }

    #[test]
    fn records_are_reported_before_the_consumer() {
        let (sender, mut inbox) = mpsc::channel(9);
        let reports = HealthReports::default();
        let id = RegistrationId::from_number(1);
        reports.registered(id, sender, Arc::new(Clock(Instant::now())));
        let denied = Failure::from(FailureClass::Authorization);
        reports.set(Source::Consumer, Some((denied, "denied".to_owned())));
        assert!(reports.send());
        reports.set(Source::Records, Some(stalled()));
        assert!(reports.send());
        reports.set(Source::Records, None);
        assert!(reports.send());
        reports.set(Source::Consumer, None);
        assert!(reports.send());
        let results = [Err(denied), Err(stalled().0), Err(denied), Ok(())];
        let expected = results.map(|result| Event::HandlerHealth { id, result });
        assert_eq!(received(&mut inbox), expected);
    }

    #[test]
    fn reason_is_that_of_the_failure() {
        let reports = HealthReports::default();
        assert_eq!(reports.reason(FailureClass::HandlerStalled), None);
        reports.set(Source::Records, Some(stalled()));
        let reason = reports.reason(FailureClass::HandlerStalled);
        assert_eq!(reason.as_deref(), Some("orders [0] at 7"));
        assert_eq!(reports.reason(FailureClass::Timeout), None);
    }
}
