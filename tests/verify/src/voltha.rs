//! The preset with the original's rules, [`Settings::as_in_voltha`](livebus_core::Settings::as_in_voltha), against an
//! independent transcription of the original's loop.
//!
//! The two run the same random environments and are compared at every instant: the status, when starts go out, when liveness
//! messages go out. Every difference is one of a [list](Difference), each is recognised by the [situation](Adapted::situation) in
//! which it is in run, and each is a row in `docs/differences.md`. Where none is in run, the two must do exactly the same.
//!
//! So what is shown is: the preset is the original with these differences and no other, as far as environments reach. They do not
//! reach everywhere: timers fire on time, evidence is told at once, there are no handlers, and no two things happen at the
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
pub use environment::{Bus, Environment, StartFate};
pub use failure::BusFailure;
pub use shrink::shrink;
pub use transcription::{At, Input, Output, ServiceStatus, Text, Transcription};

/// A environment that nothing explains, as small as it could be made.
#[derive(Debug, thiserror::Error)]
pub struct Counterexample {
    seed: u64,
    number: u64,
    environment: Environment,
    failure: Unexplained,
}

/// Plays the environments with these numbers.
///
/// # Errors
///
/// [`Counterexample`] of the first environment in which something is not explained.
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
        writeln!(f, "{}. The shrink counterexample:", self.failure.what)?;
        write!(f, "{}", self.environment)?;
        for line in &self.failure.log {
            writeln!(f, "{line}")?;
        }
        write!(
            f,
            "again: cargo run --release -p livebus-verify -- voltha --seed {} --environment {}",
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
        let watched = self.watched.as_millis();
        write!(
            f,
            "{} days watched; left to itself, the original shows the same status {} of the time, and Running alone {}",
            self.watched.as_secs() / 86_400,
            percent(self.same_status.as_millis(), watched),
            percent(self.running_alone.as_millis(), watched)
        )
    }
}

fn percent(part: u128, whole: u128) -> String {
    let hundredths = part * 10_000 / whole.max(1);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}
