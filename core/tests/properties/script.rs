//! Random scripts: the inputs, and what the clock does between them.

use std::fmt;
use std::time::Duration;

use livebus_core::{Config, Failure, FailureClass};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::settings::{self, Scale};

/// A configuration and the steps of a run.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) config: Config,
    pub(crate) steps: Vec<Step>,
}

/// One call: when, with which input, and whether its actions are polled after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) clock: Clock,
    pub(crate) input: StepInput,
    pub(crate) polls: bool,
}

/// What the clock does before a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// It does not advance.
    Stand,
    /// To `poll_timeout`, exactly.
    Due,
    /// One nanosecond before `poll_timeout`.
    AlmostDue,
    /// This many thousandths of the time to `poll_timeout`, but at least a nanosecond.
    Towards(u32),
    /// This many thousandths of the detection bound after `poll_timeout`.
    Late(u32),
    /// It advances by this many days.
    Jump(u32),
    /// It goes back by this many thousandths of the detection bound.
    Back(u32),
}

/// The input of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StepInput {
    /// No event: `handle_timeout`.
    TimePasses,
    /// An operation is answered.
    Answer(OperationChoice, Result<(), Failure>),
    Live(ObservedAt),
    Suspicion(Failure),
    /// The client of the newest successful start is lost (true), or one that does not exist (false).
    ClientLost(bool, Failure),
    Shutdown,
}

/// The operation that an answer names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OperationChoice {
    /// The one this many before the newest that is not answered.
    Open(usize),
    /// The one this many before the newest that was answered already.
    Done(usize),
    /// One that never began.
    Unknown(u64),
    /// The newest one in flight, by the event of another kind of operation.
    OfAnotherKind,
}

/// The instant at which evidence was observed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ObservedAt {
    Now,
    /// One nanosecond ago.
    JustBefore,
    /// This many thousandths of the detection bound ago.
    Ago(u32),
    /// Later than now by this many milliseconds, which is impossible.
    Future(u32),
    /// The instant of the newest known evidence.
    Known,
    /// Before the newest known evidence, by this many nanoseconds.
    Older(u32),
}

/// Returns any configuration with any steps.
pub(crate) fn any_script() -> impl Strategy<Value = Script> {
    scripts(Scale::Any, 100)
}

/// Returns a configuration that a person would write, so that a run with ideal timers ends soon.
pub(crate) fn realistic_script() -> impl Strategy<Value = Script> {
    scripts(Scale::Realistic, 60)
}

fn scripts(scale: Scale, max_steps: usize) -> impl Strategy<Value = Script> {
    let words = proptest::array::uniform32(any::<u32>());
    let steps = vec(any::<u64>(), 1..=max_steps);
    (words, steps).prop_map(move |(words, steps)| Script {
        config: settings::config(&words, scale),
        steps: warm_up(words[31])
            .chain(steps.into_iter().map(step))
            .collect(),
    })
}

/// Three quarters of the scripts begin with good answers, so that enough of them reach Running.
fn warm_up(word: u32) -> impl Iterator<Item = Step> {
    let handler_fails = word / 4 % 4 == 3;
    (0..[0, 8, 16, 32][word as usize % 4]).map(move |n| match n % 8 {
        // The newest operation is the registration of the last handler, if there are any.
        1 if n == 1 && handler_fails => Step {
            clock: Clock::Stand,
            input: StepInput::Answer(
                OperationChoice::Open(0),
                Err(FailureClass::Authorization.into()),
            ),
            polls: true,
        },
        7 => Step {
            clock: Clock::Due,
            input: StepInput::TimePasses,
            polls: true,
        },
        _ => Step {
            clock: Clock::Stand,
            input: StepInput::Answer(OperationChoice::Open(0), Ok(())),
            polls: true,
        },
    })
}

/// Returns any failure: every class, with and without a code.
fn failure(n: u32) -> Failure {
    let class = FailureClass::ALL[n as usize % FailureClass::ALL.len()];
    match n / 64 % 3 {
        0 => Failure::new(class),
        1 => Failure::with_code(class, -195),
        _ => Failure::with_code(class, 7),
    }
}

/// Returns failures as real buses do: mostly ambiguous ones, the others each often enough.
fn likely_failure(n: u32) -> Failure {
    match n % 8 {
        0 | 1 => FailureClass::Timeout.into(),
        2 | 3 => FailureClass::Unreachable.into(),
        4 => FailureClass::NoLeader.into(),
        5 => FailureClass::TopicMissing.into(),
        _ => failure(n / 8),
    }
}

/// Makes a step from a random word. Zero is the simplest one: `handle_timeout` at the next deadline.
fn step(word: u64) -> Step {
    let bits = |shift: u32, width: u32| {
        u32::try_from(word >> shift & ((1 << width) - 1)).expect("at most 32 bits")
    };
    let n = bits(12, 19);
    let near = [0, 0, 0, 1, 1, 2, 3, 4][bits(31, 3) as usize];
    let input = match bits(0, 12) % 1_000 {
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
    let clock = if matches!(input, StepInput::TimePasses) {
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
        input,
        polls: bits(52, 4) != 15,
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

/// Returns this many thousandths of a duration.
pub(crate) fn thousandths(of: Duration, share: u32) -> Duration {
    of / 1_000 * share
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:#?}", self.config.settings())?;
        for step in &self.steps {
            let queued = if step.polls {
                ""
            } else {
                ", actions left queued"
            };
            writeln!(f, "{:?}: {:?}{queued}", step.clock, step.input)?;
        }
        Ok(())
    }
}
