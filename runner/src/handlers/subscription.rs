//! What a handler consumes, and the checks of it.

use std::fmt;
use std::time::Duration;

use livebus_core::ConfigError;
use livebus_core::dispatch::Delivery;

/// What a handler consumes: known to the client library.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// The name of the handler.
    pub handler: String,
    /// The topics.
    pub topics: Topics,
    /// The group; `None` for a broadcast.
    pub group: Option<String>,
    /// Where a partition begins of which the group has no position.
    pub begin: Begin,
    /// The topic of dead letters.
    pub dead_letter_topic: Option<String>,
    /// Whether records have their headers.
    pub with_headers: bool,
    /// Properties of the client library for this consumer alone.
    pub properties: Vec<(String, String)>,
    /// The bytes of records that are held at most.
    pub max_bytes: u64,
    /// How long a revocation is held at most.
    pub revocation_bound: Duration,
}

/// The topics of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topics {
    /// Those with these names.
    Named(Vec<String>),
    /// All whose whole names match a regular expression.
    Pattern(String),
}

/// Where a partition begins of which the group has no position. One that is found later, because partitions were added, begins with its
/// earliest record in any case: all of its records are newer than the subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With the earliest record that is there.
    Earliest,
    /// After the latest record that is there.
    Latest,
}

/// A request handler that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// A handler has no topic.
    #[error("the handler `{handler}` has no topic: name one with `topics`, or a `pattern`")]
    NoTopic {
        /// The handler.
        handler: String,
    },
    /// The name of a topic is not one that a topic can have.
    #[error(
        "the handler `{handler}` names the topic `{topic}`, which no topic can be called: use 1 to 249 of the characters a-z, A-Z, 0-9, `.`, `_` and `-`"
    )]
    IllegalTopic {
        /// The handler.
        handler: String,
        /// The topic.
        topic: String,
    },
    /// A handler names a topic twice.
    #[error("the handler `{handler}` names the topic `{topic}` twice: name it once")]
    RepeatedTopic {
        /// The handler.
        handler: String,
        /// The topic.
        topic: String,
    },
    /// The group of a handler has no name.
    #[error("the group of the handler `{handler}` has no name: give it one, or use `broadcast`")]
    UnnamedGroup {
        /// The handler.
        handler: String,
    },
    /// A handler has neither a group nor is it a broadcast.
    #[error(
        "the handler `{handler}` has no group: name one with `group`, or use `broadcast` if every instance is to read all records"
    )]
    NoGroup {
        /// The handler.
        handler: String,
    },
    /// Two handlers of one group read the same topic: the group would give each of them a part of its records.
    #[error(
        "the handlers `{first}` and `{second}` of the group `{group}` may both read `{topic}`: give each a group of its own"
    )]
    OverlappingTopics {
        /// One handler.
        first: String,
        /// The other one.
        second: String,
        /// Their group.
        group: String,
        /// A topic of both, or a pattern.
        topic: String,
    },
    /// A policy writes dead letters, and there is no topic for them.
    #[error(
        "the handler `{handler}` writes dead letters, and has no topic for them: name one with `dead_letter_topic`"
    )]
    NoDeadLetterTopic {
        /// The handler.
        handler: String,
    },
    /// Dead letters would be read again by the handler that wrote them.
    #[error(
        "the handler `{handler}` would read its own dead letters from `{topic}`: name another topic for them"
    )]
    OwnDeadLetters {
        /// The handler.
        handler: String,
        /// The topic.
        topic: String,
    },
    /// A limit, a timing or a policy is invalid.
    #[error("the handler `{handler}`: {source}")]
    Settings {
        /// The handler.
        handler: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// The bus does not accept a subscription.
    #[error("{0}")]
    Rejected(String),
}

impl Subscription {
    /// Returns whether members of a group share the partitions.
    #[must_use]
    pub const fn delivery(&self) -> Delivery {
        match self.group {
            Some(_) => Delivery::Group,
            None => Delivery::Broadcast,
        }
    }

    /// Checks what can be seen in this subscription alone.
    pub(crate) fn check(&self) -> Result<(), HandlerError> {
        let handler = || self.handler.clone();
        if self.group.as_deref().is_some_and(|it| it.trim().is_empty()) {
            return Err(HandlerError::UnnamedGroup { handler: handler() });
        }
        let names = match &self.topics {
            Topics::Named(names) => names.as_slice(),
            Topics::Pattern(pattern) if pattern.trim_start_matches('^').is_empty() => &[],
            Topics::Pattern(_) => return self.check_dead_letters(),
        };
        if names.is_empty() {
            return Err(HandlerError::NoTopic { handler: handler() });
        }
        for (index, topic) in names.iter().enumerate() {
            self.check_topic(topic)?;
            if names[..index].contains(topic) {
                return Err(HandlerError::RepeatedTopic {
                    handler: handler(),
                    topic: topic.clone(),
                });
            }
        }
        self.check_dead_letters()
    }

    fn check_dead_letters(&self) -> Result<(), HandlerError> {
        let Some(topic) = &self.dead_letter_topic else {
            return Ok(());
        };
        self.check_topic(topic)?;
        match &self.topics {
            Topics::Named(names) if names.contains(topic) => Err(HandlerError::OwnDeadLetters {
                handler: self.handler.clone(),
                topic: topic.clone(),
            }),
            Topics::Named(_) | Topics::Pattern(_) => Ok(()),
        }
    }

    fn check_topic(&self, topic: &str) -> Result<(), HandlerError> {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = (1..=249).contains(&topic.len()) && topic.bytes().all(is_legal);
        if is_name && topic != "." && topic != ".." {
            return Ok(());
        }
        Err(HandlerError::IllegalTopic {
            handler: self.handler.clone(),
            topic: topic.to_owned(),
        })
    }

    /// Returns a topic that both may read.
    fn overlap<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        match (&self.topics, &other.topics) {
            (Topics::Named(ours), Topics::Named(theirs)) => ours
                .iter()
                .find(|it| theirs.contains(it))
                .map(String::as_str),
            // Which topics a pattern matches is not known before they exist.
            (Topics::Pattern(pattern), _) | (_, Topics::Pattern(pattern)) => Some(pattern),
        }
    }
}

/// Checks what can be seen in all subscriptions together.
pub(crate) fn check_together(all: &[&Subscription]) -> Result<(), HandlerError> {
    for (index, second) in all.iter().enumerate() {
        for first in &all[..index] {
            let Some(group) = second
                .group
                .as_ref()
                .filter(|it| first.group.as_ref() == Some(it))
            else {
                continue;
            };
            if let Some(topic) = first.overlap(second) {
                return Err(HandlerError::OverlappingTopics {
                    first: first.handler.clone(),
                    second: second.handler.clone(),
                    group: group.clone(),
                    topic: topic.to_owned(),
                });
            }
        }
    }
    Ok(())
}

impl fmt::Display for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(names) => f.write_str(&names.join(",")),
            Self::Pattern(pattern) => f.write_str(pattern),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(handler: &str, topics: &[&str], group: Option<&str>) -> Subscription {
        Subscription {
            handler: handler.to_owned(),
            topics: Topics::Named(topics.iter().map(|&it| it.to_owned()).collect()),
            group: group.map(str::to_owned),
            begin: Begin::Earliest,
            dead_letter_topic: None,
            with_headers: true,
            properties: Vec::new(),
            max_bytes: 1,
            revocation_bound: Duration::from_secs(9),
        }
    }

    #[test]
    fn bad_subscriptions_are_refused_by_name_and_remedy() {
        let long = "a".repeat(250);
        for (topics, group, needle) in [
            (&[][..], Some("g"), "has no topic"),
            (&[""], Some("g"), "names the topic ``"),
            (&["a b"], Some("g"), "names the topic `a b`"),
            (&[".."], Some("g"), "names the topic `..`"),
            (&[&*long], Some("g"), "1 to 249"),
            (&["a", "a"], Some("g"), "twice"),
            (&["a"], Some(" "), "has no name"),
        ] {
            let error = subscription("h", topics, group).check();
            let text = error.expect_err("it is refused").to_string();
            assert!(text.contains(needle) && text.contains("`h`"), "{text}");
        }
        assert_eq!(subscription("h", &["a.b_c-D9"], None).check(), Ok(()));
    }

    #[test]
    fn dead_letters_go_to_another_topic() {
        let mut own = subscription("h", &["a"], Some("g"));
        own.dead_letter_topic = Some("a".to_owned());
        assert!(matches!(
            own.check(),
            Err(HandlerError::OwnDeadLetters { .. })
        ));
        own.dead_letter_topic = Some("a.dead".to_owned());
        assert_eq!(own.check(), Ok(()));
    }

    #[test]
    fn handlers_of_one_group_share_no_topic() {
        let one = subscription("one", &["a", "b"], Some("g"));
        let same_topic = subscription("two", &["b"], Some("g"));
        assert!(check_together(&[&one, &same_topic]).is_err());
        for other in [
            subscription("two", &["c"], Some("g")),
            subscription("two", &["b"], Some("h")),
            subscription("two", &["b"], None),
        ] {
            assert_eq!(check_together(&[&one, &other]), Ok(()));
        }
        let mut pattern = subscription("two", &[], Some("g"));
        pattern.topics = Topics::Pattern("^c.*".to_owned());
        assert!(check_together(&[&one, &pattern]).is_err());
    }
}
