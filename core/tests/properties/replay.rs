//! Replays the inputs of a log on another supervisor, with another clock and other ids.

use std::collections::HashMap;
use std::iter;
use std::time::Instant;

use livebus_core::{
    Action, ClientId, Config, Event, Failure, LivenessId, OpId, RegistrationId, Report, StopId,
    Supervisor,
};
use proptest::prelude::*;

use crate::simulation::{Entry, Input, ORIGIN, operation};

/// Makes one call; polls nothing.
pub(crate) fn deliver(supervisor: &mut Supervisor, called_at: Instant, input: Input) {
    match input {
        Input::Created | Input::Timeout => supervisor.handle_timeout(called_at),
        Input::Event(event) => supervisor.handle_event(called_at, event),
    }
}

/// Delivers the inputs of a log to a new supervisor, at the instants that `called_at` returns; polls nothing.
pub(crate) fn replay(
    config: &Config,
    log: &[Entry],
    called_at: impl Fn(&Entry) -> Instant,
) -> Supervisor {
    let mut supervisor = Supervisor::new(config.clone(), *ORIGIN);
    for entry in &log[1..] {
        deliver(&mut supervisor, called_at(entry), entry.input);
    }
    supervisor
}

/// Polls and returns all queued actions.
pub(crate) fn poll_all(supervisor: &mut Supervisor) -> Vec<Action> {
    iter::from_fn(|| supervisor.poll_action()).collect()
}

/// Translates `at` to a clock that reads `to` when this one reads `from`.
pub(crate) fn shifted(at: Instant, from: Instant, to: Instant) -> Instant {
    match at.checked_duration_since(from) {
        Some(ahead) => to + ahead,
        None => to
            .checked_sub(from - at)
            .expect("the clock has a few years before the origin"),
    }
}

/// Translates instants and ids of the original to those of its counterpart.
#[derive(Debug, Clone)]
pub(crate) struct Translation {
    /// This instant of the original ...
    pub(crate) from: Instant,
    /// ... is this one of the counterpart.
    pub(crate) to: Instant,
    /// The ids in the counterpart, by the ids in the original.
    pub(crate) ids: HashMap<OpId, OpId>,
    /// The number to add to an id of the original that has no counterpart.
    pub(crate) unknown_offset: u64,
}

impl Translation {
    pub(crate) fn at(&self, at: Instant) -> Instant {
        shifted(at, self.from, self.to)
    }

    pub(crate) fn input(&self, input: Input) -> Input {
        match input {
            Input::Created | Input::Timeout => input,
            Input::Event(event) => Input::Event(self.event(event)),
        }
    }

    fn event(&self, event: Event) -> Event {
        match event {
            Event::StartAnswered { id, result } => Event::StartAnswered {
                id: ClientId::from_number(self.number(id)),
                result,
            },
            Event::LivenessAnswered { id, result } => Event::LivenessAnswered {
                id: LivenessId::from_number(self.number(id)),
                result,
            },
            Event::RegistrationAnswered { id, result } => Event::RegistrationAnswered {
                id: RegistrationId::from_number(self.number(id)),
                result,
            },
            Event::HandlerHealth { id, result } => Event::HandlerHealth {
                id: RegistrationId::from_number(self.number(id)),
                result,
            },
            Event::StopAnswered { id, result } => Event::StopAnswered {
                id: StopId::from_number(self.number(id)),
                result,
            },
            Event::Live { at } => Event::Live { at: self.at(at) },
            Event::Suspicion(hint) => Event::Suspicion(hint),
            Event::ClientLost { client, failure } => Event::ClientLost {
                client: ClientId::from_number(self.number(client)),
                failure,
            },
            Event::Shutdown => Event::Shutdown,
        }
    }

    pub(crate) fn action(&self, action: Action) -> Action {
        match action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => Action::Start {
                id: ClientId::from_number(self.number(id)),
                attempt,
                deadline: self.at(deadline),
            },
            Action::SendLiveness { id, deadline } => Action::SendLiveness {
                id: LivenessId::from_number(self.number(id)),
                deadline: self.at(deadline),
            },
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => Action::RegisterHandler {
                id: RegistrationId::from_number(self.number(id)),
                handler,
                attempt,
                deadline: self.at(deadline),
            },
            Action::DiscardClient { client } => Action::DiscardClient {
                client: ClientId::from_number(self.number(client)),
            },
            Action::DiscardRegistration { registration } => Action::DiscardRegistration {
                registration: RegistrationId::from_number(self.number(registration)),
            },
            Action::SetStatus(report) => Action::SetStatus(self.report(report)),
            Action::Renew { evidence, lease } => Action::Renew {
                evidence: self.at(evidence),
                lease: self.at(lease),
            },
            Action::Stop { id, deadline } => Action::Stop {
                id: StopId::from_number(self.number(id)),
                deadline: self.at(deadline),
            },
        }
    }

    pub(crate) fn report(&self, report: Report) -> Report {
        Report {
            since: self.at(report.since),
            evidence: report.evidence.map(|at| self.at(at)),
            lease: report.lease.map(|at| self.at(at)),
            ..report
        }
    }

    /// Returns the number of the operation in the counterpart.
    fn number(&self, original: impl Into<OpId>) -> u64 {
        let original = original.into();
        let unknown = original.number().wrapping_add(self.unknown_offset);
        self.ids
            .get(&original)
            .map_or(unknown, |counterpart| counterpart.number())
    }

    /// Pairs the ids of two operations that began at the same point of the same run.
    fn pair_ids(&mut self, original: &Action, counterpart: &Action) {
        if let (Some((original, ..)), Some((counterpart, ..))) =
            (operation(original), operation(counterpart))
        {
            self.ids.insert(original, counterpart);
        }
    }
}

/// Returns the id of the same kind with another number.
pub(crate) fn renumbered(id: OpId, number: u64) -> OpId {
    match id {
        OpId::Client(_) => ClientId::from_number(number).into(),
        OpId::Liveness(_) => LivenessId::from_number(number).into(),
        OpId::Registration(_) => RegistrationId::from_number(number).into(),
        OpId::Stop(_) => StopId::from_number(number).into(),
    }
}

/// Maps an action to what is compared of it.
pub(crate) type View<'a> = &'a dyn Fn(Action) -> Action;

/// Two supervisors that receive the same inputs, each with its own ids and clock.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) original: Supervisor,
    pub(crate) counterpart: Supervisor,
    pub(crate) translation: Translation,
}

impl Pair {
    /// Delivers an input to both, polls everything, and checks that both do the same.
    ///
    /// Exactly: the same actions, in `view` and translated, `poll_timeout`, report, phase, `wants_evidence`, `is_stopped`,
    /// and the same growth of `stale_answers`.
    pub(crate) fn deliver(
        &mut self,
        called_at: Instant,
        input: Input,
        view: View<'_>,
    ) -> Result<(), TestCaseError> {
        let stale = |pair: &Self| {
            let both = [&pair.original, &pair.counterpart];
            both.map(Supervisor::stale_answers)
        };
        let before = stale(self);
        deliver(&mut self.original, called_at, input);
        deliver(
            &mut self.counterpart,
            self.translation.at(called_at),
            self.translation.input(input),
        );
        let after = stale(self);
        prop_assert_eq!(after[0] - before[0], after[1] - before[1]);
        self.poll_and_compare(view)
    }

    /// Polls everything, and checks that it is the same.
    pub(crate) fn poll_and_compare(&mut self, view: View<'_>) -> Result<(), TestCaseError> {
        let original = poll_all(&mut self.original);
        let counterpart = poll_all(&mut self.counterpart);
        prop_assert_eq!(
            original.len(),
            counterpart.len(),
            "{:?}\n{:?}",
            &original,
            &counterpart
        );
        for (original, counterpart) in original.into_iter().zip(counterpart) {
            self.translation.pair_ids(&original, &counterpart);
            prop_assert_eq!(view(self.translation.action(original)), view(counterpart));
        }
        let due = self
            .original
            .poll_timeout()
            .map(|due| self.translation.at(due));
        prop_assert_eq!(due, self.counterpart.poll_timeout());
        prop_assert_eq!(
            view(Action::SetStatus(
                self.translation.report(*self.original.report())
            )),
            view(Action::SetStatus(*self.counterpart.report()))
        );
        prop_assert_eq!(self.original.phase(), self.counterpart.phase());
        prop_assert_eq!(
            self.original.wants_evidence(),
            self.counterpart.wants_evidence()
        );
        prop_assert_eq!(self.original.is_stopped(), self.counterpart.is_stopped());
        Ok(())
    }
}

/// Returns the same event without the code of the client library.
pub(crate) fn without_code(event: Event) -> Event {
    let bare = |result: Result<(), Failure>| result.map_err(|failure| Failure::new(failure.class));
    match event {
        Event::StartAnswered { id, result } => Event::StartAnswered {
            id,
            result: bare(result),
        },
        Event::LivenessAnswered { id, result } => Event::LivenessAnswered {
            id,
            result: bare(result),
        },
        Event::RegistrationAnswered { id, result } => Event::RegistrationAnswered {
            id,
            result: bare(result),
        },
        Event::HandlerHealth { id, result } => Event::HandlerHealth {
            id,
            result: bare(result),
        },
        Event::StopAnswered { id, result } => Event::StopAnswered {
            id,
            result: bare(result),
        },
        Event::Live { at } => Event::Live { at },
        Event::Suspicion(hint) => Event::Suspicion(Failure::new(hint.class)),
        Event::ClientLost { client, failure } => Event::ClientLost {
            client,
            failure: Failure::new(failure.class),
        },
        Event::Shutdown => Event::Shutdown,
    }
}
