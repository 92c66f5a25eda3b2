//! Random environments: a bus with its faults, the service's own traffic, and a shutdown.
//!
//! An environment is plain data, so that it can be shrunk by leaving parts of it out. The answer to a liveness message depends
//! only on the environment and on the instant at which the message is sent, so that both sides get the same answer at the same
//! instant.

use std::fmt;
use std::time::Duration;

use super::failure::BusFailure;
use super::transcription::At;
use crate::rng::Rng;

/// An environment.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The outcome of each start; all later starts succeed.
    pub starts: Vec<StartOutcome>,
    /// The states of the bus, each with its first instant. Before the first one the bus is up.
    pub bus: Vec<(At, Bus)>,
    /// The service's own traffic.
    pub traffic: Vec<(At, Result<(), BusFailure>)>,
    /// The instant of the shutdown, and whether the stop ends in time.
    pub shutdown: Option<(At, bool)>,
    /// The end of the comparison.
    pub end: At,
    salt: u64,
}

/// The outcome of a start.
#[derive(Debug, Clone, Copy)]
pub struct StartOutcome {
    /// The time until it returns; `None` if it never does.
    pub after: Option<Duration>,
    /// The result of the start.
    pub result: Result<(), BusFailure>,
}

/// A state of the bus.
#[derive(Debug, Clone, Copy)]
pub enum Bus {
    /// Answers within 50 ms.
    Up,
    /// Answers within 80 s.
    Slow,
    /// Every message fails in this way, within 8 s.
    Down(BusFailure),
    /// Never answers.
    Hung,
    /// Every message fails in this way, within four minutes.
    HungUntil(BusFailure),
}

impl Environment {
    /// Environment number `number` of `seed`.
    #[must_use]
    pub fn draw(seed: u64, number: u64) -> Self {
        let mut rng = Rng::of_case(seed, number);
        let end = seconds(rng.between(120, 900));
        // The rates are drawn for each environment, so some environments have no faults, and some have many.
        let faults = rng.pick(&[0, 0, 20, 50, 80]);
        let strays = rng.pick(&[0, 0, 3, 20]);
        Environment {
            starts: draw_starts(&mut rng),
            bus: draw_bus(&mut rng, end, faults),
            traffic: Vec::new(),
            shutdown: None,
            end,
            salt: rng.next_u64(),
        }
        .with_traffic(&mut rng, strays)
        .with_shutdown(&mut rng)
    }

    /// Returns the outcome of start number `number`, from 0.
    #[must_use]
    pub fn start(&self, number: usize) -> StartOutcome {
        let success = StartOutcome {
            after: Some(Duration::from_millis(7)),
            result: Ok(()),
        };
        self.starts.get(number).copied().unwrap_or(success)
    }

    /// Returns when and how a message that is sent at `sent` is answered; `None` if it never is.
    #[must_use]
    pub fn answer(&self, sent: At) -> Option<(At, Result<(), BusFailure>)> {
        let micros = u64::try_from(sent.as_micros()).unwrap_or(u64::MAX);
        let mut rng = Rng::of_case(self.salt, micros);
        let (within, result) = match self.bus_at(sent) {
            Bus::Up => (Duration::from_millis(50), Ok(())),
            Bus::Slow => (seconds(80), Ok(())),
            Bus::Down(failure) => {
                let within = rng.pick(&[20, 400, 8_000]);
                (Duration::from_millis(within), Err(failure))
            }
            Bus::Hung => return None,
            Bus::HungUntil(failure) => (seconds(240), Err(failure)),
        };
        Some((sent + duration(&mut rng, within), result))
    }

    /// Moves everything except the starts to an earlier instant, at the earliest to zero.
    pub(super) fn move_sooner(&mut self, by: Duration) {
        let bus = self.bus.iter_mut().map(|(at, _)| at);
        let traffic = self.traffic.iter_mut().map(|(at, _)| at);
        let shutdown = self.shutdown.iter_mut().map(|(at, _)| at);
        for at in bus.chain(traffic).chain(shutdown) {
            *at = at.saturating_sub(by);
        }
    }

    fn bus_at(&self, at: At) -> Bus {
        self.bus
            .iter()
            .rev()
            .find(|(from, _)| *from <= at)
            .map_or(Bus::Up, |(_, bus)| *bus)
    }

    fn with_traffic(mut self, rng: &mut Rng, strays: u64) -> Self {
        let mut at = At::ZERO;
        while at < self.end {
            // A stretch of traffic at one rate; the first of these is silence. In milliseconds: the maximum length of the
            // stretch, and the minimum and maximum distance of its messages.
            let (stretch, min, max) = rng.pick(&[
                (240_000, 240_000, 240_001),
                (100_000, 1_000, 8_000),
                (240_000, 31_000, 58_000),
                (240_000, 31_000, 58_000),
                (240_000, 40_000, 130_000),
                (6_000, 50, 2_500),
            ]);
            let until = at + duration(rng, Duration::from_millis(stretch));
            loop {
                at += Duration::from_millis(min) + duration(rng, Duration::from_millis(max - min));
                if at >= until.min(self.end) {
                    break;
                }
                let usual = match self.bus_at(at) {
                    Bus::Up | Bus::Slow => Ok(()),
                    Bus::Down(failure) => Err(failure),
                    // A client without an answer mostly reports nothing.
                    Bus::Hung | Bus::HungUntil(_) if rng.percent(90) => continue,
                    Bus::Hung | Bus::HungUntil(_) => Err(draw_failure(rng)),
                };
                let result = if !rng.percent(strays) {
                    usual
                } else if rng.percent(50) {
                    Ok(())
                } else {
                    Err(draw_failure(rng))
                };
                self.traffic.push((at, result));
            }
            at = until;
        }
        self
    }

    fn with_shutdown(mut self, rng: &mut Rng) -> Self {
        if rng.percent(50) {
            let late = rng.percent(80);
            let at = if late {
                self.end.saturating_sub(seconds(20))
            } else {
                duration(rng, self.end)
            };
            self.shutdown = Some((at + duration(rng, seconds(9)), rng.percent(70)));
        }
        self
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, outcome) in self.starts.iter().enumerate() {
            let result = outcome.result.map_err(|failure| failure.text);
            match outcome.after {
                Some(after) => writeln!(f, "  start {number}: {result:?} after {after:?}")?,
                None => writeln!(f, "  start {number}: never returns")?,
            }
        }
        for (from, bus) in &self.bus {
            match bus {
                Bus::Down(failure) => writeln!(f, "  bus from {from:?}: down, {}", failure.text)?,
                Bus::HungUntil(failure) => {
                    writeln!(f, "  bus from {from:?}: hung, then {}", failure.text)?;
                }
                Bus::Up | Bus::Slow | Bus::Hung => writeln!(f, "  bus from {from:?}: {bus:?}")?,
            }
        }
        Ok(())
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Draws a duration of at most `end`, and never zero.
fn duration(rng: &mut Rng, end: Duration) -> Duration {
    let micros = u64::try_from(end.as_micros()).expect("environments are short");
    Duration::from_micros(1 + rng.below(micros.max(1)))
}

fn draw_failure(rng: &mut Rng) -> BusFailure {
    let any = rng.percent(25);
    loop {
        let failure = rng.pick(&BusFailure::ALL);
        if any || !failure.loses_the_client() {
            return failure;
        }
    }
}

fn draw_starts(rng: &mut Rng) -> Vec<StartOutcome> {
    let count = rng.pick(&[0, 0, 1, 3]);
    let mut starts = Vec::new();
    for _ in 0..count {
        let within = rng.pick(&[1, 6, 9, 40]);
        let after = (!rng.percent(15)).then(|| duration(rng, seconds(within)));
        let result = if rng.percent(30) {
            Ok(())
        } else {
            Err(draw_failure(rng))
        };
        starts.push(StartOutcome { after, result });
    }
    starts
}

fn draw_bus(rng: &mut Rng, end: At, faults: u64) -> Vec<(At, Bus)> {
    let mut bus = Vec::new();
    let mut at = if rng.percent(50) {
        At::ZERO
    } else {
        duration(rng, seconds(90))
    };
    while at < end {
        let state = if !rng.percent(faults) {
            Bus::Up
        } else {
            match rng.between(0, 5) {
                0 => Bus::Slow,
                1 => Bus::Hung,
                2 => Bus::HungUntil(draw_failure(rng)),
                _ => Bus::Down(draw_failure(rng)),
            }
        };
        bus.push((at, state));
        at += seconds(rng.between(2, 150)) + duration(rng, seconds(1));
    }
    bus
}
