//! A caller without the loop of a runner.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use livebus_core::calls::{AssignmentId, CallId, Sent};
use livebus_core::{Config, Failure, Settings};
use livebus_kafka::KafkaBus;
use livebus_runner::calls::{
    CallBus as _, CallClient, CallInput, OutgoingRecord, ReplySubscription,
};
use livebus_runner::handlers::{Polled, Record, Wake};
use livebus_tests::WAIT_LIMIT;
use livebus_tokio::TokioRuntime;
use rdkafka::Message as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::handlers::kafka;

/// How long an assignment may take.
pub(crate) const ASSIGN: Duration = Duration::from_secs(20);

/// A caller, and what its clients have reported.
pub(crate) struct Caller {
    bus: Arc<KafkaBus<TokioRuntime>>,
    pub(crate) replies: ReplySubscription,
    client: Option<Box<dyn CallClient>>,
    wake: Wake,
    woken: Receiver<()>,
    /// What was not taken yet.
    inputs: Vec<CallInput>,
    assignments: u64,
    calls: u64,
}

impl Caller {
    pub(crate) fn open(servers: &str, replies: ReplySubscription) -> anyhow::Result<Self> {
        let config = Config::new(Settings::default())?;
        let bus = Arc::new(KafkaBus::new(kafka(servers)?, &config));
        let checked = bus.check_caller(&replies);
        checked.map_err(anyhow::Error::msg)?;
        // One place is enough: a wake-up that is not taken yet counts for all.
        let (sender, woken) = mpsc::sync_channel(1);
        let wake = Wake::new(move || {
            let _ = sender.try_send(());
        });
        let mut caller = Self {
            bus,
            replies,
            client: None,
            wake,
            woken,
            inputs: Vec::new(),
            assignments: 0,
            calls: 0,
        };
        caller.open_client()?;
        Ok(caller)
    }

    /// Makes the clients, as after a loss.
    pub(crate) fn open_client(&mut self) -> anyhow::Result<()> {
        let opened = self.bus.open_call_client(&self.replies, self.wake.clone());
        self.client = Some(opened.context("opening the clients")?);
        Ok(())
    }

    pub(crate) fn bus(&self) -> &KafkaBus<TokioRuntime> {
        &self.bus
    }

    fn client(&mut self) -> &mut dyn CallClient {
        let client = self.client.as_mut().expect("it is open");
        &mut **client
    }

    /// Closes the clients. Returns how long that took.
    pub(crate) fn close(&mut self, bound: Duration) -> Duration {
        let began = Instant::now();
        let client = self.client.take().expect("it is open");
        client.close(began + bound);
        began.elapsed()
    }

    /// Assigns the reply partitions, within this time.
    pub(crate) fn try_assign(
        &mut self,
        within: Duration,
    ) -> anyhow::Result<Result<Option<i32>, Failure>> {
        self.assignments += 1;
        let wanted = AssignmentId::from_number(self.assignments);
        let deadline = Instant::now() + within;
        self.client().assign_replies(wanted, deadline);
        let answer = self.wait(within + Duration::from_millis(200), |input| {
            let CallInput::RepliesAssigned { id, result } = input else {
                return None;
            };
            (*id == wanted).then_some(*result)
        });
        answer.context("the assignment was not answered by its deadline")
    }

    pub(crate) fn assign(&mut self) -> anyhow::Result<Option<i32>> {
        let assigned = self.try_assign(ASSIGN)?;
        assigned.context("assigning the reply partitions")
    }

    /// Assigns one reply partition.
    pub(crate) fn assign_one(&mut self) -> anyhow::Result<i32> {
        self.assign()?.context("one partition was to be assigned")
    }

    /// Sends a request, and returns its number.
    pub(crate) fn send(&mut self, record: OutgoingRecord) -> CallId {
        self.calls += 1;
        let call = CallId(self.calls);
        self.client().send(call, 1, record);
        call
    }

    /// Sends a record whose fate is not reported.
    pub(crate) fn send_unanswered(&mut self, record: OutgoingRecord) {
        self.client().send_unanswered(record);
    }

    /// Waits for the answer to a send.
    pub(crate) fn answer(&mut self, wanted: CallId) -> anyhow::Result<(Sent, Option<i32>)> {
        self.wait(WAIT_LIMIT, |input| {
            let CallInput::SendAnswered {
                call,
                attempt: 1,
                result,
                partition,
            } = input
            else {
                return None;
            };
            (*call == wanted).then_some((*result, *partition))
        })
        .with_context(|| format!("no answer to {wanted:?}"))
    }

    /// Takes what is there without waiting.
    pub(crate) fn poll(&mut self) -> Polled {
        let mut inputs = std::mem::take(&mut self.inputs);
        let polled = self.client().poll(Instant::now(), &mut inputs);
        self.inputs = inputs;
        polled
    }

    /// Waits for an input, and takes it.
    pub(crate) fn wait<T>(
        &mut self,
        within: Duration,
        pick: impl Fn(&CallInput) -> Option<T>,
    ) -> anyhow::Result<T> {
        let (index, picked) = self.find(within, pick)?;
        self.inputs.remove(index);
        Ok(picked)
    }

    /// Waits for an input, and leaves it. Returns its index too.
    fn find<T>(
        &mut self,
        within: Duration,
        pick: impl Fn(&CallInput) -> Option<T>,
    ) -> anyhow::Result<(usize, T)> {
        let deadline = Instant::now() + within;
        loop {
            let polled = self.poll();
            let mut all = self.inputs.iter().enumerate();
            if let Some(found) = all.find_map(|(index, it)| Some((index, pick(it)?))) {
                return Ok(found);
            }
            let now = Instant::now();
            ensure!(now < deadline, "not within {within:?}: {:?}", self.inputs);
            match polled {
                Polled::More => {}
                Polled::Idle(until) => {
                    let until = until.map_or(deadline, |until| until.min(deadline));
                    let _ = self
                        .woken
                        .recv_timeout(until.saturating_duration_since(now));
                }
            }
        }
    }

    /// Takes the records that were fetched so far.
    pub(crate) fn take_records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        for input in std::mem::take(&mut self.inputs) {
            if let CallInput::Fetched(batch) = input {
                records.extend(all(batch));
            } else {
                self.inputs.push(input);
            }
        }
        records
    }

    /// Waits until this many records were fetched.
    pub(crate) fn fetch(&mut self, count: usize) -> anyhow::Result<Vec<Record>> {
        let mut records = Vec::new();
        let deadline = Instant::now() + WAIT_LIMIT;
        while records.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            let is_fetched =
                |input: &CallInput| matches!(input, CallInput::Fetched(_)).then_some(());
            self.find(left, is_fetched)
                .with_context(|| format!("{} of {count} records", records.len()))?;
            records.extend(self.take_records());
        }
        Ok(records)
    }

    /// Waits until it is reported that replies cannot be read.
    pub(crate) fn unreachable(&mut self, within: Duration) -> anyhow::Result<Failure> {
        self.wait(within, |input| {
            let CallInput::RepliesUnreachable(failure) = input else {
                return None;
            };
            Some(*failure)
        })
    }

    /// Forgets everything that was reported so far.
    pub(crate) fn forget(&mut self) {
        self.poll();
        self.inputs.clear();
    }

    /// Waits until it is reported that replies can be read again.
    pub(crate) fn reachable(&mut self) -> anyhow::Result<()> {
        self.wait(WAIT_LIMIT, |input| {
            matches!(input, CallInput::RepliesReachable).then_some(())
        })
    }

    /// Checks that nothing was reported that a working bus does not report.
    pub(crate) fn check_quiet(&self) -> anyhow::Result<()> {
        let is_bad = |input: &CallInput| {
            matches!(
                input,
                CallInput::RepliesUnreachable(_) | CallInput::Failed(_) | CallInput::ClientLost(_)
            )
        };
        ensure!(!self.inputs.iter().any(is_bad), "{:?}", self.inputs);
        Ok(())
    }
}

/// Returns the records of a batch.
fn all(batch: livebus_runner::handlers::Batch) -> Vec<Record> {
    let batch = Arc::new(batch);
    (0..batch.len()).map(|index| batch.record(index)).collect()
}

/// Returns a request.
pub(crate) fn request(topic: &str, payload: &[u8]) -> OutgoingRecord {
    OutgoingRecord {
        topic: topic.into(),
        partition: None,
        key: None,
        payload: payload.to_vec(),
        headers: Vec::new(),
        timestamp: SystemTime::now(),
    }
}

/// Writes records to one partition, as callees do.
pub(crate) struct ReplyWriter(BaseProducer);

impl ReplyWriter {
    pub(crate) fn new(servers: &str) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", servers)
            .set("linger.ms", "0");
        Ok(Self(config.create()?))
    }

    /// Writes a record, and waits until it is acknowledged.
    pub(crate) fn reply(&self, topic: &str, partition: i32, payload: &str) -> anyhow::Result<()> {
        let record = BaseRecord::<(), _>::to(topic)
            .partition(partition)
            .payload(payload);
        self.0.send(record).map_err(|(error, _)| error)?;
        let deadline = Instant::now() + WAIT_LIMIT;
        // A flush waits in steps of 100 ms.
        while self.0.in_flight_count() > 0 {
            ensure!(Instant::now() < deadline, "{topic} takes no record");
            self.0.poll(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Returns the payload of a record, as text.
pub(crate) fn text(record: &Record) -> String {
    String::from_utf8_lossy(record.payload().unwrap_or_default()).into_owned()
}

/// Returns how many records a partition 0 has.
pub(crate) fn records(servers: &str, topic: &str) -> anyhow::Result<usize> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "counter")
        .create()?;
    let (low, high) = client.fetch_watermarks(topic, 0, WAIT_LIMIT)?;
    Ok(usize::try_from(high - low)?)
}

/// Returns how often each payload is in the partitions of a topic.
pub(crate) fn written(
    servers: &str,
    topic: &str,
    partitions: i32,
) -> anyhow::Result<BTreeMap<String, usize>> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "reader")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    client.assign(&list)?;
    let (mut written, mut ends) = (BTreeMap::new(), 0);
    let deadline = Instant::now() + WAIT_LIMIT;
    while ends < partitions {
        ensure!(Instant::now() < deadline, "{ends} of {partitions} ends");
        match client.poll(Duration::from_millis(100)) {
            Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
            // A broker that was restarted is connected to again.
            Some(Err(_)) | None => {}
            Some(Ok(message)) => {
                let payload = message.payload().unwrap_or_default();
                let text = String::from_utf8_lossy(payload).into_owned();
                *written.entry(text).or_insert(0) += 1;
            }
        }
    }
    Ok(written)
}

/// Checks each answer against what was written. Returns how many were acknowledged, not sent, and unknown.
pub(crate) fn check_answers(
    answers: &BTreeMap<String, Sent>,
    written: &BTreeMap<String, usize>,
) -> anyhow::Result<[usize; 3]> {
    let mut counts = [0; 3];
    for (payload, sent) in answers {
        let times = written.get(payload).copied().unwrap_or_default();
        let (index, is_true) = match sent {
            Sent::Acknowledged => (0, times == 1),
            Sent::NotSent(_) => (1, times == 0),
            Sent::Unknown(_) => (2, times <= 1),
        };
        counts[index] += 1;
        ensure!(is_true, "{payload}: {sent:?}, and written {times} times");
    }
    println!("acknowledged, not sent, unknown: {counts:?}");
    Ok(counts)
}
