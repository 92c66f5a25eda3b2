//! Checks the actions: whether each is allowed now, and in this form.

use std::time::{Duration, Instant};

use livebus_core::{
    Action, Backoff, Cause, ClientId, Config, FailureClass, FailureKind, LivenessId, OnClientLost,
    OpId, RegistrationId, Report, Status, StopId,
};

use super::bookkeeping::{Bus, InvariantChecker, LivenessCheck, Operation, Slot};
use super::check;
use super::claim::Claim;

impl InvariantChecker {
    pub(super) fn on_action(
        &mut self,
        config: &Config,
        now: Instant,
        action: &Action,
    ) -> Result<(), Claim> {
        let stopped = self.report.status == Status::Stopped;
        check(!stopped, Claim::ShutdownInOrder)?;
        match *action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => self.on_start(config, now, Operation { id, deadline }, attempt),
            Action::SendLiveness { id, deadline } => {
                self.on_send_liveness(config, now, id, deadline)
            }
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => {
                let operation = Operation { id, deadline };
                self.on_register_handler(config, now, operation, handler.index(), attempt)
            }
            Action::DiscardClient { client } => self.on_discard_client(config, now, client),
            Action::DiscardRegistration { registration } => {
                self.on_discard_registration(registration)
            }
            Action::SetStatus(report) => self.on_set_status(config, now, report),
            Action::Renew { evidence, lease } => {
                let renews = self.report.status == Status::Running
                    && self.report.lease.is_some_and(|old| lease != old);
                check(renews, Claim::ReportsAddUp)?;
                check(self.evidence() == Some(evidence), Claim::EvidenceIsYoung)?;
                self.report.evidence = Some(evidence);
                self.report.lease = Some(lease);
                Ok(())
            }
            Action::Stop { id, deadline } => self.on_stop(config, now, Operation { id, deadline }),
        }
    }

    fn on_start(
        &mut self,
        config: &Config,
        now: Instant,
        operation: Operation<ClientId>,
        attempt: u32,
    ) -> Result<(), Claim> {
        let settings = config.settings();
        self.check_next_id(operation.id.into())?;
        check(self.shutdown_at.is_none(), Claim::ShutdownInOrder)?;
        check(self.report.status != Status::Failed, Claim::FailedIsFinal)?;
        check(
            self.start.is_none() && self.client.is_none(),
            Claim::OneStart,
        )?;
        check(
            operation.deadline == now + settings.start_timeout,
            Claim::DeadlinesFromNow,
        )?;
        let since = self.start_waits_since.take().ok_or(Claim::OneStart)?;
        let backoff = settings.start_backoff;
        // In a canonical state ids begin at 1 again, so the id alone does not show the first start.
        let first = self.newest_id == 1 && self.report.status == Status::Prepared;
        let at_once = std::mem::take(&mut self.start_replaces);
        check(
            first || at_once || now >= since + min_delay(backoff, self.starts_without_proof),
            Claim::BackoffIsKept,
        )?;
        check(
            same_count(
                attempt,
                self.starts_without_proof.saturating_add(1),
                backoff,
            ),
            Claim::BackoffIsKept,
        )?;
        self.starts_without_proof = self.starts_without_proof.saturating_add(1);
        self.start = Some(operation);
        self.last_attempt = now;
        Ok(())
    }

    fn on_send_liveness(
        &mut self,
        config: &Config,
        now: Instant,
        id: LivenessId,
        deadline: Instant,
    ) -> Result<(), Claim> {
        let settings = config.settings();
        self.check_next_id(id.into())?;
        check(self.shutdown_at.is_none(), Claim::ShutdownInOrder)?;
        check(
            self.client.is_some() && self.liveness.is_none(),
            Claim::OneLivenessMessage,
        )?;
        let gap = min_gap(config);
        let spaced = self.last_message.is_none_or(|sent| now >= sent + gap);
        check(spaced, Claim::NoHotLoop)?;
        let takes = deadline.saturating_duration_since(now);
        let mut unverified_since = now;
        let allowed = match &mut self.bus {
            Bus::NotLive { proved, .. } => {
                *proved = false;
                (0..32).any(|n| takes == not_live_intervals(config).doubled(n + 1))
            }
            Bus::Live {
                suspicion,
                failures,
                partial,
                brought_forward,
                ..
            } => {
                let first_failure = failures.map(|it| it.since);
                unverified_since = suspicion
                    .map(|it| it.newest)
                    .or(first_failure)
                    .or(brought_forward.take())
                    .unwrap_or(now);
                takes
                    == match suspicion {
                        Some(_) => suspicion_timeout(config, partial.is_some()),
                        None => settings.liveness_timeout,
                    }
            }
        };
        check(allowed, Claim::DeadlinesFromNow)?;
        self.liveness = Some(LivenessCheck {
            id,
            sent: now,
            unverified_since,
            until: deadline,
        });
        self.last_message = Some(now);
        self.last_attempt = now;
        Ok(())
    }

    fn on_register_handler(
        &mut self,
        config: &Config,
        now: Instant,
        operation: Operation<RegistrationId>,
        handler: usize,
        attempt: u32,
    ) -> Result<(), Claim> {
        let settings = config.settings();
        self.check_next_id(operation.id.into())?;
        check(self.shutdown_at.is_none(), Claim::ShutdownInOrder)?;
        let slot = self.handlers.get(handler).copied();
        let failures = match slot.ok_or(Claim::OneRegistrationPerHandler)? {
            Slot::Idle => 0,
            Slot::Waiting { since, failures } => {
                let kept = now >= since + min_delay(settings.registration_backoff, failures);
                check(kept, Claim::BackoffIsKept)?;
                failures
            }
            Slot::Registering { .. } | Slot::Registered { .. } => {
                return Err(Claim::OneRegistrationPerHandler);
            }
        };
        check(self.client.is_some(), Claim::OneRegistrationPerHandler)?;
        check(
            operation.deadline == now + settings.registration_timeout,
            Claim::DeadlinesFromNow,
        )?;
        let expected = failures.saturating_add(1);
        check(
            same_count(attempt, expected, settings.registration_backoff),
            Claim::BackoffIsKept,
        )?;
        self.handlers[handler] = Slot::Registering {
            operation,
            failures,
        };
        Ok(())
    }

    fn on_discard_client(
        &mut self,
        config: &Config,
        now: Instant,
        client: ClientId,
    ) -> Result<(), Claim> {
        if self.client != Some(client) {
            return self.remove_to_discard(client.into());
        }
        let is_useless = self.is_useless(config, now);
        check(self.step_ends_running || is_useless, Claim::ReplacedInTime)?;
        self.client = None;
        self.liveness = None;
        // The next start comes at once or after its back-off, which is checked separately.
        self.last_attempt = now;
        if self.step_ends_running {
            self.diagnosis = None;
        } else {
            self.start_replaces = true;
            self.starts_without_proof = 0;
            self.last_message = None;
        }
        for slot in &mut self.handlers {
            if let Slot::Registering { operation, .. } = *slot {
                self.to_discard.push(operation.id.into());
            }
            *slot = Slot::Idle;
        }
        self.bus = Bus::without_proof(now);
        let failed = self.report.status == Status::Failed;
        self.start_waits_since = (!failed).then_some(now);
        Ok(())
    }

    /// When a client is discarded, each of its registrations is discarded too, in any order.
    fn on_discard_registration(&mut self, registration: RegistrationId) -> Result<(), Claim> {
        for slot in &mut self.handlers {
            if let Slot::Registering { operation, .. } = *slot
                && operation.id == registration
            {
                *slot = Slot::Idle;
                return Ok(());
            }
        }
        self.remove_to_discard(registration.into())
    }

    fn remove_to_discard(&mut self, id: OpId) -> Result<(), Claim> {
        let index = self.to_discard.iter().position(|it| *it == id);
        self.to_discard.swap_remove(index.ok_or(Claim::IdsCountUp)?);
        Ok(())
    }

    fn on_set_status(
        &mut self,
        config: &Config,
        now: Instant,
        report: Report,
    ) -> Result<(), Claim> {
        let old = self.report;
        let class = |it: &Report| it.warning.map(|warning| warning.class);
        let new = report.status != old.status
            || !report.cause.same_reason(old.cause)
            || class(&report) != class(&old);
        let since = if report.status == old.status {
            old.since
        } else {
            now
        };
        check(
            new && report.since == since && may_follow(old.status, report),
            Claim::ReportsAddUp,
        )?;
        check(
            old.status != Status::Failed || self.shutdown_at.is_some(),
            Claim::FailedIsFinal,
        )?;
        if report.status == Status::Running {
            let evidence = self.evidence().filter(|_| self.client.is_some());
            check(evidence.is_some(), Claim::ProofBeforeRunning)?;
            check(report.evidence == evidence, Claim::EvidenceIsYoung)?;
        } else if old.status == Status::Running {
            check(self.may_end_running(config, now), Claim::NoFalseAlarm)?;
            self.left_running = Some(now);
        }
        self.see_what_is_over(config, now, report.cause);
        self.check_cause(report.cause)?;
        let lost = matches!(report.cause, Cause::ClientLost(_));
        let fails = config.settings().on_client_lost == OnClientLost::Fail;
        check(
            (report.status == Status::Failed) == (lost && fails),
            Claim::FailsOnlyAsConfigured,
        )?;
        if is_a_loss(report.cause) && matches!(self.bus, Bus::Live { .. }) {
            self.bus = Bus::without_proof(now);
            if let Some(known) = &mut self.diagnosis {
                known.seen = now;
            }
            if let Some(message) = &mut self.liveness {
                let latest = now + config.settings().not_live_interval;
                message.until = message.until.min(latest);
            }
        }
        self.report = report;
        Ok(())
    }

    /// Returns whether any rule ends Running at `now`.
    fn may_end_running(&self, config: &Config, now: Instant) -> bool {
        let settings = config.settings();
        match self.bus {
            Bus::NotLive { .. } => true,
            Bus::Live {
                evidence,
                failures,
                suspicion,
                partial,
                ..
            } => {
                self.step_ends_running
                    || suspicion.is_some_and(|it| it.confirmed)
                    || failures.is_some_and(|it| it.count >= settings.failures_to_not_ready)
                    || now >= lease(config, evidence, partial.is_some())
                    || partial.is_some_and(|it| now >= it.since + settings.partial_tolerance)
            }
        }
    }

    /// Sees what ends Running without an answer: the lease, or else the tolerance, whose warning is the reason then.
    fn see_what_is_over(&mut self, config: &Config, now: Instant, cause: Cause) {
        let Bus::Live {
            evidence, partial, ..
        } = self.bus
        else {
            return;
        };
        let tolerance = config.settings().partial_tolerance;
        if !matches!(cause, Cause::LivenessFailed(_)) {
            return;
        }
        if now >= lease(config, evidence, partial.is_some()) {
            self.see(config, now, FailureClass::Timeout);
        } else if let Some(partial) = partial.filter(|it| now >= it.since + tolerance) {
            self.see(config, now, partial.class);
        }
    }

    fn on_stop(
        &mut self,
        config: &Config,
        now: Instant,
        operation: Operation<StopId>,
    ) -> Result<(), Claim> {
        let settings = config.settings();
        self.check_next_id(operation.id.into())?;
        let drained = self
            .left_running
            .is_none_or(|ran| now >= ran + settings.drain);
        let once = self.stop.is_none();
        check(
            self.shutdown_at.is_some() && drained && once,
            Claim::ShutdownInOrder,
        )?;
        check(
            operation.deadline == now + settings.stop_timeout,
            Claim::DeadlinesFromNow,
        )?;
        self.client = None;
        self.stop = Some(operation);
        Ok(())
    }

    fn check_next_id(&mut self, id: OpId) -> Result<(), Claim> {
        self.newest_id += 1;
        check(id.number() == self.newest_id, Claim::IdsCountUp)
    }
}

/// Returns whether this report may follow that status.
fn may_follow(old: Status, report: Report) -> bool {
    let partial = |it: &Report| {
        it.warning.is_none_or(|warning| {
            matches!(
                warning.class.kind(),
                FailureKind::Partial | FailureKind::Rejected
            )
        })
    };
    let lease = report.lease.is_some() == (report.status == Status::Running);
    let warning = report.warning.is_none() || report.status == Status::Running && partial(&report);
    let order = match old {
        Status::Unknown => report.status == Status::Preparing,
        Status::Preparing => report.status == Status::Prepared,
        Status::Prepared | Status::Running => matches!(
            report.status,
            Status::Running | Status::NotReady | Status::Failed
        ),
        Status::NotReady => matches!(
            report.status,
            Status::Running | Status::NotReady | Status::Failed | Status::Stopped
        ),
        Status::Failed => report.status == Status::NotReady,
        Status::Stopped => false,
    };
    lease && warning && order
}

fn is_a_loss(cause: Cause) -> bool {
    match cause {
        Cause::LivenessFailed(_)
        | Cause::Starved
        | Cause::StartFailed(_)
        | Cause::ClientLost(_)
        | Cause::ShuttingDown => true,
        Cause::Unreported
        | Cause::Configured
        | Cause::Starting
        | Cause::Evidence
        | Cause::HandlerFailed(..)
        | Cause::ShutDown
        | Cause::ForcedStop
        | Cause::Reported => false,
        _ => unreachable!("the invariant checker does not know this cause: {cause}"),
    }
}

/// Returns how long Running may last on this evidence.
fn lease(config: &Config, evidence: Instant, is_partial: bool) -> Instant {
    let bound = if is_partial {
        config.partial_detection_bound()
    } else {
        config.detection_bound()
    };
    evidence + bound
}

/// Returns how long a liveness message may take that a suspicion sends or shortens.
pub(super) fn suspicion_timeout(config: &Config, is_partial: bool) -> Duration {
    if is_partial {
        config.settings().liveness_timeout
    } else {
        config.settings().suspicion_timeout
    }
}

/// Returns the minimum time from one liveness message to the next of the same client, or of the next one after a loss.
#[must_use]
pub(super) fn min_gap(config: &Config) -> Duration {
    let s = config.settings();
    [
        s.not_live_interval,
        s.recheck_delay,
        s.suspicion_spacing,
        s.suspicion_timeout,
        s.start_backoff.first,
    ]
    .into_iter()
    .fold(Duration::MAX, Duration::min)
}

pub(super) fn not_live_intervals(config: &Config) -> Backoff {
    Backoff {
        first: config.settings().not_live_interval,
        max: config.settings().not_live_interval_max,
        jitter_percent: 0,
    }
}

/// Returns the minimum delay after this many failures.
pub(super) fn min_delay(backoff: Backoff, failures: u32) -> Duration {
    let middle = backoff.doubled(failures);
    let stray = middle / 100 * u32::from(backoff.jitter_percent);
    middle.saturating_sub(stray).max(backoff.first)
}

/// Returns the maximum delay after this many failures.
pub(super) fn max_delay(backoff: Backoff, failures: u32) -> Duration {
    let middle = backoff.doubled(failures);
    let stray = middle / 100 * u32::from(backoff.jitter_percent);
    middle.saturating_add(stray).min(backoff.max)
}

/// Returns the number of failures from which on the delay is its maximum; larger counts are equivalent.
pub(super) fn saturation(backoff: Backoff) -> u32 {
    let reaches = |failures: &u32| backoff.doubled(*failures) == backoff.doubled(u32::MAX);
    (1..32).find(reaches).unwrap_or(32)
}

fn same_count(one: u32, other: u32, backoff: Backoff) -> bool {
    let max = saturation(backoff);
    one.min(max) == other.min(max)
}
