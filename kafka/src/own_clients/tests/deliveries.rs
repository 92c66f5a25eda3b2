//! Deliveries that fail, and what they mean for their topic.

use super::*;

#[test]
fn what_a_topic_rejects_counts_for_the_topic_until_it_works() {
    let env = Env::new();
    let producer: ThreadedProducer<_> = env
        .own
        .create(&env.config, DefaultProducerContext)
        .expect("creates");
    let send = |topic: &str| {
        let sent = producer.send(BaseRecord::<str, str>::to(topic).payload("a"));
        assert!(sent.is_ok());
        producer.flush(TEST_TIMEOUT).expect("ends");
    };
    send(TOPIC);
    let judged = || {
        let judged = env.shared.deliveries.judge(Ok(()), Instant::now());
        judged.map_err(|(failure, reason)| (failure.class, reason.unwrap_or_default()))
    };
    assert_eq!(judged(), Ok(()));
    let code = RDKafkaErrorCode::MessageSizeTooLarge;
    env.cluster.refuse_produce(code, 1).expect("refuses");
    send(TOPIC);
    until("it has failed", || judged().is_err());
    let (class, reason) = judged().expect_err("it has failed");
    assert_eq!(class, FailureClass::TopicUnusable);
    assert!(
        reason.contains("orders") && reason.contains("RecordRejected"),
        "{reason}"
    );
    env.cluster.clear_refusals().expect("ends");
    until("it works again", || {
        send(TOPIC);
        judged().is_ok()
    });
}

#[test]
fn a_failed_future_counts_for_its_topic_until_one_succeeds() {
    let env = Env::new();
    let producer = env.future_producer();
    let record = || FutureRecord::<str, str>::to(TOPIC).payload("a");
    let code = RDKafkaErrorCode::MessageSizeTooLarge;
    for is_result in [false, true] {
        env.cluster.refuse_produce(code, 1).expect("refuses");
        assert!(block_on(producer.send(record(), Duration::ZERO)).is_err());
        assert!(env.shared.deliveries.any());
        env.cluster.clear_refusals().expect("ends");
        until("it works again", || {
            if is_result {
                let sent = producer.send_result(record()).expect("is queued");
                drop(block_on(sent));
            } else {
                drop(block_on(producer.send(record(), Duration::ZERO)));
            }
            !env.shared.deliveries.any()
        });
    }
}

#[test]
fn a_record_that_is_refused_at_once_counts_for_its_topic() {
    let env = Env::new();
    let producer = env.future_producer();
    let large = "a".repeat(2_000_000);
    let record = FutureRecord::<str, str>::to(TOPIC).payload(&large);
    assert!(producer.send_result(record).is_err());
    assert!(env.shared.deliveries.any());
    env.shared.deliveries.on_success(TOPIC);
    let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
    env.own.on_refused(TOPIC, &error);
    assert!(env.shared.deliveries.any());
}

#[test]
fn purged_records_are_no_failure() {
    let env = Env::new();
    env.cluster.hang().expect("hangs");
    let user = User::default();
    let seen = user.seen();
    let producer: BaseProducer<_> = env.own.create(&env.config, user).expect("creates");
    let sent = producer.send(
        BaseRecord::with_opaque_to(TOPIC, Box::new(7))
            .payload("a")
            .key(""),
    );
    assert!(sent.is_ok());
    drop(producer);
    assert_eq!(seen.deliveries(), 1);
    assert!(!env.shared.deliveries.any());
}
