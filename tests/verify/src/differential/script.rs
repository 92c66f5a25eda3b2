//! Random scripts: the inputs of a supervisor, so described that a step keeps its meaning when steps before it are left out.

use livebus_core::{
    ClientId, Failure, FailureClass, LivenessId, OpId, RegistrationId, Settings, StopId,
};

use crate::rng::Rng;

/// A call of `handle_event` or `handle_timeout`, and the number of actions that are polled after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) when: When,
    pub(super) what: What,
    /// The maximum number of actions that are polled; `None` for all of them.
    pub(super) polled: Option<u8>,
}

/// The instant of a step, relative to the step before, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// At the same instant.
    Same,
    /// This much later.
    Later(u64),
    /// At the instant of `poll_timeout`.
    Deadline,
    /// A nanosecond before the instant of `poll_timeout`.
    JustBefore,
    /// This much after the instant of `poll_timeout`.
    Late(u64),
    /// This much earlier: the clock goes back.
    Back(u64),
}

/// The input of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Time alone.
    Time,
    /// An answer to an operation. Without `kind`, it is of the kind of the operation.
    Answer {
        to: Target,
        kind: Option<Kind>,
        result: Result<(), Failure>,
    },
    /// Evidence, with its instant.
    Live(EvidenceTime),
    /// A suspicion.
    Suspicion(Failure),
    /// What the handler that this registration registered reports about itself.
    HandlerHealth {
        by: Target,
        result: Result<(), Failure>,
    },
    /// The loss of the client that this start created.
    ClientLost { client: Target, failure: Failure },
    /// The shutdown of the service.
    Shutdown,
}

/// The four operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Start,
    Liveness,
    Registration,
    Stop,
}

impl Kind {
    /// Returns the kind of an operation.
    pub(super) const fn of(id: OpId) -> Self {
        match id {
            OpId::Client(_) => Self::Start,
            OpId::Liveness(_) => Self::Liveness,
            OpId::Registration(_) => Self::Registration,
            OpId::Stop(_) => Self::Stop,
        }
    }

    /// Returns the id of this kind with this number.
    pub(super) fn id(self, number: u64) -> OpId {
        match self {
            Self::Start => ClientId::from_number(number).into(),
            Self::Liveness => LivenessId::from_number(number).into(),
            Self::Registration => RegistrationId::from_number(number).into(),
            Self::Stop => StopId::from_number(number).into(),
        }
    }
}

/// The operation of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Of those in flight the one with this index, counted from the newest.
    InFlight(u8),
    /// The same, of this kind only.
    OfKind(Kind, u8),
    /// The newest one of a kind, answered or not.
    Newest(Kind),
    /// Any earlier one, by its index from the newest.
    Any(u8),
    /// One that never existed.
    Unknown(u64),
}

/// The instant of evidence. Durations are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EvidenceTime {
    /// At the instant of the step.
    Now,
    /// This much before the step.
    Before(u64),
    /// This much after the step: the clock went back.
    After(u64),
    /// This much after the newest evidence that is reported.
    Known(u64),
}

/// The rates of inputs for some steps.
#[derive(Debug, Clone, Copy)]
struct Profile {
    /// Steps that answer an operation, in percent.
    answers: u64,
    /// Answers that are successes, in percent.
    successes: u64,
    /// Of the other steps, those that are evidence, and of the rest, those that are suspicions, in percent.
    evidence: u64,
    suspicions: u64,
    /// The class of most failures.
    class: FailureClass,
}

/// Draws a script of `length` steps.
pub(super) fn draw(rng: &mut Rng, settings: &Settings, length: usize) -> Vec<Step> {
    let spans = spans_of(settings);
    let mut profile = draw_profile(rng);
    // After a shutdown little happens, so most scripts have one only near their end.
    let early = rng.percent(10);
    // The number of next steps that are any input, at once: this reaches states that last shortly.
    let mut burst = 0;
    (0..length)
        .map(|i| {
            if rng.percent(6) {
                profile = draw_profile(rng);
            }
            let may_end = early || i * 10 > length * 9;
            let step = if burst > 0 {
                burst -= 1;
                draw_anything(rng, profile)
            } else {
                draw_step(rng, profile, &spans, may_end)
            };
            burst = match step.what {
                What::Shutdown => 4,
                What::Suspicion(_) if rng.percent(20) => 1,
                What::Suspicion(_) | What::Time | What::Answer { .. } => burst,
                What::Live(_) | What::HandlerHealth { .. } | What::ClientLost { .. } => burst,
            };
            step
        })
        .collect()
}

/// The durations from which a script is made, in nanoseconds: those of its settings.
fn spans_of(s: &Settings) -> Vec<u64> {
    [
        s.start_timeout,
        s.start_backoff.first,
        s.live_interval,
        s.live_interval,
        s.liveness_timeout,
        s.recheck_delay,
        s.not_live_interval,
        s.not_live_interval_max,
        s.suspicion_timeout,
        s.suspicion_spacing,
        s.partial_tolerance,
        s.registration_timeout,
        s.drain,
        s.stop_timeout,
    ]
    .into_iter()
    .chain(s.recreate_after)
    .map(|span| u64::try_from(span.as_nanos()).expect("a setting is at most a year, about 2^55 ns"))
    .collect()
}

fn draw_profile(rng: &mut Rng) -> Profile {
    let class = draw_class(rng);
    let profile = |answers, successes, evidence, suspicions| Profile {
        answers,
        successes,
        evidence,
        suspicions,
        class,
    };
    match rng.below(6) {
        0 => profile(60, 97, 20, 5),
        1 => profile(50, 90, 5, 25),
        2 => profile(60, 20, 3, 10),
        3 => profile(20, 50, 3, 15),
        4 => profile(30, 60, 30, 30),
        _ => profile(50, 60, 10, 15),
    }
}

fn draw_step(rng: &mut Rng, profile: Profile, spans: &[u64], may_end: bool) -> Step {
    let what = if rng.percent(profile.answers) {
        draw_answer(rng, profile)
    } else if rng.percent(profile.evidence) {
        What::Live(draw_evidence_time(rng, spans))
    } else if rng.percent(profile.suspicions) {
        What::Suspicion(draw_failure(rng, profile.class))
    } else if rng.below(80) == 0 {
        What::ClientLost {
            client: draw_client(rng),
            failure: draw_failure(rng, FailureClass::ClientFatal),
        }
    } else if rng.below(20) == 0 {
        What::HandlerHealth {
            by: draw_registration(rng),
            result: draw_result(rng, profile.successes, profile.class),
        }
    } else if may_end && rng.below(20) == 0 {
        What::Shutdown
    } else {
        What::Time
    };
    let polled = match rng.below(40) {
        0 => Some(0),
        1 => Some(1),
        2 => Some(2),
        _ => None,
    };
    Step {
        when: draw_when(rng, what, spans),
        what,
        polled,
    }
}

/// Draws any input; each kind is as likely as another.
fn draw_anything(rng: &mut Rng, profile: Profile) -> Step {
    use Kind::{Liveness, Registration, Start, Stop};
    let failure = draw_failure(rng, profile.class);
    let answer = |kind| What::Answer {
        to: match kind {
            Stop => Target::Any(0),
            Start | Liveness | Registration => Target::Newest(kind),
        },
        kind: Some(kind),
        result: if profile.successes > 50 {
            Ok(())
        } else {
            Err(failure)
        },
    };
    let client = Target::Newest(Start);
    let what = rng.pick(&[
        What::Time,
        answer(Start),
        answer(Liveness),
        answer(Registration),
        answer(Stop),
        What::Live(EvidenceTime::Now),
        What::Suspicion(failure),
        What::HandlerHealth {
            by: Target::Newest(Registration),
            result: Err(failure),
        },
        What::ClientLost { client, failure },
        What::Shutdown,
    ]);
    Step {
        when: rng.pick(&[When::Same, When::Later(1), When::JustBefore]),
        what,
        polled: None,
    }
}

fn draw_when(rng: &mut Rng, what: What, spans: &[u64]) -> When {
    const DAY: u64 = 24 * 3_600_000_000_000;
    let at_deadline = if what == What::Time { 55 } else { 10 };
    if rng.percent(at_deadline) {
        return When::Deadline;
    }
    match rng.below(40) {
        0..=7 => When::Same,
        8..=9 => When::Later(1),
        10..=13 => When::Later(rng.pick(spans)),
        14..=25 => When::Later(rng.pick(spans) / rng.between(2, 8)),
        26..=27 => When::Later(rng.pick(spans) * rng.between(1, 3)),
        28..=31 => When::JustBefore,
        32..=33 => When::Late(1),
        34..=35 => When::Late(rng.pick(spans)),
        36 => When::Back(1),
        37 => When::Back(rng.pick(spans)),
        38 if rng.percent(20) => When::Later(DAY * rng.between(1, 30)),
        _ => When::Same,
    }
}

fn draw_answer(rng: &mut Rng, profile: Profile) -> What {
    use Kind::{Liveness, Registration, Start, Stop};
    const KINDS: [Kind; 5] = [Start, Liveness, Liveness, Registration, Stop];
    let index = |rng: &mut Rng, n| u8::try_from(rng.below(n)).expect("a small number");
    let kind = rng.pick(&KINDS);
    let (to, kind) = match rng.below(40) {
        0 => (Target::InFlight(0), Some(kind)),
        1 => (Target::Newest(kind), Some(kind)),
        2 => (Target::Any(index(rng, 6)), None),
        3 => (
            Target::Unknown(rng.pick(&[0, 1, 1 << 40, u64::MAX])),
            Some(kind),
        ),
        4..=19 => (Target::InFlight(index(rng, 5)), None),
        20..=24 => (Target::OfKind(Start, 0), None),
        25 => (Target::OfKind(Stop, 0), None),
        _ => (Target::OfKind(Liveness, 0), None),
    };
    let successes = match to {
        // Most starts succeed, so that more can happen after them.
        Target::OfKind(Start, _) => profile.successes.max(80),
        Target::OfKind(..) | Target::InFlight(_) => profile.successes,
        Target::Newest(_) | Target::Any(_) | Target::Unknown(_) => profile.successes,
    };
    let result = draw_result(rng, successes, profile.class);
    What::Answer { to, kind, result }
}

fn draw_result(rng: &mut Rng, successes: u64, class: FailureClass) -> Result<(), Failure> {
    if rng.percent(successes) {
        Ok(())
    } else {
        Err(draw_failure(rng, class))
    }
}

fn draw_registration(rng: &mut Rng) -> Target {
    match rng.below(5) {
        0 => Target::Any(u8::try_from(rng.below(6)).expect("less than six")),
        1 => Target::Unknown(0),
        _ => Target::Newest(Kind::Registration),
    }
}

fn draw_client(rng: &mut Rng) -> Target {
    match rng.below(5) {
        0 => Target::Any(u8::try_from(rng.below(6)).expect("less than six")),
        1 => Target::Unknown(0),
        _ => Target::Newest(Kind::Start),
    }
}

fn draw_evidence_time(rng: &mut Rng, spans: &[u64]) -> EvidenceTime {
    match rng.below(20) {
        0..=7 => EvidenceTime::Now,
        8..=12 => EvidenceTime::Before(rng.pick(spans) / rng.between(1, 6)),
        13..=15 => EvidenceTime::Before(rng.pick(spans) * rng.between(2, 6) / 2),
        16 => EvidenceTime::Before(1),
        17 => EvidenceTime::After(rng.pick(spans)),
        18 => EvidenceTime::Known(0),
        _ => EvidenceTime::Known(1),
    }
}

fn draw_failure(rng: &mut Rng, mostly: FailureClass) -> Failure {
    let class = if rng.percent(70) {
        mostly
    } else {
        draw_class(rng)
    };
    match rng.below(4) {
        0 => Failure::with_code(class, 7),
        1 => Failure::with_code(class, -195),
        _ => Failure::new(class),
    }
}

/// Draws a class of failure; about half of them are ambiguous, as on a real bus.
fn draw_class(rng: &mut Rng) -> FailureClass {
    if rng.percent(40) {
        rng.pick(&[
            FailureClass::Unreachable,
            FailureClass::Timeout,
            FailureClass::NoLeader,
        ])
    } else {
        rng.pick(&FailureClass::ALL)
    }
}
