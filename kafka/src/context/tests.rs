use std::time::Duration;

use livebus_core::{Config, Settings};
use rdkafka::ClientConfig;

use super::*;
use crate::config::KafkaConfig;
use crate::evidence_gate::EvidenceGate;
use crate::liveness_client::LivenessClient;
use crate::properties::Properties;
use crate::signals::Seen;

const SERVER: &str = "kafka-1:9092";
const ENDED: &str = "kafka-1:9092/1: Disconnected (after 41234ms in state UP)";

/// Returns the context of a client of two brokers, which have worked.
pub(crate) fn context() -> LivenessContext {
    let servers = SERVER.parse().expect("an address");
    let kafka = KafkaConfig::new(servers, Properties::new()).expect("valid");
    let config = Config::new(Settings::default()).expect("the preset is valid");
    let observations = Arc::<Observations>::default();
    let facts = Arc::new(Facts::new(vec![SERVER.to_owned()], Vec::new()));
    facts.set_brokers([SERVER, "kafka-2:9092"].map(str::to_owned));
    facts.clear();
    let gate = Arc::new(EvidenceGate::new(Arc::clone(&observations)));
    let guard = ClusterGuard::new(
        &kafka,
        &config,
        Arc::clone(&observations),
        Arc::clone(&facts),
        gate,
    );
    let number = guard.on_new_client();
    LivenessContext {
        client: ClientId::from_number(1),
        observations,
        facts,
        signals: Arc::default(),
        poll_end: PollEnd::default(),
        tokens: Tokens::default(),
        partial: Spacing::new(Duration::from_hours(1)),
        cluster: Arc::new(guard),
        number,
    }
}

fn suspicion(context: &LivenessContext) -> Option<FailureClass> {
    let suspicion = context.observations.take().suspicion;
    suspicion.map(|failure| failure.class)
}

fn seen(context: &LivenessContext) -> Seen {
    context.signals.take().expect("they are not stopped")
}

fn error(context: &LivenessContext, code: RDKafkaErrorCode, text: &str) {
    context.error(KafkaError::Global(code), text);
}

#[test]
fn the_connection_of_one_broker_that_ends_is_a_suspicion_now_and_then() {
    let context = context();
    let ends = || context.log(RDKafkaLogLevel::Info, "FAIL", ENDED);
    ends();
    assert_eq!(suspicion(&context), Some(FailureClass::BrokerUnreachable));
    ends();
    assert_eq!(suspicion(&context), None, "it is too soon");
}

#[test]
fn a_log_line_about_all_brokers_is_a_fact_and_no_suspicion() {
    let context = context();
    context.facts.set_brokers([SERVER.to_owned()]);
    context.log(RDKafkaLogLevel::Info, "FAIL", ENDED);
    let best = context.facts.best().map(|failure| failure.class);
    assert_eq!(best, Some(FailureClass::Unreachable));
    assert_eq!(suspicion(&context), None);
}

#[test]
fn each_error_about_the_whole_bus_is_a_suspicion() {
    let context = context();
    context.facts.set_brokers([SERVER.to_owned()]);
    for _ in 0..2 {
        error(
            &context,
            RDKafkaErrorCode::BrokerTransportFailure,
            "kafka-1:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
        );
        assert_eq!(suspicion(&context), Some(FailureClass::Unreachable));
        assert_eq!(seen(&context), Seen::default());
    }
}

#[test]
fn a_rejected_login_and_brokers_that_are_down_are_signalled() {
    let context = context();
    error(
        &context,
        RDKafkaErrorCode::AllBrokersDown,
        "2/2 brokers are down",
    );
    let down = seen(&context);
    assert!(down.down.is_some() && down.rejected.is_none(), "{down:?}");
    let text = "sasl_plaintext://kafka-1:9092/1: SASL authentication error: Authentication failed";
    error(&context, RDKafkaErrorCode::Authentication, text);
    let rejected = seen(&context);
    assert!(
        rejected.down.is_none() && rejected.rejected.is_some(),
        "{rejected:?}"
    );
}

#[test]
fn statistics_show_the_delay_of_a_quota_and_that_no_broker_is_left() {
    let context = context();
    context.stats_raw(
        br#"{"brokers":{"a":{"nodename":"kafka-1:9092","source":"learned","throttle":{"max":60000}}}}"#,
    );
    assert!(context.facts.is_throttled(Instant::now()));
    assert_eq!(seen(&context), Seen::default());
    context.stats_raw(br#"{"brokers":{}}"#);
    assert!(seen(&context).useless.is_some());
}

#[test]
fn a_log_line_about_the_cluster_reaches_its_guard() {
    let context = context();
    let line = "[thrd:main]: kafka-1:9092/bootstrap: ClusterId update \"\" -> \"A\"";
    context.log(RDKafkaLogLevel::Debug, "CLUSTERID", line);
    assert_eq!(context.cluster.cluster_id().as_deref(), Some("A"));
}

/// Returns a client without a broker.
pub(crate) fn client() -> LivenessClient {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", "127.0.0.1:1");
    LivenessClient::create(config, context()).expect("a client")
}
