//! Shrinks an environment with a failure, by leaving out everything that the failure does not need.

use std::time::Duration;

use super::differential::{Tally, Unexplained, compare};
use super::environment::Environment;
use crate::leave_out::leave_out_ranges;

/// Leaves out everything that can be left out so that `environment` still fails, and returns how it fails then.
#[must_use]
pub fn shrink(environment: Environment, failure: Unexplained) -> (Environment, Unexplained) {
    let mut shrinker = Shrinker {
        environment,
        failure,
    };
    shrinker.end_at_the_failure();
    loop {
        let before = shrinker.size();
        shrinker.leave_out(|environment| &mut environment.traffic);
        shrinker.leave_out(|environment| &mut environment.bus);
        shrinker.leave_out(|environment| &mut environment.starts);
        shrinker.attempt(|environment| environment.shutdown = None);
        shrinker.sooner();
        shrinker.end_at_the_failure();
        if shrinker.size() == before {
            return (shrinker.environment, shrinker.failure);
        }
    }
}

struct Shrinker {
    environment: Environment,
    failure: Unexplained,
}

impl Shrinker {
    fn size(&self) -> (usize, usize, usize, bool, usize) {
        let environment = &self.environment;
        (
            environment.traffic.len(),
            environment.bus.len(),
            environment.starts.len(),
            environment.shutdown.is_some(),
            self.failure.log.len(),
        )
    }

    fn attempt(&mut self, change: impl FnOnce(&mut Environment)) -> bool {
        let mut environment = self.environment.clone();
        change(&mut environment);
        match compare(&environment, &mut Tally::default()) {
            Ok(()) => false,
            Err(failure) => {
                *self = Self {
                    environment,
                    failure,
                };
                true
            }
        }
    }

    fn end_at_the_failure(&mut self) {
        let end = self.failure.at;
        self.attempt(|environment| {
            environment.end = end;
            environment.traffic.retain(|(at, _)| *at <= end);
            environment.bus.retain(|(at, _)| *at <= end);
        });
    }

    /// Moves everything to earlier instants, by much at first, where that makes the log shorter.
    fn sooner(&mut self) {
        let mut by = self.environment.end;
        while by > Duration::from_secs(1) {
            let before = (self.environment.clone(), self.failure.clone());
            let moved = self.attempt(|environment| environment.move_sooner(by));
            if !moved || self.failure.log.len() >= before.1.log.len() {
                (self.environment, self.failure) = before;
                by /= 2;
            }
        }
    }

    /// Leaves out elements of a list that the failure does not need.
    fn leave_out<T>(&mut self, list: fn(&mut Environment) -> &mut Vec<T>) {
        leave_out_ranges(
            self,
            |shrinker| list(&mut shrinker.environment).len(),
            |shrinker, range| shrinker.attempt(|environment| drop(list(environment).drain(range))),
        );
    }
}
