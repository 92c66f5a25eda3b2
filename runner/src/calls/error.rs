//! How a call failed.

use std::time::Duration;

use livebus_core::calls::{Execution, NotSent, Outcome, Refusal, Unknown};
use livebus_core::{Cause, Failure};

use crate::calls::wire::ApplicationError;

/// Why a call has no result, and with [`execution`](Self::execution) what that says about the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The callee ran the request, which failed in the application.
    #[error(transparent)]
    Failed(#[from] ApplicationError),
    /// The callee refused to run the request. It was not executed.
    #[error("refused by the callee, and not executed: {}", text_of_refusal(*.0))]
    Refused(Refusal),
    /// The request did not leave. It was not executed.
    #[error("not sent: {}", text_of_not_sent(.0))]
    NotSent(NotSent),
    /// The request may have left, and it will not be known what became of it.
    #[error("it is not known whether the request was executed: {}", text_of_unknown(.0))]
    SentUnknown(Unknown),
    /// The deadline passed after the request was sent.
    #[error("no reply before the deadline: the request may have been executed, or may still be")]
    Expired,
    /// The caller was shut down after the request was sent.
    #[error("shut down before the reply: the request may have been executed, or may still be")]
    ShuttingDown,
}

impl CallError {
    /// Returns what the error says about the execution of the request.
    #[must_use]
    pub const fn execution(&self) -> Execution {
        match self {
            Self::Failed(_) => Outcome::Replied.execution(),
            Self::Refused(refusal) => Outcome::Refused(*refusal).execution(),
            Self::NotSent(reason) => Outcome::NotSent(*reason).execution(),
            Self::SentUnknown(reason) => Outcome::SentUnknown(*reason).execution(),
            Self::Expired => Outcome::Expired.execution(),
            Self::ShuttingDown => Outcome::ShuttingDown.execution(),
        }
    }

    /// Returns when to try again, for a call over a limit of its caller.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotSent(NotSent::Overloaded { retry_after }) => Some(*retry_after),
            Self::NotSent(
                NotSent::Bus(_)
                | NotSent::Replies(_)
                | NotSent::Send(_)
                | NotSent::Deadline
                | NotSent::TooLarge
                | NotSent::ShuttingDown,
            )
            | Self::Failed(_)
            | Self::Refused(_)
            | Self::SentUnknown(_)
            | Self::Expired
            | Self::ShuttingDown => None,
        }
    }

    /// The loop of the caller has ended without an outcome, so the request may have left.
    pub(super) fn lost(failure: Failure) -> Self {
        Self::SentUnknown(Unknown::Send(failure))
    }
}

fn text_of_not_sent(reason: &NotSent) -> String {
    match reason {
        // These say it themselves.
        NotSent::Bus(
            cause @ (Cause::StartFailed(_) | Cause::LivenessFailed(_) | Cause::ClientLost(_)),
        ) => cause.to_string(),
        NotSent::Bus(cause) => format!("the bus is not ready: {cause}"),
        NotSent::Replies(failure) => format!("the replies cannot be read: {failure}"),
        NotSent::Send(failure) => format!("the send failed: {failure}"),
        NotSent::Deadline => "the deadline passed before it could be".to_owned(),
        NotSent::TooLarge => "it is larger than `limits.call_bytes`; make that larger".to_owned(),
        NotSent::Overloaded { retry_after } => {
            format!("too many calls, or bytes of them, are in flight; try again in {retry_after:?}")
        }
        NotSent::ShuttingDown => "the caller shuts down".to_owned(),
    }
}

fn text_of_unknown(reason: &Unknown) -> String {
    match reason {
        Unknown::Send(failure) => format!("the send failed: {failure}"),
        Unknown::Refused(refusal) => format!(
            "the callee refused it ({}), and may have run it before",
            text_of_refusal(*refusal)
        ),
    }
}

const fn text_of_refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::TooLate => "its deadline was over",
        Refusal::Unsupported => "there is no such method",
        Refusal::Overloaded => "it has too much to do",
        Refusal::Unavailable => "it is not available",
    }
}

#[cfg(test)]
mod tests {
    use livebus_core::FailureClass;

    use super::*;

    #[test]
    fn each_error_says_what_it_means_for_the_request() {
        let failure = Failure::from(FailureClass::Timeout);
        let overloaded = NotSent::Overloaded {
            retry_after: Duration::from_millis(250),
        };
        let of_application = ApplicationError {
            code: 7,
            reason: "no stock".to_owned(),
        };
        let all = [
            (
                CallError::from(of_application),
                Execution::Done,
                "code 7: no stock",
            ),
            (
                CallError::Refused(Refusal::TooLate),
                Execution::Never,
                "deadline was over",
            ),
            (
                CallError::NotSent(NotSent::Bus(Cause::Starting)),
                Execution::Never,
                "is not ready: starting",
            ),
            (
                CallError::NotSent(overloaded),
                Execution::Never,
                "again in 250ms",
            ),
            (
                CallError::lost(failure),
                Execution::Maybe,
                "not known whether",
            ),
            (
                CallError::Expired,
                Execution::Maybe,
                "may have been executed",
            ),
            (
                CallError::ShuttingDown,
                Execution::Maybe,
                "may have been executed",
            ),
        ];
        for (error, execution, text) in all {
            assert_eq!(error.execution(), execution, "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
        let hint = CallError::NotSent(overloaded).retry_after();
        assert_eq!(hint, Some(Duration::from_millis(250)));
        assert_eq!(CallError::Expired.retry_after(), None);
    }
}
