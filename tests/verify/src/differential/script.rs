//! Random stories: what is told to a supervisor, in words that still mean something when steps before are left out.

use livebus_core::{Failure, FailureClass, Settings};

use super::dice::Dice;

/// One call of the two that take something, and how many actions are polled after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) when: When,
    pub(super) what: What,
    /// At most so many actions are polled; all of them where there is no number.
    pub(super) polled: Option<u8>,
}

/// When a step takes index, counted from the step before, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// At the same instant.
    Same,
    /// So long later.
    Later(u64),
    /// At the instant of `poll_timeout`.
    Deadline,
    /// A nanosecond before it.
    JustBefore,
    /// So long after it.
    Late(u64),
    /// So long earlier: the clock goes back.
    Back(u64),
}

/// What a step tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Nothing but the time.
    Time,
    /// The answer of `kind` to an operation; of the kind that fits where there is none.
    Answer {
        to: Target,
        kind: Option<Kind>,
        result: Result<(), Failure>,
    },
    /// Evidence, with the instant at which it was observed.
    Live(EvidenceTime),
    /// A hint.
    Suspicion(Failure),
    /// The client that this start made is lost.
    ClientLost { client: Target, failure: Failure },
    /// The service wants to end.
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

/// Which operation a step speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Of those that are under way the one at this index, counted from the newest.
    UnderWay(u8),
    /// The same, of this kind only.
    OfKind(Kind, u8),
    /// The newest of a kind, answered or not.
    Newest(Kind),
    /// Any that there ever was, by its index from the newest.
    Any(u8),
    /// One that there never was.
    Unknown(u64),
}

/// When evidence was observed, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EvidenceTime {
    /// At the instant of the step.
    Now,
    /// Before it.
    Before(u64),
    /// After it: the clock went back.
    After(u64),
    /// At the newest that is reported, and so much later.
    Known(u64),
}

/// How the bus fares for some steps.
#[derive(Debug, Clone, Copy)]
struct Profile {
    /// Of a hundred steps, how many answer an operation.
    answers: u64,
    /// Of a hundred answers, how many are good.
    good: u64,
    /// Of a hundred steps that do not answer, how many bring evidence, and how many a hint.
    evidence: u64,
    hints: u64,
    /// What fails mostly.
    class: FailureClass,
}

/// Draws a story of `length` steps.
pub(super) fn draw(dice: &mut Dice, settings: &Settings, length: usize) -> Vec<Step> {
    let spans = spans_of(settings);
    let mut profile = draw_profile(dice);
    // Shutdowns end most of what there is to see, so most stories have one near their end only.
    let early = dice.chance(10);
    // How many of the next steps are anything, and at once: for what lasts shortly.
    let mut burst = 0;
    (0..length)
        .map(|i| {
            if dice.chance(6) {
                profile = draw_profile(dice);
            }
            let may_end = early || i * 10 > length * 9;
            let step = if burst > 0 {
                burst -= 1;
                draw_anything(dice, profile)
            } else {
                draw_step(dice, profile, &spans, may_end)
            };
            burst = match step.what {
                What::Shutdown => 4,
                What::Suspicion(_) if dice.chance(20) => 1,
                What::Suspicion(_) | What::Time | What::Answer { .. } => burst,
                What::Live(_) | What::ClientLost { .. } => burst,
            };
            step
        })
        .collect()
}

/// The durations that a story is made of: those of its settings.
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
    .map(|span| u64::try_from(span.as_nanos()).expect("a year is some 2^55 ns"))
    .collect()
}

fn draw_profile(dice: &mut Dice) -> Profile {
    let class = draw_class(dice);
    let profile = |answers, good, evidence, hints| Profile {
        answers,
        good,
        evidence,
        hints,
        class,
    };
    match dice.below(6) {
        0 => profile(60, 97, 20, 5),
        1 => profile(50, 90, 5, 25),
        2 => profile(60, 20, 3, 10),
        3 => profile(20, 50, 3, 15),
        4 => profile(30, 60, 30, 30),
        _ => profile(50, 60, 10, 15),
    }
}

fn draw_step(dice: &mut Dice, profile: Profile, spans: &[u64], may_end: bool) -> Step {
    let what = if dice.chance(profile.answers) {
        draw_answer(dice, profile)
    } else if dice.chance(profile.evidence) {
        What::Live(draw_evidence_time(dice, spans))
    } else if dice.chance(profile.hints) {
        What::Suspicion(draw_failure(dice, profile.class))
    } else if dice.below(80) == 0 {
        What::ClientLost {
            client: draw_client(dice),
            failure: draw_failure(dice, FailureClass::ClientFatal),
        }
    } else if may_end && dice.below(20) == 0 {
        What::Shutdown
    } else {
        What::Time
    };
    let polled = match dice.below(40) {
        0 => Some(0),
        1 => Some(1),
        2 => Some(2),
        _ => None,
    };
    Step {
        when: draw_when(dice, what, spans),
        what,
        polled,
    }
}

/// Each kind of event as often as the others.
fn draw_anything(dice: &mut Dice, profile: Profile) -> Step {
    use Kind::{Liveness, Registration, Start, Stop};
    let failure = draw_failure(dice, profile.class);
    let answer = |kind| What::Answer {
        to: match kind {
            Stop => Target::Any(0),
            Start | Liveness | Registration => Target::Newest(kind),
        },
        kind: Some(kind),
        result: if profile.good > 50 {
            Ok(())
        } else {
            Err(failure)
        },
    };
    let client = Target::Newest(Start);
    let what = dice.pick(&[
        What::Time,
        answer(Start),
        answer(Liveness),
        answer(Registration),
        answer(Stop),
        What::Live(EvidenceTime::Now),
        What::Suspicion(failure),
        What::ClientLost { client, failure },
        What::Shutdown,
    ]);
    Step {
        when: dice.pick(&[When::Same, When::Later(1), When::JustBefore]),
        what,
        polled: None,
    }
}

fn draw_when(dice: &mut Dice, what: What, spans: &[u64]) -> When {
    const DAY: u64 = 24 * 3_600_000_000_000;
    let at_deadline = if what == What::Time { 55 } else { 10 };
    if dice.chance(at_deadline) {
        return When::Deadline;
    }
    match dice.below(40) {
        0..=7 => When::Same,
        8..=9 => When::Later(1),
        10..=13 => When::Later(dice.pick(spans)),
        14..=25 => When::Later(dice.pick(spans) / dice.between(2, 8)),
        26..=27 => When::Later(dice.pick(spans) * dice.between(1, 3)),
        28..=31 => When::JustBefore,
        32..=33 => When::Late(1),
        34..=35 => When::Late(dice.pick(spans)),
        36 => When::Back(1),
        37 => When::Back(dice.pick(spans)),
        38 if dice.chance(20) => When::Later(DAY * dice.between(1, 30)),
        _ => When::Same,
    }
}

fn draw_answer(dice: &mut Dice, profile: Profile) -> What {
    use Kind::{Liveness, Registration, Start, Stop};
    const KINDS: [Kind; 5] = [Start, Liveness, Liveness, Registration, Stop];
    let index = |dice: &mut Dice, n| u8::try_from(dice.below(n)).expect("a small number");
    let kind = dice.pick(&KINDS);
    let (to, kind) = match dice.below(40) {
        0 => (Target::UnderWay(0), Some(kind)),
        1 => (Target::Newest(kind), Some(kind)),
        2 => (Target::Any(index(dice, 6)), None),
        3 => (
            Target::Unknown(dice.pick(&[0, 1, 1 << 40, u64::MAX])),
            Some(kind),
        ),
        4..=19 => (Target::UnderWay(index(dice, 5)), None),
        20..=24 => (Target::OfKind(Start, 0), None),
        25 => (Target::OfKind(Stop, 0), None),
        _ => (Target::OfKind(Liveness, 0), None),
    };
    let good = match to {
        // Most starts succeed, or there is little to see.
        Target::OfKind(Start, _) => profile.good.max(80),
        Target::OfKind(..) | Target::UnderWay(_) => profile.good,
        Target::Newest(_) | Target::Any(_) | Target::Unknown(_) => profile.good,
    };
    let result = if dice.chance(good) {
        Ok(())
    } else {
        Err(draw_failure(dice, profile.class))
    };
    What::Answer { to, kind, result }
}

fn draw_client(dice: &mut Dice) -> Target {
    match dice.below(5) {
        0 => Target::Any(u8::try_from(dice.below(6)).expect("less than six")),
        1 => Target::Unknown(0),
        _ => Target::Newest(Kind::Start),
    }
}

fn draw_evidence_time(dice: &mut Dice, spans: &[u64]) -> EvidenceTime {
    match dice.below(20) {
        0..=7 => EvidenceTime::Now,
        8..=12 => EvidenceTime::Before(dice.pick(spans) / dice.between(1, 6)),
        13..=15 => EvidenceTime::Before(dice.pick(spans) * dice.between(2, 6) / 2),
        16 => EvidenceTime::Before(1),
        17 => EvidenceTime::After(dice.pick(spans)),
        18 => EvidenceTime::Known(0),
        _ => EvidenceTime::Known(1),
    }
}

fn draw_failure(dice: &mut Dice, mostly: FailureClass) -> Failure {
    let class = if dice.chance(70) {
        mostly
    } else {
        draw_class(dice)
    };
    match dice.below(4) {
        0 => Failure::with_code(class, 7),
        1 => Failure::with_code(class, -195),
        _ => Failure::new(class),
    }
}

/// Half of them ambiguous, as on a real bus.
fn draw_class(dice: &mut Dice) -> FailureClass {
    if dice.chance(40) {
        dice.pick(&[
            FailureClass::Unreachable,
            FailureClass::Timeout,
            FailureClass::NoLeader,
        ])
    } else {
        dice.pick(&FailureClass::ALL)
    }
}
