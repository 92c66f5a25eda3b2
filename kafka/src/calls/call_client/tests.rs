use std::sync::mpsc::{self, Receiver};

use rdkafka::error::RDKafkaErrorCode as Code;

use super::*;
use crate::calls::sent::RETRY_BACKOFF;
use crate::embedded::EmbeddedCluster;

const TOPIC: &str = "requests";

/// Much longer than anything here takes, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

struct Caller {
    client: KafkaCallClient,
    woken: Receiver<()>,
    inputs: Vec<CallInput>,
    calls: u64,
}

impl Caller {
    fn open(cluster: &EmbeddedCluster, properties: &[(&str, &str)]) -> Self {
        let kafka = KafkaConfig::embedded(cluster).expect("an address");
        let mut replies = ReplySubscription::new("caller", 1, "replies");
        let own = properties.iter();
        replies.properties = own
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect();
        let (sender, woken) = mpsc::sync_channel(1);
        let wake = Wake::new(move || {
            // One that is not taken yet counts for all.
            let _ = sender.try_send(());
        });
        let client = KafkaCallClient::open(&kafka, &replies, Arc::default(), wake);
        Self {
            client: client.expect("it can be made"),
            woken,
            inputs: Vec::new(),
            calls: 0,
        }
    }

    fn wait<T>(&mut self, pick: impl Fn(&CallInput) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            let now = Instant::now();
            let polled = self.client.poll(now, &mut self.inputs);
            if let Some(picked) = self.inputs.iter().find_map(&pick) {
                return picked;
            }
            assert!(now < deadline, "{:?}", self.inputs);
            match polled {
                Polled::More => {}
                Polled::Idle(until) => {
                    let until = until.unwrap_or(deadline).min(deadline);
                    let _ = self
                        .woken
                        .recv_timeout(until.saturating_duration_since(now));
                }
            }
        }
    }

    /// Sends a request, and returns what becomes of it, and after how long.
    fn send(&mut self, topic: &str) -> (Sent, Duration) {
        self.calls += 1;
        let (sent, began) = (CallId(self.calls), Instant::now());
        let record = OutgoingRecord {
            topic: topic.into(),
            partition: None,
            key: None,
            payload: b"request".to_vec(),
            headers: Vec::new(),
            timestamp: std::time::SystemTime::now(),
        };
        self.client.send(sent, 1, record);
        let answer = self.wait(|input| {
            let CallInput::SendAnswered { call, result, .. } = input else {
                return None;
            };
            (*call == sent).then_some(*result)
        });
        (answer, began.elapsed())
    }

    /// Makes sure that the client knows the topic and its leader. On a busy machine a request may time out before that.
    fn warm_up(&mut self) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let (sent, _) = self.send(TOPIC);
            if sent == Sent::Acknowledged {
                return;
            }
            assert!(Instant::now() < deadline, "{sent:?}");
        }
    }
}

fn cluster() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    for topic in [TOPIC, "replies"] {
        cluster.create_topic(topic, 1).expect("creates");
    }
    cluster
}

#[test]
fn a_refusal_of_the_first_write_is_not_sent() {
    let cluster = cluster();
    let mut caller = Caller::open(&cluster, &[]);
    caller.warm_up();
    for code in [Code::MessageSizeTooLarge, Code::InvalidTimestamp] {
        cluster.refuse_produce(code, 1).expect("refuses");
        let (sent, after) = caller.send(TOPIC);
        let failed = failure(&rdkafka::error::KafkaError::MessageProduction(code));
        // A machine that is too busy makes it unknown, which is true as well.
        let is_late = after > Duration::from_millis(90) && sent == Sent::Unknown(failed);
        assert!(
            sent == Sent::NotSent(failed) || is_late,
            "{code:?}: {sent:?}"
        );
    }
    caller.warm_up();
}

/// A broker may have appended the record before, and librdkafka does not say: see decision 0066.
#[test]
fn a_refusal_of_a_later_write_is_unknown() {
    let cluster = cluster();
    let mut caller = Caller::open(&cluster, &[]);
    caller.warm_up();
    for before in [
        Code::BrokerTransportFailure,
        Code::NotLeaderForPartition,
        Code::RequestTimedOut,
        Code::NotEnoughReplicasAfterAppend,
    ] {
        cluster.refuse_produce(before, 1).expect("refuses");
        let refused = Code::MessageSizeTooLarge;
        cluster.refuse_produce(refused, 1).expect("refuses");
        let (sent, after) = caller.send(TOPIC);
        assert!(matches!(sent, Sent::Unknown(_)), "{before:?}: {sent:?}");
        assert!(after >= RETRY_BACKOFF * 4 / 5, "{before:?}: {after:?}");
        cluster.clear_refusals().expect("clears");
        caller.warm_up();
    }
}

#[test]
fn a_request_that_was_written_before_is_acknowledged() {
    let cluster = cluster();
    let mut caller = Caller::open(&cluster, &[]);
    caller.warm_up();
    let duplicate = Code::DuplicateSequenceNumber;
    cluster.refuse_produce(duplicate, 1).expect("refuses");
    assert_eq!(caller.send(TOPIC).0, Sent::Acknowledged);
}

#[test]
fn a_fatal_error_is_the_loss_of_the_client() {
    let cluster = cluster();
    let mut caller = Caller::open(&cluster, &[]);
    caller.warm_up();
    let fatal = Code::OutOfOrderSequenceNumber;
    cluster.refuse_produce(fatal, 1).expect("refuses");
    let (sent, _) = caller.send(TOPIC);
    assert!(matches!(sent, Sent::Unknown(_)), "{sent:?}");
    let lost = caller.wait(|input| {
        let CallInput::ClientLost(failure) = input else {
            return None;
        };
        Some(*failure)
    });
    assert_eq!(lost.class, FailureClass::ClientFatal);
    // Nothing is sent any more.
    let (sent, _) = caller.send(TOPIC);
    assert!(matches!(sent, Sent::NotSent(_)), "{sent:?}");
    let losses = |input: &&CallInput| matches!(input, CallInput::ClientLost(_));
    assert_eq!(caller.inputs.iter().filter(losses).count(), 1);
}

#[test]
fn without_a_broker_only_what_had_no_partition_is_not_sent() {
    let cluster = cluster();
    cluster.create_topic("unknown", 1).expect("creates");
    let mut caller = Caller::open(&cluster, &[("message.timeout.ms", "1000")]);
    caller.warm_up();
    cluster.kill().expect("kills");
    let (sent, _) = caller.send(TOPIC);
    assert!(matches!(sent, Sent::Unknown(_)), "{sent:?}");
    let (sent, _) = caller.send("unknown");
    assert!(matches!(sent, Sent::NotSent(_)), "{sent:?}");
}

#[test]
fn an_assignment_without_a_broker_is_answered_by_its_deadline() {
    let cluster = cluster();
    cluster.kill().expect("kills");
    let mut caller = Caller::open(&cluster, &[]);
    let wanted = AssignmentId::from_number(1);
    let (began, limit) = (Instant::now(), Duration::from_secs(1));
    caller.client.assign_replies(wanted, began + limit);
    let result = caller.wait(|input| {
        let CallInput::RepliesAssigned { id, result } = input else {
            return None;
        };
        (*id == wanted).then_some(*result)
    });
    assert!(result.is_err(), "{result:?}");
    // The loop polls at the deadline at the latest.
    assert!(began.elapsed() < limit + Duration::from_millis(500));
}

#[test]
fn a_newer_assignment_replaces_one_in_progress() {
    let cluster = cluster();
    let mut caller = Caller::open(&cluster, &[]);
    let deadline = Instant::now() + LIMIT;
    let [first, second] = [1, 2].map(AssignmentId::from_number);
    caller.client.assign_replies(first, deadline);
    caller.client.assign_replies(second, deadline);
    let (id, result) = caller.wait(|input| {
        let CallInput::RepliesAssigned { id, result } = input else {
            return None;
        };
        Some((*id, *result))
    });
    assert_eq!((id, result), (second, Ok(Some(0))));
}
