//! What a delivery report says about a request. The table is that of decision 0066.
//!
//! librdkafka writes a record again after the answer to a write was lost, and reports only the answer to the last write. So the answer of a
//! broker that refuses a record proves nothing, unless it is known to be the answer to the first write. The next write comes after a back-off
//! of at least four fifths of `retry.backoff.ms`, which livebus sets: a report that comes much sooner is about the first one. And a record
//! that was never given to a partition was never written.

use std::time::Duration;

use livebus_core::calls::Sent;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::error_class::failure;

/// The time from a write that failed to the next one, less at most a fifth: `retry.backoff.ms` of the producer.
pub(super) const RETRY_BACKOFF: Duration = Duration::from_millis(200);

/// A report that comes within this time after the record was handed over is about its first write.
pub(super) const FIRST_WRITE: Duration = Duration::from_millis(100);

/// The partition of a record that was given to none.
const UNASSIGNED: i32 = -1;

/// What the error of a delivery says about the last write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastWrite {
    /// It did not begin, or a broker has refused it before it appended anything.
    Refused,
    /// A broker may have appended the record.
    Maybe,
}

/// Returns what the failure of a delivery says about the request. `partition` is that of the report, and `after` the time from the
/// hand-over to it.
pub(super) fn of_failed_delivery(error: &KafkaError, partition: i32, after: Duration) -> Sent {
    let failed = failure(error);
    if partition == UNASSIGNED {
        return Sent::NotSent(failed);
    }
    let code = error.rdkafka_error_code();
    match code.map_or(LastWrite::Maybe, last_write) {
        LastWrite::Refused if after < FIRST_WRITE => Sent::NotSent(failed),
        LastWrite::Refused | LastWrite::Maybe => Sent::Unknown(failed),
    }
}

/// Returns what an error says about the last write. What is not known to be a refusal is none.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the codes that prove something are a list, and all others prove nothing"
)]
const fn last_write(code: RDKafkaErrorCode) -> LastWrite {
    use RDKafkaErrorCode as Code;

    match code {
        // The client: it has not begun to write.
        Code::PurgeQueue
        | Code::UnknownTopic
        | Code::UnknownPartition
        // A broker, before it appends anything.
        | Code::InvalidMessageSize
        | Code::MessageSizeTooLarge
        | Code::InvalidTopic
        | Code::MessageBatchTooLarge
        | Code::InvalidRequiredAcks
        | Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::InvalidTimestamp
        | Code::UnsupportedVersion
        | Code::UnsupportedForMessageFormat
        | Code::PolicyViolation
        | Code::UnsupportedCompressionType
        | Code::InvalidRecord
        | Code::InvalidDifferentRecord => LastWrite::Refused,
        _ => LastWrite::Maybe,
    }
}

#[cfg(test)]
mod tests {
    use livebus_core::FailureClass;

    use super::*;
    use crate::error_class::every_code;

    const SOON: Duration = Duration::from_millis(99);

    fn sent(code: RDKafkaErrorCode, partition: i32, after: Duration) -> Sent {
        of_failed_delivery(&KafkaError::MessageProduction(code), partition, after)
    }

    fn is_not_sent(code: RDKafkaErrorCode, partition: i32, after: Duration) -> bool {
        matches!(sent(code, partition, after), Sent::NotSent(_))
    }

    #[test]
    fn only_a_refusal_of_the_first_write_is_not_sent() {
        // The numbers of librdkafka and Kafka, as decision 0066 lists them.
        let refusals = [
            -190, -188, -152, -138, 4, 10, 17, 18, 21, 29, 31, 32, 35, 43, 44, 76, 87,
        ];
        for code in every_code() {
            let expected = refusals.contains(&(code as i32));
            assert_eq!(is_not_sent(code, 0, SOON), expected, "{code:?}");
            assert!(!is_not_sent(code, 0, FIRST_WRITE), "{code:?}");
        }
    }

    #[test]
    fn a_record_without_a_partition_was_not_written() {
        for code in every_code() {
            assert!(is_not_sent(code, UNASSIGNED, Duration::MAX), "{code:?}");
        }
    }

    #[test]
    fn the_second_write_is_later_than_the_limit() {
        assert!(FIRST_WRITE < RETRY_BACKOFF * 4 / 5);
    }

    #[test]
    fn the_failure_has_its_class_and_its_code() {
        let denied = sent(RDKafkaErrorCode::TopicAuthorizationFailed, 0, SOON);
        let Sent::NotSent(failure) = denied else {
            panic!("{denied:?}");
        };
        assert_eq!(failure.class, FailureClass::Authorization);
        assert_eq!(failure.code, Some(29));
    }
}
