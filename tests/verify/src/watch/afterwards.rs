//! How things stand after a step.

use std::time::{Duration, Instant};

use livebus_core::{Config, Event, Report, Status};

use super::action::{longest, not_live_intervals};
use super::books::{Bus, Slot, Watch};
use super::claim::Claim;
use super::{Seen, hold};

impl Watch {
    pub(super) fn afterwards(
        &self,
        config: &Config,
        seen: &Seen<'_>,
        before: &Report,
    ) -> Result<(), Claim> {
        hold(self.left_behind.is_empty(), Claim::NamesCountUp)?;
        let due_while_queued = (!seen.actions.is_empty()).then_some(seen.now);
        hold(
            seen.call.due_while_queued == due_while_queued,
            Claim::QueuedIsDue,
        )?;
        hold(self.report == *seen.supervisor.report(), Claim::ReportsFold)?;
        let handlers = self.handlers.len();
        let bounded = seen.actions.len() <= 6 + 2 * handlers;
        hold(bounded, Claim::NoHotLoop)?;
        let due = seen.supervisor.poll_timeout();
        hold(due.is_none_or(|due| due > seen.now), Claim::NoHotLoop)?;
        let over = matches!(self.report.status, Status::Failed | Status::Stopped);
        hold(due.is_none() == over, Claim::AlwaysADeadline)?;
        let left_failed = before.status == Status::Failed && self.report.status != Status::Failed;
        hold(
            !left_failed || seen.event == Some(Event::Shutdown),
            Claim::FailedIsFinal,
        )?;
        self.while_running(config, seen, due)?;
        self.while_trying(config, seen, due)?;
        self.while_ending(config, seen.now, due)?;
        self.after_proof(config, seen)
    }

    fn while_running(
        &self,
        config: &Config,
        seen: &Seen<'_>,
        due: Option<Instant>,
    ) -> Result<(), Claim> {
        if self.report.status != Status::Running {
            return Ok(());
        }
        let settings = config.settings();
        let Bus::Live {
            evidence,
            doubted,
            partial,
            ..
        } = self.bus
        else {
            return Err(Claim::ProofBeforeRunning);
        };
        let bound = match partial {
            Some(_) => config.partial_detection_bound(),
            None => config.detection_bound(),
        };
        let lease = evidence + bound;
        hold(
            self.report.lease == Some(lease)
                && seen.now < lease
                && due.is_some_and(|due| due <= lease),
            Claim::EvidenceIsYoung,
        )?;
        let missing = self
            .handlers
            .iter()
            .zip(&settings.handlers)
            .any(|(slot, handler)| handler.required && *slot != Slot::Registered);
        hold(!missing, Claim::HandlersRequired)?;
        let tolerated = partial.is_none_or(|since| seen.now < since + settings.partial_tolerance);
        hold(tolerated, Claim::PartialEnds)?;
        let decided = suspicion_bound(config);
        let undecided = doubted.is_none_or(|doubted| seen.now < doubted.counted + decided);
        hold(undecided, Claim::SuspicionDecides)
    }

    fn while_trying(
        &self,
        config: &Config,
        seen: &Seen<'_>,
        due: Option<Instant>,
    ) -> Result<(), Claim> {
        if self.ending.is_some() || self.report.status == Status::Failed {
            return Ok(());
        }
        let settings = config.settings();
        hold(
            seen.now <= self.tried + longest_pause(config),
            Claim::NeverGivesUp,
        )?;
        if let Bus::NotLive { newest, .. } = self.bus
            && self.client.is_some()
        {
            let most = not_live_intervals(config).max;
            let since = self.sent.map_or(newest, |sent| sent.max(newest));
            hold(due <= Some(since + most), Claim::NeverGivesUp)?;
        }
        let waits_on_time = |since: Instant, delay| due.is_some_and(|due| due <= since + delay);
        if let Some(since) = self.waiting {
            let delay = longest(settings.start_backoff, self.unproved);
            hold(waits_on_time(since, delay), Claim::BackoffIsKept)?;
        }
        if let (Some(after), Bus::NotLive { newest, .. }) = (settings.recreate_after, self.bus) {
            let replaced = self.client.is_none() || waits_on_time(newest, after);
            hold(replaced, Claim::ReplacedInTime)?;
        }
        for slot in &self.handlers {
            match *slot {
                Slot::Waiting { since, failures } => {
                    let delay = longest(settings.registration_backoff, failures);
                    hold(waits_on_time(since, delay), Claim::BackoffIsKept)?;
                }
                Slot::Idle => hold(self.client.is_none(), Claim::OneOfEach)?,
                Slot::Registering { .. } | Slot::Registered => {}
            }
        }
        Ok(())
    }

    fn while_ending(
        &self,
        config: &Config,
        now: Instant,
        due: Option<Instant>,
    ) -> Result<(), Claim> {
        let Some(asked) = self.ending else {
            return hold(
                self.stop.is_none() && self.report.status != Status::Stopped,
                Claim::EndInOrder,
            );
        };
        let ended = self.report.status == Status::Stopped;
        let in_order = matches!(self.report.status, Status::NotReady | Status::Stopped);
        let in_time = ended || now < asked + config.shutdown_bound();
        // The drain counts from when it could be seen; who never ran needs none.
        let seen = self.ran.map(|ran| ran + config.settings().drain);
        let drained = asked.max(seen.unwrap_or(asked));
        let goes_on = ended || self.stop.is_some() || due.is_some_and(|due| due <= drained);
        hold(in_order && in_time && goes_on, Claim::EndInOrder)
    }

    /// Enough proofs and every required handler are Running, and nothing less than news makes it wait.
    fn after_proof(&self, config: &Config, seen: &Seen<'_>) -> Result<(), Claim> {
        let proved = matches!(self.bus, Bus::Live { .. }) && self.client.is_some();
        let complete = self
            .handlers
            .iter()
            .zip(&config.settings().handlers)
            .all(|(slot, handler)| !handler.required || *slot == Slot::Registered);
        let serves = self.ending.is_none() && self.report.status != Status::Failed;
        let runs = self.report.status == Status::Running;
        hold(
            !(proved && complete && serves) || runs,
            Claim::RunsWhenProved,
        )?;
        let wants = match self.bus {
            Bus::NotLive { proved, .. } => self.client.is_some() && serves && !proved,
            Bus::Live { .. } => false,
        };
        hold(
            seen.supervisor.wants_evidence() == wants,
            Claim::WakesForNews,
        )
    }
}

/// From bad news that nothing refutes to NotReady: the distance to the liveness message before, and twice what one may
/// take, because one that is under way gets its chance first.
fn suspicion_bound(config: &Config) -> Duration {
    let settings = config.settings();
    settings.suspicion_spacing + settings.suspicion_timeout * 2
}

/// The longest time in which nothing is tried and nothing proved.
fn longest_pause(config: &Config) -> Duration {
    let settings = config.settings();
    let starting = settings.start_timeout + settings.start_backoff.max;
    // While warned, or while leaders are missing, the next message counts from the end of the one before it.
    let quiet = settings.live_interval.max(settings.not_live_interval);
    let asking = settings.liveness_timeout + quiet;
    starting.max(not_live_intervals(config).max).max(asking)
}
