use std::time::Duration;

use livebus_core::FailureKind;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::types::RDKafkaApiKey;

use super::*;

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
fn a_code_has_the_name_and_the_description_of_librdkafka() {
    assert_eq!(code_name(-193).as_deref(), Some("_RESOLVE"));
    assert_eq!(code_name(32).as_deref(), Some("INVALID_TIMESTAMP"));
    assert_eq!(
        code_description(-193).as_deref(),
        Some("Local: Host resolution failure")
    );
    for unknown in [-200, 9_999, -1_000] {
        assert_eq!(code_name(unknown), None);
        assert_eq!(code_description(unknown), None);
    }
}

#[test]
fn every_code_has_a_name_and_a_description() {
    for code in every_code().map(|code| code as i32) {
        assert!(code_name(code).is_some_and(|it| !it.is_empty()), "{code}");
        let description = code_description(code);
        assert!(description.is_some_and(|it| !it.is_empty()), "{code}");
    }
}

/// The number of codes in the enumeration of `rdkafka.h`, without its three markers.
const CODES_IN_LIBRDKAFKA_2_12: usize = 170;

#[test]
fn only_a_fatal_error_of_a_transaction_ends_the_client() {
    let cluster = MockCluster::new(1).expect("librdkafka has a mock cluster");
    let refused = |code: Option<RDKafkaRespErr>| {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        if let Some(code) = code {
            config.set("transactional.id", "orders");
            cluster.request_errors(RDKafkaApiKey::InitProducerId, &[code]);
        }
        let client: BaseProducer = config.create().expect("a client");
        let error = client.init_transactions(Duration::from_secs(30));
        failure(&error.expect_err("it is refused"))
    };
    assert_ne!(refused(None).class, FailureClass::ClientFatal);
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    assert_eq!(
        refused(Some(denied)),
        Failure::with_code(FailureClass::ClientFatal, denied as i32)
    );
}
