//! `Calls`: its state, its four calls, and its queries.

mod events;
mod snapshot;
mod soundness;
mod timers;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::backoff::Jitter;
use crate::calls::action::{Action, Health};
use crate::calls::call::Context;
use crate::calls::config::Config;
use crate::calls::counters::Counters;
use crate::calls::event::Event;
use crate::calls::ids::{CallId, Correlation, Identity};
use crate::calls::outcome::{NotSent, Outcome};
use crate::calls::remembered::Remembered;
use crate::calls::replies::Replies;
use crate::calls::table::Table;
use crate::status::Cause;

/// The state machine of the calls of one client.
///
/// It has the four calls of the [`Supervisor`](crate::Supervisor): [`handle_event`](Self::handle_event),
/// [`handle_timeout`](Self::handle_timeout), [`poll_action`](Self::poll_action) and [`poll_timeout`](Self::poll_timeout). After
/// [`new`](Self::new) and after each input: poll actions until there are none, then poll the timeout and wait for it or for an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Calls {
    /// Shared with clones: a model checker makes very many.
    config: Arc<Config>,
    identity: Identity,
    phase: Phase,
    /// Why the bus cannot be used.
    bus: Result<(), Cause>,
    replies: Replies,
    table: Table,
    /// The newest call that was made.
    newest: Option<CallId>,
    remembered: Remembered,
    health: Health,
    actions: VecDeque<Action>,
    /// The latest instant it has received: time does not go back.
    now: Instant,
    pub(super) jitter: Jitter,
    pub(super) counters: Counters,
}

/// The life of `Calls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    Working,
    /// Nothing is sent any more, and at `deadline` the calls that are left end.
    Draining {
        deadline: Instant,
    },
    Stopped,
}

/// Whether requests can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    /// Not yet: calls wait.
    Starting,
    /// No: a call whose request did not leave ends so.
    Closed(NotSent),
}

// The four calls.
impl Calls {
    /// Returns a `Calls` without calls, for a bus that cannot be used yet and a reply partition that is not assigned.
    #[must_use]
    pub fn new(config: Config, identity: Identity, now: Instant) -> Self {
        Self {
            identity,
            phase: Phase::Working,
            bus: Err(Cause::Starting),
            replies: Replies::new(now),
            table: Table::default(),
            newest: None,
            remembered: Remembered::new(config.settings().limits.remembered),
            health: Health::Starting,
            actions: VecDeque::new(),
            now,
            jitter: Jitter::new(config.settings().seed),
            counters: Counters::default(),
            config: Arc::new(config),
        }
    }

    /// Takes an event that happened at `now`. Lets time pass to `now` first: a reply at the instant of a deadline is late.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        self.advance_to(now);
        match event {
            Event::Called { call, request } => self.on_called(call, request),
            Event::SendAnswered {
                call,
                attempt,
                result,
            } => self.on_send_answered(call, attempt, result),
            Event::ReplyFetched { to, reply } => self.on_reply(to, reply),
            Event::Cancelled { call } => self.on_cancelled(call),
            Event::BusReady => self.bus = Ok(()),
            Event::BusNotReady(cause) => self.on_bus_not_ready(cause),
            Event::RepliesAssigned { id, result } => self.on_replies_assigned(id, result),
            Event::RepliesLost(failure) => self.on_replies_lost(failure),
            Event::RepliesUnreachable(failure) => self.on_replies_unreachable(failure),
            Event::RepliesReachable => self.replies.set_failure(None),
            Event::Shutdown => self.on_shutdown(),
        }
        self.update();
        // What may be sent now, and what was due while the bus could not be used.
        self.advance_to(now);
    }

    /// Lets time pass to `now`. Early, late and repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance_to(now);
    }

    /// Returns the next thing to do; `None` when there is nothing more.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) at the latest; `None` when only an event can lead on.
    ///
    /// While actions are queued it is due already. Once all actions are polled, it is strictly after the newest instant that was received.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.actions.front() {
            Some(_) => Some(self.now),
            None => self.earliest_timer(),
        }
    }
}

// Queries.
impl Calls {
    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns who calls.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// Returns what was counted since it began.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the newest health.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Returns how many calls are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.table.len()
    }

    /// Returns the bytes of the requests in flight.
    #[must_use]
    pub const fn bytes_in_flight(&self) -> u64 {
        self.table.bytes()
    }

    /// Returns the call in flight that was made first.
    #[must_use]
    pub fn oldest_in_flight(&self) -> Option<CallId> {
        self.table.oldest()
    }

    /// Returns whether time alone changes something by `now`: whether [`handle_timeout`](Self::handle_timeout) would do anything.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.earliest_timer().is_some_and(|at| at <= now)
    }

    /// Returns whether it is stopped: no call is in flight, and none will be.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped)
    }
}

// Parts of the above.
impl Calls {
    fn gate(&self) -> Gate {
        match self.phase {
            Phase::Working => {}
            Phase::Draining { .. } | Phase::Stopped => return Gate::Closed(NotSent::ShuttingDown),
        }
        if let Err(cause) = self.bus {
            return Gate::Closed(NotSent::Bus(cause));
        }
        match self.replies.health() {
            Health::Starting => Gate::Starting,
            Health::Working => Gate::Open,
            Health::RepliesFailed(failure) => Gate::Closed(NotSent::Replies(failure)),
        }
    }

    fn correlation(&self, call: CallId) -> Correlation {
        Correlation {
            from: self.identity,
            call,
        }
    }

    fn context(now: Instant, config: &Config, phase: Phase) -> Context<'_> {
        let may_retry = match phase {
            Phase::Working => true,
            Phase::Draining { .. } | Phase::Stopped => false,
        };
        Context {
            now,
            settings: config.settings(),
            may_retry,
        }
    }

    /// Ends a call that is in flight.
    fn end(&mut self, call: CallId, outcome: Outcome) {
        if self.table.remove(call).is_some() {
            self.report_end(call, outcome);
        }
    }

    fn report_end(&mut self, call: CallId, outcome: Outcome) {
        self.counters.count(outcome);
        self.actions.push_back(Action::End { call, outcome });
    }

    /// Ends the calls whose requests did not leave, if none can be sent.
    fn end_not_left(&mut self) {
        if let Gate::Closed(reason) = self.gate() {
            for call in self.table.not_left() {
                self.end(call, Outcome::NotSent(reason));
            }
        }
    }

    /// Reports the health, and stops once the last call ended.
    fn update(&mut self) {
        let health = self.replies.health();
        if health != self.health && !self.is_stopped() {
            self.health = health;
            self.actions.push_back(Action::SetHealth(health));
        }
        match self.phase {
            Phase::Draining { .. } if self.table.len() == 0 => {
                self.phase = Phase::Stopped;
                self.actions.push_back(Action::Stopped);
            }
            Phase::Working | Phase::Draining { .. } | Phase::Stopped => {}
        }
    }

    const fn ignore_stale(&mut self) {
        self.counters.stale += 1;
    }
}
