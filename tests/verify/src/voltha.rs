//! Compares the preset with VOLTHA's rules, [`Settings::as_in_voltha`](livebus_core::Settings::as_in_voltha), with an
//! independent transcription of the VOLTHA core's loop.
//!
//! The two run in the same random environments and are compared at every instant: the status, when starts are sent,
//! when liveness messages are sent. Every difference is one of a [list](Difference). Each of them is recognised by the
//! [situation](Adapted::situation) in which it applies, and has a row in `docs/differences.md`. Where none applies, the two must do
//! exactly the same.
//!
//! So this shows: the preset is VOLTHA's loop with these differences and no other, as far as the environments reach. They do not
//! reach everything: timers fire on time, evidence is delivered at once, there are no handlers, and no two things happen at the
//! same instant, where Go would choose at random.

mod adapted;
mod command;
mod difference;
mod differential;
mod environment;
mod failure;
mod shrink;
mod side;
mod transcription;

use std::fmt;

pub use adapted::{Adapted, Occurrence};
pub use command::{Args, run};
pub use difference::Difference;
pub use differential::{Line, Tally, Unexplained, compare};
pub use environment::{Bus, Environment, StartOutcome};
pub use failure::BusFailure;
pub use shrink::shrink;
pub use transcription::{At, Input, Output, ServiceStatus, Text, Transcription};

/// An environment in which something is not explained, shrunk.
#[derive(Debug, thiserror::Error)]
pub struct Counterexample {
    seed: u64,
    number: u64,
    environment: Environment,
    failure: Unexplained,
}

/// Compares the two in the environments with these numbers.
///
/// # Errors
///
/// The [`Counterexample`] of the first environment in which something is not explained.
pub fn check(
    seed: u64,
    numbers: impl IntoIterator<Item = u64>,
) -> Result<Tally, Box<Counterexample>> {
    let mut tally = Tally::default();
    for number in numbers {
        let environment = Environment::draw(seed, number);
        if let Err(failure) = compare(&environment, &mut tally) {
            let (environment, failure) = shrink(environment, failure);
            return Err(Box::new(Counterexample {
                seed,
                number,
                environment,
                failure,
            }));
        }
    }
    Ok(tally)
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}. The shrunk environment:", self.failure.what)?;
        write!(f, "{}", self.environment)?;
        for line in &self.failure.log {
            writeln!(f, "{line}")?;
        }
        write!(
            f,
            "run it again: cargo run --release -p livebus-verify -- voltha --seed {} --environment {}",
            self.seed, self.number
        )
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: u64| percent(u128::from(part), u128::from(self.comparisons));
        writeln!(
            f,
            "{} comparisons, {} agreed ({}), on {} starts, {} messages and {} changes of the status",
            self.comparisons,
            self.agreed,
            share(self.agreed),
            self.starts,
            self.messages,
            self.statuses
        )?;
        for (difference, explained) in Difference::ALL.into_iter().zip(self.explained) {
            let name = format!("{difference:?}");
            writeln!(f, "{explained:>10} {:>7}  {name}", share(explained))?;
        }
        let compared = self.compared.as_millis();
        write!(
            f,
            "{} days compared; VOLTHA as it is has the same status {} of the time, and is Running alone {}",
            self.compared.as_secs() / 86_400,
            percent(self.same_status.as_millis(), compared),
            percent(self.running_alone.as_millis(), compared)
        )
    }
}

fn percent(part: u128, whole: u128) -> String {
    let hundredths = part * 10_000 / whole.max(1);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}
