//! The four calls.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::action::Action;
use crate::backoff::Jitter;
use crate::config::Config;
use crate::event::Event;
use crate::handlers::Registration;
use crate::state::{Liveness, State};
use crate::status::{Cause, Report, Status};

/// The state machine that supervises one bus.
///
/// Its methods are of three kinds:
/// - what it is told: [`handle_event`](Self::handle_event) and [`handle_timeout`](Self::handle_timeout);
/// - what it wants: [`poll_action`](Self::poll_action) and [`poll_timeout`](Self::poll_timeout);
/// - what it knows: [`report`](Self::report), [`phase`](Self::phase), [`wants_evidence`](Self::wants_evidence),
///   [`is_stopped`](Self::is_stopped), [`stale_answers`](Self::stale_answers), [`config`](Self::config); all of it at once,
///   to go on elsewhere: [`snapshot`](Self::snapshot), [`restore`](Self::restore); all that decides what it will do:
///   [`canonical`](Self::canonical).
///
/// After each call of the first kind, and once after [`new`](Self::new): poll actions until there are none, then ask for
/// the timeout and wait for it or for an event. The crate's documentation has the rules, and a complete runner.
///
/// Two supervisors that were told the same are equal, and remain so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Supervisor {
    /// Shared with clones: exploring makes very many.
    pub(crate) config: Arc<Config>,
    pub(crate) state: State,
    pub(crate) registrations: Box<[Registration]>,
    pub(crate) actions: VecDeque<Action>,
    pub(crate) report: Report,
    /// The newest proof, reported or not.
    pub(crate) evidence: Option<Instant>,
    /// Number of the newest start.
    pub(crate) attempt: u32,
    /// When the status was Running last, for the drain.
    pub(crate) left_running: Option<Instant>,
    /// The latest instant it was told of: time does not go back.
    pub(crate) now: Instant,
    pub(crate) jitter: Jitter,
    pub(crate) operations: u64,
    pub(crate) stale_answers: u64,
}

impl Supervisor {
    /// A supervisor that has begun: its first actions (Preparing, Prepared, a start) are ready to be polled.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let handlers = config.settings().handlers.len();
        let jitter = Jitter::new(config.settings().seed.unwrap_or(0));
        let mut supervisor = Self {
            config: Arc::new(config),
            state: State::BackingOff {
                attempt: 1,
                until: now,
            },
            registrations: vec![Registration::Idle; handlers].into_boxed_slice(),
            actions: Self::queue(handlers),
            report: Report::unreported(now),
            evidence: None,
            attempt: 0,
            left_running: None,
            now,
            jitter,
            operations: 0,
            stale_answers: 0,
        };
        supervisor.set_status(Status::Preparing, Cause::Configured);
        supervisor.set_status(Status::Prepared, Cause::Starting);
        supervisor.pass(now);
        supervisor
    }

    // The most actions of one step: the queue never grows while it is drained after each.
    const ACTIONS_PER_STEP: usize = 8;
    const ACTIONS_PER_HANDLER: usize = 4;

    pub(crate) fn queue(handlers: usize) -> VecDeque<Action> {
        VecDeque::with_capacity(Self::ACTIONS_PER_STEP + Self::ACTIONS_PER_HANDLER * handlers)
    }

    /// Takes what happened, at `now`.
    ///
    /// Lets time pass to `now` first: whatever is due by then fires before the event. `now` may be when the event was
    /// observed rather than when it is told.
    ///
    /// Evidence is the exception. It is coalesced, so it may be newer than a deadline which older evidence, that it has
    /// replaced, would have moved: it counts before anything fires.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Live { .. } => self.now = self.now.max(now),
            Event::StartAnswered { .. }
            | Event::LivenessAnswered { .. }
            | Event::RegistrationAnswered { .. }
            | Event::StopAnswered { .. }
            | Event::Suspicion(_)
            | Event::ClientLost { .. }
            | Event::Shutdown => self.pass(now),
        }
        self.transition(event);
        self.fire_due();
    }

    /// Lets time pass to `now`. Early, late and repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pass(now);
    }

    /// The next thing to do; `None` when there is nothing more.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; `None` when only an event can lead on.
    ///
    /// While actions are queued it is due already. Drained, it is strictly after the newest instant that was told.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.actions
            .front()
            .map_or_else(|| self.next_deadline(), |_| Some(self.now))
    }

    /// Whether time alone changes something by `now`: whether [`handle_timeout`](Self::handle_timeout) would do anything.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.next_deadline()
            .is_some_and(|due| due <= now.max(self.now))
    }

    /// What is known: what the [`Action::SetStatus`] and [`Action::Renew`] so far add up to.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// What it was told once.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether evidence would change more than the lease: whether it is worth a wake-up.
    #[must_use]
    pub const fn wants_evidence(&self) -> bool {
        match self.state {
            State::Started(started) => match started.liveness {
                Liveness::NotLive(not_live) => !not_live.proved,
                Liveness::Live(_) => false,
            },
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => false,
        }
    }

    /// Answers that were ignored because their operation was over, or never was.
    #[must_use]
    pub const fn stale_answers(&self) -> u64 {
        self.stale_answers
    }

    /// Whether it has come to its end: nothing will ever be wanted again.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.registrations
            .iter()
            .filter_map(Registration::deadline)
            .chain(self.state.deadline(&self.config))
            .min()
    }

    fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.fire_due();
    }

    /// Fires what is due until nothing is. Everything is armed anew from `now`, so this ends.
    fn fire_due(&mut self) {
        while self.next_deadline().is_some_and(|due| due <= self.now) {
            self.fire();
        }
    }

    /// The number of the next operation, of whatever kind it is.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.operations += 1;
        self.operations
    }

    pub(crate) fn ignore_stale(&mut self) {
        self.stale_answers += 1;
    }

    /// Reports a status without a warning, if it says anything new.
    pub(crate) fn set_status(&mut self, status: Status, cause: Cause) {
        self.set_report(Report {
            status,
            cause,
            warning: None,
            lease: None,
            ..self.report
        });
    }

    /// Reports, if it says anything new to a reader, and tells whether it did.
    pub(crate) fn set_report(&mut self, mut report: Report) -> bool {
        let old = &self.report;
        let class = |report: &Report| report.warning.map(|failure| failure.class);
        if report.status == old.status
            && report.cause.same_reason(old.cause)
            && class(&report) == class(old)
        {
            return false;
        }
        report.attempt = self.attempt;
        report.evidence = self.evidence;
        report.since = if report.status == old.status {
            old.since
        } else {
            self.now
        };
        if old.status == Status::Running && report.status != Status::Running {
            self.left_running = Some(self.now);
        }
        self.report = report;
        self.actions.push_back(Action::SetStatus(report));
        true
    }
}
