//! Whether the parts of a restored `Calls` fit together: words that somebody made up may be the snapshot of no `Calls`.

use crate::calls::machine::{Calls, Gate, Phase};

impl Calls {
    /// Returns whether it can have come about by events, so far that nothing that follows can go wrong: each call is counted once, no
    /// limit is exceeded, nothing is due, and no counter overflows, however long it goes on.
    pub(super) fn is_sound(&self) -> bool {
        let settings = self.config.settings();
        let is_in_flight = |id| self.table.get(id).is_some();
        self.counters.fit()
            && self.counters.called == self.counters.ended() + self.table.len() as u64
            && self.phase_fits()
            && self.replies.is_sound()
            && self.table.is_sound(self.newest, settings)
            && self.remembered.is_sound(self.newest, is_in_flight)
            && self.gate_fits()
            && !self.is_due(self.now)
    }

    /// The health is that of the replies until it stopped, and it stops with the last call.
    fn phase_fits(&self) -> bool {
        let is_empty = self.table.len() == 0;
        let is_reported = self.health == self.replies.health();
        match self.phase {
            Phase::Working => is_reported,
            Phase::Draining { .. } => is_reported && !is_empty,
            Phase::Stopped => is_empty,
        }
    }

    /// Where nothing can be sent, there are only calls that may have left.
    fn gate_fits(&self) -> bool {
        match self.gate() {
            Gate::Open | Gate::Starting => true,
            Gate::Closed(_) => self.table.not_left().is_empty(),
        }
    }
}
