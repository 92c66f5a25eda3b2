//! Random environments: a bus with its faults, the service's own traffic, and an end.
//!
//! A environment is plain data, so that a counterexample can be made smaller by leaving parts of it out. What a bus answers depends only on
//! the environment and on the instant of the question, so that whoever asks at the same instant gets the same answer.

use std::fmt;
use std::time::Duration;

use super::failure::BusFailure;
use super::transcription::At;

/// One environment.
#[derive(Debug, Clone)]
pub struct Environment {
    /// What becomes of each start; after the last one starts succeed.
    pub starts: Vec<StartFate>,
    /// How the bus is, from when on; before the first one it is up.
    pub bus: Vec<(At, Bus)>,
    /// The service's own traffic.
    pub traffic: Vec<(At, Result<(), BusFailure>)>,
    /// When the service wants to end, and whether the end is done in time.
    pub shutdown: Option<(At, bool)>,
    /// How long the environment is watched.
    pub end: At,
    salt: u64,
}

/// What becomes of a start.
#[derive(Debug, Clone, Copy)]
pub struct StartFate {
    /// When it returns, if ever.
    pub after: Option<Duration>,
    /// Whether it succeeded.
    pub result: Result<(), BusFailure>,
}

/// How the bus is.
#[derive(Debug, Clone, Copy)]
pub enum Bus {
    /// Answers within 50 ms.
    Up,
    /// Answers within 80 s.
    Slow,
    /// Every message fails in this way, after a while.
    Down(BusFailure),
    /// Never answers.
    Hung,
    /// Answers after minutes, with a timeout.
    HungUntil(BusFailure),
}

impl Environment {
    /// Environment number `number` of `seed`.
    #[must_use]
    pub fn draw(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
        let end = seconds(dice.between(120, 900));
        // Every rate is drawn for each environment: some environments are calm, some are never so.
        let faults = dice.pick(&[0, 0, 20, 50, 80]);
        let strays = dice.pick(&[0, 0, 3, 20]);
        Environment {
            starts: dice.starts(),
            bus: dice.bus(end, faults),
            traffic: Vec::new(),
            shutdown: None,
            end,
            salt: dice.next(),
        }
        .with_traffic(&mut dice, strays)
        .with_shutdown(&mut dice)
    }

    /// What becomes of start number `number`, from 0.
    #[must_use]
    pub fn start(&self, number: usize) -> StartFate {
        let fine = StartFate {
            after: Some(Duration::from_millis(7)),
            result: Ok(()),
        };
        self.starts.get(number).copied().unwrap_or(fine)
    }

    /// When and how a message that is sent at `sent` is answered.
    #[must_use]
    pub fn answer(&self, sent: At) -> Option<(At, Result<(), BusFailure>)> {
        let micros = u64::try_from(sent.as_micros()).unwrap_or(u64::MAX);
        let mut dice = Dice::new(self.salt ^ micros.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (within, result) = match self.bus_at(sent) {
            Bus::Up => (Duration::from_millis(50), Ok(())),
            Bus::Slow => (seconds(80), Ok(())),
            Bus::Down(failure) => {
                let within = dice.pick(&[20, 400, 8_000]);
                (Duration::from_millis(within), Err(failure))
            }
            Bus::Hung => return None,
            Bus::HungUntil(failure) => (seconds(240), Err(failure)),
        };
        Some((sent + dice.below(within), result))
    }

    /// Everything but the starts happens sooner by as much, or at the beginning.
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

    fn with_traffic(mut self, dice: &mut Dice, strays: u64) -> Self {
        let mut at = At::ZERO;
        while at < self.end {
            // A stretch of one pace, the first of them silence. In milliseconds: how long the stretch may be, and how far apart
            // its messages are, at least and at most.
            let (stretch, shortest, longest) = dice.pick(&[
                (240_000, 240_000, 240_001),
                (100_000, 1_000, 8_000),
                (240_000, 31_000, 58_000),
                (240_000, 31_000, 58_000),
                (240_000, 40_000, 130_000),
                (6_000, 50, 2_500),
            ]);
            let until = at + dice.below(Duration::from_millis(stretch));
            loop {
                at += Duration::from_millis(shortest)
                    + dice.below(Duration::from_millis(longest - shortest));
                if at >= until.min(self.end) {
                    break;
                }
                let usual = match self.bus_at(at) {
                    Bus::Up | Bus::Slow => Ok(()),
                    Bus::Down(failure) => Err(failure),
                    // Who hears nothing says nothing.
                    Bus::Hung | Bus::HungUntil(_) if dice.percent(90) => continue,
                    Bus::Hung | Bus::HungUntil(_) => Err(dice.failure()),
                };
                let result = if !dice.percent(strays) {
                    usual
                } else if dice.percent(50) {
                    Ok(())
                } else {
                    Err(dice.failure())
                };
                self.traffic.push((at, result));
            }
            at = until;
        }
        self
    }

    fn with_shutdown(mut self, dice: &mut Dice) -> Self {
        if dice.percent(50) {
            let late = dice.percent(80);
            let at = if late {
                self.end.saturating_sub(seconds(20))
            } else {
                dice.below(self.end)
            };
            self.shutdown = Some((at + dice.below(seconds(9)), dice.percent(70)));
        }
        self
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fate) in self.starts.iter().enumerate() {
            let result = fate.result.map_err(|failure| failure.text);
            match fate.after {
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

/// A small generator of numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Self(seed);
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = self.next() % choices.len() as u64;
        choices[usize::try_from(index).expect("an index fits")]
    }

    /// A duration below `end`, and never zero.
    fn below(&mut self, end: Duration) -> Duration {
        let micros = u64::try_from(end.as_micros()).expect("environments are short");
        Duration::from_micros(1 + self.next() % micros.max(1))
    }

    fn failure(&mut self) -> BusFailure {
        let any = self.percent(25);
        loop {
            let failure = self.pick(&BusFailure::ALL);
            if any || !failure.loses_the_client() {
                return failure;
            }
        }
    }

    fn starts(&mut self) -> Vec<StartFate> {
        let count = self.pick(&[0, 0, 1, 3]);
        let mut starts = Vec::new();
        for _ in 0..count {
            let within = self.pick(&[1, 6, 9, 40]);
            let after = (!self.percent(15)).then(|| self.below(seconds(within)));
            let result = if self.percent(30) {
                Ok(())
            } else {
                Err(self.failure())
            };
            starts.push(StartFate { after, result });
        }
        starts
    }

    fn bus(&mut self, end: At, faults: u64) -> Vec<(At, Bus)> {
        let mut bus = Vec::new();
        let mut at = if self.percent(50) {
            At::ZERO
        } else {
            self.below(seconds(90))
        };
        while at < end {
            let state = if !self.percent(faults) {
                Bus::Up
            } else {
                match self.between(0, 5) {
                    0 => Bus::Slow,
                    1 => Bus::Hung,
                    2 => Bus::HungUntil(self.failure()),
                    _ => Bus::Down(self.failure()),
                }
            };
            bus.push((at, state));
            at += seconds(self.between(2, 150)) + self.below(seconds(1));
        }
        bus
    }
}
