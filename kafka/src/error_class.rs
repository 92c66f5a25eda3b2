//! The classes of librdkafka's error codes.
//!
//! [`classify`] is the table. The class of a code depends on what it *proves* about the liveness of the bus (see
//! [`FailureClass::kind`](livebus_core::FailureClass::kind)), not on its name:
//!
//! - A broker that redirects to another has answered, so a part of the bus is alive: [`FailureClass::NoLeader`], also for a
//!   group's coordinator, which is the leader of a partition of `__consumer_offsets`.
//! - A broker that refuses a request for its content or its settings has answered, too: [`FailureClass::RecordRejected`].
//! - [`FailureClass::ClientFatal`] is only for codes after which librdkafka refuses every later call on that client.
//! - [`FailureClass::Timeout`] is for what has no answer yet: also for a call that was interrupted, or purged with its client.
//! - [`FailureClass::Other`] is for codes that no liveness message can cause and no class names, and for codes that are no
//!   failure. It counts as ambiguous: it proves nothing, and without evidence the status does not stay Running. The code's own
//!   remedy says what it is about.
//!
//! Every code has its own row; a test compares the rows with the codes that librdkafka defines.

use livebus_core::{Failure, FailureClass};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;

/// Returns the failure for `error`, with librdkafka's code where it has one.
///
/// A client that cannot be created is [`FailureClass::ClientFatal`]: no later call on it can help.
#[must_use]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others differ only in whether they have a code"
)]
pub fn failure(error: &KafkaError) -> Failure {
    match error {
        KafkaError::MessageConsumptionFatal(code) => fatal(*code),
        KafkaError::Transaction(error) if error.is_fatal() => fatal(error.code()),
        // `rdkafka_error_code` does not cover this one.
        KafkaError::AdminOp(code) => numbered(*code),
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => {
            FailureClass::ClientFatal.into()
        }
        KafkaError::NoMessageReceived => FailureClass::Timeout.into(),
        _ => error
            .rdkafka_error_code()
            .map_or(FailureClass::Other.into(), numbered),
    }
}

/// Returns the class of one of librdkafka's codes. A code that is newer than the table is [`FailureClass::Other`].
///
/// Codes that are no failure ([`RDKafkaErrorCode::NoError`], [`RDKafkaErrorCode::PartitionEOF`]) are `Other` too:
/// a caller that can receive them must check for them first.
#[must_use]
pub fn classify(code: RDKafkaErrorCode) -> FailureClass {
    row(code).unwrap_or(FailureClass::Other)
}

/// Returns librdkafka's name of a code, by which documentation and other people's reports are found: `_RESOLVE` or
/// `INVALID_TIMESTAMP`.
///
/// `None` if the bundled librdkafka does not define `code`.
#[must_use]
pub fn code_name(code: i32) -> Option<String> {
    known(code)?;
    let constant = format!("{:?}", RDKafkaRespErr::try_from(code).ok()?);
    let name = constant.strip_prefix("RD_KAFKA_RESP_ERR_")?;
    Some(name.to_owned())
}

/// Returns librdkafka's description of a code, which says whether the client or the broker reports it: `Broker: Invalid timestamp`.
pub(crate) fn code_description(code: i32) -> Option<String> {
    let text = known(code)?.to_string();
    let description = text.split_once(" (")?.1.strip_suffix(')')?;
    Some(description.to_owned())
}

fn fatal(code: RDKafkaErrorCode) -> Failure {
    Failure::with_code(FailureClass::ClientFatal, code as i32)
}

fn numbered(code: RDKafkaErrorCode) -> Failure {
    Failure::with_code(classify(code), code as i32)
}

/// Returns the code with this number, unless it is one of the markers that only delimit librdkafka's ranges.
pub(crate) fn known(code: i32) -> Option<RDKafkaErrorCode> {
    use RDKafkaErrorCode::{Begin, End, EndAll};

    RDKafkaRespErr::try_from(code)
        .ok()
        .map(RDKafkaErrorCode::from)
        .filter(|code| !matches!(code, Begin | End | EndAll))
}

#[expect(
    clippy::too_many_lines,
    reason = "a table has as many lines as it has rows"
)]
fn row(code: RDKafkaErrorCode) -> Option<FailureClass> {
    use RDKafkaErrorCode as Code;

    let class = match code {
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::NetworkException
        | Code::DestroyBroker
        | Code::Fail => FailureClass::Unreachable,

        // The broker is not among those of the newest metadata.
        Code::UnknownBroker => FailureClass::BrokerUnreachable,

        Code::OperationTimedOut
        | Code::MessageTimedOut
        | Code::TimedOutQueue
        // No answer yet, and none before the client was closed.
        | Code::BrokerDestroy
        | Code::PurgeQueue
        | Code::PurgeInflight
        | Code::Interrupted
        | Code::InProgress
        | Code::PreviousInProgress
        | Code::WaitCache
        | Code::Retry
        | Code::Outdated => FailureClass::Timeout,

        // Only a leader that is alive answers so: it has the record, and waits in vain for the other replicas.
        Code::RequestTimedOut => FailureClass::ReplicasSilent,

        Code::Resolve => FailureClass::NameResolution,

        // What answers does not speak Kafka's protocol, or no version of it that the client speaks.
        Code::BadMessage
        | Code::Underflow
        | Code::UnknownProtocol
        | Code::UnsupportedVersion => FailureClass::SecurityProtocol,

        Code::SSL => FailureClass::Tls,

        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::DelegationTokenAuthDisabled
        | Code::DelegationTokenNotFound
        | Code::DelegationTokenExpired => FailureClass::Authentication,

        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed
        | Code::DelegationTokenOwnerMismatch
        | Code::DelegationTokenRequestNotAllowed
        | Code::PrincipalDeserializationFailure => FailureClass::Authorization,

        Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId
        // An invalid topic name.
        | Code::InvalidTopic => FailureClass::TopicMissing,

        Code::InvalidMessage
        | Code::InvalidMessageSize
        | Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::InvalidTimestamp
        | Code::InvalidRecord
        | Code::InvalidDifferentRecord
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::InvalidRequiredAcks
        | Code::InvalidRequest
        // Requests other than records, refused for what they are.
        | Code::OffsetMetadataTooLarge
        | Code::InvalidCommitOffsetSize
        | Code::InvalidSessionTimeout
        | Code::InvalidGroupId
        | Code::InconsistentGroupProtocol
        | Code::UnsupportedAssignor
        | Code::InvalidTransactionTimeout
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::InvalidConfig
        | Code::InvalidPrincipalType
        | Code::InvalidUpdateVersion
        | Code::UnacceptableCredential
        | Code::TelemetryTooLarge => FailureClass::RecordRejected,

        Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::BrokerNotAvailable
        | Code::ReplicaNotAvailable
        | Code::ListenerNotFound
        | Code::FencedLeaderEpoch
        | Code::UnknownLeaderEpoch
        | Code::OffsetNotAvailable
        | Code::PreferredLeaderNotAvailable
        | Code::EligibleLeadersNotAvailable
        // The leader's disk failed: another replica is being elected.
        | Code::KafkaStorageError
        | Code::LogDirNotFound
        | Code::NotController
        | Code::StaleControllerEpoch
        | Code::StaleBrokerEpoch
        | Code::InconsistentVoterSet
        | Code::NotCoordinator
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::WaitingForCoordinator
        | Code::TransactionCoordinatorFenced
        | Code::RebootstrapRequired => FailureClass::NoLeader,

        Code::NotEnoughReplicas
        | Code::NotEnoughReplicasAfterAppend
        | Code::ISRInsufficient => FailureClass::NotEnoughReplicas,

        Code::ThrottlingQuotaExceeded | Code::PolicyViolation => FailureClass::Throttled,

        Code::QueueFull => FailureClass::QueueFull,

        Code::Fatal
        | Code::Fenced
        | Code::ProducerFenced
        | Code::InvalidProducerEpoch
        | Code::FencedInstanceId
        | Code::GaplessGuarantee
        // librdkafka returns these two only as the cause of a fatal error of the idempotent producer.
        | Code::Inconsistent
        | Code::OutOfOrderSequenceNumber => FailureClass::ClientFatal,

        // No failure, or only a notice.
        Code::NoError
        | Code::Noop
        | Code::PartitionEOF
        | Code::NodeUpdate
        | Code::AssignPartitions
        | Code::RevokePartitions
        | Code::AssignmentLost
        | Code::RebalanceInProgress
        | Code::MemberIdRequired
        | Code::ElectionNotNeeded
        | Code::NoReassignmentInProgress
        | Code::ReassignmentInProgress
        | Code::TopicAlreadyExists
        | Code::DuplicateSequenceNumber
        | Code::Partial
        // A wrong call, or the machine of the client.
        | Code::Conflict
        | Code::State
        | Code::ExistingSubscription
        | Code::InvalidArgument
        | Code::InvalidType
        | Code::NotConfigured
        | Code::NotImplemented
        | Code::UnsupportedFeature
        | Code::UnknownGroup
        | Code::ReadOnly
        | Code::NoEnt
        | Code::Application
        | Code::PollExceeded
        | Code::CriticalSystemResource
        | Code::FileSystem
        // Data of the consumer that does not decode.
        | Code::BadCompression
        | Code::KeySerialization
        | Code::ValueSerialization
        | Code::KeyDeserialization
        | Code::ValueDeserialization
        // Offsets, groups and fetch sessions: the consumer's own business.
        | Code::NoOffset
        | Code::AutoOffsetReset
        | Code::LogTruncation
        | Code::OffsetOutOfRange
        | Code::UnstableOffsetCommit
        | Code::IllegalGeneration
        | Code::UnknownMemberId
        | Code::NonEmptyGroup
        | Code::GroupIdNotFound
        | Code::GroupMaxSizeReached
        | Code::GroupSubscribedToTopic
        | Code::FencedMemberEpoch
        | Code::StaleMemberEpoch
        | Code::UnreleasedInstanceId
        | Code::FetchSessionIdNotFound
        | Code::InvalidFetchSessionEpoch
        // Transactions, which librdkafka recovers by aborting or by a new producer epoch.
        | Code::InvalidTransactionalState
        | Code::InvalidProducerIdMapping
        | Code::ConcurrentTransactions
        | Code::UnknownProducerId
        // Administration and telemetry.
        | Code::SecurityDisabled
        | Code::OperationNotAttempted
        | Code::TopicDeletionDisabled
        | Code::ResourceNotFound
        | Code::DuplicateResource
        | Code::FeatureUpdateFailed
        | Code::UnknownSubscriptionId
        // The broker failed inside.
        | Code::Unknown
        | Code::Begin
        | Code::End
        | Code::EndAll => FailureClass::Other,

        _ => return None,
    };
    Some(class)
}

/// Every code that librdkafka defines, in the order of their numbers.
#[cfg(test)]
pub(crate) fn every_code() -> impl Iterator<Item = RDKafkaErrorCode> {
    (-1_000..=1_000).filter_map(known)
}

#[cfg(test)]
mod tests;
