//! A topic that the service needs, and what is wrong with it. No I/O.

use std::fmt::Write as _;
use std::str::FromStr;

use livebus_core::{Failure, FailureClass};
use rdkafka::error::RDKafkaErrorCode;

/// A topic that the service needs, besides the liveness topic.
///
/// It is looked at, and nothing is written to it: whether it exists, whether its partitions have leaders, for writing whether
/// enough replicas are in sync (where the service's `acks` wait for them), and whether the user may use it. A topic that cannot be
/// used is a warning, or NotReady if it is [required](Self::required).
///
/// From text it is `NAME`, `NAME:required`, `NAME:read` or `NAME:read:required`.
///
/// What is not known is not reported: the number of replicas that must be in sync is known if the user may describe the topic's
/// configuration, and the right to write where the brokers refuse `acks=2` (Apache Kafka does) and a record to the liveness topic
/// has shown it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NeededTopic {
    name: String,
    is_required: bool,
    access: Access,
}

/// What the service does with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Write,
    Read,
}

/// The text is not a needed topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad topic `{name}`: {problem}")]
#[non_exhaustive]
pub struct NeededTopicError {
    /// The name of the topic. What cannot be a name, and what follows it, is not kept: it may be a misplaced secret.
    pub name: String,
    /// What is wrong with it, and what is expected.
    pub problem: &'static str,
}

impl NeededTopic {
    /// Returns a topic to which the service writes.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            is_required: false,
            access: Access::Write,
        }
    }

    /// The service is NotReady while the topic cannot be used. Without this it is Running with a warning.
    #[must_use]
    pub fn required(self) -> Self {
        Self {
            is_required: true,
            ..self
        }
    }

    /// The service reads from the topic, and does not write to it.
    #[must_use]
    pub fn read(self) -> Self {
        Self {
            access: Access::Read,
            ..self
        }
    }

    /// Returns the name of the topic.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the service is NotReady while the topic cannot be used.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.is_required
    }

    pub(crate) const fn access(&self) -> Access {
        self.access
    }
}

impl FromStr for NeededTopic {
    type Err = NeededTopicError;

    fn from_str(text: &str) -> Result<Self, NeededTopicError> {
        let mut parts = text.trim().split(':');
        let name = parts.next().unwrap_or_default();
        let error = |problem| NeededTopicError {
            name: if name.chars().all(is_allowed) {
                name.to_owned()
            } else {
                "[not shown: it may hold a secret]".to_owned()
            },
            problem,
        };
        if !is_topic_name(name) {
            return Err(error(
                "a topic's name is 1 to 249 letters, digits, dots, underscores and dashes",
            ));
        }
        parts.try_fold(Self::new(name), |topic, part| match part {
            "required" => Ok(topic.required()),
            "read" => Ok(topic.read()),
            _ => Err(error("after the name write `:required`, `:read` or both")),
        })
    }
}

const fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Returns whether a topic can have this name, by Kafka's own rule.
pub(crate) fn is_topic_name(text: &str) -> bool {
    (1..=249).contains(&text.len()) && text.chars().all(is_allowed) && text != "." && text != ".."
}

/// What is known of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicState {
    /// The error of the topic in the metadata, or its partitions.
    pub(crate) partitions: Result<Vec<PartitionState>, RDKafkaErrorCode>,
    /// The topic's `min.insync.replicas`; `None` if it is not known.
    pub(crate) min_in_sync: Option<usize>,
    /// The broker's answer to the question whether the user may use the topic as needed.
    pub(crate) right: Right,
}

/// What is known of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionState {
    pub(crate) id: i32,
    pub(crate) leader: Option<i32>,
    pub(crate) in_sync: usize,
    pub(crate) replicas: usize,
}

impl PartitionState {
    /// Returns whether the brokers refuse records that wait for replicas, with `min_in_sync` as the topic's configuration. Kafka does not
    /// require more replicas than the partition has.
    fn lacks(&self, min_in_sync: usize) -> bool {
        self.in_sync < min_in_sync.min(self.replicas)
    }
}

/// Whether the user may use a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Granted,
    Denied,
    Unknown,
}

/// What is wrong with a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    code: RDKafkaErrorCode,
    text: String,
}

impl TopicState {
    /// Returns what is wrong with the topic; `None` if nothing is known to be. `waits` is whether the service's records wait for the
    /// replicas that are in sync.
    pub(crate) fn problem(&self, access: Access, waits: bool) -> Option<Problem> {
        let partitions = match &self.partitions {
            Ok(partitions) => partitions,
            Err(code) => return Some(refused(*code)),
        };
        let without_leader: Vec<i32> = partitions
            .iter()
            .filter(|it| it.leader.is_none())
            .map(|it| it.id)
            .collect();
        if !without_leader.is_empty() {
            return Some(Problem {
                code: RDKafkaErrorCode::LeaderNotAvailable,
                text: format!("no leader for {}", numbered(&without_leader, partitions)),
            });
        }
        if self.right == Right::Denied {
            return Some(refused(RDKafkaErrorCode::TopicAuthorizationFailed).of(access));
        }
        let needed = self
            .min_in_sync
            .filter(|_| waits && access == Access::Write)?;
        let too_few: Vec<i32> = partitions
            .iter()
            .filter(|it| it.lacks(needed))
            .map(|it| it.id)
            .collect();
        (!too_few.is_empty()).then(|| Problem {
            code: RDKafkaErrorCode::NotEnoughReplicas,
            text: format!(
                "fewer than {needed} replicas in sync for {}",
                numbered(&too_few, partitions)
            ),
        })
    }

    /// Returns the brokers that lead a partition, at most three.
    pub(crate) fn leaders(&self) -> Vec<i32> {
        let partitions = self.partitions.as_deref().unwrap_or_default();
        let mut leaders: Vec<i32> = partitions.iter().filter_map(|it| it.leader).collect();
        leaders.sort_unstable();
        leaders.dedup();
        leaders.truncate(MAX_NAMED);
        leaders
    }

    /// Returns whether a partition lacks a replica, so that it matters how many must be in sync.
    pub(crate) fn lacks_replicas(&self) -> bool {
        let partitions = self.partitions.as_deref().unwrap_or_default();
        partitions.iter().any(|it| it.in_sync < it.replicas)
    }
}

impl Problem {
    fn of(self, access: Access) -> Self {
        let what = match access {
            Access::Write => "write to",
            Access::Read => "read",
        };
        Self {
            text: format!("this user has no right to {what} it"),
            ..self
        }
    }
}

fn refused(code: RDKafkaErrorCode) -> Problem {
    use RDKafkaErrorCode as Code;

    let text = if matches!(code, Code::UnknownTopic | Code::UnknownTopicOrPartition) {
        "does not exist, or this user may not see it".to_owned()
    } else if code == Code::TopicAuthorizationFailed {
        "this user may not see it".to_owned()
    } else {
        code.to_string()
    };
    Problem { code, text }
}

/// The maximum number of partitions that are named.
const MAX_NAMED: usize = 3;

fn numbered(some: &[i32], all: &[PartitionState]) -> String {
    let mut text = format!("{} of {} partitions (", some.len(), all.len());
    let named = some.iter().take(MAX_NAMED).map(ToString::to_string);
    text.push_str(&named.collect::<Vec<_>>().join(", "));
    text.push_str(if some.len() > MAX_NAMED {
        ", ...)"
    } else {
        ")"
    });
    text
}

/// What the needed topics amount to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Verdict {
    /// `None` if all can be used, as far as it is known.
    pub(crate) failure: Option<Failure>,
    /// What is wrong with which topic; empty without a failure.
    pub(crate) reason: String,
}

/// The maximum number of topics that are named in a reason.
const MAX_TOPICS: usize = 3;

impl Verdict {
    /// Returns the verdict over topics and their problems. A required topic decides, else the first.
    pub(crate) fn of<'a>(topics: impl Iterator<Item = (&'a NeededTopic, Option<Problem>)>) -> Self {
        let broken = topics.filter_map(|(topic, problem)| Some((topic, problem?)));
        let mut broken: Vec<_> = broken.collect();
        broken.sort_by_key(|(topic, _)| !topic.is_required());
        let Some((worst, problem)) = broken.first() else {
            return Self::default();
        };
        let class = if worst.is_required() {
            FailureClass::RequiredTopicUnusable
        } else {
            FailureClass::TopicUnusable
        };
        let failure = Failure::with_code(class, problem.code as i32);
        let mut reason = String::new();
        for (topic, problem) in broken.iter().take(MAX_TOPICS) {
            let separator = if reason.is_empty() { "" } else { "; " };
            // Writing to a string cannot fail.
            let _ = write!(reason, "{separator}topic {}: {}", topic.name, problem.text);
        }
        if broken.len() > MAX_TOPICS {
            let _ = write!(reason, "; and {} more", broken.len() - MAX_TOPICS);
        }
        Self {
            failure: Some(failure),
            reason,
        }
    }
}

#[cfg(test)]
mod tests;
