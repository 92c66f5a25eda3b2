//! The postconditions: checks of the state after a step.

use std::time::{Duration, Instant};

use livebus_core::{Cause, Config, Event, Report, Status};

use super::action::{max_delay, not_live_intervals, suspicion_timeout};
use super::bookkeeping::{Bus, InvariantChecker, Slot};
use super::claim::Claim;
use super::{Step, check};

impl InvariantChecker {
    pub(super) fn check_postconditions(
        &self,
        config: &Config,
        step: &Step<'_>,
        before: &Report,
    ) -> Result<(), Claim> {
        check(self.to_discard.is_empty(), Claim::IdsCountUp)?;
        let due_while_queued = (!step.actions.is_empty()).then_some(step.now);
        check(
            step.effects.due_while_queued == due_while_queued,
            Claim::QueuedIsDue,
        )?;
        check(
            self.report == *step.supervisor.report(),
            Claim::ReportsAddUp,
        )?;
        if self.step_is_diagnosed {
            self.check_cause(self.report.cause)?;
            let has_one = matches!(
                self.report.cause,
                Cause::LivenessFailed(_) | Cause::StartFailed(_)
            );
            check(has_one, Claim::CauseIsKnown)?;
        }
        let handlers = self.handlers.len();
        let bounded = step.actions.len() <= 6 + 2 * handlers;
        check(bounded, Claim::NoHotLoop)?;
        let due = step.supervisor.poll_timeout();
        check(due.is_none_or(|due| due > step.now), Claim::NoHotLoop)?;
        let is_final = matches!(self.report.status, Status::Failed | Status::Stopped);
        check(due.is_none() == is_final, Claim::AlwaysADeadline)?;
        let left_failed = before.status == Status::Failed && self.report.status != Status::Failed;
        check(
            !left_failed || step.event == Some(Event::Shutdown),
            Claim::FailedIsFinal,
        )?;
        self.check_running(config, step, due)?;
        self.check_attempts(config, step, due)?;
        self.check_shutdown(config, step.now, due)?;
        self.check_proof(config, step)
    }

    fn check_running(
        &self,
        config: &Config,
        step: &Step<'_>,
        due: Option<Instant>,
    ) -> Result<(), Claim> {
        if self.report.status != Status::Running {
            return Ok(());
        }
        let settings = config.settings();
        let Bus::Live {
            evidence,
            suspicion,
            partial,
            brought_forward,
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
        check(
            self.report.lease == Some(lease)
                && step.now < lease
                && due.is_some_and(|due| due <= lease),
            Claim::EvidenceIsYoung,
        )?;
        let missing = self
            .handlers
            .iter()
            .zip(config.handlers())
            .any(|(slot, handler)| handler.required && !slot.works());
        check(!missing, Claim::HandlersRequired)?;
        let tolerated = partial.is_none_or(|it| step.now < it.since + settings.partial_tolerance);
        check(tolerated, Claim::PartialEnds)?;
        let sent = self
            .last_message
            .map(|sent| sent + settings.suspicion_spacing);
        let is_sent_in_time = brought_forward
            .is_none_or(|at| due.is_some_and(|due| due <= sent.map_or(at, |sent| sent.max(at))));
        check(is_sent_in_time, Claim::PartialSuspicion)?;
        let decided = suspicion_bound(config, partial.is_some());
        let undecided = suspicion.is_none_or(|suspicion| step.now < suspicion.counted + decided);
        check(undecided, Claim::SuspicionDecides)
    }

    fn check_attempts(
        &self,
        config: &Config,
        step: &Step<'_>,
        due: Option<Instant>,
    ) -> Result<(), Claim> {
        if self.shutdown_at.is_some() || self.report.status == Status::Failed {
            return Ok(());
        }
        let settings = config.settings();
        check(
            step.now <= self.last_attempt + max_pause(config),
            Claim::NeverGivesUp,
        )?;
        if let Bus::NotLive { newest, .. } = self.bus
            && self.client.is_some()
        {
            let max = not_live_intervals(config).max;
            let since = self.last_message.map_or(newest, |sent| sent.max(newest));
            check(due <= Some(since + max), Claim::NeverGivesUp)?;
        }
        let is_due_in_time = |since: Instant, delay| due.is_some_and(|due| due <= since + delay);
        if let Some(since) = self.start_waits_since {
            let delay = if self.start_replaces {
                Duration::ZERO
            } else {
                max_delay(settings.start_backoff, self.starts_without_proof)
            };
            check(is_due_in_time(since, delay), Claim::BackoffIsKept)?;
        }
        if let (Some(after), Bus::NotLive { newest, .. }) = (settings.recreate_after, self.bus) {
            let replaced = self.client.is_none() || is_due_in_time(newest, after);
            check(replaced, Claim::ReplacedInTime)?;
        }
        for slot in &self.handlers {
            match *slot {
                Slot::Waiting { since, failures } => {
                    let delay = max_delay(settings.registration_backoff, failures);
                    check(is_due_in_time(since, delay), Claim::BackoffIsKept)?;
                }
                Slot::Idle => check(self.client.is_none(), Claim::OneRegistrationPerHandler)?,
                Slot::Registering { .. } | Slot::Registered { .. } => {}
            }
        }
        Ok(())
    }

    fn check_shutdown(
        &self,
        config: &Config,
        now: Instant,
        due: Option<Instant>,
    ) -> Result<(), Claim> {
        let Some(shutdown_at) = self.shutdown_at else {
            return check(
                self.stop.is_none() && self.report.status != Status::Stopped,
                Claim::ShutdownInOrder,
            );
        };
        let ended = self.report.status == Status::Stopped;
        let in_order = matches!(self.report.status, Status::NotReady | Status::Stopped);
        let in_time = ended || now < shutdown_at + config.shutdown_bound();
        // The drain counts from the end of Running; a service that never was Running needs none.
        let drain_end = self.left_running.map(|ran| ran + config.settings().drain);
        let drained = shutdown_at.max(drain_end.unwrap_or(shutdown_at));
        let goes_on = ended || self.stop.is_some() || due.is_some_and(|due| due <= drained);
        check(in_order && in_time && goes_on, Claim::ShutdownInOrder)
    }

    /// Checks that a service with enough proofs and every required handler is Running, and when it wants evidence.
    fn check_proof(&self, config: &Config, step: &Step<'_>) -> Result<(), Claim> {
        let proved = matches!(self.bus, Bus::Live { .. }) && self.client.is_some();
        let complete = self
            .handlers
            .iter()
            .zip(config.handlers())
            .all(|(slot, handler)| !handler.required || slot.works());
        let serves = self.shutdown_at.is_none() && self.report.status != Status::Failed;
        let runs = self.report.status == Status::Running;
        check(
            !(proved && complete && serves) || runs,
            Claim::RunsWhenProved,
        )?;
        let wants = match self.bus {
            Bus::NotLive { proved, .. } => self.client.is_some() && serves && !proved,
            Bus::Live { .. } => false,
        };
        check(
            step.supervisor.wants_evidence() == wants,
            Claim::WakesForEvidence,
        )
    }
}

/// Returns the maximum time from a suspicion that nothing refutes to `NotReady`: the spacing after the previous liveness message, and
/// two timeouts, because a message that is in flight ends first.
fn suspicion_bound(config: &Config, is_partial: bool) -> Duration {
    config.settings().suspicion_spacing + suspicion_timeout(config, is_partial) * 2
}

/// Returns the maximum time without a start, a liveness message and a proof.
fn max_pause(config: &Config) -> Duration {
    let settings = config.settings();
    let starting = settings.start_timeout + settings.start_backoff.max;
    // While there is a warning, the interval to the next message counts from the end of the previous one.
    let interval = settings.live_interval.max(settings.not_live_interval);
    let checking = settings.liveness_timeout + interval;
    starting.max(not_live_intervals(config).max).max(checking)
}
