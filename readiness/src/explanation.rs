//! What a person reads about a failure besides its class: in the words of the bus.

use std::borrow::Cow;
use std::fmt;

use livebus_core::{Cause, Failure};

use crate::handlers::HandlerState;

/// What a person needs to know about one failure besides its class, in the words of the bus. No part contains a secret or a line
/// break.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation {
    /// The name of the code in the client library: `_TRANSPORT`.
    pub code_name: Option<Cow<'static, str>>,
    /// What happened, to which address or topic, as far as it is known: `kafka-1:9092: Connection refused`.
    pub reason: Option<String>,
    /// What a person can do, as one imperative sentence without a full stop.
    pub remedy: Option<Cow<'static, str>>,
}

/// One fact about the bus that is shown with its status: `leaders`, `2 of 3 answered`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The name, in lower case and stable: `cluster_id`.
    pub name: &'static str,
    /// The value. Contains neither a secret nor a line break.
    pub value: String,
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name.replace('_', " "), self.value)
    }
}

/// The leaders that were asked by the newest liveness message. Informational: it decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leaders {
    /// The number of leaders to which it was sent.
    pub asked: u32,
    /// The number of those that have answered.
    pub answered: u32,
}

/// Explains failures of one service, and describes its bus and its handlers. Asked whenever a status is shown, so it must be quick.
pub trait Explain: Send + Sync + 'static {
    /// Returns what is known about `failure`, which was reported lately.
    fn explain(&self, failure: Failure) -> Explanation;

    /// Returns the facts about the bus that are shown with each status. The default has none.
    fn details(&self) -> Vec<Detail> {
        Vec::new()
    }

    /// Returns the leaders that the newest liveness message asked, none before the first; `None`, the default, for a bus whose liveness
    /// messages ask no leaders.
    fn leaders(&self) -> Option<Leaders> {
        None
    }

    /// Returns the state of each request handler and each caller, in the order of their ids. The default has none.
    fn handlers(&self) -> Vec<HandlerState> {
        Vec::new()
    }
}

impl Explanation {
    /// Returns the text of `failure`, in one line: its class, the name and the number of its code, the reason and the remedy.
    #[must_use]
    pub fn describe(&self, failure: Failure) -> String {
        format!("{}{self}", Coded(failure, self.code_name.as_deref()))
    }

    /// Returns the text of `cause`, in one line: with the name and the number of its code, the reason and the remedy.
    #[must_use]
    pub fn describe_cause(&self, cause: Cause) -> String {
        match cause.failure() {
            Some(failure) => {
                let text = cause.to_string();
                let shown = failure.to_string();
                // A cause ends with its failure.
                let before = text.strip_suffix(&shown).unwrap_or(&text);
                format!("{before}{}", self.describe(failure))
            }
            None => cause.to_string(),
        }
    }
}

/// The reason and the remedy, each after its separator.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

/// A failure with the name of its code.
struct Coded<'a>(Failure, Option<&'a str>);

impl fmt::Display for Coded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(
                Failure {
                    class,
                    code: Some(code),
                    ..
                },
                Some(name),
            ) => {
                write!(f, "{class} ({name}, code {code})")
            }
            Self(failure, _) => write!(f, "{failure}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use livebus_core::FailureClass;

    use super::*;

    #[test]
    fn a_cause_is_described_with_everything_that_is_known_about_it() {
        let failure = Failure::with_code(FailureClass::Unreachable, -195);
        let explanation = Explanation {
            code_name: Some("_TRANSPORT".into()),
            reason: Some("kafka-1:9092: Connection refused".to_owned()),
            remedy: Some("check that a broker runs there".into()),
        };
        assert_eq!(
            explanation.describe_cause(Cause::LivenessFailed(failure)),
            "the bus cannot be used: Unreachable (_TRANSPORT, code -195): kafka-1:9092: Connection refused; \
             check that a broker runs there"
        );
    }

    #[test]
    fn nothing_is_added_that_is_not_known() {
        let nothing = Explanation::default();
        let failure = Failure::with_code(FailureClass::Tls, 7);
        assert_eq!(nothing.describe(failure), "Tls (code 7)");
        assert_eq!(nothing.describe(FailureClass::Tls.into()), "Tls");
        assert_eq!(nothing.describe_cause(Cause::Evidence), "the bus works");
    }
}
