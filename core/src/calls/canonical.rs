//! The canonical forms of `Calls` and of `Callee`: what each will do from here on, without what cannot matter. Model checkers compare these, so that they
//! find an end. Instants stay as they are: a model has few ticks.

use crate::backoff::Jitter;
use crate::calls::callee::{Callee, CalleeCounters};
use crate::calls::counters::Counters;
use crate::calls::machine::Calls;

impl Calls {
    /// Takes the canonical form. Two with equal ones behave the same, but for what they count and for their jitter.
    pub fn make_canonical(&mut self) {
        self.counters = Counters::default();
        self.jitter = Jitter::new(0);
    }
}

impl Callee {
    /// Takes the canonical form. Two with equal ones behave the same, but for what they count.
    pub fn make_canonical(&mut self) {
        self.counters = CalleeCounters::default();
    }
}
