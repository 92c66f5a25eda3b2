//! The status of a service, its cause, and the report that carries both.

use std::fmt;
use std::time::Instant;

use crate::failure::{Failure, TIMED_OUT};
use crate::ids::HandlerId;

/// The status of a service: the seven statuses of the VOLTHA core, whose supervision livebus follows.
///
/// Exhaustive on purpose: code that shows a status must show each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Status {
    /// Nothing was reported about it yet.
    #[default]
    Unknown = 0,
    /// Its configuration is being applied.
    Preparing,
    /// It is configured; its client starts, or waits for the first proof.
    Prepared,
    /// It works, and there is recent evidence of that. The only status that is ready.
    Running,
    /// It does not work at present; it will be tried again.
    NotReady,
    /// It was shut down.
    Stopped,
    /// It will not be tried again.
    Failed,
}

impl Status {
    /// Every status, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Preparing,
        Self::Prepared,
        Self::Running,
        Self::NotReady,
        Self::Stopped,
        Self::Failed,
    ];

    /// A stable name for logs, metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Preparing => "Preparing",
            Self::Prepared => "Prepared",
            Self::Running => "Running",
            Self::NotReady => "NotReady",
            Self::Stopped => "Stopped",
            Self::Failed => "Failed",
        }
    }

    /// The status with this [name](Self::name), for recordings that are read back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a service has the status that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Cause {
    /// Nothing was reported yet.
    #[default]
    Unreported,
    /// The supervisor was made.
    Configured,
    /// The client is being started, or was and has nothing proved yet.
    Starting,
    /// The bus did its work.
    Evidence,
    /// The start failed, or was not answered in time.
    StartFailed(Failure),
    /// The liveness messages failed.
    LivenessFailed(Failure),
    /// The client is fatally broken.
    ClientLost(Failure),
    /// The bus works, and a required handler could not be registered.
    HandlerFailed(HandlerId, Failure),
    /// The supervisor itself did not run for longer than the detection bound: what it knew is too old.
    Starved,
    /// A shutdown was requested.
    ShuttingDown,
    /// The shutdown ended in order.
    ShutDown,
    /// The shutdown was forced: not everything was flushed and closed in time.
    ForcedStop,
    /// Set by the owner of the service, without a supervisor.
    Reported,
}

impl Cause {
    /// The names of all causes, in the order of their declaration.
    pub const NAMES: [&'static str; 13] = [
        Self::Unreported.name(),
        Self::Configured.name(),
        Self::Starting.name(),
        Self::Evidence.name(),
        Self::StartFailed(TIMED_OUT).name(),
        Self::LivenessFailed(TIMED_OUT).name(),
        Self::ClientLost(TIMED_OUT).name(),
        Self::HandlerFailed(HandlerId(0), TIMED_OUT).name(),
        Self::Starved.name(),
        Self::ShuttingDown.name(),
        Self::ShutDown.name(),
        Self::ForcedStop.name(),
        Self::Reported.name(),
    ];

    /// Returns the index of its name in [`NAMES`](Self::NAMES), to count causes.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Unreported => 0,
            Self::Configured => 1,
            Self::Starting => 2,
            Self::Evidence => 3,
            Self::StartFailed(_) => 4,
            Self::LivenessFailed(_) => 5,
            Self::ClientLost(_) => 6,
            Self::HandlerFailed(..) => 7,
            Self::Starved => 8,
            Self::ShuttingDown => 9,
            Self::ShutDown => 10,
            Self::ForcedStop => 11,
            Self::Reported => 12,
        }
    }

    /// The failure behind it, where there is one.
    #[must_use]
    pub const fn failure(self) -> Option<Failure> {
        match self {
            Self::StartFailed(failure)
            | Self::LivenessFailed(failure)
            | Self::ClientLost(failure)
            | Self::HandlerFailed(_, failure) => Some(failure),
            Self::Unreported
            | Self::Configured
            | Self::Starting
            | Self::Evidence
            | Self::Starved
            | Self::ShuttingDown
            | Self::ShutDown
            | Self::ForcedStop
            | Self::Reported => None,
        }
    }

    /// The handler that is the reason, where one is.
    #[must_use]
    pub const fn handler(self) -> Option<HandlerId> {
        match self {
            Self::HandlerFailed(handler, _) => Some(handler),
            Self::Unreported
            | Self::Configured
            | Self::Starting
            | Self::Evidence
            | Self::StartFailed(_)
            | Self::LivenessFailed(_)
            | Self::ClientLost(_)
            | Self::Starved
            | Self::ShuttingDown
            | Self::ShutDown
            | Self::ForcedStop
            | Self::Reported => None,
        }
    }

    /// A stable name for logs, metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreported => "Unreported",
            Self::Configured => "Configured",
            Self::Starting => "Starting",
            Self::Evidence => "Evidence",
            Self::StartFailed(_) => "StartFailed",
            Self::LivenessFailed(_) => "LivenessFailed",
            Self::ClientLost(_) => "ClientLost",
            Self::HandlerFailed(..) => "HandlerFailed",
            Self::Starved => "Starved",
            Self::ShuttingDown => "ShuttingDown",
            Self::ShutDown => "ShutDown",
            Self::ForcedStop => "ForcedStop",
            Self::Reported => "Reported",
        }
    }

    /// Whether the two say the same to a reader: the same reason, with any code of the client library.
    ///
    /// A dead broker shows under several codes in turn; a change for each of them would be noise.
    #[must_use]
    pub fn same_reason(self, other: Self) -> bool {
        match (self, other) {
            (Self::StartFailed(a), Self::StartFailed(b))
            | (Self::LivenessFailed(a), Self::LivenessFailed(b))
            | (Self::ClientLost(a), Self::ClientLost(b)) => a.class == b.class,
            (Self::HandlerFailed(i, a), Self::HandlerFailed(j, b)) => i == j && a.class == b.class,
            (a, b) => a == b,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreported => f.write_str("nothing reported yet"),
            Self::Configured => f.write_str("configured"),
            Self::Starting => f.write_str("starting"),
            Self::Evidence => f.write_str("the bus works"),
            Self::StartFailed(failure) => write!(f, "the start failed: {failure}"),
            Self::LivenessFailed(failure) => write!(f, "the bus cannot be used: {failure}"),
            Self::ClientLost(failure) => write!(f, "the client is lost: {failure}"),
            Self::HandlerFailed(handler, failure) => {
                write!(f, "handler {} does not work: {failure}", handler.index())
            }
            Self::Starved => f.write_str("the supervisor did not get to run"),
            Self::ShuttingDown => f.write_str("shutting down"),
            Self::ShutDown => f.write_str("shut down"),
            Self::ForcedStop => f.write_str("shut down by force"),
            Self::Reported => f.write_str("reported by its owner"),
        }
    }
}

/// What is known about one service at one instant.
///
/// A field may be added in a minor version: build one by `..Report::unreported(now)`, and match with `..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Report {
    /// The status.
    pub status: Status,
    /// Why.
    pub cause: Cause,
    /// What is wrong although the bus works: shown wherever the status is shown.
    pub warning: Option<Failure>,
    /// When the status became what it is. A change of cause or warning alone does not move it.
    pub since: Instant,
    /// The newest proof that the bus did its work.
    pub evidence: Option<Instant>,
    /// Running is granted until this instant and not beyond; `None` while not Running. A supervisor's Running always has one; a Running
    /// without one, which another reporter may make, does not end on its own.
    pub lease: Option<Instant>,
    /// Number of the start that was the newest when this was reported, from 1; counted again from 1 after a start that made
    /// the bus live, and by one that replaces a client without proof. 0 before the first start.
    pub attempt: u32,
}

impl Report {
    /// A report of nothing, at `now`.
    #[must_use]
    pub const fn unreported(now: Instant) -> Self {
        Self {
            status: Status::Unknown,
            cause: Cause::Unreported,
            warning: None,
            since: now,
            evidence: None,
            lease: None,
            attempt: 0,
        }
    }

    /// Returns the status as it must be shown at `now`: Running whose lease has ended is NotReady.
    #[must_use]
    pub fn status_at(&self, now: Instant) -> Status {
        match (self.status, self.lease) {
            (Status::Running, Some(lease)) if now > lease => Status::NotReady,
            (status, _) => status,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::failure::FailureClass::{Timeout, Tls};

    #[test]
    fn every_status_has_a_name_that_leads_back_to_it() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
            assert_eq!(status.to_string(), status.name());
        }
        assert_eq!(Status::from_name("running"), None);
    }

    #[test]
    fn each_cause_has_its_name_at_its_index() {
        let all = [
            Cause::Unreported,
            Cause::Configured,
            Cause::Starting,
            Cause::Evidence,
            Cause::StartFailed(Tls.into()),
            Cause::LivenessFailed(Tls.into()),
            Cause::ClientLost(Tls.into()),
            Cause::HandlerFailed(HandlerId(3), Tls.into()),
            Cause::Starved,
            Cause::ShuttingDown,
            Cause::ShutDown,
            Cause::ForcedStop,
            Cause::Reported,
        ];
        assert_eq!(all.map(Cause::name), Cause::NAMES);
        let indices: Vec<usize> = all.iter().map(|cause| cause.index()).collect();
        assert_eq!(indices, (0..Cause::NAMES.len()).collect::<Vec<_>>());
    }

    #[test]
    fn causes_with_the_same_handler_and_class_are_the_same_reason() {
        let failed = |index, class| Cause::HandlerFailed(HandlerId(index), Failure::new(class));
        assert!(failed(1, Tls).same_reason(failed(1, Tls)));
        assert!(!failed(1, Tls).same_reason(failed(2, Tls)));
        assert!(!failed(1, Tls).same_reason(failed(1, Timeout)));
        assert!(!failed(1, Tls).same_reason(failed(2, Timeout)));
        let code = Cause::LivenessFailed(Failure::with_code(Tls, 7));
        assert!(code.same_reason(Cause::LivenessFailed(Tls.into())));
        assert!(!code.same_reason(Cause::StartFailed(Tls.into())));
        assert!(Cause::Starved.same_reason(Cause::Starved));
    }

    #[test]
    fn causes_are_displayed_as_sentences() {
        let cause = Cause::HandlerFailed(HandlerId(3), Tls.into());
        assert_eq!(cause.to_string(), "handler 3 does not work: Tls");
        let cause = Cause::LivenessFailed(Timeout.into());
        assert_eq!(cause.to_string(), "the bus cannot be used: Timeout");
        assert_eq!(Cause::Evidence.to_string(), "the bus works");
    }

    #[test]
    fn running_is_shown_up_to_the_instant_of_the_lease_and_no_longer() {
        #[expect(clippy::disallowed_methods, reason = "one instant to count from")]
        let lease = Instant::now();
        let report = Report {
            status: Status::Running,
            lease: Some(lease),
            ..Report::unreported(lease)
        };
        assert_eq!(report.status_at(lease), Status::Running);
        let later = lease + Duration::from_nanos(1);
        assert_eq!(report.status_at(later), Status::NotReady);
    }
}
