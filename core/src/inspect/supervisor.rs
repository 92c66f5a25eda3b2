//! A supervisor from outside: its phase, its snapshot, its canonical form.

#[cfg(feature = "__verify")]
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::{Client, State, Supervisor};
use crate::action::Action;
use crate::backoff::Jitter;
use crate::config::Config;
#[cfg(feature = "__verify")]
use crate::ids::OpId;
use crate::ids::OperationIds;
#[cfg(feature = "__verify")]
use crate::inspect::canonical::{View, saturated};
use crate::inspect::phase::Phase;
use crate::inspect::words::{Reader, Word, Words, fields, variants};
use crate::registrations::Registrations;

/// The version of the snapshot, its first word. It is raised when the meaning of a word changes. A variant that is added takes a new
/// number, and one that is removed leaves its number unused: that needs no new version.
const VERSION: u64 = 2;

impl Supervisor {
    /// Returns the phase: its state in one word.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self.state {
            State::Starting { .. } => Phase::Starting,
            State::BackingOff { .. } => Phase::BackingOff,
            State::Started(client) => client.liveness.phase(),
            State::Draining { .. } => Phase::Draining,
            State::Stopping { .. } => Phase::Stopping,
            State::Stopped => Phase::Stopped,
            State::Failed => Phase::Failed,
        }
    }

    /// Returns the whole state beside the configuration as numbers, queued actions included, so that a recording can begin in the
    /// middle. Instants are counted from `epoch`; one that is further from it than 292 years counts as that.
    ///
    /// The meaning of a word is private to this version of the crate: only [`restore`](Self::restore) reads them.
    #[must_use]
    pub fn snapshot(&self, epoch: Instant) -> Vec<u64> {
        let Self {
            config,
            state,
            registrations,
            actions,
            published,
            now,
            jitter: Jitter(jitter),
            ids: OperationIds { count: operations },
            stale_answers,
        } = self;
        let mut to = Words {
            epoch,
            words: vec![VERSION],
        };
        state.put(&mut to);
        registrations.put(config.handlers().len(), &mut to);
        to.put_all(actions.len(), actions.iter());
        published.put(&mut to);
        now.put(&mut to);
        jitter.put(&mut to);
        operations.put(&mut to);
        stale_answers.put(&mut to);
        to.words
    }

    /// Returns the supervisor of which `words` are the [snapshot](Self::snapshot): equal to it, if `config` and `epoch` are.
    ///
    /// `None` for words that are not the snapshot of any supervisor with this configuration, and for instants that the
    /// clock cannot express. Wrong words that are not recognized as such give a supervisor that does not panic.
    #[must_use]
    pub fn restore(config: Config, epoch: Instant, words: &[u64]) -> Option<Self> {
        let handlers = config.handlers().len();
        let mut from = Reader {
            epoch,
            handlers,
            words: words.iter(),
        };
        if from.next()? != VERSION {
            return None;
        }
        let state: State = Word::take(&mut from)?;
        let registrations = Registrations::take(state.client().is_some(), &mut from)?;
        let mut actions = Self::queue(handlers);
        actions.extend(from.take_all::<Action, Vec<_>>()?);
        let supervisor = Self {
            config: Arc::new(config),
            state,
            registrations,
            actions,
            published: Word::take(&mut from)?,
            now: Word::take(&mut from)?,
            jitter: Jitter(from.next()?),
            ids: OperationIds {
                count: from.next()?,
            },
            stale_answers: Word::take(&mut from)?,
        };
        let is_whole = from.words.as_slice().is_empty();
        (is_whole && supervisor.counters_fit()).then_some(supervisor)
    }

    /// Whether no counter overflows, however long it goes on.
    fn counters_fit(&self) -> bool {
        const MAX_COUNT: u64 = 1 << 62;
        let client = self.state.client();
        client.is_none_or(|client| client.liveness.counters_fit(&self.config))
            && self.ids.count < MAX_COUNT
            && self.stale_answers < MAX_COUNT
    }
}

variants!(State {
    1 => Starting { id, attempt, deadline, diagnosis },
    2 => BackingOff { attempt, until, diagnosis },
    3 => Started(client),
    4 => Draining { until },
    5 => Stopping { id, deadline },
    6 => Stopped,
    7 => Failed,
});

fields!(Client {
    id,
    starts_without_proof,
    liveness,
});

#[cfg(feature = "__verify")]
impl Supervisor {
    /// Returns the supervisor that represents all those with the same behaviour, with `epoch` as its newest instant; and the operations
    /// of this one that have the ids 1, 2, 3 there.
    ///
    /// Given the same inputs, translated to these ids and to `epoch`, both return the same actions, except for what decides nothing:
    /// `since`, `evidence` and `attempt` of a report, the `attempt` of an operation whose back-off is at its maximum, and
    /// [`stale_answers`](Self::stale_answers). Actions that were not polled are omitted.
    ///
    /// The clock must reach as far before `epoch` as this supervisor looks back, which is a few years at most. An instant beyond that
    /// counts as `epoch`: then the two differ, and nothing panics.
    #[doc(hidden)]
    #[must_use]
    pub fn canonical(&self, epoch: Instant) -> (Self, Vec<OpId>) {
        let mut view = View::new(&self.config, self.now, epoch);
        let settings = self.config.settings();
        let state = self.state.canonical(&mut view);
        let registrations = self.registrations.canonical(&mut view);
        let jitters = [settings.start_backoff, settings.registration_backoff];
        let supervisor = Self {
            config: Arc::clone(&self.config),
            state,
            registrations,
            // Without capacity: a model checker keeps millions of these.
            actions: VecDeque::new(),
            published: self.published.canonical(&view),
            now: epoch,
            jitter: if jitters.iter().all(|it| it.jitter_percent == 0) {
                Jitter::new(0)
            } else {
                self.jitter.clone()
            },
            ids: OperationIds {
                count: view.ids.len() as u64,
            },
            stale_answers: 0,
        };
        (supervisor, view.ids)
    }
}

#[cfg(feature = "__verify")]
impl State {
    fn canonical(self, view: &mut View<'_>) -> Self {
        let start_backoff = view.config.settings().start_backoff;
        match self {
            Self::Starting {
                id,
                attempt,
                deadline,
                diagnosis,
            } => Self::Starting {
                id: view.id(id),
                attempt: saturated(attempt, start_backoff),
                deadline: view.at(deadline),
                diagnosis: diagnosis.and_then(|it| it.canonical(view)),
            },
            Self::BackingOff {
                attempt,
                until,
                diagnosis,
            } => Self::BackingOff {
                attempt: saturated(attempt, start_backoff),
                until: view.at(until),
                diagnosis: diagnosis.and_then(|it| it.canonical(view)),
            },
            Self::Started(Client {
                id,
                starts_without_proof,
                liveness,
            }) => Self::Started(Client {
                id: view.id(id),
                starts_without_proof: saturated(starts_without_proof, start_backoff),
                liveness: liveness.canonical(view),
            }),
            Self::Draining { until } => Self::Draining {
                until: view.at(until),
            },
            Self::Stopping { id, deadline } => Self::Stopping {
                id: view.id(id),
                deadline: view.at(deadline),
            },
            Self::Stopped => Self::Stopped,
            Self::Failed => Self::Failed,
        }
    }
}
