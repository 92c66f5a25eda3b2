//! Everything that a supervisor knows, as numbers: so that a recording can begin in the middle.
//!
//! The tables below have every field and every variant; one that is added elsewhere does not compile until it is here.

use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::backoff::Jitter;
use crate::config::Config;
use crate::failure::{Failure, FailureClass};
use crate::handlers::Registration;
use crate::ids::{ClientId, HandlerId, LivenessId, RegistrationId, StopId};
use crate::state::{Doubt, InFlight, Live, Liveness, NotLive, Question, Standing, Started, State};
use crate::status::{Cause, Report, Status};
use crate::supervisor::Supervisor;

/// The first word. To be raised when a word comes to mean something else, so that no version reads what another meant. A variant
/// that is added takes a new number and one that is removed leaves its number unused: that needs no new version.
const VERSION: u64 = 1;

/// What the core adds to an instant is shorter; see the rules of the crate about room.
const ROOM: Duration = Config::MAX_DURATION.saturating_mul(8);

impl Supervisor {
    /// All that it knows beside its configuration, queued actions included. Instants are counted from `epoch`; one that
    /// is further from it than 292 years counts as that.
    ///
    /// What a word means is this version's own matter: only [`restore`](Self::restore) reads them.
    #[must_use]
    pub fn snapshot(&self, epoch: Instant) -> Vec<u64> {
        let Self {
            config: _,
            state,
            registrations,
            actions,
            report,
            evidence,
            attempt,
            left_running,
            now,
            jitter: Jitter(jitter),
            operations,
            stale_answers,
        } = self;
        let mut to = Words {
            epoch,
            words: vec![VERSION],
        };
        state.put(&mut to);
        to.put_all(registrations.len(), registrations.iter());
        to.put_all(actions.len(), actions.iter());
        report.put(&mut to);
        evidence.put(&mut to);
        attempt.put(&mut to);
        left_running.put(&mut to);
        now.put(&mut to);
        jitter.put(&mut to);
        operations.put(&mut to);
        stale_answers.put(&mut to);
        to.words
    }

    /// The supervisor of which `words` are the [snapshot](Self::snapshot): equal to it, if `config` and `epoch` are.
    ///
    /// `None` for words that are not the snapshot of any supervisor with this configuration, and for instants that the
    /// clock cannot express. Words that are wrong in a way that cannot be seen give a supervisor that does not panic.
    #[must_use]
    pub fn restore(config: Config, epoch: Instant, words: &[u64]) -> Option<Self> {
        let handlers = config.settings().handlers.len();
        let mut from = Reader {
            epoch,
            handlers,
            words: words.iter(),
        };
        if from.next()? != VERSION {
            return None;
        }
        let state = Word::take(&mut from)?;
        let registrations: Vec<Registration> = from.take_all()?;
        let mut actions = Self::queue(handlers);
        actions.extend(from.take_all::<Action>()?);
        let supervisor = Self {
            config: Arc::new(config),
            state,
            registrations: registrations.into_boxed_slice(),
            actions,
            report: Word::take(&mut from)?,
            evidence: Word::take(&mut from)?,
            attempt: Word::take(&mut from)?,
            left_running: Word::take(&mut from)?,
            now: Word::take(&mut from)?,
            jitter: Jitter(from.next()?),
            operations: Word::take(&mut from)?,
            stale_answers: Word::take(&mut from)?,
        };
        let whole = from.words.as_slice().is_empty() && supervisor.registrations.len() == handlers;
        (whole && supervisor.can_count_on()).then_some(supervisor)
    }

    /// Whether no counter overflows, however long it goes on.
    fn can_count_on(&self) -> bool {
        const FAR: u64 = 1 << 62;
        let proofs_fit = match self.state {
            State::Started(Started {
                liveness: Liveness::NotLive(not_live),
                ..
            }) => not_live.successes < self.config.settings().successes_to_ready,
            State::Started(_)
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => true,
        };
        proofs_fit && self.operations < FAR && self.stale_answers < FAR
    }
}

struct Words {
    epoch: Instant,
    words: Vec<u64>,
}

impl Words {
    fn put_all<'a, T: Word + 'a>(&mut self, count: usize, all: impl Iterator<Item = &'a T>) {
        self.words.push(count as u64);
        for one in all {
            one.put(self);
        }
    }
}

struct Reader<'a> {
    epoch: Instant,
    handlers: usize,
    words: slice::Iter<'a, u64>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u64> {
        self.words.next().copied()
    }

    fn take_all<T: Word>(&mut self) -> Option<Vec<T>> {
        let count = self.next()?;
        (0..count).map(|_| T::take(self)).collect()
    }
}

/// What is written as one word or several.
trait Word: Sized {
    fn put(&self, to: &mut Words);
    fn take(from: &mut Reader<'_>) -> Option<Self>;
}

/// A struct: its fields, one after the other.
macro_rules! fields {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl Word for $type {
            fn put(&self, to: &mut Words) {
                let Self { $($field),* } = self;
                $($field.put(to);)*
            }
            fn take(from: &mut Reader<'_>) -> Option<Self> {
                Some(Self { $($field: Word::take(from)?),* })
            }
        }
    };
}

/// An enum: a number for the variant, then what is in it.
macro_rules! variants {
    ($type:ident {
        $($tag:literal => $variant:ident $(($($inner:ident),*))? $({ $($field:ident),* })?),* $(,)?
    }) => {
        impl Word for $type {
            fn put(&self, to: &mut Words) {
                match self {
                    $(Self::$variant $(($($inner),*))? $({ $($field),* })? => {
                        to.words.push($tag);
                        $($($inner.put(to);)*)?
                        $($($field.put(to);)*)?
                    })*
                }
            }
            fn take(from: &mut Reader<'_>) -> Option<Self> {
                Some(match from.next()? {
                    $($tag => {
                        $($(let $inner = Word::take(from)?;)*)?
                        $($(let $field = Word::take(from)?;)*)?
                        Self::$variant $(($($inner),*))? $({ $($field),* })?
                    })*
                    _ => return None,
                })
            }
        }
    };
}

variants!(State {
    1 => Starting { id, attempt, deadline },
    2 => BackingOff { attempt, until },
    3 => Started(started),
    4 => Draining { until },
    5 => Stopping { id, deadline },
    6 => Stopped,
    7 => Failed,
});

fields!(Started {
    client,
    unproved,
    liveness
});

variants!(Liveness {
    1 => NotLive(not_live),
    2 => Live(live),
});

fields!(NotLive {
    newest,
    in_flight,
    sent,
    until,
    proved,
    successes,
    failures,
    hint,
});

fields!(Live {
    evidence,
    sent,
    standing,
    question,
});

variants!(Standing {
    1 => Clear,
    2 => Warned(failure),
    3 => Partial { failure, since },
});

variants!(Question {
    1 => Idle { due },
    2 => Suspected { hint, at, due },
    3 => InFlight(asking),
    4 => RetryPending { failures, failure, unproved, due },
});

fields!(InFlight {
    id,
    unproved,
    deadline,
    failures,
    doubt,
});

variants!(Doubt {
    1 => None,
    2 => CameLater(hint),
    3 => SentIt(hint),
});

variants!(Registration {
    1 => Idle,
    2 => Registering { id, attempt, deadline, failure },
    3 => BackingOff { attempt, until, failure },
    4 => Registered,
});

// 4 was a discard that did not say of what: it is refused.
variants!(Action {
    1 => Start { id, attempt, deadline },
    2 => SendLiveness { id, deadline },
    3 => RegisterHandler { id, handler, attempt, deadline },
    5 => SetStatus(report),
    6 => Renew { evidence, lease },
    7 => Stop { id, deadline },
    8 => DiscardClient { client },
    9 => DiscardRegistration { registration },
});

fields!(Report {
    status,
    cause,
    warning,
    since,
    evidence,
    lease,
    attempt,
});

variants!(Status {
    0 => Unknown,
    1 => Preparing,
    2 => Prepared,
    3 => Running,
    4 => NotReady,
    5 => Stopped,
    6 => Failed,
});

variants!(Cause {
    1 => Unreported,
    2 => Configured,
    3 => Starting,
    4 => Evidence,
    5 => StartFailed(failure),
    6 => LivenessFailed(failure),
    7 => ClientLost(failure),
    8 => HandlerFailed(handler, failure),
    9 => Starved,
    10 => ShuttingDown,
    11 => ShutDown,
    12 => ForcedStop,
    13 => Reported,
});

fields!(Failure { class, code });

variants!(FailureClass {
    1 => Unreachable,
    2 => Timeout,
    3 => NameResolution,
    4 => Tls,
    5 => Authentication,
    6 => Authorization,
    7 => TopicMissing,
    8 => NoLeader,
    9 => NotEnoughReplicas,
    10 => Throttled,
    11 => QueueFull,
    12 => ClientFatal,
    13 => Other,
});

impl<T: Word> Word for Option<T> {
    fn put(&self, to: &mut Words) {
        to.words.push(u64::from(self.is_some()));
        if let Some(inner) = self {
            inner.put(to);
        }
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        match from.next()? {
            0 => Some(None),
            1 => T::take(from).map(Some),
            _ => None,
        }
    }
}

impl Word for Instant {
    fn put(&self, to: &mut Words) {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let elapsed = match self.checked_duration_since(to.epoch) {
            Some(after) => nanos(after),
            None => -nanos(to.epoch.saturating_duration_since(*self)),
        };
        to.words.push(elapsed.cast_unsigned());
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let elapsed = from.next()?.cast_signed();
        let distance = Duration::from_nanos(elapsed.unsigned_abs());
        let at = if elapsed < 0 {
            from.epoch.checked_sub(distance)
        } else {
            from.epoch.checked_add(distance)
        };
        at.filter(|at| at.checked_add(ROOM).is_some())
    }
}

impl Word for HandlerId {
    fn put(&self, to: &mut Words) {
        to.words.push(u64::from(self.0));
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let index = u16::try_from(from.next()?).ok()?;
        (usize::from(index) < from.handlers).then_some(Self(index))
    }
}

/// The id of an operation: its number. Which kind it is of is in the place where it stands.
macro_rules! ids {
    ($($type:ident),*) => {$(
        impl Word for $type {
            fn put(&self, to: &mut Words) {
                to.words.push(self.number());
            }

            fn take(from: &mut Reader<'_>) -> Option<Self> {
                from.next().map(Self::from_number)
            }
        }
    )*};
}

ids!(ClientId, LivenessId, RegistrationId, StopId);

impl Word for u64 {
    fn put(&self, to: &mut Words) {
        to.words.push(*self);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        from.next()
    }
}

impl Word for u32 {
    fn put(&self, to: &mut Words) {
        to.words.push(u64::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Self::try_from(from.next()?).ok()
    }
}

impl Word for i32 {
    fn put(&self, to: &mut Words) {
        to.words.push(i64::from(*self).cast_unsigned());
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Self::try_from(from.next()?.cast_signed()).ok()
    }
}

impl Word for bool {
    fn put(&self, to: &mut Words) {
        to.words.push(u64::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        match from.next()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}
