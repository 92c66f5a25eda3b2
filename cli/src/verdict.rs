//! The verdict of `livebus check` and `livebus wait`.

use std::time::Duration;

use livebus_core::{FailureClass, FailureKind, Report, Status};
use serde::Serialize;
use serde_json::Value;

use crate::args::{CheckedFormat, WantedVerdict};
use crate::output::{milliseconds, printable, short};
use crate::style;

/// The maximum length of the text of a verdict, in characters.
const MAX_TEXT_CHARS: usize = 1_000;

/// Whether a bus works, or whether a livebus is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ready,
    NotReady,
}

impl Verdict {
    /// Returns the verdict of a status; `None` while there is none yet.
    pub(crate) const fn of(status: Status) -> Option<Self> {
        match status {
            Status::Running => Some(Self::Ready),
            Status::NotReady | Status::Failed | Status::Stopped => Some(Self::NotReady),
            Status::Unknown | Status::Preparing | Status::Prepared => None,
        }
    }
}

impl From<WantedVerdict> for Verdict {
    fn from(wanted: WantedVerdict) -> Self {
        match wanted {
            WantedVerdict::Ready => Self::Ready,
            WantedVerdict::NotReady => Self::NotReady,
        }
    }
}

/// What ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The first verdict.
    Check,
    /// This verdict.
    WaitFor(Verdict),
}

impl Purpose {
    /// Returns whether this report of a bus ends the command before its timeout.
    ///
    /// A check is not ended by a failure that may be chance or slowness: the bus has until the timeout to work.
    pub(crate) fn is_met_by_report(self, report: &Report) -> bool {
        let verdict = Verdict::of(report.status);
        match (self, verdict) {
            (Self::Check, Some(Verdict::NotReady)) => is_certain(report),
            (Self::Check | Self::WaitFor(_), _) => self.is_met_by(verdict),
        }
    }

    /// Returns whether this verdict ends the command before its timeout.
    pub(crate) fn is_met_by(self, verdict: Option<Verdict>) -> bool {
        match self {
            Self::Check => verdict.is_some(),
            Self::WaitFor(wanted) => verdict == Some(wanted),
        }
    }
}

/// Returns whether waiting a few seconds more is not expected to change a report that is not ready.
fn is_certain(report: &Report) -> bool {
    let Some(failure) = report.cause.failure() else {
        return true;
    };
    match failure.class.kind() {
        FailureKind::Definitive | FailureKind::Rejected => true,
        FailureKind::Ambiguous | FailureKind::Partial => matches!(
            failure.class,
            FailureClass::Unreachable | FailureClass::NameResolution
        ),
    }
}

/// What was found at the end.
#[derive(Debug)]
pub(crate) struct Finding {
    /// `None` if there was no verdict until the timeout.
    pub(crate) verdict: Option<Verdict>,
    /// In words, on one line.
    pub(crate) text: String,
    /// As a JSON object.
    pub(crate) details: Value,
}

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Conclusion {
    pub(crate) purpose: Purpose,
    pub(crate) finding: Finding,
    pub(crate) elapsed: Duration,
}

#[derive(Serialize)]
struct Json<'a> {
    ready: bool,
    /// Of `wait`: whether the wanted verdict was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<bool>,
    elapsed_ms: f64,
    text: &'a str,
    #[serde(flatten)]
    details: &'a Value,
}

impl Conclusion {
    /// Returns whether the exit code is 0.
    pub(crate) fn is_success(&self) -> bool {
        match self.purpose {
            Purpose::Check => self.finding.verdict == Some(Verdict::Ready),
            Purpose::WaitFor(wanted) => self.finding.verdict == Some(wanted),
        }
    }

    /// Returns the verdict as one line.
    pub(crate) fn line(&self, format: CheckedFormat, coloured: bool) -> serde_json::Result<String> {
        match format {
            CheckedFormat::Text => Ok(self.text(coloured)),
            CheckedFormat::Json => serde_json::to_string(&Json {
                ready: self.finding.verdict == Some(Verdict::Ready),
                reached: match self.purpose {
                    Purpose::Check => None,
                    Purpose::WaitFor(_) => Some(self.is_success()),
                },
                elapsed_ms: milliseconds(self.elapsed),
                text: &self.finding.text,
                details: &self.finding.details,
            }),
        }
    }

    fn text(&self, coloured: bool) -> String {
        let elapsed = short(self.elapsed);
        let (words, status) = match (self.purpose, self.finding.verdict) {
            (Purpose::Check, Some(Verdict::Ready)) => ("ready".to_owned(), Status::Running),
            (Purpose::Check, Some(Verdict::NotReady)) => ("not ready".to_owned(), Status::NotReady),
            (_, None) => (
                format!("not ready: no verdict within {elapsed}"),
                Status::NotReady,
            ),
            (Purpose::WaitFor(Verdict::Ready), Some(Verdict::Ready)) => {
                (format!("ready after {elapsed}"), Status::Running)
            }
            (Purpose::WaitFor(Verdict::NotReady), Some(Verdict::NotReady)) => {
                (format!("not ready after {elapsed}"), Status::NotReady)
            }
            (Purpose::WaitFor(Verdict::Ready), Some(Verdict::NotReady)) => {
                (format!("still not ready after {elapsed}"), Status::NotReady)
            }
            (Purpose::WaitFor(Verdict::NotReady), Some(Verdict::Ready)) => {
                (format!("still ready after {elapsed}"), Status::Running)
            }
        };
        let words = style::paint(coloured, style::of(status, false), &words);
        format!("{words}: {}", self.finding.text)
    }
}

/// Returns foreign text on one line that is not too long.
pub(crate) fn bounded(text: &str) -> String {
    printable(text).chars().take(MAX_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conclusion(purpose: Purpose, verdict: Option<Verdict>) -> Conclusion {
        Conclusion {
            purpose,
            finding: Finding {
                verdict,
                text: "why".to_owned(),
                details: Value::Null,
            },
            elapsed: Duration::from_millis(1_500),
        }
    }

    #[test]
    fn only_the_wanted_verdict_is_a_success() {
        use Verdict::{NotReady, Ready};
        for (purpose, verdict, success, text) in [
            (Purpose::Check, Some(Ready), true, "ready: why"),
            (Purpose::Check, Some(NotReady), false, "not ready: why"),
            (
                Purpose::Check,
                None,
                false,
                "not ready: no verdict within 1.50 s: why",
            ),
            (
                Purpose::WaitFor(Ready),
                Some(Ready),
                true,
                "ready after 1.50 s: why",
            ),
            (
                Purpose::WaitFor(Ready),
                Some(NotReady),
                false,
                "still not ready after 1.50 s: why",
            ),
            (
                Purpose::WaitFor(NotReady),
                Some(NotReady),
                true,
                "not ready after 1.50 s: why",
            ),
            (
                Purpose::WaitFor(NotReady),
                Some(Ready),
                false,
                "still ready after 1.50 s: why",
            ),
            (
                Purpose::WaitFor(NotReady),
                None,
                false,
                "not ready: no verdict within 1.50 s: why",
            ),
        ] {
            let conclusion = conclusion(purpose, verdict);
            assert_eq!(conclusion.is_success(), success, "{text}");
            let line = conclusion.line(CheckedFormat::Text, false);
            assert_eq!(line.expect("it is text"), text);
        }
    }

    #[test]
    fn a_status_that_is_no_verdict_yet_ends_nothing() {
        for status in [Status::Unknown, Status::Preparing, Status::Prepared] {
            let verdict = Verdict::of(status);
            assert!(!Purpose::Check.is_met_by(verdict), "{status}");
            assert!(!Purpose::WaitFor(Verdict::NotReady).is_met_by(verdict));
        }
    }
}
