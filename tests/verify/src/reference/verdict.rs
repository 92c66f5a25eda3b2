//! What is reported about the service: the verdict that follows from the record.

use livebus_core::{Action, Cause, Failure, HandlerId, Phase, Report, Status};

use super::failures::same_reason;
use super::record::{Record, Timer};
use super::table::Ending;
use super::time::Ns;

impl Record {
    /// Emits the report if it differs from the last one in status, reason or warning, and returns whether it did.
    pub(super) fn report_if_changed(&mut self) -> bool {
        let (status, cause) = self.verdict();
        let warning = self.warning.filter(|_| status == Status::Running);
        let same = status == self.report.status
            && same_reason(cause, self.report.cause)
            && warning.map(|it| it.class) == self.report.warning.map(|it| it.class);
        if !same {
            self.set(status, cause, warning);
        }
        !same
    }

    pub(super) fn report_or_renew(&mut self) {
        if self.report_if_changed() || self.report.status != Status::Running {
            return;
        }
        if let Some(evidence) = self.evidence {
            let (evidence, lease) = (
                self.epoch.instant(evidence),
                self.epoch.instant(self.lease()),
            );
            if self.report.evidence == Some(evidence) && self.report.lease == Some(lease) {
                return;
            }
            self.report.evidence = Some(evidence);
            self.report.lease = Some(lease);
            self.queue.push_back(Action::Renew { evidence, lease });
        }
    }

    pub(super) fn report_end(&mut self, ending: Ending) {
        match ending {
            Ending::ShuttingDown => self.set(Status::NotReady, Cause::ShuttingDown, None),
            Ending::ShutDown => self.set(Status::Stopped, Cause::ShutDown, None),
            Ending::ForcedStop => self.set(Status::Stopped, Cause::ForcedStop, None),
            Ending::Failed => self.set(Status::Failed, self.cause, None),
        }
    }

    pub(super) fn set(&mut self, status: Status, cause: Cause, warning: Option<Failure>) {
        let since = if status == self.report.status {
            self.report.since
        } else {
            self.epoch.instant(self.now)
        };
        if self.report.status == Status::Running && status != Status::Running {
            self.not_ready_since = Some(self.now);
        }
        self.report = Report {
            status,
            cause,
            warning,
            since,
            evidence: self.evidence.map(|at| self.epoch.instant(at)),
            lease: (status == Status::Running).then(|| self.epoch.instant(self.lease())),
            attempt: self.attempt,
        };
        self.queue.push_back(Action::SetStatus(self.report));
    }

    fn verdict(&self) -> (Status, Cause) {
        let not_running = if self.report.status == Status::Prepared {
            Status::Prepared
        } else {
            Status::NotReady
        };
        let live = matches!(
            self.phase,
            Phase::Idle | Phase::Suspected | Phase::InFlight | Phase::RetryPending
        );
        if !live {
            let status = if self.cause == Cause::Starting {
                not_running
            } else {
                Status::NotReady
            };
            return (status, self.cause);
        }
        let mut missing =
            self.handlers.iter().enumerate().filter(|it| {
                it.1.required && (it.1.registered.is_none() || it.1.failure.is_some())
            });
        let failed = missing.clone().find_map(|(i, it)| Some((i, it.failure?)));
        match (failed, missing.next()) {
            (_, None) => (Status::Running, Cause::Evidence),
            (Some((i, failure)), Some(_)) => {
                let id = HandlerId::from_index(i)
                    .expect("a configuration has fewer than 65,536 handlers");
                (Status::NotReady, Cause::HandlerFailed(id, failure))
            }
            (None, Some(_)) => (not_running, Cause::Starting),
        }
    }

    /// The instant until which Running is granted. Rule 11.
    pub(super) fn lease(&self) -> Ns {
        let tolerance = match self.armed(Timer::Tolerance) {
            Some(_) => self.spans.partial_tolerance,
            None => 0,
        };
        self.evidence.unwrap_or(self.now) + self.spans.detection_bound + tolerance
    }

    /// The end of the drain: now, if it was never Running.
    pub(super) fn drain_ends(&self) -> Ns {
        let since = if self.report.status == Status::Running {
            Some(self.now)
        } else {
            self.not_ready_since
        };
        since.map_or(self.now, |since| since + self.spans.drain)
    }
}
