//! What is to be done: whether it may be, now and like this.

use std::time::{Duration, Instant};

use livebus_core::{
    Action, Backoff, Cause, ClientId, Config, FailureKind, LivenessId, OnClientLost, OpId,
    RegistrationId, Report, Status, StopId,
};

use super::books::{Bus, Operation, Question, Slot, Watch};
use super::claim::Claim;
use super::hold;

impl Watch {
    pub(super) fn take(
        &mut self,
        config: &Config,
        now: Instant,
        action: &Action,
    ) -> Result<(), Claim> {
        let ended = self.report.status == Status::Stopped;
        hold(!ended, Claim::EndInOrder)?;
        match *action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => self.starts(config, now, Operation { id, deadline }, attempt),
            Action::SendLiveness { id, deadline } => self.asks(config, now, id, deadline),
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => {
                let operation = Operation { id, deadline };
                self.registers(config, now, operation, handler.index(), attempt)
            }
            Action::DiscardClient { client } => self.discards_client(config, now, client),
            Action::DiscardRegistration { registration } => {
                self.discards_registration(registration)
            }
            Action::SetStatus(report) => self.reports(config, now, report),
            Action::Renew { evidence, lease } => {
                let says_more = self.report.status == Status::Running
                    && self.report.lease.is_some_and(|old| lease != old);
                hold(says_more, Claim::ReportsFold)?;
                hold(self.evidence() == Some(evidence), Claim::EvidenceIsYoung)?;
                self.report.evidence = Some(evidence);
                self.report.lease = Some(lease);
                Ok(())
            }
            Action::Stop { id, deadline } => self.stops(config, now, Operation { id, deadline }),
        }
    }

    fn starts(
        &mut self,
        config: &Config,
        now: Instant,
        operation: Operation<ClientId>,
        attempt: u32,
    ) -> Result<(), Claim> {
        let settings = config.settings();
        self.named(operation.id.into())?;
        hold(self.ending.is_none(), Claim::EndInOrder)?;
        hold(self.report.status != Status::Failed, Claim::FailedIsFinal)?;
        hold(
            self.start.is_none() && self.client.is_none(),
            Claim::OneStart,
        )?;
        hold(
            operation.deadline == now + settings.start_timeout,
            Claim::DeadlinesFromNow,
        )?;
        let since = self.waiting.take().ok_or(Claim::OneStart)?;
        let backoff = settings.start_backoff;
        // Where names are forgotten, many a start is the first of its name.
        let first = self.newest == 1 && self.report.status == Status::Prepared;
        hold(
            first || now >= since + shortest(backoff, self.unproved),
            Claim::BackoffIsKept,
        )?;
        hold(
            same_count(attempt, self.unproved.saturating_add(1), backoff),
            Claim::BackoffIsKept,
        )?;
        self.unproved = self.unproved.saturating_add(1);
        self.start = Some(operation);
        self.tried = now;
        Ok(())
    }

    fn asks(
        &mut self,
        config: &Config,
        now: Instant,
        id: LivenessId,
        deadline: Instant,
    ) -> Result<(), Claim> {
        let settings = config.settings();
        self.named(id.into())?;
        hold(self.ending.is_none(), Claim::EndInOrder)?;
        hold(
            self.client.is_some() && self.question.is_none(),
            Claim::OneLivenessMessage,
        )?;
        let gap = shortest_gap(config);
        let spaced = self.sent.is_none_or(|sent| now >= sent + gap);
        hold(spaced, Claim::NoHotLoop)?;
        let takes = deadline.saturating_duration_since(now);
        let mut asked = now;
        let allowed = match &mut self.bus {
            Bus::NotLive { proved, .. } => {
                *proved = false;
                (0..32).any(|n| takes == not_live_intervals(config).doubled(n + 1))
            }
            Bus::Live {
                doubted, failed, ..
            } => {
                let row = failed.map(|row| row.since);
                asked = doubted.map(|it| it.newest).or(row).unwrap_or(now);
                takes
                    == match doubted {
                        Some(_) => settings.suspicion_timeout,
                        None => settings.liveness_timeout,
                    }
            }
        };
        hold(allowed, Claim::DeadlinesFromNow)?;
        self.question = Some(Question {
            id,
            sent: now,
            asked,
            until: deadline,
        });
        self.sent = Some(now);
        self.tried = now;
        Ok(())
    }

    fn registers(
        &mut self,
        config: &Config,
        now: Instant,
        operation: Operation<RegistrationId>,
        handler: usize,
        attempt: u32,
    ) -> Result<(), Claim> {
        let settings = config.settings();
        self.named(operation.id.into())?;
        hold(self.ending.is_none(), Claim::EndInOrder)?;
        let slot = self.handlers.get(handler).copied();
        let failures = match slot.ok_or(Claim::OneOfEach)? {
            Slot::Idle => 0,
            Slot::Waiting { since, failures } => {
                let kept = now >= since + shortest(settings.registration_backoff, failures);
                hold(kept, Claim::BackoffIsKept)?;
                failures
            }
            Slot::Registering { .. } | Slot::Registered => return Err(Claim::OneOfEach),
        };
        hold(self.client.is_some(), Claim::OneOfEach)?;
        hold(
            operation.deadline == now + settings.registration_timeout,
            Claim::DeadlinesFromNow,
        )?;
        let expected = failures.saturating_add(1);
        hold(
            same_count(attempt, expected, settings.registration_backoff),
            Claim::BackoffIsKept,
        )?;
        self.handlers[handler] = Slot::Registering {
            operation,
            failures,
        };
        Ok(())
    }

    fn discards_client(
        &mut self,
        config: &Config,
        now: Instant,
        client: ClientId,
    ) -> Result<(), Claim> {
        if self.client != Some(client) {
            return self.discards_left_behind(client.into());
        }
        let after = config.settings().recreate_after;
        let useless = match self.bus {
            Bus::NotLive { newest, .. } => after.is_some_and(|after| now >= newest + after),
            Bus::Live { .. } => false,
        };
        hold(self.reason || useless, Claim::ReplacedInTime)?;
        self.client = None;
        self.question = None;
        // Another start is tried after its back-off, which is checked by itself.
        self.tried = now;
        for slot in &mut self.handlers {
            if let Slot::Registering { operation, .. } = *slot {
                self.left_behind.push(operation.id.into());
            }
            *slot = Slot::Idle;
        }
        self.bus = Bus::unproved(now);
        let failed = self.report.status == Status::Failed;
        self.waiting = (!failed).then_some(now);
        Ok(())
    }

    /// With a client go its registrations: each is named, in whatever order.
    fn discards_registration(&mut self, registration: RegistrationId) -> Result<(), Claim> {
        for slot in &mut self.handlers {
            if let Slot::Registering { operation, .. } = *slot
                && operation.id == registration
            {
                *slot = Slot::Idle;
                return Ok(());
            }
        }
        self.discards_left_behind(registration.into())
    }

    fn discards_left_behind(&mut self, id: OpId) -> Result<(), Claim> {
        let place = self.left_behind.iter().position(|it| *it == id);
        self.left_behind
            .swap_remove(place.ok_or(Claim::NamesCountUp)?);
        Ok(())
    }

    fn reports(&mut self, config: &Config, now: Instant, report: Report) -> Result<(), Claim> {
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
        hold(
            new && report.since == since && may_follow(old.status, report),
            Claim::ReportsFold,
        )?;
        hold(
            old.status != Status::Failed || self.ending.is_some(),
            Claim::FailedIsFinal,
        )?;
        if report.status == Status::Running {
            let evidence = self.evidence().filter(|_| self.client.is_some());
            hold(evidence.is_some(), Claim::ProofBeforeRunning)?;
            hold(report.evidence == evidence, Claim::EvidenceIsYoung)?;
        } else if old.status == Status::Running {
            hold(self.may_end_running(config, now), Claim::NoFalseAlarm)?;
            self.ran = Some(now);
        }
        let lost = matches!(report.cause, Cause::ClientLost(_));
        let fails = config.settings().on_client_lost == OnClientLost::Fail;
        hold(
            (report.status == Status::Failed) == (lost && fails),
            Claim::FailsAsTold,
        )?;
        if is_a_loss(report.cause) && matches!(self.bus, Bus::Live { .. }) {
            self.bus = Bus::unproved(now);
            if let Some(question) = &mut self.question {
                let most = now + config.settings().not_live_interval;
                question.until = question.until.min(most);
            }
        }
        self.report = report;
        Ok(())
    }

    /// Whether any rule ends Running at `now`.
    fn may_end_running(&self, config: &Config, now: Instant) -> bool {
        let settings = config.settings();
        match self.bus {
            Bus::NotLive { .. } => true,
            Bus::Live {
                evidence,
                failed,
                doubted,
                partial,
            } => {
                let tolerance = partial.map(|_| settings.partial_tolerance);
                let lease = evidence + config.detection_bound() + tolerance.unwrap_or_default();
                self.reason
                    || doubted.is_some_and(|it| it.confirmed)
                    || failed.is_some_and(|row| row.count >= settings.failures_to_not_ready)
                    || now >= lease
                    || partial.is_some_and(|since| now >= since + settings.partial_tolerance)
            }
        }
    }

    fn stops(
        &mut self,
        config: &Config,
        now: Instant,
        operation: Operation<StopId>,
    ) -> Result<(), Claim> {
        let settings = config.settings();
        self.named(operation.id.into())?;
        let drained = self.ran.is_none_or(|ran| now >= ran + settings.drain);
        let once = self.stop.is_none();
        hold(self.ending.is_some() && drained && once, Claim::EndInOrder)?;
        hold(
            operation.deadline == now + settings.stop_timeout,
            Claim::DeadlinesFromNow,
        )?;
        self.client = None;
        self.stop = Some(operation);
        Ok(())
    }

    fn named(&mut self, id: OpId) -> Result<(), Claim> {
        self.newest += 1;
        hold(id.number() == self.newest, Claim::NamesCountUp)
    }
}

/// Whether this report may follow that status.
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
        _ => unreachable!("a cause that this checker does not know: {cause}"),
    }
}

/// The shortest time from one liveness message to the next.
#[must_use]
pub(super) fn shortest_gap(config: &Config) -> Duration {
    let s = config.settings();
    [
        s.live_interval,
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

/// The shortest delay after so many failures.
pub(super) fn shortest(backoff: Backoff, failures: u32) -> Duration {
    let middle = backoff.doubled(failures);
    let stray = middle / 100 * u32::from(backoff.jitter_percent);
    middle.saturating_sub(stray).max(backoff.first)
}

/// The longest delay after so many failures.
pub(super) fn longest(backoff: Backoff, failures: u32) -> Duration {
    let middle = backoff.doubled(failures);
    let stray = middle / 100 * u32::from(backoff.jitter_percent);
    middle.saturating_add(stray).min(backoff.max)
}

/// From how many failures on the delay is its longest: a count beyond it is as good as it.
pub(super) fn saturation(backoff: Backoff) -> u32 {
    let reaches = |failures: &u32| backoff.doubled(*failures) == backoff.doubled(u32::MAX);
    (1..32).find(reaches).unwrap_or(32)
}

fn same_count(one: u32, other: u32, backoff: Backoff) -> bool {
    let most = saturation(backoff);
    one.min(most) == other.min(most)
}
