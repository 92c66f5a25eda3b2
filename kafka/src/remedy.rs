//! What a person can do about a failure of Kafka.

use livebus_core::{Failure, FailureClass};
use livebus_runner::Explanation;
use rdkafka::error::RDKafkaErrorCode;

use crate::error_class::{classify, code_name, known};

/// Returns what a person can do about `failure`, as one imperative sentence without a full stop: its code decides where that sends
/// to another place than its class.
#[must_use]
pub fn remedy(failure: Failure) -> &'static str {
    let code = failure.code.and_then(known);
    code.and_then(|code| of_code(failure.class, code))
        .unwrap_or_else(|| of_class(failure.class))
}

/// As [`remedy`], for a failure of a request handler, which reads.
pub(crate) fn handler_remedy(failure: Failure) -> &'static str {
    let is_group = failure.code == Some(RDKafkaErrorCode::GroupAuthorizationFailed as i32);
    if failure.class == FailureClass::Authorization && !is_group {
        return "allow this user to read the topic (ACLs `Read` and `Describe`)";
    }
    if failure.class == FailureClass::TopicMissing {
        return "create the topic, or allow this user to see it (ACL `Describe`): a handler creates none";
    }
    remedy(failure)
}

/// As [`remedy`], for a failure of a caller, which writes requests and reads replies.
pub(crate) fn caller_remedy(failure: Failure) -> &'static str {
    let is_group = failure.code == Some(RDKafkaErrorCode::GroupAuthorizationFailed as i32);
    if failure.class == FailureClass::Authorization && !is_group {
        return "allow this user to read the reply topic (ACLs `Read` and `Describe`), and to write to the request topic (ACLs `Write` and `Describe`)";
    }
    if failure.class == FailureClass::TopicMissing {
        return "create the reply topic and the request topic, or allow this user to see them (ACL `Describe`): a caller creates none; a reply partition that is chosen by its number must exist";
    }
    remedy(failure)
}

fn of_class(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Unreachable => {
            "check that a broker runs at this address, and that no firewall or proxy in between refuses connections"
        }
        FailureClass::Unresponsive => {
            "look at the broker at this address: it accepts connections and does not answer (hung, paused or overloaded)"
        }
        FailureClass::Timeout => {
            "check whether the brokers hang or are overloaded, and the network to them"
        }
        FailureClass::BrokerUnreachable => {
            "restart or repair the broker at this address; other brokers answer"
        }
        FailureClass::NameResolution => {
            "correct the host name, or the DNS of the machine on which this service runs"
        }
        FailureClass::AdvertisedAddress => {
            "correct `advertised.listeners` of this broker, or make the address reachable from here: the bootstrap server answers, and \
             sends its clients to this address"
        }
        FailureClass::SecurityProtocol => {
            "set `security.protocol` to that of the broker's listener on this port, and check that the port is one of Kafka"
        }
        FailureClass::Tls => {
            "compare the broker's certificate (issuer, host names, dates) with `ssl.ca.location`, and the client's certificate with what \
             the broker requires"
        }
        FailureClass::Authentication => {
            "check `sasl.mechanisms`, `sasl.username` and `sasl.password`, and that this user exists on the brokers"
        }
        FailureClass::WrongCluster => {
            "correct the bootstrap servers: they lead to another cluster than the expected one"
        }
        FailureClass::Authorization => {
            "allow this user to write to the topic (ACLs `Write` and `Describe`)"
        }
        FailureClass::TopicMissing => {
            "create the topic (`--create-topic`), or allow this user to see it (ACL `Describe`), or check by metadata (`LivenessBy::Metadata`, `--ask metadata`)"
        }
        FailureClass::RecordRejected => {
            "compare the record and the request with the limits of the topic and the brokers"
        }
        FailureClass::TopicUnusable => "look at the topic that is named: the service needs it",
        FailureClass::RequiredTopicUnusable => {
            "create the topic that is named, or allow this user to describe and to use it: without it the service is not ready"
        }
        FailureClass::ReplicasSilent => {
            "look at the brokers that hold the other replicas: the leaders wait for them"
        }
        FailureClass::NoLeader => {
            "wait for the election of a leader; if it does not end, look at the controller and at the brokers that hold the partition"
        }
        FailureClass::NotEnoughReplicas => {
            "bring the brokers of the missing replicas back, or lower `min.insync.replicas` of the topic if fewer are enough"
        }
        FailureClass::Throttled => {
            "raise the client's quota (`producer_byte_rate`, `request_percentage`), or send less"
        }
        FailureClass::QueueFull => {
            "look at why records are not delivered, or enlarge `queue.buffering.max.messages`"
        }
        FailureClass::ClientFatal => {
            "correct what the reason names, a file or a property, say; a new client is made without a restart, unless the status is Failed"
        }
        FailureClass::RecordFailed => {
            "correct the handler's function or the record that is named: its partition continues when the function succeeds"
        }
        FailureClass::RecordsRemoved => {
            "lengthen the retention of the topic, and let the handler continue behind the removed records (`OnRemoved::Continue`)"
        }
        FailureClass::HandlerStalled => {
            "look at what the handler's function waits for, for the record that is named"
        }
        FailureClass::Other | _ => {
            "look at the broker's log for this time, and report to livebus what the code's name means there: it has no rule for it"
        }
    }
}

/// Returns the remedy of a code that is more exact than that of its class.
#[expect(
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a table, of the codes that have another remedy than their class"
)]
fn of_code(class: FailureClass, code: RDKafkaErrorCode) -> Option<&'static str> {
    use RDKafkaErrorCode as Code;

    if matches!(
        (class, code),
        (FailureClass::SecurityProtocol, Code::UnsupportedFeature)
    ) {
        return Some(
            "use the port of a broker's listener: what answers on this port is no broker, but a KRaft controller, say",
        );
    }
    // The text of librdkafka said more than the code.
    if classify(code) != class {
        return None;
    }
    let remedy = match code {
        Code::GroupAuthorizationFailed => {
            "allow this user to use the consumer group (ACL `Read` on the group)"
        }
        Code::ClusterAuthorizationFailed => {
            "allow this user the operation on the cluster (ACL `IdempotentWrite`, or `Create` to create topics)"
        }
        Code::TransactionalIdAuthorizationFailed => {
            "allow this user to use the `transactional.id` (ACL `Write` on it)"
        }
        Code::DelegationTokenAuthorizationFailed
        | Code::DelegationTokenOwnerMismatch
        | Code::DelegationTokenRequestNotAllowed => {
            "log in without a delegation token, or as its owner, to manage delegation tokens"
        }
        Code::PrincipalDeserializationFailure => {
            "look at `principal.builder.class` on the brokers: the controller cannot read who the client is"
        }
        Code::UnsupportedSASLMechanism => {
            "set `sasl.mechanisms` to one that the broker has enabled (`sasl.enabled.mechanisms`)"
        }
        Code::IllegalSASLState => {
            "compare `security.protocol` and `sasl.mechanisms` with the broker's listener on this port: the login came out of order"
        }
        Code::DelegationTokenAuthDisabled
        | Code::DelegationTokenNotFound
        | Code::DelegationTokenExpired => "create a new delegation token and log in with it",
        Code::InvalidTopic => {
            "correct the topic's name: letters, digits, `.`, `_` and `-`, at most 249 characters"
        }
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
            "raise `max.message.bytes` of the topic (or `message.max.bytes` of the brokers): it is too small for this record"
        }
        Code::InvalidTimestamp => {
            "compare the clocks of this machine and of the brokers, and look at `message.timestamp.before.max.ms` and \
             `message.timestamp.after.max.ms` of the topic"
        }
        Code::InvalidRecord | Code::InvalidDifferentRecord => {
            "look at what the topic requires of a record (a key, a schema, a timestamp) and at the broker's log for this time"
        }
        Code::InvalidMessage | Code::InvalidMessageSize => {
            "look at the network and at proxies between here and the broker: the record arrived damaged"
        }
        Code::UnsupportedForMessageFormat => {
            "update the message format of the topic (`message.format.version`): it is too old for this record"
        }
        Code::UnsupportedCompressionType => {
            "set `compression.type` of the topic to one that all brokers support"
        }
        Code::InvalidRequiredAcks => "set `acks` to 0, 1 or all",
        Code::InvalidReplicationFactor | Code::InvalidReplicaAssignment => {
            "choose a replication factor that is not larger than the number of brokers"
        }
        Code::InvalidPartitions => "choose a number of partitions that the cluster allows",
        Code::InvalidConfig => "correct the topic's configuration that the request contains",
        Code::InvalidSessionTimeout => {
            "set `session.timeout.ms` within `group.min.session.timeout.ms` and `group.max.session.timeout.ms` of the brokers"
        }
        Code::InvalidGroupId => "set `group.id` to a name that is not empty",
        Code::InconsistentGroupProtocol | Code::UnsupportedAssignor => {
            "give all members of the group the same `group.protocol` and `partition.assignment.strategy`"
        }
        Code::InvalidTransactionTimeout => {
            "lower `transaction.timeout.ms` to at most `transaction.max.timeout.ms` of the brokers"
        }
        Code::UnsupportedVersion | Code::UnknownProtocol => {
            "update the brokers or librdkafka: they have no version of this request in common"
        }
        Code::BadMessage | Code::Underflow => {
            "check that the port is one of Kafka, and `security.protocol`: what answers there does not speak its protocol"
        }
        Code::KafkaStorageError | Code::LogDirNotFound => {
            "look at the disks of the broker that leads the partition: one is full or has failed"
        }
        Code::NotController | Code::StaleControllerEpoch | Code::InconsistentVoterSet => {
            "look at the controllers if this lasts: the controller is changing"
        }
        Code::NotCoordinator
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::WaitingForCoordinator
        | Code::TransactionCoordinatorFenced => {
            "look at the brokers that hold `__consumer_offsets` and `__transaction_state` if this lasts: a coordinator is changing"
        }
        Code::ListenerNotFound => {
            "give every broker the listener through which this client connects: the leader has none of that name"
        }
        Code::PolicyViolation => {
            "ask who runs the cluster for its policy (`create.topic.policy.class.name`): it refuses this request"
        }
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => {
            "look for another producer with the same `transactional.id`: it has taken over"
        }
        Code::FencedInstanceId => {
            "give each consumer of the group a `group.instance.id` of its own: another one has taken over this one's"
        }
        Code::FileSystem => {
            "check the files that the properties name, and the disk of this machine"
        }
        Code::CriticalSystemResource => {
            "raise the limits of this process: it has run out of descriptors, memory or threads"
        }
        Code::NotImplemented | Code::UnsupportedFeature => {
            "update the brokers, or leave out the property that needs this feature"
        }
        Code::SecurityDisabled => {
            "set an `authorizer.class.name` on the brokers, which have none, or leave the ACLs alone"
        }
        Code::TopicDeletionDisabled => {
            "set `delete.topic.enable` on the brokers, or leave the topic in place"
        }
        Code::PollExceeded => "poll the consumer within `max.poll.interval.ms`, or raise that",
        Code::GroupMaxSizeReached => {
            "raise `group.max.size` of the brokers, or start fewer consumers"
        }
        Code::BadCompression
        | Code::KeySerialization
        | Code::ValueSerialization
        | Code::KeyDeserialization
        | Code::ValueDeserialization => {
            "look at who writes to the topic: a record there cannot be decoded"
        }
        Code::Unknown => {
            "look at the broker's log for this time: it has failed inside and does not say more"
        }
        Code::NoError
        | Code::Noop
        | Code::PartitionEOF
        | Code::NodeUpdate
        | Code::AssignPartitions
        | Code::RevokePartitions
        | Code::Partial
        | Code::DuplicateSequenceNumber
        | Code::TopicAlreadyExists
        | Code::ElectionNotNeeded
        | Code::NoReassignmentInProgress => {
            "correct the code that reports this as a failure: it is a notice and nothing is wrong"
        }
        Code::Conflict
        | Code::State
        | Code::ExistingSubscription
        | Code::InvalidArgument
        | Code::InvalidType
        | Code::NotConfigured
        | Code::ReadOnly
        | Code::NoEnt
        | Code::UnknownGroup => {
            "correct the call of the client that was answered by this: it was wrong, or came too early or too late"
        }
        Code::Application => "look at the service's own log: its code has reported this",
        Code::NoOffset | Code::AutoOffsetReset | Code::LogTruncation | Code::OffsetOutOfRange => {
            "check `auto.offset.reset` and the retention of the topic: the consumer's position does not exist any more"
        }
        Code::AssignmentLost
        | Code::RebalanceInProgress
        | Code::MemberIdRequired
        | Code::IllegalGeneration
        | Code::UnknownMemberId
        | Code::FencedMemberEpoch
        | Code::StaleMemberEpoch
        | Code::UnreleasedInstanceId
        | Code::UnstableOffsetCommit => {
            "wait for the group to rebalance; if it does not end, look for consumers that do not poll in time"
        }
        _ => return None,
    };
    Some(remedy)
}

/// Returns the name of the code and the remedy. The reason is known only to the bus that has reported `failure`.
#[must_use]
pub fn explain(failure: Failure) -> Explanation {
    Explanation {
        code_name: failure.code.and_then(code_name).map(Into::into),
        reason: None,
        remedy: Some(remedy(failure).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::error_class::every_code;

    #[test]
    fn every_class_has_a_remedy_of_its_own() {
        let mut remedies = HashSet::new();
        for class in FailureClass::ALL {
            let remedy = remedy(class.into());
            assert!(remedy.contains(' ') && !remedy.ends_with('.'), "{class}");
            assert!(remedies.insert(remedy), "{class}: {remedy}");
        }
    }

    #[test]
    fn every_code_has_a_remedy_that_is_an_imperative_sentence() {
        const VERBS: [&str; 27] = [
            "allow", "ask", "bring", "check", "choose", "compare", "correct", "create", "enlarge",
            "give", "leave", "log", "look", "lower", "make", "poll", "raise", "restart", "restore",
            "send", "set", "update", "wait", "report", "replace", "start", "stop",
        ];
        for code in every_code() {
            let remedy = remedy(Failure::with_code(classify(code), code as i32));
            let verb = remedy.split(' ').next().expect("it is not empty");
            assert!(VERBS.contains(&verb), "{code:?}: {remedy}");
            assert!(
                remedy.len() <= 200 && !remedy.ends_with('.'),
                "{code:?}: {remedy}"
            );
            assert!(!remedy.contains("client's log"), "{code:?}: there is none");
        }
    }

    #[test]
    fn the_code_decides_where_it_sends_to_another_place_than_its_class() {
        let of = |code: i32, class| remedy(Failure::with_code(class, code));
        assert!(of(32, FailureClass::RecordRejected).contains("clocks"));
        assert!(of(10, FailureClass::RecordRejected).contains("max.message.bytes"));
        assert!(of(30, FailureClass::Authorization).contains("consumer group"));
        assert!(of(31, FailureClass::Authorization).contains("cluster"));
        assert!(of(56, FailureClass::NoLeader).contains("disks"));
    }

    #[test]
    fn a_class_that_follows_from_the_text_has_its_own_remedy_whatever_the_code() {
        let class = FailureClass::SecurityProtocol;
        for code in [-195, 33, -181] {
            assert_eq!(
                remedy(Failure::with_code(class, code)),
                remedy(class.into())
            );
        }
    }

    #[test]
    fn a_code_that_needs_another_remedy_than_its_class_has_it() {
        use RDKafkaErrorCode as Code;

        #[rustfmt::skip]
        let rows: &[(&[Code], &str)] = &[
            (&[Code::TransactionalIdAuthorizationFailed], "transactional.id"),
            (&[Code::DelegationTokenAuthorizationFailed, Code::DelegationTokenOwnerMismatch, Code::DelegationTokenRequestNotAllowed], "as its owner"),
            (&[Code::PrincipalDeserializationFailure], "principal.builder.class"),
            (&[Code::UnsupportedSASLMechanism], "sasl.enabled.mechanisms"),
            (&[Code::IllegalSASLState], "out of order"),
            (&[Code::DelegationTokenAuthDisabled, Code::DelegationTokenNotFound, Code::DelegationTokenExpired], "new delegation token"),
            (&[Code::InvalidTopic], "249 characters"),
            (&[Code::InvalidRecord, Code::InvalidDifferentRecord], "requires of a record"),
            (&[Code::InvalidMessage, Code::InvalidMessageSize], "damaged"),
            (&[Code::UnsupportedForMessageFormat], "message.format.version"),
            (&[Code::UnsupportedCompressionType], "compression.type"),
            (&[Code::InvalidRequiredAcks], "acks"),
            (&[Code::InvalidReplicationFactor, Code::InvalidReplicaAssignment], "replication factor"),
            (&[Code::InvalidPartitions], "number of partitions"),
            (&[Code::InvalidConfig], "the topic's configuration"),
            (&[Code::InvalidSessionTimeout], "session.timeout.ms"),
            (&[Code::InvalidGroupId], "group.id"),
            (&[Code::InconsistentGroupProtocol, Code::UnsupportedAssignor], "partition.assignment.strategy"),
            (&[Code::InvalidTransactionTimeout], "transaction.timeout.ms"),
            (&[Code::UnsupportedVersion, Code::UnknownProtocol], "in common"),
            (&[Code::BadMessage, Code::Underflow], "what answers there"),
            (&[Code::KafkaStorageError, Code::LogDirNotFound], "disks"),
            (&[Code::NotController, Code::StaleControllerEpoch, Code::InconsistentVoterSet], "controllers"),
            (&[Code::NotCoordinator, Code::CoordinatorNotAvailable, Code::CoordinatorLoadInProgress, Code::WaitingForCoordinator, Code::TransactionCoordinatorFenced], "__transaction_state"),
            (&[Code::ListenerNotFound], "listener"),
            (&[Code::PolicyViolation], "policy"),
            (&[Code::Fenced, Code::ProducerFenced, Code::InvalidProducerEpoch], "another producer"),
            (&[Code::FencedInstanceId], "group.instance.id"),
            (&[Code::FileSystem], "files"),
            (&[Code::CriticalSystemResource], "descriptors"),
            (&[Code::NotImplemented, Code::UnsupportedFeature], "this feature"),
            (&[Code::SecurityDisabled], "authorizer.class.name"),
            (&[Code::TopicDeletionDisabled], "delete.topic.enable"),
            (&[Code::PollExceeded], "max.poll.interval.ms"),
            (&[Code::GroupMaxSizeReached], "group.max.size"),
            (&[Code::BadCompression, Code::KeySerialization, Code::ValueSerialization, Code::KeyDeserialization, Code::ValueDeserialization], "decoded"),
            (&[Code::Unknown], "failed inside"),
            (&[Code::NoError, Code::PartitionEOF, Code::TopicAlreadyExists], "a notice"),
            (&[Code::Conflict, Code::State, Code::InvalidArgument, Code::NotConfigured], "the call of the client"),
            (&[Code::Application], "the service's own log"),
            (&[Code::NoOffset, Code::AutoOffsetReset, Code::LogTruncation, Code::OffsetOutOfRange], "auto.offset.reset"),
            (&[Code::RebalanceInProgress, Code::IllegalGeneration, Code::UnknownMemberId], "rebalance"),
        ];
        for (codes, part) in rows {
            for code in *codes {
                let remedy = remedy(Failure::with_code(classify(*code), *code as i32));
                assert!(remedy.contains(part), "{code:?}: {remedy}");
            }
        }
    }
}
