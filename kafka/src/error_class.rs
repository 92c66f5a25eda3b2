//! The classes of librdkafka's error codes.
//!
//! [`classify`] is the table. The class of a code depends on what it *proves* about the liveness of the bus (see
//! [`FailureClass::kind`](livebus_core::FailureClass::kind)), not on its name:
//!
//! - A broker that redirects to another has answered, so a part of the bus is alive: [`FailureClass::NoLeader`], also for a
//!   group's coordinator, which is the leader of a partition of `__consumer_offsets`.
//! - [`FailureClass::ClientFatal`] is only for codes after which librdkafka refuses every later call on that client.
//! - [`FailureClass::Other`] is for refusals of a single request (too large, bad argument, wrong state), for the
//!   administrative codes that our clients cannot cause, and for codes that are no failure. It counts as ambiguous: it proves
//!   nothing, and without evidence the status does not stay Running.
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

/// Returns librdkafka's name and description of a code, for logs: `Resolve (Local: Host resolution failure)`.
///
/// `None` if the bundled librdkafka does not define `code`.
#[must_use]
pub fn code_name(code: i32) -> Option<String> {
    known(code).map(|code| code.to_string())
}

fn fatal(code: RDKafkaErrorCode) -> Failure {
    Failure::with_code(FailureClass::ClientFatal, code as i32)
}

fn numbered(code: RDKafkaErrorCode) -> Failure {
    Failure::with_code(classify(code), code as i32)
}

/// Returns the code with this number, unless it is one of the markers that only delimit librdkafka's ranges.
fn known(code: i32) -> Option<RDKafkaErrorCode> {
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
        | Code::DestroyBroker => FailureClass::Unreachable,

        Code::OperationTimedOut
        | Code::MessageTimedOut
        | Code::TimedOutQueue
        | Code::RequestTimedOut => FailureClass::Timeout,

        Code::Resolve => FailureClass::NameResolution,

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
        | Code::DelegationTokenRequestNotAllowed => FailureClass::Authorization,

        Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId
        // An invalid topic name.
        | Code::InvalidTopic => FailureClass::TopicMissing,

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
        | Code::NotController
        | Code::NotCoordinator
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::WaitingForCoordinator => FailureClass::NoLeader,

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
        | Code::RebootstrapRequired
        | Code::ElectionNotNeeded
        | Code::NoReassignmentInProgress
        | Code::ReassignmentInProgress
        | Code::TopicAlreadyExists
        | Code::DuplicateSequenceNumber
        // Caused by the client: it is being closed or purged, or a call was too early or wrong.
        | Code::BrokerDestroy
        | Code::PurgeQueue
        | Code::PurgeInflight
        | Code::Interrupted
        | Code::InProgress
        | Code::PreviousInProgress
        | Code::WaitCache
        | Code::Retry
        | Code::Outdated
        | Code::Partial
        | Code::Conflict
        | Code::State
        | Code::ExistingSubscription
        | Code::InvalidArgument
        | Code::InvalidType
        | Code::NotConfigured
        | Code::NotImplemented
        | Code::UnsupportedFeature
        | Code::UnknownProtocol
        | Code::UnknownBroker
        | Code::UnknownGroup
        | Code::ReadOnly
        | Code::NoEnt
        | Code::Application
        | Code::PollExceeded
        | Code::Fail
        | Code::CriticalSystemResource
        | Code::FileSystem
        // Data that does not decode, fit or validate.
        | Code::Underflow
        | Code::BadMessage
        | Code::BadCompression
        | Code::KeySerialization
        | Code::ValueSerialization
        | Code::KeyDeserialization
        | Code::ValueDeserialization
        | Code::InvalidMessage
        | Code::InvalidMessageSize
        | Code::InvalidRecord
        | Code::InvalidDifferentRecord
        | Code::InvalidTimestamp
        | Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::OffsetMetadataTooLarge
        | Code::InvalidCommitOffsetSize
        | Code::InvalidRequiredAcks
        | Code::InvalidRequest
        | Code::UnsupportedVersion
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        // Offsets, groups and fetch sessions: the consumer's own business.
        | Code::NoOffset
        | Code::AutoOffsetReset
        | Code::LogTruncation
        | Code::OffsetOutOfRange
        | Code::UnstableOffsetCommit
        | Code::IllegalGeneration
        | Code::InconsistentGroupProtocol
        | Code::InvalidGroupId
        | Code::UnknownMemberId
        | Code::InvalidSessionTimeout
        | Code::NonEmptyGroup
        | Code::GroupIdNotFound
        | Code::GroupMaxSizeReached
        | Code::GroupSubscribedToTopic
        | Code::FencedMemberEpoch
        | Code::StaleMemberEpoch
        | Code::UnreleasedInstanceId
        | Code::UnsupportedAssignor
        | Code::FetchSessionIdNotFound
        | Code::InvalidFetchSessionEpoch
        // Transactions, which librdkafka recovers by aborting or by a new producer epoch.
        | Code::InvalidTransactionalState
        | Code::InvalidProducerIdMapping
        | Code::InvalidTransactionTimeout
        | Code::ConcurrentTransactions
        | Code::TransactionCoordinatorFenced
        | Code::UnknownProducerId
        // Administration, telemetry, and messages between brokers.
        | Code::StaleControllerEpoch
        | Code::StaleBrokerEpoch
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::InvalidConfig
        | Code::SecurityDisabled
        | Code::OperationNotAttempted
        | Code::LogDirNotFound
        | Code::InvalidPrincipalType
        | Code::TopicDeletionDisabled
        | Code::ResourceNotFound
        | Code::DuplicateResource
        | Code::UnacceptableCredential
        | Code::InconsistentVoterSet
        | Code::InvalidUpdateVersion
        | Code::FeatureUpdateFailed
        | Code::PrincipalDeserializationFailure
        | Code::UnknownSubscriptionId
        | Code::TelemetryTooLarge
        | Code::Unknown
        | Code::Begin
        | Code::End
        | Code::EndAll => FailureClass::Other,

        _ => return None,
    };
    Some(class)
}

#[cfg(test)]
mod tests {
    use livebus_core::FailureKind;

    use super::*;

    fn every_code() -> impl Iterator<Item = RDKafkaErrorCode> {
        (-1_000..=1_000).filter_map(known)
    }

    /// The compiler checks that no code has two rows: it denies an unreachable pattern.
    #[test]
    fn every_code_of_librdkafka_has_a_row() {
        let missing: Vec<_> = every_code().filter(|code| row(*code).is_none()).collect();
        assert!(missing.is_empty(), "without a row: {missing:?}");
    }

    #[test]
    fn the_codes_reach_the_newest_one_of_librdkafka() {
        let numbers: Vec<_> = every_code().map(|code| code as i32).collect();
        assert_eq!(numbers.first(), Some(&-199));
        assert_eq!(
            numbers.last(),
            Some(&(RDKafkaErrorCode::EndAll as i32 - 1)),
            "librdkafka's last code is the one before its end marker"
        );
        assert_eq!(numbers.len(), CODES_IN_LIBRDKAFKA_2_12);
    }

    #[test]
    fn an_answer_of_a_broker_is_a_rejection() {
        for code in [
            RDKafkaErrorCode::TopicAuthorizationFailed,
            RDKafkaErrorCode::UnknownTopicOrPartition,
            RDKafkaErrorCode::ThrottlingQuotaExceeded,
        ] {
            assert_eq!(classify(code).kind(), FailureKind::Rejected, "{code:?}");
        }
    }

    #[test]
    fn a_failure_keeps_the_code_of_librdkafka() {
        let failure = failure(&KafkaError::MessageProduction(RDKafkaErrorCode::Resolve));
        assert_eq!(
            failure,
            Failure::with_code(FailureClass::NameResolution, -193)
        );
    }

    #[test]
    fn a_fatal_error_is_fatal_whatever_its_cause() {
        let cause = RDKafkaErrorCode::UnknownMemberId;
        assert_eq!(
            failure(&KafkaError::MessageConsumptionFatal(cause)),
            Failure::with_code(FailureClass::ClientFatal, 25)
        );
        assert_eq!(
            failure(&KafkaError::MessageConsumption(cause)).class,
            FailureClass::Other
        );
    }

    #[test]
    fn errors_without_a_code_have_a_class() {
        let unbuilt = KafkaError::ClientCreation("no such file".into());
        assert_eq!(failure(&unbuilt), FailureClass::ClientFatal.into());
        assert_eq!(failure(&KafkaError::Canceled), FailureClass::Other.into());
        assert_eq!(
            failure(&KafkaError::NoMessageReceived),
            FailureClass::Timeout.into()
        );
    }

    #[test]
    fn an_admin_error_keeps_its_code() {
        let denied = RDKafkaErrorCode::ClusterAuthorizationFailed;
        assert_eq!(
            failure(&KafkaError::AdminOp(denied)),
            Failure::with_code(FailureClass::Authorization, 31)
        );
    }

    #[test]
    fn a_code_has_a_description() {
        assert_eq!(
            code_name(-193).as_deref(),
            Some("Resolve (Local: Host resolution failure)")
        );
        assert_eq!(code_name(-200), None);
        assert_eq!(code_name(9_999), None);
    }

    /// The number of codes in the enumeration of `rdkafka.h`, without its three markers.
    const CODES_IN_LIBRDKAFKA_2_12: usize = 170;
}
