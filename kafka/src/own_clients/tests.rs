//! Each kind of client on an embedded cluster: its traffic, its errors, and the callbacks of the user's context.

mod clients;
mod deliveries;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::executor::block_on;
use livebus_core::{FailureClass, FailureKind};
use rdkafka::TopicPartitionList;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, DefaultConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DefaultProducerContext, FutureRecord, Producer as _, ThreadedProducer,
};

use super::*;
use clients::{Naive, Seen, User};

const TOPIC: &str = "orders";
/// Much longer than anything here takes, also on a busy machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

type Own<T> = OwnContext<T>;

fn shared() -> Arc<Shared> {
    Shared::new(&"kafka:9092".parse().expect("is valid"))
}

struct Env {
    cluster: crate::EmbeddedCluster,
    shared: Arc<Shared>,
    own: OwnClients,
    config: ClientConfig,
}

impl Env {
    fn new() -> Self {
        let cluster = crate::EmbeddedCluster::start(1).expect("starts");
        cluster.create_topic(TOPIC, 1).expect("creates");
        let shared = shared();
        let own = OwnClients::new(Arc::clone(&shared)).statistics_every(Duration::from_millis(20));
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "g")
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "50")
            .set("socket.timeout.ms", "2000");
        Self {
            cluster,
            shared,
            own,
            config,
        }
    }

    fn future_producer(&self) -> OwnFutureProducer<DefaultClientContext, Naive> {
        let producer = self.own.create(&self.config, DefaultClientContext);
        producer.expect("creates")
    }

    /// Runs `work` until there is evidence of an instant after `since`, and returns it.
    fn evidence_after(&self, since: Instant, mut work: impl FnMut()) -> Instant {
        let mut newest = None;
        until("there is evidence", || {
            work();
            newest = self
                .shared
                .observations
                .take()
                .live
                .filter(|at| *at > since);
            newest.is_some()
        });
        newest.expect("it was waited for")
    }

    fn suspicion(&self, mut work: impl FnMut()) -> FailureClass {
        let mut suspicion = None;
        until("there is a suspicion", || {
            work();
            suspicion = self.shared.observations.take().suspicion;
            suspicion.is_some()
        });
        suspicion.expect("it was waited for").class
    }

    /// Hangs the cluster, and returns the newest evidence of the second after the client's statistics have shown that.
    fn evidence_of_hung(&self, mut work: impl FnMut()) -> Option<Instant> {
        self.cluster.hang().expect("hangs");
        let hung = Instant::now();
        let mut newest = None;
        while hung.elapsed() < Duration::from_secs(1) {
            work();
            newest = newest.max(self.shared.observations.take().live);
        }
        // What was on its way when it was hung arrives.
        newest.filter(|at| *at > hung + Duration::from_millis(100))
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TEST_TIMEOUT, "not in time: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Sends a record with the opaque that the context of [`User`] expects.
fn send(producer: &BaseProducer<Own<User>>) {
    let record = BaseRecord::with_opaque_to(TOPIC, Box::new(7)).payload("a");
    assert!(producer.send(record.key("")).is_ok());
}

fn assignment() -> TopicPartitionList {
    let mut partitions = TopicPartitionList::new();
    let added = partitions.add_partition_offset(TOPIC, 0, rdkafka::Offset::Beginning);
    added.expect("a valid offset");
    partitions
}

/// Checks what all clients have in common: their traffic is evidence, a hung cluster none, their errors are suspicions, and the user's
/// context sees them.
fn check(env: &Env, seen: &Seen, mut work: impl FnMut()) {
    let start = Instant::now();
    env.evidence_after(start, &mut work);
    let at = env.evidence_after(Instant::now(), &mut work);
    assert!(at <= Instant::now());
    assert_eq!(env.evidence_of_hung(&mut work), None);
    env.cluster.kill().expect("kills");
    let class = env.suspicion(&mut work);
    assert_ne!(class.kind(), FailureKind::Rejected, "{class}");
    until("the user's context sees the error", || {
        work();
        seen.errors() > 0
    });
    assert!(seen.logs() > 0, "the user's context sees log lines");
    assert_eq!(seen.statistics(), 0, "the user has asked for none");
    env.cluster.restore().expect("restores");
    env.evidence_after(Instant::now(), &mut work);
}

#[test]
fn a_base_producer_reports() {
    let env = Env::new();
    let user = User::default();
    let seen = user.seen();
    let producer: BaseProducer<_> = env.own.create(&env.config, user).expect("creates");
    check(&env, &seen, || {
        send(&producer);
        producer.poll(Duration::from_millis(10));
    });
    assert!(seen.deliveries() > 0);
}

#[test]
fn a_threaded_producer_reports_and_keeps_its_partitioner() {
    let env = Env::new();
    let user = User::with_partitioner();
    let seen = user.seen();
    let config = env.config.clone();
    let producer: ThreadedProducer<_, clients::First> =
        env.own.create(&config, user).expect("creates");
    check(&env, &seen, || {
        let sent = producer.send(
            BaseRecord::with_opaque_to(TOPIC, Box::new(7))
                .payload("a")
                .key("k"),
        );
        assert!(sent.is_ok());
        thread::sleep(Duration::from_millis(5));
    });
    assert!(seen.deliveries() > 0);
    assert!(seen.partitioned() > 0);
}

#[test]
fn a_future_producer_reports_when_it_is_awaited() {
    let env = Env::new();
    let user = User::default();
    let seen = user.seen();
    let producer: OwnFutureProducer<_, Naive> = env.own.create(&env.config, user).expect("creates");
    let record = || FutureRecord::<str, str>::to(TOPIC).payload("a");
    let mut sent = None;
    check(&env, &seen, || {
        let delivery =
            sent.get_or_insert_with(|| producer.send_result(record()).expect("is queued"));
        if delivery.now_or_never().is_some() {
            sent = None;
        }
        thread::sleep(Duration::from_millis(1));
    });
    let again = producer.clone();
    env.evidence_after(Instant::now(), || {
        let sent = block_on(again.send(record(), Duration::ZERO));
        assert!(sent.is_ok(), "{sent:?}");
    });
    assert!(producer.in_flight_count() >= 0, "the rest is rdkafka's");
}

#[test]
fn a_base_consumer_reports() {
    let env = Env::new();
    let user = User::default();
    let seen = user.seen();
    let consumer: BaseConsumer<_> = env.own.create(&env.config, user).expect("creates");
    consumer.assign(&assignment()).expect("assigns");
    check(&env, &seen, || {
        drop(consumer.poll(Duration::from_millis(10)));
    });
}

#[test]
fn a_stream_consumer_reports() {
    let env = Env::new();
    let user = User::default();
    let seen = user.seen();
    let consumer: StreamConsumer<_, Naive> = env.own.create(&env.config, user).expect("creates");
    consumer.assign(&assignment()).expect("assigns");
    check(&env, &seen, || {
        drop(consumer.recv().now_or_never());
        thread::sleep(Duration::from_millis(5));
    });
}

#[test]
fn the_callbacks_of_a_group_and_its_commits_reach_the_user() {
    let env = Env::new();
    let user = User::default();
    let seen = user.seen();
    let mut config = env.config.clone();
    config
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "50");
    let producer: BaseProducer = config.create().expect("creates");
    let sent = producer.send(BaseRecord::<str, str>::to(TOPIC).payload("a"));
    assert!(sent.is_ok());
    producer.flush(TEST_TIMEOUT).expect("delivers");
    let consumer: BaseConsumer<Own<User>> = env.own.create(&config, user).expect("creates");
    consumer.subscribe(&[TOPIC]).expect("subscribes");
    until("a record is read", || {
        consumer
            .poll(Duration::from_millis(10))
            .is_some_and(|it| it.is_ok_and(|it| it.payload() == Some(b"a")))
    });
    assert_eq!(seen.rebalances(), (1, 1));
    until("it is committed", || {
        drop(consumer.poll(Duration::from_millis(10)));
        seen.commits() > 0
    });
    consumer.unsubscribe();
    until("it is revoked", || {
        drop(consumer.poll(Duration::from_millis(10)));
        seen.rebalances() == (2, 2)
    });
    assert!(consumer.assignment().expect("is known").count() == 0);
    assert!(seen.poll_intervals() > 0);
}

#[test]
fn an_acknowledged_commit_is_evidence_and_a_failed_one_is_none() {
    let env = Env::new();
    let link = Link::new(Arc::clone(&env.shared), false);
    let context = Own::new(DefaultConsumerContext, Arc::clone(&link));
    link.on_statistics(br#"{"type":"consumer","age":5000,"brokers":{"a":{"nodeid":1,"source":"logical","rxidle":1000}},"#);
    let commit = |result, partitions: &TopicPartitionList| {
        rdkafka::consumer::ConsumerContext::commit_callback(&context, result, partitions);
        env.shared.observations.take().live.is_some()
    };
    let failed = KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset);
    assert!(!commit(Err(failed), &assignment()));
    assert!(
        !commit(Ok(()), &TopicPartitionList::new()),
        "nothing was sent"
    );
    assert!(commit(Ok(()), &assignment()));
}

#[test]
fn without_acknowledgements_a_producer_proves_nothing() {
    let env = Env::new();
    let mut config = env.config.clone();
    config.set("acks", "0");
    let user = User::default();
    let seen = user.seen();
    let producer: BaseProducer<_> = env.own.create(&config, user).expect("creates");
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(500) || seen.deliveries() < 10 {
        send(&producer);
        producer.poll(Duration::from_millis(10));
        assert!(start.elapsed() < TEST_TIMEOUT);
    }
    assert!(
        producer.context().link().answered() > link::Answered::NEVER,
        "there are statistics"
    );
    assert_eq!(env.shared.observations.take().live, None);
}

#[test]
fn acknowledgements_that_are_handled_late_prove_nothing() {
    let env = Env::new();
    let mut config = env.config.clone();
    config.set("batch.num.messages", "1");
    let user = User::default();
    let seen = user.seen();
    let producer: BaseProducer<_> = env.own.create(&config, user).expect("creates");
    env.evidence_after(Instant::now(), || {
        send(&producer);
        producer.poll(Duration::from_millis(10));
    });
    (0..500).for_each(|_| send(&producer));
    // They are acknowledged, and wait to be polled.
    let end = Instant::now() + TEST_TIMEOUT;
    let consumer: BaseConsumer = config.create().expect("creates");
    while consumer
        .fetch_watermarks(TOPIC, 0, TEST_TIMEOUT)
        .expect("answers")
        .1
        < 500
    {
        assert!(Instant::now() < end);
    }
    let handled = seen.deliveries();
    let mut after = 0;
    let newest = env.evidence_of_hung(|| {
        producer.poll(Duration::ZERO);
        after = seen.deliveries();
        thread::sleep(Duration::from_millis(4));
    });
    assert_eq!(newest, None);
    assert!(after > handled + 100, "{handled} and then {after}");
    env.cluster.restore().expect("restores");
}

#[test]
fn a_paused_consumer_proves_nothing() {
    let env = Env::new();
    let consumer: BaseConsumer<_> = env
        .own
        .create(&env.config, DefaultConsumerContext)
        .expect("creates");
    consumer.assign(&assignment()).expect("assigns");
    let work = || drop(consumer.poll(Duration::from_millis(10)));
    env.evidence_after(Instant::now(), work);
    consumer.pause(&assignment()).expect("pauses");
    // The fetch in flight ends.
    let paused = Instant::now() + Duration::from_millis(500);
    let mut newest = None;
    while Instant::now() < paused + Duration::from_millis(500) {
        work();
        let fetched = consumer.fetch_metadata(None, TEST_TIMEOUT);
        assert!(fetched.is_ok(), "the broker answers other requests");
        newest = newest.max(env.shared.observations.take().live);
    }
    assert!(newest < Some(paused));
    consumer.resume(&assignment()).expect("resumes");
    env.evidence_after(Instant::now(), work);
}

#[test]
fn a_consumer_that_reads_old_records_proves_nothing() {
    let env = Env::new();
    let producer: BaseProducer = env.config.create().expect("creates");
    for _ in 0..1_000 {
        let sent = producer.send(BaseRecord::<str, str>::to(TOPIC).payload("a"));
        assert!(sent.is_ok());
    }
    producer.flush(TEST_TIMEOUT).expect("delivers");
    let consumer: BaseConsumer<_> = env
        .own
        .create(&env.config, DefaultConsumerContext)
        .expect("creates");
    consumer.assign(&assignment()).expect("assigns");
    let mut read = 0;
    let mut work = || {
        let record = consumer.poll(Duration::from_millis(10));
        read += usize::from(record.is_some_and(|it| it.is_ok()));
    };
    env.evidence_after(Instant::now(), &mut work);
    assert_eq!(
        env.evidence_of_hung(|| {
            work();
            thread::sleep(Duration::from_millis(1));
        }),
        None
    );
    assert!(read > 100, "records were left when it was hung: {read}");
    env.cluster.restore().expect("restores");
}

#[test]
fn results_that_are_awaited_late_prove_nothing() {
    let env = Env::new();
    let producer = env.future_producer();
    let record = || FutureRecord::<str, str>::to(TOPIC).payload("a");
    env.evidence_after(Instant::now(), || {
        assert!(block_on(producer.send(record(), Duration::ZERO)).is_ok());
    });
    let mut sent: Vec<_> = (0..200)
        .map(|_| producer.send_result(record()).expect("is queued"))
        .collect();
    producer.flush(TEST_TIMEOUT).expect("delivers");
    let all = Instant::now();
    let _ = env.shared.observations.take();
    until("the statistics are newer than the results", || {
        let answered = producer.client().fetch_metadata(None, TEST_TIMEOUT);
        answered.is_ok() && producer.link().answered_at() > all
    });
    for delivery in sent.drain(..) {
        assert!(matches!(block_on(delivery), Ok(Ok(_))));
        assert!(env.shared.observations.take().live < Some(all));
    }
}

#[test]
fn the_user_s_own_statistics_reach_the_user() {
    let env = Env::new();
    let mut config = env.config.clone();
    config.set("statistics.interval.ms", "30");
    let user = User::default();
    let seen = user.seen();
    let producer: BaseProducer<_> = env.own.create(&config, user).expect("creates");
    env.evidence_after(Instant::now(), || {
        send(&producer);
        producer.poll(Duration::from_millis(10));
    });
    assert!(seen.statistics() > 0);
}

#[test]
fn a_context_that_makes_tokens_still_does() {
    const { assert!(Own::<User>::ENABLE_REFRESH_OAUTH_TOKEN) };
    const { assert!(!Own::<DefaultClientContext>::ENABLE_REFRESH_OAUTH_TOKEN) };
    let user = User::default();
    let context = Own::new(user, Link::new(shared(), false));
    let token = context.generate_oauth_token(Some("c")).expect("makes one");
    assert_eq!(token.token, "c");
}

#[test]
fn the_own_clients_of_a_second_bus_are_others() {
    let shared = shared();
    let claim = Claim::of(&shared, Duration::from_secs(5));
    assert!(claim.is_some());
    assert!(Claim::of(&shared, Duration::from_secs(5)).is_none());
    drop(claim);
    assert!(Claim::of(&shared, Duration::from_secs(5)).is_some());
}
