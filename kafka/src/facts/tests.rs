use livebus_core::Failure;

use super::*;
use crate::error_class::failure as of_error;

const SERVER: &str = "kafka-1:9092";

fn facts() -> Facts {
    Facts::new(vec![SERVER.to_owned()], vec!["hunter2".to_owned()])
}

fn set(facts: &Facts, class: FailureClass, broker: &str) {
    facts.set(class.into(), Some(broker), "reason");
}

fn best(facts: &Facts) -> Option<FailureClass> {
    facts.best().map(|failure| failure.class)
}

#[test]
fn without_facts_there_is_nothing_to_report() {
    let facts = facts();
    assert_eq!(facts.best(), None);
    assert_eq!(facts.reason(FailureClass::Tls.into()), None);
    let timeout = Failure::new(FailureClass::Timeout);
    assert_eq!(facts.known(timeout), timeout);
    let nowhere = Failure::with_code(FailureClass::Unreachable, -195);
    assert_eq!(facts.known(nowhere), timeout, "no address has refused");
}

#[test]
fn all_brokers_down_does_not_replace_what_is_known() {
    let facts = facts();
    let down = of_error(&rdkafka::error::KafkaError::Global(
        rdkafka::error::RDKafkaErrorCode::AllBrokersDown,
    ));
    set(&facts, FailureClass::NameResolution, SERVER);
    facts.observe(&Symptom::of(down, "1/1 brokers are down"));
    assert_eq!(best(&facts), Some(FailureClass::NameResolution));
    let reason = facts.reason(FailureClass::NameResolution.into());
    assert_eq!(reason.as_deref(), Some("kafka-1:9092: reason"));
}

#[test]
fn the_newest_certain_fact_about_a_broker_counts() {
    let facts = facts();
    set(&facts, FailureClass::Unresponsive, SERVER);
    set(&facts, FailureClass::Unreachable, SERVER);
    assert_eq!(best(&facts), Some(FailureClass::Unreachable));
    set(&facts, FailureClass::Timeout, SERVER);
    assert_eq!(
        best(&facts),
        Some(FailureClass::Unreachable),
        "a timeout proves less"
    );
}

#[test]
fn a_connection_that_is_accepted_does_not_refute_a_rejected_login() {
    let facts = facts();
    set(&facts, FailureClass::Authentication, SERVER);
    facts.connected(SERVER, None, false);
    assert_eq!(best(&facts), Some(FailureClass::Authentication));
    let refused = io::Error::from_raw_os_error(111);
    facts.connected(SERVER, Some(&refused), false);
    assert_eq!(best(&facts), Some(FailureClass::Unreachable));
}

#[test]
fn an_address_from_metadata_that_never_worked_is_an_advertised_one() {
    let facts = facts();
    set(&facts, FailureClass::Unreachable, "kafka-9:9092/9");
    assert_eq!(best(&facts), Some(FailureClass::AdvertisedAddress));
    let also = facts.reason(FailureClass::AdvertisedAddress.into());
    assert_eq!(also.as_deref(), Some("kafka-9:9092: reason"));
    set(&facts, FailureClass::Unreachable, SERVER);
    set(&facts, FailureClass::Unreachable, "kafka-9:9092/9");
    assert_eq!(
        best(&facts),
        Some(FailureClass::Unreachable),
        "the server does not answer"
    );
}

#[test]
fn a_broker_that_has_worked_is_no_wrong_address_and_no_other_protocol() {
    let facts = facts();
    facts.set_brokers(["kafka-9:9092".to_owned()]);
    facts.clear();
    set(&facts, FailureClass::Unreachable, "kafka-9:9092/9");
    assert_eq!(best(&facts), Some(FailureClass::Unreachable));
    let closed = "kafka-9:9092/9: Disconnected (after 1ms in state APIVERSION_QUERY)";
    let symptom = Symptom::of_log("FAIL", closed).expect("it is about a broker");
    assert_eq!(facts.observe(&symptom).class, FailureClass::Unreachable);
}

#[test]
fn one_of_several_brokers_that_have_worked_is_a_partial_failure() {
    let facts = facts();
    let brokers = [SERVER, "kafka-2:9092", "kafka-3:9092"];
    facts.set_brokers(brokers.map(str::to_owned));
    facts.clear();
    let timeout = Failure::new(FailureClass::Timeout);
    for broker in &brokers[..2] {
        set(&facts, FailureClass::Tls, broker);
        assert_eq!(best(&facts), Some(FailureClass::BrokerUnreachable));
        assert_eq!(
            facts.known(timeout),
            timeout,
            "it does not explain that none answers"
        );
    }
    let reason = facts.reason(FailureClass::BrokerUnreachable.into());
    assert_eq!(reason.as_deref(), Some("kafka-2:9092: reason"));
    set(&facts, FailureClass::Tls, brokers[2]);
    assert_eq!(best(&facts), Some(FailureClass::Tls));
}

#[test]
fn the_code_of_librdkafka_stays_when_the_system_says_the_same() {
    let facts = facts();
    let refused = Failure::with_code(FailureClass::Unreachable, -195);
    facts.set(refused, Some(SERVER), "refused");
    facts.connected(SERVER, Some(&io::Error::from_raw_os_error(111)), true);
    assert_eq!(facts.best(), Some(refused));
    facts.set(FailureClass::Tls.into(), Some(SERVER), "expired");
    assert_eq!(facts.best(), Some(FailureClass::Tls.into()));
}

#[test]
fn an_acknowledgement_forgets_the_facts_and_keeps_the_reasons() {
    let facts = facts();
    set(&facts, FailureClass::Tls, SERVER);
    facts.clear();
    assert_eq!(facts.best(), None);
    assert!(facts.reason(FailureClass::Tls.into()).is_some());
}

#[test]
fn the_number_of_facts_and_reasons_is_bounded() {
    let facts = facts();
    for number in 0..1_000 {
        set(
            &facts,
            FailureClass::Unreachable,
            &format!("host-{number}:9092/1"),
        );
    }
    let known = lock(&facts.known);
    assert_eq!(known.brokers.len(), MAX_BROKERS);
    assert!(known.reasons.len() <= FailureClass::ALL.len());
}

#[test]
fn no_reason_has_a_secret() {
    let facts = facts();
    facts.set(FailureClass::Other.into(), None, "the user a with hunter2");
    let reason = facts
        .reason(FailureClass::Other.into())
        .expect("there is one");
    assert_eq!(reason, "the user a with [redacted]");
}

#[test]
fn silence_within_the_delay_of_a_quota_is_that_delay() {
    let facts = facts();
    let now = Instant::now();
    assert!(!facts.is_throttled(now));
    facts.clear();
    facts.throttled(SERVER, Duration::from_secs(10));
    assert!(facts.is_throttled(now + Duration::from_secs(9)));
    let after = Instant::now() + Duration::from_secs(11);
    assert!(!facts.is_throttled(after));
    assert!(facts.was_throttled(after, Duration::from_secs(5)));
    assert!(!facts.was_throttled(after, Duration::from_millis(400)));
    let reason = facts.reason(FailureClass::Throttled.into());
    assert!(reason.is_some_and(|it| it.contains("10.0 s because of a quota")));
}

#[test]
fn a_secret_that_has_changed_is_not_shown_either() {
    let facts = Facts::new(vec![SERVER.to_owned()], vec!["the old one".to_owned()]);
    facts.add_secrets(vec!["the new one".to_owned()]);
    let failure = FailureClass::Authentication.into();
    facts.set(
        failure,
        Some(SERVER),
        "neither the old one nor the new one is right",
    );
    let reason = facts.reason(failure).expect("it was set");
    assert!(
        !reason.contains("the old one") && !reason.contains("the new one"),
        "{reason}"
    );
}

#[test]
fn a_bus_that_has_worked_without_a_look_up_is_not_taken_for_another_protocol() {
    let facts = Facts::new(vec![SERVER.to_owned()], Vec::new());
    facts.clear();
    let closed = format!(
        "[thrd:{SERVER}/bootstrap]: {SERVER}/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 2ms in state APIVERSION_QUERY)"
    );
    let symptom = Symptom::of_log("FAIL", &closed).expect("a connection ended");
    assert_eq!(facts.observe(&symptom).class, FailureClass::Unreachable);
}

#[test]
fn a_connection_that_is_accepted_after_an_outage_shows_nothing() {
    let facts = facts();
    facts.connected(SERVER, None, true);
    assert_eq!(facts.best(), None);
    facts.connected(SERVER, None, false);
    assert_eq!(best(&facts), Some(FailureClass::Unresponsive));
}

#[test]
fn a_metadata_answer_makes_a_dead_address_in_it_an_advertised_one() {
    let facts = facts();
    let (advertised, server) = ("inside-1:9092", SERVER);
    // Both are away, and the server comes back.
    for address in [server, advertised] {
        set(&facts, FailureClass::Unreachable, address);
    }
    assert_eq!(best(&facts), Some(FailureClass::Unreachable));
    facts.on_answer();
    assert_eq!(best(&facts), Some(FailureClass::AdvertisedAddress));
    let reason = facts.reason(FailureClass::AdvertisedAddress.into());
    assert_eq!(reason.as_deref(), Some("inside-1:9092: reason"));
    // It has answered: that it accepts connections is no failure.
    facts.connected(server, None, false);
    assert_eq!(best(&facts), Some(FailureClass::AdvertisedAddress));
    set(&facts, FailureClass::NameResolution, advertised);
    assert_eq!(best(&facts), Some(FailureClass::AdvertisedAddress));
}

#[test]
fn a_server_that_has_answered_and_is_a_broker_may_hang() {
    let facts = facts();
    facts.set_brokers([SERVER.to_owned()]);
    facts.connected(SERVER, None, false);
    assert_eq!(best(&facts), Some(FailureClass::Unresponsive));
}

#[test]
fn a_broker_that_was_away_may_be_back_until_nobody_answers() {
    let facts = facts();
    let others = ["kafka-2:9092", "kafka-3:9092"];
    let known = Some("kafka-1:9092".to_owned());
    for away in [known, None] {
        facts.set_brokers(others.map(str::to_owned));
        facts.set_away([away]);
        facts.clear();
        for broker in others {
            set(&facts, FailureClass::Unreachable, broker);
            assert_eq!(best(&facts), Some(FailureClass::BrokerUnreachable));
        }
        facts.on_silence();
        assert_eq!(best(&facts), Some(FailureClass::Unreachable));
    }
}

#[test]
fn a_broker_that_is_in_the_newer_metadata_is_not_counted_twice() {
    let facts = facts();
    let brokers = ["kafka-2:9092", "kafka-3:9092"];
    facts.set_away([Some(brokers[0].to_owned())]);
    facts.set_brokers(brokers.map(str::to_owned));
    facts.clear();
    for broker in brokers {
        set(&facts, FailureClass::Unreachable, broker);
    }
    assert_eq!(best(&facts), Some(FailureClass::Unreachable));
}

#[test]
fn a_fact_about_the_bus_is_no_partial_failure() {
    let facts = facts();
    facts.set_brokers([SERVER.to_owned(), "kafka-2:9092".to_owned()]);
    facts.clear();
    facts.set(FailureClass::Tls.into(), None, "reason");
    assert_eq!(best(&facts), Some(FailureClass::Tls));
}

#[test]
fn what_one_broker_says_about_the_bus_is_no_partial_failure() {
    let facts = facts();
    facts.set_brokers([SERVER.to_owned(), "kafka-2:9092".to_owned()]);
    facts.clear();
    set(&facts, FailureClass::Authorization, SERVER);
    assert_eq!(best(&facts), Some(FailureClass::Authorization));
}

#[test]
fn a_vague_fact_about_the_bus_replaces_only_another_vague_one() {
    let facts = facts();
    let vague = |class: FailureClass| facts.set(class.into(), None, "reason");
    vague(FailureClass::Timeout);
    vague(FailureClass::Other);
    assert_eq!(best(&facts), Some(FailureClass::Other));
    facts.set(FailureClass::Tls.into(), None, "reason");
    vague(FailureClass::Other);
    assert_eq!(best(&facts), Some(FailureClass::Tls));
}

#[test]
fn the_newer_of_two_vague_facts_about_a_broker_counts() {
    let facts = facts();
    set(&facts, FailureClass::Timeout, SERVER);
    set(&facts, FailureClass::Other, SERVER);
    assert_eq!(best(&facts), Some(FailureClass::Other));
}

#[test]
fn the_delay_of_a_quota_is_over_at_its_end() {
    let facts = facts();
    facts.throttled(SERVER, Duration::from_secs(10));
    let until = lock(&facts.known).throttled_until.expect("a delay");
    assert!(!facts.is_throttled(until));
    let interval = Duration::from_secs(2);
    assert!(!facts.was_throttled(until + 2 * interval, interval));
}

#[test]
fn a_server_that_failed_since_its_answer_may_hang() {
    let facts = facts();
    facts.set_brokers(["inside-1:9092".to_owned()]);
    set(&facts, FailureClass::Unreachable, SERVER);
    facts.connected(SERVER, None, false);
    assert_eq!(best(&facts), Some(FailureClass::Unresponsive));
}

#[test]
fn what_failed_while_the_bus_worked_does_not_explain_that_it_fails() {
    let facts = facts();
    let broker = "kafka-2:9092";
    facts.set_brokers([broker.to_owned()]);
    set(&facts, FailureClass::NameResolution, SERVER);
    facts.clear();
    set(&facts, FailureClass::NameResolution, SERVER);
    assert_eq!(best(&facts), Some(FailureClass::NameResolution));
    set(&facts, FailureClass::Unreachable, broker);
    assert_eq!(best(&facts), Some(FailureClass::Unreachable));
    set(&facts, FailureClass::NameResolution, SERVER);
    assert_eq!(best(&facts), Some(FailureClass::Unreachable));
    set(&facts, FailureClass::Tls, SERVER);
    assert_eq!(best(&facts), Some(FailureClass::Tls), "that is new");
}

#[test]
fn that_no_client_can_be_made_explains_more_than_what_was_before() {
    let facts = facts();
    set(&facts, FailureClass::Unreachable, SERVER);
    facts.client_made(Some("ssl.ca.location failed for hunter2: No such file"));
    assert_eq!(best(&facts), Some(FailureClass::Tls));
    for class in [FailureClass::Tls, FailureClass::ClientFatal] {
        let reason = facts.reason(class.into()).expect("it was set");
        let text = "no client can be made: ssl.ca.location failed for [redacted]: No such file";
        assert_eq!(reason, text);
    }
    facts.client_made(None);
    assert_eq!(best(&facts), Some(FailureClass::Unreachable));
}

#[test]
fn names_of_topics_and_brokers_are_no_secrets() {
    let facts = Facts::new(vec![SERVER.to_owned()], vec!["right".to_owned()]);
    let class = FailureClass::TopicUnusable;
    let text = "topic password-resets: this user has no right to write to it";
    facts.set_reason(class, text);
    assert_eq!(facts.reason(class.into()).as_deref(), Some(text));
    let class = FailureClass::Tls;
    facts.set(
        class.into(),
        Some("token-kafka:9092/1"),
        "not the right one",
    );
    let reason = facts.reason(class.into());
    assert_eq!(
        reason.as_deref(),
        Some("token-kafka:9092: not the [redacted] one")
    );
}
