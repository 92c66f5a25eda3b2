//! Runs a script on a supervisor, and keeps a log of inputs and outputs only.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use livebus_core::{
    Action, ClientId, Config, Event, FailureClass, LivenessId, OpId, RegistrationId, Report,
    Status, StopId, Supervisor,
};

use crate::script::{Clock, ObservedAt, OperationChoice, Script, Step, StepInput, thousandths};

/// The instant at which every run begins: late enough that clocks can go back.
pub(crate) static ORIGIN: LazyLock<Instant> =
    LazyLock::new(|| Instant::now() + Config::MAX_DURATION);

/// The kind of one call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Input {
    /// `Supervisor::new`.
    Created,
    /// `handle_timeout`.
    Timeout,
    /// `handle_event`.
    Event(Event),
}

/// One call, and everything that is visible before and after it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The instant that was passed to the call; it may be earlier than `clock`.
    pub(crate) called_at: Instant,
    /// The newest instant passed so far, this one included.
    pub(crate) clock: Instant,
    pub(crate) input: Input,
    /// The report before the call.
    pub(crate) before: Report,
    /// `poll_timeout` before the call, as if everything had been polled.
    pub(crate) due_before: Option<Instant>,
    /// The actions that this call caused, in order. Where they are not polled yet, a clone was polled.
    pub(crate) actions: Vec<Action>,
    pub(crate) report: Report,
    /// `poll_timeout` before anything was polled, when anything was queued.
    pub(crate) due_queued: Option<Instant>,
    /// `poll_timeout` after everything was polled. Where it is not polled yet, a clone was polled.
    pub(crate) due: Option<Instant>,
    /// By how much `stale_answers` grew.
    pub(crate) stale: u64,
    pub(crate) stopped: bool,
}

impl Entry {
    /// Returns whether nothing was due by then, so that the event itself caused all actions.
    pub(crate) fn nothing_was_due(&self) -> bool {
        self.due_before.is_none_or(|due| due > self.clock)
    }

    pub(crate) fn event(&self) -> Option<Event> {
        match self.input {
            Input::Event(event) => Some(event),
            Input::Created | Input::Timeout => None,
        }
    }

    /// Returns the reports of this call, in order.
    pub(crate) fn reports(&self) -> impl Iterator<Item = &Report> {
        self.actions.iter().filter_map(|action| match action {
            Action::SetStatus(report) => Some(report),
            Action::Start { .. }
            | Action::SendLiveness { .. }
            | Action::RegisterHandler { .. }
            | Action::DiscardClient { .. }
            | Action::DiscardRegistration { .. }
            | Action::Renew { .. }
            | Action::Stop { .. } => None,
        })
    }

    /// Returns whether a client without proof was replaced.
    pub(crate) fn replaces_client(&self) -> bool {
        let discards = |it: &Action| matches!(it, Action::DiscardClient { .. });
        let starts = |it: &Action| matches!(it, Action::Start { .. });
        self.actions.iter().any(discards) && self.actions.iter().any(starts)
    }

    pub(crate) fn liveness_messages(&self) -> usize {
        let sends = |action: &&Action| matches!(action, Action::SendLiveness { .. });
        self.actions.iter().filter(sends).count()
    }
}

/// The kind of an operation, which decides the event that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Start,
    Liveness,
    Registration(usize),
    Stop,
}

/// Returns the operation that an action begins, with its deadline.
pub(crate) fn operation(action: &Action) -> Option<(OpId, Kind, Instant)> {
    match *action {
        Action::Start { id, deadline, .. } => Some((id.into(), Kind::Start, deadline)),
        Action::SendLiveness { id, deadline } => Some((id.into(), Kind::Liveness, deadline)),
        Action::RegisterHandler {
            id,
            handler,
            deadline,
            ..
        } => Some((id.into(), Kind::Registration(handler.index()), deadline)),
        Action::Stop { id, deadline } => Some((id.into(), Kind::Stop, deadline)),
        Action::DiscardClient { .. }
        | Action::DiscardRegistration { .. }
        | Action::SetStatus(_)
        | Action::Renew { .. } => None,
    }
}

/// Returns the operation that an action discards.
pub(crate) fn discards(action: &Action) -> Option<OpId> {
    match *action {
        Action::DiscardClient { client } => Some(client.into()),
        Action::DiscardRegistration { registration } => Some(registration.into()),
        Action::Start { .. }
        | Action::SendLiveness { .. }
        | Action::RegisterHandler { .. }
        | Action::SetStatus(_)
        | Action::Renew { .. }
        | Action::Stop { .. } => None,
    }
}

/// A supervisor, a minimal runner that knows which operations are in flight, and the log.
#[derive(Debug, Clone)]
pub(crate) struct Simulation {
    pub(crate) supervisor: Supervisor,
    pub(crate) log: Vec<Entry>,
    pub(crate) clock: Instant,
    queued: VecDeque<Action>,
    open: Vec<(OpId, Kind)>,
    done: Vec<(OpId, Kind)>,
    client: Option<ClientId>,
}

impl Simulation {
    pub(crate) fn new(config: &Config) -> Self {
        let clock = *ORIGIN;
        let mut sim = Self {
            supervisor: Supervisor::new(config.clone(), clock),
            log: Vec::new(),
            clock,
            queued: VecDeque::new(),
            open: Vec::new(),
            done: Vec::new(),
            client: None,
        };
        let before = Report::unreported(clock);
        sim.record(clock, Input::Created, before, Some(clock), 0);
        sim.poll_all();
        sim
    }

    /// Runs a whole script.
    pub(crate) fn run(script: &Script) -> Self {
        Self::run_observed(script, |_, _| Ok::<(), ()>(())).expect("the observer returns no error")
    }

    /// Runs a whole script. Calls `observe` after each step with the supervisor before it, and the simulation after it.
    pub(crate) fn run_observed<E>(
        script: &Script,
        mut observe: impl FnMut(&Supervisor, &Self) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut sim = Self::new(&script.config);
        for step in &script.steps {
            let before = sim.supervisor.clone();
            sim.step(step);
            observe(&before, &sim)?;
            if step.polls {
                sim.poll_all();
            }
        }
        sim.poll_all();
        Ok(sim)
    }

    /// Runs these steps from here on, and polls everything after each.
    pub(crate) fn continue_with(mut self, steps: &[Step]) -> Self {
        for step in steps {
            self.step(step);
            self.poll_all();
        }
        self
    }

    pub(crate) fn report(&self) -> &Report {
        self.supervisor.report()
    }

    pub(crate) fn status(&self) -> Status {
        self.supervisor.report().status
    }

    fn config(&self) -> &Config {
        self.supervisor.config()
    }

    /// Makes the call of a step; polls nothing.
    fn step(&mut self, step: &Step) {
        let called_at = self.instant(step.clock);
        let event = match step.input {
            StepInput::TimePasses => None,
            StepInput::Answer(which, result) => self.answer(which, result),
            StepInput::Live(when) => Some(Event::Live {
                at: self.observed(when, called_at),
            }),
            StepInput::Suspicion(hint) => Some(Event::Suspicion(hint)),
            StepInput::ClientLost(right, failure) => Some(Event::ClientLost {
                client: match self.client {
                    Some(client) if right => client,
                    Some(_) | None => ClientId::from_number(u64::MAX),
                },
                failure,
            }),
            StepInput::Shutdown => Some(Event::Shutdown),
        };
        self.deliver(called_at, event);
    }

    /// Delivers an event, or calls `handle_timeout` when there is none; polls nothing.
    pub(crate) fn deliver(&mut self, called_at: Instant, event: Option<Event>) {
        let before = *self.report();
        let due_before = self.due();
        let stale_before = self.supervisor.stale_answers();
        let input = if let Some(event) = event {
            self.remember_client(event);
            self.supervisor.handle_event(called_at, event);
            Input::Event(event)
        } else {
            self.supervisor.handle_timeout(called_at);
            Input::Timeout
        };
        self.record(called_at, input, before, due_before, stale_before);
    }

    /// Delivers, and polls everything.
    pub(crate) fn deliver_and_drain(&mut self, called_at: Instant, event: Option<Event>) {
        self.deliver(called_at, event);
        self.poll_all();
    }

    /// Fires an ideal timer once. Returns false when there is no deadline.
    pub(crate) fn fire_timer(&mut self) -> bool {
        let due = self.supervisor.poll_timeout();
        if let Some(due) = due {
            self.deliver_and_drain(due, None);
        }
        due.is_some()
    }

    /// Answers all open operations with success, now, until none is open.
    pub(crate) fn answer_all(&mut self) {
        while let Some((id, kind)) = self.open.pop() {
            self.deliver_and_drain(self.clock, Some(answer(id, Ok(()))));
            self.done.push((id, kind));
        }
    }

    /// Answers the newest open liveness message with this failure, now, if there is one.
    pub(crate) fn fail_liveness(&mut self, failure: livebus_core::Failure) {
        self.answer_newest(Kind::Liveness, Err(failure));
    }

    /// Answers the newest open operation of this kind, now, if there is one.
    pub(crate) fn answer_newest(&mut self, of: Kind, result: Result<(), livebus_core::Failure>) {
        let newest = self.open.iter().rposition(|op| op.1 == of);
        if let Some((id, kind)) = newest.map(|index| self.open.remove(index)) {
            self.done.push((id, kind));
            self.deliver_and_drain(self.clock, Some(answer(id, result)));
        }
    }

    /// Polls everything, and asserts that the order is that of the log.
    pub(crate) fn poll_all(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            assert_eq!(Some(action), self.queued.pop_front(), "first in, first out");
            if let Some((id, kind, _)) = operation(&action) {
                self.open.push((id, kind));
            }
        }
        assert!(self.queued.is_empty(), "everything comes out");
    }

    /// Returns `poll_timeout`, as if everything had been polled.
    fn due(&self) -> Option<Instant> {
        if self.queued.is_empty() {
            return self.supervisor.poll_timeout();
        }
        let mut polled = self.supervisor.clone();
        while polled.poll_action().is_some() {}
        polled.poll_timeout()
    }

    fn record(
        &mut self,
        called_at: Instant,
        input: Input,
        before: Report,
        due_before: Option<Instant>,
        stale_before: u64,
    ) {
        self.clock = self.clock.max(called_at);
        let mut clone = self.supervisor.clone();
        let all: Vec<Action> = std::iter::from_fn(|| clone.poll_action()).collect();
        let actions = all[self.queued.len()..].to_vec();
        self.queued.extend(&actions);
        self.log.push(Entry {
            called_at,
            clock: self.clock,
            input,
            before,
            due_before,
            actions,
            report: *self.report(),
            due_queued: all.first().and(self.supervisor.poll_timeout()),
            due: clone.poll_timeout(),
            stale: self.supervisor.stale_answers() - stale_before,
            stopped: self.supervisor.is_stopped(),
        });
    }

    /// Keeps the client of the newest successful start.
    fn remember_client(&mut self, event: Event) {
        match event {
            Event::StartAnswered { id, result: Ok(()) } => self.client = Some(id),
            Event::StartAnswered { .. }
            | Event::LivenessAnswered { .. }
            | Event::RegistrationAnswered { .. }
            | Event::HandlerHealth { .. }
            | Event::StopAnswered { .. }
            | Event::Live { .. }
            | Event::Suspicion(_)
            | Event::ClientLost { .. }
            | Event::Shutdown => {}
        }
    }

    fn instant(&self, clock: Clock) -> Instant {
        let now = self.clock;
        let bound = self.config().detection_bound();
        let due = self.due().unwrap_or(now + Duration::from_secs(1)).max(now);
        let tick = Duration::from_nanos(1);
        match clock {
            Clock::Stand => now,
            Clock::Due => due,
            Clock::AlmostDue => now.max(due.checked_sub(tick).unwrap_or(now)),
            Clock::Towards(share) => due.min(now + thousandths(due - now, share).max(tick)),
            Clock::Late(share) => due + thousandths(bound, share),
            Clock::Jump(days) => now + Duration::from_hours(24) * days,
            Clock::Back(share) => now.checked_sub(thousandths(bound, share)).unwrap_or(now),
        }
    }

    fn observed(&self, when: ObservedAt, called_at: Instant) -> Instant {
        let before = |at: Instant, by: Duration| at.checked_sub(by).unwrap_or(at);
        let known = self.report().evidence.unwrap_or(called_at);
        match when {
            ObservedAt::Now => called_at,
            ObservedAt::JustBefore => before(called_at, Duration::from_nanos(1)),
            ObservedAt::Ago(share) => before(
                called_at,
                thousandths(self.config().detection_bound(), share),
            ),
            ObservedAt::Future(millis) => called_at + Duration::from_millis(u64::from(millis)),
            ObservedAt::Known => known,
            ObservedAt::Older(nanos) => before(known, Duration::from_nanos(u64::from(nanos))),
        }
    }

    /// Returns the answer to that operation, or nothing when there is no such operation.
    fn answer(
        &mut self,
        which: OperationChoice,
        result: Result<(), livebus_core::Failure>,
    ) -> Option<Event> {
        match which {
            OperationChoice::Open(n) => {
                let index = self.open.len().checked_sub(1)?.saturating_sub(n);
                let (id, kind) = self.open.remove(index);
                self.done.push((id, kind));
                Some(answer(id, result))
            }
            OperationChoice::Done(n) => {
                let index = self.done.len().checked_sub(1)?.saturating_sub(n);
                let (id, _) = self.done[index];
                Some(answer(id, result))
            }
            OperationChoice::Unknown(n) => {
                let number = (1 << 40) + n;
                let ids: [OpId; 4] = [
                    ClientId::from_number(number).into(),
                    LivenessId::from_number(number).into(),
                    RegistrationId::from_number(number).into(),
                    StopId::from_number(number).into(),
                ];
                Some(answer(ids[usize::try_from(n % 4).ok()?], result))
            }
            OperationChoice::OfAnotherKind => {
                let (id, _) = self.open.last()?;
                let number = id.number();
                let other = match id {
                    OpId::Client(_) => LivenessId::from_number(number).into(),
                    OpId::Liveness(_) => RegistrationId::from_number(number).into(),
                    OpId::Registration(_) => StopId::from_number(number).into(),
                    OpId::Stop(_) => ClientId::from_number(number).into(),
                };
                Some(answer(other, result))
            }
        }
    }
}

/// Returns the event that answers this operation.
pub(crate) fn answer(operation: OpId, result: Result<(), livebus_core::Failure>) -> Event {
    match operation {
        OpId::Client(id) => Event::StartAnswered { id, result },
        OpId::Liveness(id) => Event::LivenessAnswered { id, result },
        OpId::Registration(id) => Event::RegistrationAnswered { id, result },
        OpId::Stop(id) => Event::StopAnswered { id, result },
    }
}

/// Written here and not taken from the core, so that the two can disagree.
pub(crate) const fn is_definitive(class: FailureClass) -> bool {
    matches!(
        class,
        FailureClass::SecurityProtocol
            | FailureClass::Tls
            | FailureClass::Authentication
            | FailureClass::WrongCluster
            | FailureClass::RequiredTopicUnusable
            | FailureClass::NotEnoughReplicas
            | FailureClass::ClientFatal
    )
}
