//! The core and the reference model, on the same random scripts: every action, every deadline and every counted reply must be the same. The
//! inputs keep no promise: answers come twice or to nothing, and instants go back. After each step the core is restored from its snapshot.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use livebus_core::calls::{
    Action, AssignmentId, CallId, Calls, Config, Correlation, Event, Outcome, Refusal, Reply,
    Request, Sent,
};
use livebus_core::{Cause, Failure, FailureClass};

use super::environment::EPOCH;
use super::reference::Reference;
use super::settings::{IDENTITY, identity, random_config};
use crate::rng::Rng;

/// Where both differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The seed of the script, if it has one.
    pub seed: Option<u64>,
    /// The events up to the difference, as text.
    pub script: Vec<String>,
    /// What the core did.
    pub core: String,
    /// What the reference model did.
    pub reference: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.script.iter().rev().take(30).rev() {
            writeln!(f, "{line}")?;
        }
        if let Some(seed) = self.seed {
            writeln!(f, "seed {seed}")?;
        }
        write!(f, "core      {}\nreference {}", self.core, self.reference)
    }
}

impl std::error::Error for Difference {}

/// Compares both on the script of a seed, with settings of this seed. Returns the kinds of actions that came.
///
/// # Errors
///
/// The first difference.
pub fn compare(seed: u64, steps: u32) -> Result<BTreeSet<&'static str>, Box<Difference>> {
    let mut rng = Rng::new(seed);
    let config = random_config(&mut rng);
    let numbers: Vec<u64> = (0..steps).map(|_| rng.next_u64()).collect();
    compare_steps(&config, &numbers).map_err(|mut difference| {
        difference.seed = Some(seed);
        difference
    })
}

/// Compares both on the script that has a step for each number. Returns the kinds of actions that came.
///
/// # Errors
///
/// The first difference.
pub fn compare_steps(
    config: &Config,
    numbers: &[u64],
) -> Result<BTreeSet<&'static str>, Box<Difference>> {
    let mut core = Calls::new(config.clone(), IDENTITY, *EPOCH);
    let mut reference = Reference::new(config.settings().clone(), IDENTITY, *EPOCH);
    let mut script = Script::new();
    let mut kinds = BTreeSet::new();
    let mut texts = Vec::new();
    for &number in numbers {
        let (at, event) = script.draw(number, core.poll_timeout());
        texts.push(format!(
            "{:?} {event:?}",
            at.saturating_duration_since(*EPOCH)
        ));
        if let Some(event) = event {
            core.handle_event(at, event);
            reference.handle_event(at, event);
        } else {
            core.handle_timeout(at);
            reference.handle_timeout(at);
        }
        let actions: Vec<Action> = std::iter::from_fn(|| core.poll_action()).collect();
        let theirs: Vec<Action> = std::iter::from_fn(|| reference.poll_action()).collect();
        let counted = core.counters();
        let strays = [
            counted.foreign_replies,
            counted.former_replies,
            counted.late_replies,
            counted.duplicate_replies,
        ];
        let ours = (&actions, core.poll_timeout(), strays);
        let other = (&theirs, reference.poll_timeout(), reference.strays);
        if ours != other {
            return Err(Box::new(Difference {
                seed: None,
                script: texts,
                core: format!("{ours:?}"),
                reference: format!("{other:?}"),
            }));
        }
        kinds.extend(actions.iter().map(|action| script.follow(action)));
        core = restored(config, &core);
    }
    Ok(kinds)
}

/// Returns what is restored from the snapshot, so that it is compared from then on.
///
/// # Panics
///
/// If it differs.
fn restored(config: &Config, core: &Calls) -> Calls {
    let words = core.snapshot(*EPOCH);
    let restored = Calls::restore(config.clone(), *EPOCH, &words);
    match restored {
        Some(restored) if restored == *core => restored,
        Some(_) | None => panic!("{core:?} was restored as {restored:?}"),
    }
}

/// Returns the inputs of the script that has a step for each number: an instant, and an event or nothing but the time.
#[must_use]
pub fn inputs(config: &Config, numbers: &[u64]) -> Vec<(Instant, Option<Event>)> {
    let mut core = Calls::new(config.clone(), IDENTITY, *EPOCH);
    let mut script = Script::new();
    let draw = |&number: &u64| {
        let (at, event) = script.draw(number, core.poll_timeout());
        match event {
            Some(event) => core.handle_event(at, event),
            None => core.handle_timeout(at),
        }
        while let Some(action) = core.poll_action() {
            script.follow(&action);
        }
        (at, event)
    };
    numbers.iter().map(draw).collect()
}

/// What a script remembers of the actions, to draw inputs that mean something.
struct Script {
    now: Instant,
    calls: u64,
    sends: Vec<(CallId, u32)>,
    assignments: u64,
}

impl Script {
    fn new() -> Self {
        Self {
            now: *EPOCH,
            calls: 1,
            sends: Vec::new(),
            assignments: 1,
        }
    }

    fn follow(&mut self, action: &Action) -> &'static str {
        match *action {
            Action::AssignReplies { id, .. } => {
                self.assignments = id.number();
                "AssignReplies"
            }
            Action::Send {
                correlation,
                attempt,
                ..
            } => {
                self.sends.push((correlation.call, attempt));
                "Send"
            }
            Action::SendCancel { .. } => "SendCancel",
            Action::End { outcome, .. } => match outcome {
                Outcome::Replied => "Replied",
                Outcome::Refused(_) => "Refused",
                Outcome::NotSent(_) => "NotSent",
                Outcome::SentUnknown(_) => "SentUnknown",
                Outcome::Expired => "Expired",
                Outcome::Cancelled => "Cancelled",
                Outcome::ShuttingDown => "ShuttingDown",
            },
            Action::SetHealth(_) => "SetHealth",
            Action::Stopped => "Stopped",
        }
    }

    fn draw(&mut self, number: u64, timeout: Option<Instant>) -> (Instant, Option<Event>) {
        let mut rng = Rng::new(number);
        match rng.below(10) {
            0..=4 => self.now += Duration::from_millis(rng.below(40)),
            5 => self.now += Duration::from_millis(rng.magnitude(1, 3_000)),
            6 | 7 => self.now = self.now.max(timeout.unwrap_or(self.now)),
            _ => {}
        }
        let at = if rng.percent(3) {
            self.now
                .checked_sub(Duration::from_millis(rng.below(100)))
                .unwrap_or(self.now)
        } else {
            self.now
        };
        (at, self.event(&mut rng))
    }

    fn event(&mut self, rng: &mut Rng) -> Option<Event> {
        let class = [FailureClass::Unreachable, FailureClass::NoLeader];
        let failure = Failure::new(rng.pick(&class));
        let made = self.calls;
        let recent = |rng: &mut Rng| CallId(made.saturating_sub(rng.below(7)).max(1));
        Some(match rng.below(100) {
            0..=29 => {
                let is_again = rng.percent(3);
                self.calls += u64::from(!is_again) * rng.between(1, 2);
                let early = Duration::from_millis(rng.below(3));
                let long = Duration::from_millis(rng.magnitude(1, 4_000));
                Event::Called {
                    call: CallId(self.calls),
                    request: Request {
                        deadline: (self.now + long).checked_sub(early).unwrap_or(self.now),
                        bytes: u32::try_from(rng.below(24)).unwrap_or(0),
                        is_idempotent: rng.percent(60),
                    },
                }
            }
            30..=49 => {
                let newest: Vec<_> = self.sends.iter().rev().take(6).copied().collect();
                if newest.is_empty() {
                    return None;
                }
                let (call, attempt) = rng.pick(&newest);
                let result = match rng.below(6) {
                    0 | 1 => Sent::NotSent(failure),
                    2 => Sent::Unknown(failure),
                    _ => Sent::Acknowledged,
                };
                Event::SendAnswered {
                    call,
                    attempt,
                    result,
                }
            }
            50..=64 => {
                let from = identity(rng, 16);
                let to = Correlation {
                    from,
                    call: recent(rng),
                };
                let never_began = rng.percent(60);
                let refusal = rng.pick(&[Refusal::TooLate, Refusal::Unavailable]);
                let refused = Reply::Refused {
                    refusal,
                    never_began,
                };
                let reply = if rng.percent(30) {
                    refused
                } else {
                    Reply::Done
                };
                Event::ReplyFetched { to, reply }
            }
            65..=69 => Event::Cancelled { call: recent(rng) },
            70..=76 => Event::BusReady,
            77 | 78 => Event::BusNotReady(rng.pick(&[Cause::Starting, Cause::Starved])),
            79..=86 => {
                let number = self.assignments.saturating_sub(rng.below(10) / 9);
                let result = if rng.percent(80) {
                    Ok(())
                } else {
                    Err(failure)
                };
                let id = AssignmentId::from_number(number);
                Event::RepliesAssigned { id, result }
            }
            87 => Event::RepliesLost(failure),
            88 => Event::RepliesUnreachable(failure),
            89..=91 => Event::RepliesReachable,
            92 if rng.percent(20) => Event::Shutdown,
            _ => return None,
        })
    }
}
