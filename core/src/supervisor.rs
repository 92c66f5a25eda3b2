//! The supervisor: the lifecycle of one bus's client, and how liveness and registrations make up its status.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::action::Action;
use crate::backoff::Jitter;
use crate::config::Config;
use crate::context::Context;
use crate::diagnosis::Diagnosis;
use crate::event::Event;
use crate::failure::{Failure, TIMED_OUT};
use crate::ids::{ClientId, LivenessId, OperationIds, RegistrationId, StopId};
use crate::liveness::{self, Liveness, LivenessMessage, Outcome};
use crate::published::{Change, Published};
use crate::registrations::{self, Attempt, Fired, Progress, Registrations};
use crate::settings::OnClientLost;
use crate::status::{Cause, Report, Status};

/// The state machine that supervises one bus.
///
/// Its methods are of three kinds:
/// - inputs: [`handle_event`](Self::handle_event) and [`handle_timeout`](Self::handle_timeout);
/// - outputs: [`poll_action`](Self::poll_action) and [`poll_timeout`](Self::poll_timeout);
/// - queries: [`report`](Self::report), [`phase`](Self::phase), [`wants_evidence`](Self::wants_evidence),
///   [`is_due`](Self::is_due), [`is_stopped`](Self::is_stopped), [`stale_answers`](Self::stale_answers),
///   [`config`](Self::config); and the whole state, to [`restore`](Self::restore) it elsewhere: [`snapshot`](Self::snapshot).
///
/// After each input, and once after [`new`](Self::new): poll actions until there are none, then poll the timeout and wait for it or
/// for an event. The crate's documentation has the rules, and a complete runner.
///
/// Two supervisors that received the same inputs are equal, and remain so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Supervisor {
    /// Shared with clones: a model checker makes very many.
    config: Arc<Config>,
    state: State,
    registrations: Registrations,
    actions: VecDeque<Action>,
    published: Published,
    /// The latest instant it has received: time does not go back.
    now: Instant,
    jitter: Jitter,
    ids: OperationIds,
    stale_answers: u64,
}

/// The lifecycle. Every deadline lives inside the state that needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    /// A start is in flight.
    Starting {
        id: ClientId,
        attempt: u32,
        deadline: Instant,
        diagnosis: Option<Diagnosis>,
    },
    /// There is no client; start number `attempt` comes at `until`.
    BackingOff {
        attempt: u32,
        until: Instant,
        diagnosis: Option<Diagnosis>,
    },
    /// There is a client.
    Started(Client),
    /// Not ready on purpose, so that those who send work see it before anything closes.
    Draining { until: Instant },
    /// Everything is being closed.
    Stopping { id: StopId, deadline: Instant },
    /// The end.
    Stopped,
    /// Given up; only a shutdown leads on.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Client {
    /// The id of the start that made it.
    id: ClientId,
    /// Starts in a row that failed, and the one that made this client, until it makes the bus live.
    starts_without_proof: u32,
    liveness: Liveness,
}

/// What is due with time alone. It is derived from the state; nothing is armed or disarmed.
#[derive(Debug, Clone, Copy)]
enum Timer {
    /// A registration times out, or is retried.
    Registration(registrations::Timer),
    /// A liveness message is due or times out; or the lease, the tolerance or `recreate_after` ends.
    Liveness(liveness::Timer),
    /// The start in flight times out.
    StartTimeout {
        client: ClientId,
        attempt: u32,
        diagnosis: Option<Diagnosis>,
    },
    /// The back-off ends: start number `attempt` begins.
    Start {
        attempt: u32,
        diagnosis: Option<Diagnosis>,
    },
    /// The drain ends: the stop begins.
    DrainEnd,
    /// The stop in flight times out.
    StopTimeout,
}

// The four calls.
impl Supervisor {
    /// Returns a supervisor that has begun: its first actions (Preparing, Prepared, a start) are ready to be polled.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let handlers = config.handlers().len();
        let jitter = Jitter::new(config.settings().seed.unwrap_or(0));
        let mut ids = OperationIds::new();
        let attempt = 1;
        let cx = Context::new(now, &config);
        let (state, start) = State::starting(attempt, None, cx, &mut ids);
        let mut supervisor = Self {
            config: Arc::new(config),
            state,
            registrations: Registrations::with_capacity(handlers),
            actions: Self::queue(handlers),
            published: Published::new(now),
            now,
            jitter,
            ids,
            stale_answers: 0,
        };
        supervisor.set_status(Status::Preparing, Cause::Configured);
        supervisor.set_status(Status::Prepared, Cause::Starting);
        supervisor.published.on_start(attempt);
        supervisor.actions.push_back(start);
        supervisor
    }

    /// Takes an event that happened at `now`.
    ///
    /// Lets time pass to `now` first: whatever is due by then fires before the event. `now` may be when the event was observed
    /// rather than when it is delivered.
    ///
    /// Evidence is the exception. It is coalesced, so it may be newer than a deadline which older evidence, that it has
    /// replaced, would have moved: it counts before anything fires.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Live { .. } => self.now = self.now.max(now),
            Event::StartAnswered { .. }
            | Event::LivenessAnswered { .. }
            | Event::RegistrationAnswered { .. }
            | Event::HandlerHealth { .. }
            | Event::StopAnswered { .. }
            | Event::Suspicion(_)
            | Event::ClientLost { .. }
            | Event::Shutdown => self.advance_to(now),
        }
        match event {
            Event::StartAnswered { id, result } => self.on_start_answered(id, result),
            Event::LivenessAnswered { id, result } => self.on_liveness_answered(id, result),
            Event::RegistrationAnswered { id, result } => self.on_registration_answered(id, result),
            Event::HandlerHealth { id, result } => self.on_handler_health(id, result),
            Event::StopAnswered { id, result } => self.on_stop_answered(id, result),
            Event::Live { at } => self.on_evidence(at.min(self.now)),
            Event::Suspicion(hint) => self.on_suspicion(hint),
            Event::ClientLost { client, failure } => self.on_client_lost(client, failure),
            Event::Shutdown => self.on_shutdown(),
        }
        self.fire_due();
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
            None => self.next_deadline(),
        }
    }
}

// Queries.
impl Supervisor {
    /// Returns the newest report, which is the one of the newest [`Action::SetStatus`] or [`Action::Renew`].
    #[must_use]
    pub const fn report(&self) -> &Report {
        self.published.report()
    }

    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns whether evidence is awaited to make the bus live: whether a runner must wake for it.
    #[must_use]
    pub const fn wants_evidence(&self) -> bool {
        match self.state {
            State::Started(client) => client.liveness.wants_evidence(),
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => false,
        }
    }

    /// Returns whether time alone changes something by `now`: whether [`handle_timeout`](Self::handle_timeout) would do anything.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.next_deadline().is_some_and(|at| at <= now)
    }

    /// Returns how many events were ignored because their operation or client was over, or never was.
    #[must_use]
    pub const fn stale_answers(&self) -> u64 {
        self.stale_answers
    }

    /// Returns whether it is stopped: there will be no more actions.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }
}

// Each event in each state.
impl Supervisor {
    fn on_start_answered(&mut self, answered: ClientId, result: Result<(), Failure>) {
        match self.state {
            State::Starting {
                id,
                attempt,
                diagnosis,
                ..
            } if id == answered => match result {
                Ok(()) => self.started(id, attempt, diagnosis),
                Err(failure) => self.start_failed(attempt, diagnosis, failure),
            },
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Started(_)
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => self.ignore_stale(),
        }
    }

    fn on_liveness_answered(&mut self, answered: LivenessId, result: Result<(), Failure>) {
        let cx = Context::new(self.now, &self.config);
        let Some(client) = self.state.client_mut() else {
            return self.ignore_stale();
        };
        match client.liveness.on_answer(answered, result, cx) {
            Some(outcome) => self.on_outcome(outcome),
            None => self.ignore_stale(),
        }
    }

    fn on_registration_answered(&mut self, answered: RegistrationId, result: Result<(), Failure>) {
        let cx = Context::new(self.now, &self.config);
        let registrations = &mut self.registrations;
        if registrations.on_answer(answered, result, cx, &mut self.jitter) {
            self.update_status();
        } else {
            self.ignore_stale();
        }
    }

    fn on_handler_health(&mut self, registration: RegistrationId, result: Result<(), Failure>) {
        if self.registrations.on_health(registration, result) {
            self.update_status();
        } else {
            self.ignore_stale();
        }
    }

    fn on_stop_answered(&mut self, answered: StopId, result: Result<(), Failure>) {
        match self.state {
            State::Stopping { id, .. } if id == answered => self.stopped(match result {
                Ok(()) => Cause::ShutDown,
                Err(_) => Cause::ForcedStop,
            }),
            State::Stopping { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Started(_)
            | State::Draining { .. }
            | State::Stopped
            | State::Failed => self.ignore_stale(),
        }
    }

    /// Takes evidence. It names no client: while there is none it means nothing. The same holds for a suspicion.
    fn on_evidence(&mut self, at: Instant) {
        let cx = Context::new(self.now, &self.config);
        if let Some(client) = self.state.client_mut() {
            let outcome = client.liveness.on_evidence(at, cx);
            self.on_outcome(outcome);
        }
    }

    fn on_suspicion(&mut self, hint: Failure) {
        let cx = Context::new(self.now, &self.config);
        if let Some(client) = self.state.client_mut() {
            let outcome = client.liveness.on_suspicion(hint, cx);
            self.on_outcome(outcome);
        }
    }

    fn on_client_lost(&mut self, lost: ClientId, failure: Failure) {
        match self.state {
            State::Started(client) if client.id == lost => self.client_lost(client, failure),
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Started(_)
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => self.ignore_stale(),
        }
    }

    fn on_shutdown(&mut self) {
        match self.state {
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Started(_)
            | State::Failed => {
                self.set_status(Status::NotReady, Cause::ShuttingDown);
                self.discard_registrations();
                // The drain counts from when others could see that the service is not ready; one that never was Running needs none.
                let left_running = self.published.left_running();
                let seen = left_running.map(|at| at + self.config.settings().drain);
                self.state = State::Draining {
                    until: seen.unwrap_or(self.now),
                };
            }
            // It has begun already.
            State::Draining { .. } | State::Stopping { .. } | State::Stopped => {}
        }
    }
}

// What time alone does.
impl Supervisor {
    fn advance_to(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.fire_due();
    }

    /// Fires what is due until nothing is. What fires is next due after `now`, so this ends.
    fn fire_due(&mut self) {
        while let Some(timer) = self.due_timer() {
            self.fire(timer);
        }
    }

    fn due_timer(&self) -> Option<Timer> {
        let mut due = None;
        self.visit_timers(|at, timer| {
            if due.is_none() && at <= self.now {
                due = Some(timer);
            }
        });
        due
    }

    fn next_deadline(&self) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        self.visit_timers(|at, _| next = Some(next.map_or(at, |next| next.min(at))));
        next
    }

    /// Visits all timers with their instants. Of several that are due the first one fires.
    #[inline]
    fn visit_timers(&self, mut visit: impl FnMut(Instant, Timer)) {
        self.registrations
            .visit_timers(|at, timer| visit(at, Timer::Registration(timer)));
        match &self.state {
            State::Starting {
                id: client,
                attempt,
                deadline,
                diagnosis,
            } => visit(
                *deadline,
                Timer::StartTimeout {
                    client: *client,
                    attempt: *attempt,
                    diagnosis: *diagnosis,
                },
            ),
            State::BackingOff {
                attempt,
                until,
                diagnosis,
            } => visit(
                *until,
                Timer::Start {
                    attempt: *attempt,
                    diagnosis: *diagnosis,
                },
            ),
            State::Started(client) => {
                let cx = Context::new(self.now, &self.config);
                client
                    .liveness
                    .visit_timers(cx, |at, timer| visit(at, Timer::Liveness(timer)));
            }
            State::Draining { until } => visit(*until, Timer::DrainEnd),
            State::Stopping { deadline, .. } => visit(*deadline, Timer::StopTimeout),
            State::Stopped | State::Failed => {}
        }
    }

    fn fire(&mut self, timer: Timer) {
        let cx = Context::new(self.now, &self.config);
        match timer {
            Timer::Registration(timer) => {
                let registrations = &mut self.registrations;
                match registrations.on_timer(timer, cx, &mut self.ids, &mut self.jitter) {
                    Some(Fired::TimedOut(registration)) => {
                        self.update_status();
                        self.actions
                            .push_back(Action::DiscardRegistration { registration });
                    }
                    Some(Fired::Retried(attempt)) => self.actions.push_back(register(attempt)),
                    None => {}
                }
            }
            Timer::Liveness(timer) => {
                if let Some(client) = self.state.client_mut() {
                    let (outcome, message) = client.liveness.on_timer(timer, cx, &mut self.ids);
                    self.on_outcome(outcome);
                    if let Some(message) = message {
                        self.actions.push_back(send_liveness(message));
                    }
                }
            }
            Timer::StartTimeout {
                client,
                attempt,
                diagnosis,
            } => {
                self.start_failed(attempt, diagnosis, TIMED_OUT);
                self.actions.push_back(Action::DiscardClient { client });
            }
            Timer::Start { attempt, diagnosis } => self.start(attempt, diagnosis),
            Timer::DrainEnd => {
                let id = self.ids.next();
                let deadline = self.now + self.config.settings().stop_timeout;
                self.state = State::Stopping { id, deadline };
                self.actions.push_back(Action::Stop { id, deadline });
            }
            Timer::StopTimeout => self.stopped(Cause::ForcedStop),
        }
    }
}

// The client: start, loss, end.
impl Supervisor {
    fn start(&mut self, attempt: u32, diagnosis: Option<Diagnosis>) {
        let cx = Context::new(self.now, &self.config);
        let (state, start) = State::starting(attempt, diagnosis, cx, &mut self.ids);
        self.published.on_start(attempt);
        self.state = state;
        self.actions.push_back(start);
    }

    fn start_failed(&mut self, attempt: u32, known: Option<Diagnosis>, failure: Failure) {
        let cx = Context::new(self.now, &self.config);
        let diagnosis = Diagnosis::updated(known, failure, cx);
        self.set_status(Status::NotReady, Cause::StartFailed(diagnosis.failure()));
        self.back_off(attempt, Some(diagnosis));
    }

    fn started(&mut self, id: ClientId, attempt: u32, known: Option<Diagnosis>) {
        // A start that succeeds settles why starts failed, or why there is no client. It says nothing about the bus, so the cause and the
        // diagnosis of a client that was replaced stay.
        let is_settled = matches!(
            self.report().cause,
            Cause::StartFailed(_) | Cause::ClientLost(_)
        );
        if is_settled {
            self.set_status(Status::NotReady, Cause::Starting);
        }
        let diagnosis = known.filter(|_| !is_settled);
        let cx = Context::new(self.now, &self.config);
        let (liveness, message) = Liveness::start(diagnosis, cx, &mut self.ids);
        self.registrations.begin(cx, &mut self.ids);
        self.state = State::Started(Client {
            id,
            starts_without_proof: attempt,
            liveness,
        });
        self.actions.push_back(send_liveness(message));
        for attempt in self.registrations.in_flight() {
            self.actions.push_back(register(attempt));
        }
    }

    /// Waits before the next start, after this many starts in a row that failed or whose client was lost before it made the bus live.
    fn back_off(&mut self, starts_without_proof: u32, diagnosis: Option<Diagnosis>) {
        let backoff = self.config.settings().start_backoff;
        let delay = backoff.delay(starts_without_proof, &mut self.jitter);
        self.state = State::BackingOff {
            attempt: starts_without_proof.saturating_add(1),
            until: self.now + delay,
            diagnosis,
        };
    }

    fn client_lost(&mut self, client: Client, failure: Failure) {
        match self.config.settings().on_client_lost {
            OnClientLost::Recreate => {
                self.set_status(Status::NotReady, Cause::ClientLost(failure));
                self.discard(client);
                self.back_off(client.starts_without_proof, None);
            }
            OnClientLost::Fail => {
                self.set_status(Status::Failed, Cause::ClientLost(failure));
                self.discard(client);
                self.state = State::Failed;
            }
        }
    }

    /// Discards the client, which nothing proved to be of use, and starts another one at once: no start failed. `recreate_after` is the
    /// pace.
    fn replace(&mut self, client: Client) {
        self.discard(client);
        self.start(1, client.liveness.diagnosis());
    }

    fn discard(&mut self, client: Client) {
        self.discard_registrations();
        self.actions
            .push_back(Action::DiscardClient { client: client.id });
    }

    /// The client goes, or is not wanted any more: the registrations in flight must not succeed later.
    fn discard_registrations(&mut self) {
        for Attempt { id, .. } in self.registrations.in_flight() {
            self.actions
                .push_back(Action::DiscardRegistration { registration: id });
        }
        self.registrations.end();
    }

    fn stopped(&mut self, cause: Cause) {
        self.state = State::Stopped;
        self.set_status(Status::Stopped, cause);
    }

    fn ignore_stale(&mut self) {
        self.stale_answers += 1;
    }
}

impl Supervisor {
    // The maximum number of actions of one step, without and for each handler: the queue never grows if all are polled after each step.
    const MAX_ACTIONS_WITHOUT_HANDLERS: usize = 8;
    const MAX_ACTIONS_PER_HANDLER: usize = 4;

    fn queue(handlers: usize) -> VecDeque<Action> {
        VecDeque::with_capacity(
            Self::MAX_ACTIONS_WITHOUT_HANDLERS + Self::MAX_ACTIONS_PER_HANDLER * handlers,
        )
    }
}

// The status: what liveness and registrations come to.
impl Supervisor {
    fn on_outcome(&mut self, outcome: Outcome) {
        let Some(client) = self.state.client_mut() else {
            return;
        };
        match outcome {
            Outcome::Unchanged => {}
            Outcome::Evidence(at) => self.published.on_evidence(at),
            Outcome::Live => {
                client.starts_without_proof = 0;
                self.update_status();
            }
            Outcome::NotLive(failure) => {
                self.set_status(Status::NotReady, Cause::LivenessFailed(failure));
            }
            Outcome::Starved => self.set_status(Status::NotReady, Cause::Starved),
            Outcome::ClientLost(failure) => {
                let client = *client;
                self.client_lost(client, failure);
            }
            Outcome::ClientUseless => {
                let client = *client;
                self.replace(client);
            }
        }
    }

    /// Reports what follows from a live bus and its handlers: Running, or what is still missing.
    fn update_status(&mut self) {
        let cx = Context::new(self.now, &self.config);
        let client = self.state.client();
        let Some(grant) = client.and_then(|client| client.liveness.grant(cx)) else {
            return;
        };
        self.published.on_evidence(grant.evidence);
        match self.registrations.progress(self.config.handlers()) {
            Progress::Complete => match self.published.set_running(grant, self.now) {
                Change::None => {}
                Change::Lease => self.actions.push_back(Action::Renew {
                    evidence: grant.evidence,
                    lease: grant.lease,
                }),
                Change::Report => {
                    self.actions.push_back(Action::SetStatus(*self.report()));
                }
            },
            Progress::Failed(handler, failure) => {
                let cause = Cause::HandlerFailed(handler, failure);
                self.set_status(Status::NotReady, cause);
            }
            Progress::Pending if self.report().status == Status::NotReady => {
                self.set_status(Status::NotReady, Cause::Starting);
            }
            Progress::Pending => {}
        }
    }

    fn set_status(&mut self, status: Status, cause: Cause) {
        if self.published.set_status(status, cause, self.now) {
            self.actions.push_back(Action::SetStatus(*self.report()));
        }
    }
}

impl State {
    /// Returns the state in which start number `attempt` begins, and the action that begins it.
    fn starting(
        attempt: u32,
        diagnosis: Option<Diagnosis>,
        cx: Context<'_>,
        ids: &mut OperationIds,
    ) -> (Self, Action) {
        let id = ids.next();
        let deadline = cx.now + cx.settings().start_timeout;
        let state = Self::Starting {
            id,
            attempt,
            deadline,
            diagnosis,
        };
        let action = Action::Start {
            id,
            attempt,
            deadline,
        };
        (state, action)
    }

    const fn client(&self) -> Option<&Client> {
        match self {
            Self::Started(client) => Some(client),
            Self::Starting { .. }
            | Self::BackingOff { .. }
            | Self::Draining { .. }
            | Self::Stopping { .. }
            | Self::Stopped
            | Self::Failed => None,
        }
    }

    const fn client_mut(&mut self) -> Option<&mut Client> {
        match self {
            Self::Started(client) => Some(client),
            Self::Starting { .. }
            | Self::BackingOff { .. }
            | Self::Draining { .. }
            | Self::Stopping { .. }
            | Self::Stopped
            | Self::Failed => None,
        }
    }
}

const fn send_liveness(LivenessMessage { id, deadline }: LivenessMessage) -> Action {
    Action::SendLiveness { id, deadline }
}

const fn register(attempt: Attempt) -> Action {
    let Attempt {
        id,
        handler,
        number,
        deadline,
    } = attempt;
    Action::RegisterHandler {
        id,
        handler,
        attempt: number,
        deadline,
    }
}

#[path = "inspect/supervisor.rs"]
mod inspect;
