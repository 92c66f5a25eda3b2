//! The language of the stories: instants are milliseconds since the beginning, actions are lines of text.

use std::time::{Duration, Instant};

use livebus_core::{
    Action, Backoff, ClientId, Config, Event, FailureClass, LivenessId, RegistrationId, Report,
    Settings, Status, StopId, Supervisor,
};

/// One supervisor and the instant at which its story began.
pub(crate) struct Story {
    pub(crate) supervisor: Supervisor,
    pub(crate) began: Instant,
}

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The default timings without jitter. Silence 5,000; a liveness message 2,000, twice, 500 apart: bound 9,500.
pub(crate) fn plain() -> Settings {
    let backoff = Backoff {
        jitter_percent: 0,
        ..Settings::default().start_backoff
    };
    Settings {
        start_backoff: backoff,
        registration_backoff: backoff,
        ..Settings::default()
    }
}

impl Story {
    /// A supervisor at 0, Prepared, with start #1 under way.
    pub(crate) fn new(settings: Settings) -> Self {
        let began = Instant::now();
        let config = Config::new(settings).expect("a story has a valid configuration");
        let mut story = Self {
            supervisor: Supervisor::new(config, began),
            began,
        };
        let lines = story.lines();
        assert_eq!(lines[..2], ["Preparing: Configured", "Prepared: Starting"]);
        assert!(lines[2].starts_with("start #1 attempt 1 by "));
        story
    }

    /// Started at 0, and nothing proved yet: liveness message #2 is under way, registrations from #3.
    pub(crate) fn started(settings: Settings) -> Self {
        let mut story = Self::new(settings);
        story.supervisor.handle_event(story.began, started(1));
        story.lines();
        story
    }

    /// Running since 0 by liveness message #2, without handlers.
    pub(crate) fn running(settings: Settings) -> Self {
        let mut story = Self::started(settings);
        story.event(0, live(2), &["Running: Evidence"]);
        story
    }

    /// Time passes to `at`, and this is what it does.
    pub(crate) fn time(&mut self, at: u64, does: &[&str]) {
        self.supervisor.handle_timeout(self.began + ms(at));
        assert_eq!(self.lines(), does, "at {at}");
    }

    /// This happens at `at`, and this is what it does.
    pub(crate) fn event(&mut self, at: u64, event: Event, does: &[&str]) {
        self.supervisor.handle_event(self.began + ms(at), event);
        assert_eq!(self.lines(), does, "at {at}: {event:?}");
    }

    /// Traffic that was observed at `observed` is told at `at`.
    pub(crate) fn heard(&mut self, at: u64, observed: u64, does: &[&str]) {
        let event = Event::Live {
            at: self.began + ms(observed),
        };
        self.event(at, event, does);
    }

    /// Nothing happens until then, and something does then.
    pub(crate) fn next_is(&self, at: u64) {
        assert_eq!(self.supervisor.poll_timeout(), Some(self.began + ms(at)));
    }

    pub(crate) fn nothing_is_next(&self) {
        assert_eq!(self.supervisor.poll_timeout(), None);
    }

    pub(crate) fn report(&self) -> Report {
        *self.supervisor.report()
    }

    pub(crate) fn status(&self) -> Status {
        self.report().status
    }

    /// What is to be done, line by line.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let actions = std::iter::from_fn(|| self.supervisor.poll_action()).collect::<Vec<_>>();
        actions.iter().map(|action| self.line(action)).collect()
    }

    fn line(&self, action: &Action) -> String {
        let at = |instant: Instant| (instant - self.began).as_millis();
        match *action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => format!(
                "start #{} attempt {attempt} by {}",
                id.number(),
                at(deadline)
            ),
            Action::SendLiveness { id, deadline } => {
                format!("ask #{} by {}", id.number(), at(deadline))
            }
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => format!(
                "register #{} handler {} attempt {attempt} by {}",
                id.number(),
                handler.index(),
                at(deadline)
            ),
            Action::DiscardClient { client } => format!("discard client #{}", client.number()),
            Action::DiscardRegistration { registration } => {
                format!("discard registration #{}", registration.number())
            }
            Action::SetStatus(report) => {
                let class = report
                    .cause
                    .failure()
                    .map(|failure| format!("({})", failure.class));
                let warned = report
                    .warning
                    .map(|failure| format!(", warned {}", failure.class));
                format!(
                    "{}: {}{}{}",
                    report.status,
                    report.cause.name(),
                    class.unwrap_or_default(),
                    warned.unwrap_or_default()
                )
            }
            Action::Renew { lease, .. } => format!("renew until {}", at(lease)),
            Action::Stop { id, deadline } => format!("stop #{} by {}", id.number(), at(deadline)),
        }
    }
}

pub(crate) const fn started(n: u64) -> Event {
    let result = Ok(());
    let id = ClientId::from_number(n);
    Event::StartAnswered { id, result }
}

pub(crate) fn not_started(n: u64, class: FailureClass) -> Event {
    let result = Err(class.into());
    let id = ClientId::from_number(n);
    Event::StartAnswered { id, result }
}

/// Liveness message #n was acknowledged.
pub(crate) const fn live(n: u64) -> Event {
    let result = Ok(());
    let id = LivenessId::from_number(n);
    Event::LivenessAnswered { id, result }
}

pub(crate) fn not_live(n: u64, class: FailureClass) -> Event {
    let result = Err(class.into());
    let id = LivenessId::from_number(n);
    Event::LivenessAnswered { id, result }
}

pub(crate) const fn registered(n: u64) -> Event {
    let result = Ok(());
    let id = RegistrationId::from_number(n);
    Event::RegistrationAnswered { id, result }
}

pub(crate) fn not_registered(n: u64, class: FailureClass) -> Event {
    let result = Err(class.into());
    let id = RegistrationId::from_number(n);
    Event::RegistrationAnswered { id, result }
}

pub(crate) const fn stopped(n: u64) -> Event {
    let result = Ok(());
    let id = StopId::from_number(n);
    Event::StopAnswered { id, result }
}

pub(crate) fn not_stopped(n: u64, class: FailureClass) -> Event {
    let result = Err(class.into());
    let id = StopId::from_number(n);
    Event::StopAnswered { id, result }
}

pub(crate) fn suspect(class: FailureClass) -> Event {
    Event::Suspicion(class.into())
}

/// The client of start #n is beyond repair.
pub(crate) fn lost(n: u64) -> Event {
    Event::ClientLost {
        client: ClientId::from_number(n),
        failure: FailureClass::ClientFatal.into(),
    }
}
