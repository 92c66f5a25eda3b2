//! Random stories: what happens, and what the clock does meanwhile.

use std::fmt;
use std::time::Duration;

use livebus_core::{Config, Failure, FailureClass};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::settings::{self, Scale};

/// A configuration and a story.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) config: Config,
    pub(crate) steps: Vec<Step>,
}

/// One call: when, what, and whether its actions are polled afterwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) clock: Clock,
    pub(crate) what: StepInput,
    pub(crate) drain: bool,
}

/// What the clock does before a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// It stands.
    Stand,
    /// To `poll_timeout`, exactly.
    Due,
    /// One nanosecond before `poll_timeout`.
    AlmostDue,
    /// So many thousandths of the way to `poll_timeout`, but at least a nanosecond.
    Towards(u32),
    /// So many thousandths of the detection bound after `poll_timeout`.
    Late(u32),
    /// Days pass.
    Jump(u32),
    /// It goes back by so many thousandths of the detection bound.
    Back(u32),
}

/// What happens at a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StepInput {
    /// Time passes.
    TimePasses,
    /// An operation is answered.
    Answer(OperationChoice, Result<(), Failure>),
    Live(ObservedAt),
    Suspicion(Failure),
    /// The client of the newest start is lost, or another one.
    ClientLost(bool, Failure),
    Shutdown,
}

/// Which operation an answer names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OperationChoice {
    /// The one so many before the newest that is not answered.
    Open(usize),
    /// The one so many before the newest that was answered already.
    Done(usize),
    /// One that never was.
    Unknown(u64),
    /// The newest, by the event of another kind of operation.
    OfAnotherKind,
}

/// When evidence was observed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ObservedAt {
    Now,
    /// One nanosecond ago.
    JustBefore,
    /// So many thousandths of the detection bound ago.
    Ago(u32),
    /// Later than now, which cannot be.
    Future(u32),
    /// Exactly what is known already.
    Known,
    /// Before what is known already, by so many nanoseconds.
    Older(u32),
}

/// Any configuration, any story.
pub(crate) fn any_script() -> impl Strategy<Value = Script> {
    scripts(Scale::Any, 100)
}

/// A configuration that a person would write, so that ideal timers come to an end soon.
pub(crate) fn realistic_script() -> impl Strategy<Value = Script> {
    scripts(Scale::Realistic, 60)
}

fn scripts(scale: Scale, longest: usize) -> impl Strategy<Value = Script> {
    let words = proptest::array::uniform32(any::<u32>());
    let steps = vec(any::<u64>(), 1..=longest);
    (words, steps).prop_map(move |(words, steps)| Script {
        config: settings::config(&words, scale),
        steps: prologue(words[31])
            .chain(steps.into_iter().map(step))
            .collect(),
    })
}

/// Some stories begin well, so that enough of them are about what happens to a service that runs.
fn prologue(word: u32) -> impl Iterator<Item = Step> {
    let handler_fails = word / 4 % 4 == 3;
    (0..[0, 8, 16, 32][word as usize % 4]).map(move |n| match n % 8 {
        // The newest operation is the registration of the last handler, if there are any.
        1 if n == 1 && handler_fails => Step {
            clock: Clock::Stand,
            what: StepInput::Answer(
                OperationChoice::Open(0),
                Err(FailureClass::Authorization.into()),
            ),
            drain: true,
        },
        7 => Step {
            clock: Clock::Due,
            what: StepInput::TimePasses,
            drain: true,
        },
        _ => Step {
            clock: Clock::Stand,
            what: StepInput::Answer(OperationChoice::Open(0), Ok(())),
            drain: true,
        },
    })
}

/// Any failure: every class, with and without a number.
fn failure(n: u32) -> Failure {
    let class = FailureClass::ALL[n as usize % FailureClass::ALL.len()];
    match n / 64 % 3 {
        0 => Failure::new(class),
        1 => Failure::with_code(class, -195),
        _ => Failure::with_code(class, 7),
    }
}

/// As real buses give them: ambiguous ones mostly, the others each often enough.
fn likely_failure(n: u32) -> Failure {
    match n % 8 {
        0 | 1 => FailureClass::Timeout.into(),
        2 | 3 => FailureClass::Unreachable.into(),
        4 => FailureClass::NoLeader.into(),
        5 => FailureClass::TopicMissing.into(),
        _ => failure(n / 8),
    }
}

/// A step from a random word. Zero is the simplest one: time passes to the next deadline.
fn step(word: u64) -> Step {
    let bits = |shift: u32, width: u32| {
        u32::try_from(word >> shift & ((1 << width) - 1)).expect("at most 32 bits")
    };
    let n = bits(12, 19);
    let near = [0, 0, 0, 1, 1, 2, 3, 4][bits(31, 3) as usize];
    let what = match bits(0, 12) % 1_000 {
        0..=229 => StepInput::TimePasses,
        230..=579 => StepInput::Answer(OperationChoice::Open(near), Ok(())),
        580..=709 => StepInput::Answer(OperationChoice::Open(near), Err(likely_failure(n))),
        710..=749 => StepInput::Answer(OperationChoice::Done(near), Ok(())),
        750..=759 => StepInput::Answer(OperationChoice::Done(near), Err(failure(n))),
        760..=764 => StepInput::Answer(OperationChoice::Unknown(u64::from(n)), Ok(())),
        765..=774 => StepInput::Answer(OperationChoice::OfAnotherKind, Ok(())),
        775..=904 => StepInput::Live(when(n)),
        905..=969 => StepInput::Suspicion(failure(n)),
        970..=977 => StepInput::ClientLost(true, failure(n)),
        978..=984 => StepInput::ClientLost(false, failure(n)),
        985..=989 => StepInput::Shutdown,
        990..=994 => StepInput::Answer(
            OperationChoice::Open(near),
            Err(FailureClass::NoLeader.into()),
        ),
        _ => StepInput::Live(ObservedAt::Ago(bits(12, 10))),
    };
    let share = bits(42, 10) % 1_000;
    let roll = bits(34, 8);
    let clock = if matches!(what, StepInput::TimePasses) {
        match roll {
            0..=165 => Clock::Due,
            166..=190 => Clock::Stand,
            191..=203 => Clock::AlmostDue,
            204..=225 => Clock::Towards(share),
            226..=243 => Clock::Late(share),
            244 => Clock::Jump(share),
            _ => Clock::Back(share),
        }
    } else {
        match roll {
            0..=133 => Clock::Stand,
            134..=200 => Clock::Towards(share),
            201..=222 => Clock::AlmostDue,
            223..=236 => Clock::Due,
            237..=241 => Clock::Late(share),
            242 => Clock::Jump(share),
            _ => Clock::Back(share),
        }
    };
    Step {
        clock,
        what,
        drain: bits(52, 4) != 15,
    }
}

fn when(n: u32) -> ObservedAt {
    match n % 10 {
        0..=4 => ObservedAt::Now,
        5 => ObservedAt::JustBefore,
        6 => ObservedAt::Ago(n / 10 % 1_200),
        7 => ObservedAt::Future(n / 10),
        8 => ObservedAt::Known,
        _ => ObservedAt::Older(n / 10),
    }
}

/// So many thousandths of a duration.
pub(crate) fn thousandths(of: Duration, share: u32) -> Duration {
    of / 1_000 * share
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:#?}", self.config.settings())?;
        for step in &self.steps {
            let kept = if step.drain { "" } else { ", not drained" };
            writeln!(f, "{:?}: {:?}{kept}", step.clock, step.what)?;
        }
        Ok(())
    }
}
