//! Values as numbers, for snapshots.
//!
//! The tables have every field and every variant; one that is added elsewhere does not compile until it is here. Those of private
//! types stand beside this file, each in a child module of the part that it reads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::slice;
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::config::Config;
use crate::failure::{Failure, FailureClass};
use crate::ids::{ClientId, HandlerId, LivenessId, RegistrationId, StopId};
use crate::status::{Cause, Report, Status};

/// More than the core ever adds to an instant, so that no sum overflows.
const MAX_ADDED: Duration = Config::MAX_DURATION.saturating_mul(8);

/// Where words are written.
pub(crate) struct Words {
    pub(crate) epoch: Instant,
    pub(crate) words: Vec<u64>,
}

impl Words {
    pub(crate) fn put_all<'a, T: Word + 'a>(
        &mut self,
        count: usize,
        all: impl Iterator<Item = &'a T>,
    ) {
        self.words.push(count as u64);
        for one in all {
            one.put(self);
        }
    }
}

/// Where words are read.
pub(crate) struct Reader<'a> {
    pub(crate) epoch: Instant,
    /// How many handlers there are: an index beyond is refused.
    pub(crate) handlers: usize,
    pub(crate) words: slice::Iter<'a, u64>,
}

impl Reader<'_> {
    pub(crate) fn next(&mut self) -> Option<u64> {
        self.words.next().copied()
    }

    pub(crate) fn take_all<T: Word, C: FromIterator<T>>(&mut self) -> Option<C> {
        let count = self.next()?;
        (0..count).map(|_| T::take(self)).collect()
    }
}

/// A value that is written as one word or several.
pub(crate) trait Word: Sized {
    fn put(&self, to: &mut Words);
    fn take(from: &mut Reader<'_>) -> Option<Self>;
}

/// A struct: its fields, one after the other.
macro_rules! fields {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl $crate::inspect::words::Word for $type {
            fn put(&self, to: &mut $crate::inspect::words::Words) {
                let Self { $($field),* } = self;
                $($crate::inspect::words::Word::put($field, to);)*
            }
            fn take(from: &mut $crate::inspect::words::Reader<'_>) -> Option<Self> {
                Some(Self { $($field: $crate::inspect::words::Word::take(from)?),* })
            }
        }
    };
}

/// An enum: a number for the variant, then what is in it.
macro_rules! variants {
    ($type:ident {
        $($tag:literal => $variant:ident $(($($inner:ident),*))? $({ $($field:ident),* })?),* $(,)?
    }) => {
        impl $crate::inspect::words::Word for $type {
            fn put(&self, to: &mut $crate::inspect::words::Words) {
                match self {
                    $(Self::$variant $(($($inner),*))? $({ $($field),* })? => {
                        to.words.push($tag);
                        $($($crate::inspect::words::Word::put($inner, to);)*)?
                        $($($crate::inspect::words::Word::put($field, to);)*)?
                    })*
                }
            }
            fn take(from: &mut $crate::inspect::words::Reader<'_>) -> Option<Self> {
                Some(match from.next()? {
                    $($tag => {
                        $($(let $inner = $crate::inspect::words::Word::take(from)?;)*)?
                        $($(let $field = $crate::inspect::words::Word::take(from)?;)*)?
                        Self::$variant $(($($inner),*))? $({ $($field),* })?
                    })*
                    _ => return None,
                })
            }
        }
    };
}

/// A number with a type of its own.
macro_rules! numbers {
    ($($type:ident),* $(,)?) => {$(
        impl $crate::inspect::words::Word for $type {
            fn put(&self, to: &mut $crate::inspect::words::Words) {
                $crate::inspect::words::Word::put(&self.0, to);
            }

            fn take(from: &mut $crate::inspect::words::Reader<'_>) -> Option<Self> {
                $crate::inspect::words::Word::take(from).map(Self)
            }
        }
    )*};
}

pub(crate) use {fields, numbers, variants};

/// Returns a checksum of words, which differs when one of them was changed by accident.
pub(crate) fn checksum(words: &[u64]) -> u64 {
    let mix =
        |sum: u64, word: &u64| (sum.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    words.iter().fold(words.len() as u64, mix)
}

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
    2 => Unresponsive,
    3 => Timeout,
    4 => BrokerUnreachable,
    5 => NameResolution,
    6 => AdvertisedAddress,
    7 => SecurityProtocol,
    8 => Tls,
    9 => Authentication,
    10 => WrongCluster,
    11 => Authorization,
    12 => TopicMissing,
    13 => RecordRejected,
    14 => TopicUnusable,
    15 => RequiredTopicUnusable,
    16 => NoLeader,
    17 => ReplicasSilent,
    18 => NotEnoughReplicas,
    19 => Throttled,
    20 => QueueFull,
    21 => ClientFatal,
    22 => Other,
    23 => RecordFailed,
    24 => RecordsRemoved,
    25 => HandlerStalled,
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
        at.filter(|at| at.checked_add(MAX_ADDED).is_some())
    }
}

/// Its nanoseconds; more than 584 years count as that.
impl Word for Duration {
    fn put(&self, to: &mut Words) {
        to.words
            .push(u64::try_from(self.as_nanos()).unwrap_or(u64::MAX));
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        from.next().map(Self::from_nanos)
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

/// The id of an operation: its number. Its kind follows from its position.
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

impl Word for i64 {
    fn put(&self, to: &mut Words) {
        to.words.push(self.cast_unsigned());
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some(from.next()?.cast_signed())
    }
}

impl<A: Word, B: Word> Word for (A, B) {
    fn put(&self, to: &mut Words) {
        self.0.put(to);
        self.1.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl<A: Word, B: Word, C: Word> Word for (A, B, C) {
    fn put(&self, to: &mut Words) {
        self.0.put(to);
        self.1.put(to);
        self.2.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?, C::take(from)?))
    }
}

/// A collection: how many it has, then each.
macro_rules! collections {
    ($($type:ident $(: $order:ident)?),*) => {$(
        impl<T: Word $(+ $order)?> Word for $type<T> {
            fn put(&self, to: &mut Words) {
                to.put_all(self.len(), self.iter());
            }

            fn take(from: &mut Reader<'_>) -> Option<Self> {
                from.take_all()
            }
        }
    )*};
}

collections!(Vec, VecDeque, BTreeSet: Ord);

impl<K: Word + Ord, V: Word> Word for BTreeMap<K, V> {
    fn put(&self, to: &mut Words) {
        to.words.push(self.len() as u64);
        for (key, value) in self {
            key.put(to);
            value.put(to);
        }
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        from.take_all()
    }
}
