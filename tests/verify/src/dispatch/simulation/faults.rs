//! What goes wrong in a simulated group.

use std::time::Duration;

use crate::dispatch::claim::Claim;
use crate::dispatch::simulation::Simulation;

impl Simulation {
    /// Lets something go wrong, or not.
    pub(super) fn fault(&mut self) -> Result<(), Claim> {
        let rates = self.rates;
        let member = self.pick(self.group.members.len());
        let partition = self.pick(self.group.partitions.len());
        if self.rng.per_million(rates.crashes) {
            self.group.crash(member, &mut self.trace);
        }
        if self.group.members[member].is_none() {
            if self.rng.percent(10) {
                self.group.start(&self.topic, member, &mut self.trace)?;
            }
            return Ok(());
        }
        if self.rng.per_million(rates.client_losses) {
            self.oversleep();
            self.group
                .lose_client(&self.topic, member, &mut self.trace)?;
        }
        if self.rng.per_million(rates.losses) {
            self.oversleep();
            self.group.lose(&self.topic, partition, &mut self.trace)?;
        }
        if self.rng.per_million(rates.revocations) {
            // A rolling rebalance takes several at once.
            for partition in 0..self.group.partitions.len() {
                if self.rng.percent(60) {
                    self.group.revoke(&self.topic, partition, &mut self.trace)?;
                }
            }
        }
        if self.rng.per_million(rates.shutdowns) {
            self.group.shut_down(&self.topic, member, &mut self.trace)?;
        }
        let is_stopped = |it: &crate::dispatch::environment::Member| it.checker.is_stopped();
        if self.group.members[member].as_ref().is_some_and(is_stopped) && self.rng.percent(10) {
            self.group.crash(member, &mut self.trace);
            return Ok(());
        }
        let is_usable = self.group.members[member]
            .as_ref()
            .is_some_and(|it| it.is_usable);
        if is_usable && self.rng.per_million(rates.outages) || !is_usable && self.rng.percent(5) {
            self.group
                .set_usable(&self.topic, member, !is_usable, &mut self.trace)?;
        }
        if self.rng.per_million(rates.removals) {
            let more = self.pick(20);
            let at = &self.group.partitions[partition];
            let first = (at.first + more).min(at.handled.len());
            self.group.remove(partition, first);
        }
        Ok(())
    }

    /// Lets time pass, and no runner notices: the next event comes together with what was due.
    fn oversleep(&mut self) {
        if self.rng.percent(50) {
            let time = Duration::from_millis(self.rng.magnitude(1, self.rates.step));
            let members = self.group.members.iter().flatten();
            let commits = members.filter_map(|member| member.commit.as_ref());
            let left = commits.map(|it| it.deadline.saturating_duration_since(self.group.now));
            self.group.now += time.min(left.min().unwrap_or(time));
        }
    }

    /// Repairs whatever is broken.
    pub(super) fn recover(&mut self) -> Result<(), Claim> {
        for member in 0..self.group.members.len() {
            let state = self.group.members[member].as_ref();
            let state = state.map(|it| (it.checker.is_stopped(), it.is_usable));
            match state {
                None => self.group.start(&self.topic, member, &mut self.trace)?,
                Some((true, _)) => self.group.crash(member, &mut self.trace),
                Some((false, false)) => {
                    self.group
                        .set_usable(&self.topic, member, true, &mut self.trace)?;
                }
                Some((false, true)) => {}
            }
        }
        Ok(())
    }
}
