//! A client with random settings and faults, from a seed: all claims at each step. At the end it shuts down, and nothing may be left.

use std::fmt;
use std::time::Duration;

use livebus_core::calls::{CallId, Config, Correlation, Event, Refusal, Reply, Request, Sent};
use livebus_core::{Cause, Failure, FailureClass};

use super::claim::{Claim, Coverage};
use super::environment::Client;
use super::settings::{identity, random_config};
use crate::rng::Rng;

/// What happened in a simulation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Calls that were made, and that ended.
    pub calls: u64,
    /// Steps.
    pub steps: u64,
    /// Which situations were reached.
    pub coverage: Coverage,
}

impl Summary {
    /// Adds another one.
    pub const fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.steps += other.steps;
        self.coverage.merge(other.coverage);
    }
}

/// A claim that is false.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The claim.
    pub claim: Claim,
    /// The seed, if the simulation has one.
    pub seed: Option<u64>,
    /// The events to it.
    pub events: Vec<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.events.iter().rev().take(40).rev();
        for line in last {
            writeln!(f, "{line}")?;
        }
        write!(f, "{}", self.claim)?;
        self.seed.map_or(Ok(()), |seed| write!(f, ", seed {seed}"))
    }
}

impl std::error::Error for Failed {}

/// How many steps a simulation from a seed has.
const STEPS: usize = 400;

/// Simulates the client of a seed.
///
/// # Errors
///
/// The first claim that is false.
pub fn simulate(seed: u64) -> Result<Summary, Box<Failed>> {
    let mut rng = Rng::new(seed);
    let config = random_config(&mut rng);
    let numbers: Vec<u64> = (0..STEPS).map(|_| rng.next_u64()).collect();
    simulate_steps(&config, &numbers).map_err(|mut failed| {
        failed.seed = Some(seed);
        failed
    })
}

/// Simulates a client with a step for each number.
///
/// # Errors
///
/// The first claim that is false.
pub fn simulate_steps(config: &Config, numbers: &[u64]) -> Result<Summary, Box<Failed>> {
    let mut client = Client::new(config);
    let mut coverage = Coverage::default();
    let mut events = Vec::new();
    let failed = |claim, events: Vec<String>| {
        Box::new(Failed {
            claim,
            seed: None,
            events,
        })
    };
    for &number in numbers {
        let mut rng = Rng::new(number);
        let event = draw(&mut client, &mut rng);
        events.push(format!(
            "{:?} {event:?}",
            client.now - *super::environment::EPOCH
        ));
        if let Err(claim) = client.give(event, &mut coverage) {
            return Err(failed(claim, events));
        }
    }
    if let Err(claim) = client.finish(&mut coverage) {
        return Err(failed(claim, events));
    }
    Ok(Summary {
        calls: client.next - 1,
        steps: numbers.len() as u64,
        coverage,
    })
}

/// Lets time pass, and draws what happens.
fn draw(client: &mut Client, rng: &mut Rng) -> Option<Event> {
    match rng.below(10) {
        0..=3 => {}
        4..=7 => client.now += Duration::from_millis(rng.below(60)),
        8 => client.now += Duration::from_millis(rng.magnitude(1, 3_000)),
        _ => {
            if let Some(due) = client.machine.poll_timeout() {
                client.now = client.now.max(due);
            }
        }
    }
    let class = [
        FailureClass::Unreachable,
        FailureClass::NoLeader,
        FailureClass::Timeout,
    ];
    let failure = Failure::new(rng.pick(&class));
    let made = client.next;
    let one_of_the_last = |rng: &mut Rng| CallId(made.saturating_sub(rng.below(8)).max(1));
    Some(match rng.below(100) {
        0..=29 => Event::Called {
            call: CallId(client.next),
            request: Request {
                deadline: client.now + Duration::from_millis(rng.magnitude(1, 4_000)),
                bytes: u32::try_from(rng.below(24)).unwrap_or(0),
                is_idempotent: rng.percent(50),
            },
        },
        30..=49 => {
            let sends: Vec<_> = client.sends.iter().copied().collect();
            if sends.is_empty() {
                return None;
            }
            let (call, attempt) = rng.pick(&sends);
            let result = match rng.below(10) {
                0 | 1 => Sent::NotSent(failure),
                2 | 3 => Sent::Unknown(failure),
                _ => Sent::Acknowledged,
            };
            Event::SendAnswered {
                call,
                attempt,
                result,
            }
        }
        50..=69 => {
            let from = identity(rng, 20);
            let to = Correlation {
                from,
                call: one_of_the_last(rng),
            };
            let never_began = rng.percent(50);
            let refusal = rng.pick(&[Refusal::TooLate, Refusal::Overloaded]);
            let refused = Reply::Refused {
                refusal,
                never_began,
            };
            let reply = if rng.percent(20) {
                refused
            } else {
                Reply::Done
            };
            Event::ReplyFetched { to, reply }
        }
        70..=74 => Event::Cancelled {
            call: one_of_the_last(rng),
        },
        75..=80 => Event::BusReady,
        81 | 82 => Event::BusNotReady(rng.pick(&[Cause::Starting, Cause::LivenessFailed(failure)])),
        83..=90 => Event::RepliesAssigned {
            id: client.assigning?,
            result: if rng.percent(80) {
                Ok(())
            } else {
                Err(failure)
            },
        },
        91 => Event::RepliesLost(failure),
        92 => Event::RepliesUnreachable(failure),
        93..=95 => Event::RepliesReachable,
        96 if rng.percent(10) => Event::Shutdown,
        _ => return None,
    })
}
