//! The consumer of one handler.
//!
//! Nothing here waits for a broker. Rebalances are answered when the dispatcher has let the partitions go, and when it is known where new ones
//! begin; look-ups and commits are on threads of their own. Records are drained from librdkafka's queue and copied into batches.

mod assignments;
mod records;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use livebus_core::dispatch::{CommitId, Delivery, Generation, Pace, PartitionId, Position, Room};
use livebus_core::{Failure, FailureClass};
use livebus_runner::handlers::{
    Consumer, DeadLetter, Input, PartitionNumbers, Polled, Subscription, Wake,
};
use rdkafka::ClientConfig;
use rdkafka::consumer::Consumer as _;

use crate::call_thread::CallThread;
use crate::config::KafkaConfig;
use crate::consumer::answers::{Answer, Answers};
use crate::consumer::assigned::Assigned;
use crate::consumer::assigning::answer;
use crate::consumer::commit_calls::CommitCall;
use crate::consumer::commits::{Commit, Commits, all};
use crate::consumer::config::{consumer_config, dead_letter_config, topics};
use crate::consumer::context::{Client, HandlerContext};
use crate::consumer::dead_letters::DeadLetters;
use crate::consumer::fetch_check::FetchCheck;
use crate::consumer::lookups::LookUp;
use crate::consumer::rebalancing::Rebalancing;
use crate::error_class::failure;
use crate::own_clients::Link;

/// How long the loop sleeps at most. librdkafka reports what comes; this is for what it might not.
const MAX_SLEEP: Duration = Duration::from_secs(1);

/// The consumer of one handler, on rdkafka.
pub(crate) struct KafkaConsumer {
    client: Arc<Client>,
    subscription: Subscription,
    numbers: PartitionNumbers,
    answers: Answers,
    lookups: CallThread<LookUp>,
    commit_calls: CallThread<CommitCall>,
    commits: Commits<CommitCall>,
    dead_letters: DeadLetters,
    assigned: Assigned,
    rebalancing: Rebalancing,
    /// Whether the first assignment was made, by this consumer or by one before it.
    has_begun: bool,
    pace: Pace,
    /// When the next record comes at the slow pace.
    next_slow: Instant,
    /// When to look at the partitions of a broadcast; `None` while that is in progress, and for groups.
    next_partitions: Option<Instant>,
    fetches: FetchCheck,
    /// When to look at the ends of the partitions; `None` while that is in progress.
    next_ends: Option<Instant>,
    /// Whether an offset was out of range, and whether it is being found out which.
    ranges: Ranges,
    /// Partitions that continue elsewhere, once no rebalance waits for an answer: librdkafka would take the assignment for that.
    seeks: Vec<(PartitionId, Generation, i64)>,
    /// Whether the brokers take the metadata of a commit. They have a limit of their own.
    takes_metadata: bool,
    /// Sets of done records that did not fit into the metadata.
    overflows: u64,
}

/// The progress of finding out which offset is out of range: rdkafka does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ranges {
    Known,
    Wanted,
    Asked,
    /// Another one was reported after the look-up.
    AskedAndWanted,
}

impl KafkaConsumer {
    /// Makes the consumer, and subscribes it.
    pub(crate) fn open(
        kafka: &KafkaConfig,
        subscription: &Subscription,
        numbers: &PartitionNumbers,
        wake: Wake,
    ) -> Result<Self, Failure> {
        let config = consumer_config(kafka, subscription);
        let tokens = kafka.tokens().clone();
        let handler = subscription.handler.clone();
        let link = Link::new(Arc::clone(kafka.shared()), false);
        let context = HandlerContext::new(handler, tokens, link);
        let client = open_client(&config, context, &wake)?;
        let client = Arc::new(client);
        let answers = Answers::new(wake);
        let (of_lookups, of_commits) = (Arc::clone(&client), Arc::clone(&client));
        let lookups =
            CallThread::start("livebus-lookups", answers.clone(), move |lookup: LookUp| {
                lookup.ask(&of_lookups)
            });
        let commit_calls = CallThread::start(
            "livebus-commits",
            answers.clone(),
            move |call: CommitCall| Answer::Committed(call.make(&of_commits)),
        );
        let (Ok(lookups), Ok(commit_calls)) = (lookups, commit_calls) else {
            return Err(FailureClass::ClientFatal.into());
        };
        let now = Instant::now();
        let next_partitions = match subscription.delivery() {
            Delivery::Group => {
                let names = topics(&subscription.topics);
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                client.subscribe(&names).map_err(|error| failure(&error))?;
                None
            }
            Delivery::Broadcast => Some(now),
        };
        let (config, tokens) = (dead_letter_config(kafka), kafka.tokens().clone());
        Ok(Self {
            client,
            subscription: subscription.clone(),
            numbers: numbers.clone(),
            dead_letters: DeadLetters::new(config, tokens, answers.clone()),
            answers,
            lookups,
            commit_calls,
            commits: Commits::new(),
            assigned: Assigned::default(),
            rebalancing: Rebalancing::default(),
            has_begun: numbers.has_begun(),
            pace: Pace::Full,
            next_slow: now,
            next_partitions,
            fetches: FetchCheck::default(),
            next_ends: Some(now),
            ranges: Ranges::Known,
            seeks: Vec::new(),
            takes_metadata: true,
            overflows: 0,
        })
    }
}

fn open_client(
    config: &ClientConfig,
    context: HandlerContext,
    wake: &Wake,
) -> Result<Client, Failure> {
    use rdkafka::config::FromClientConfigAndContext as _;

    let mut client = Client::from_config_and_context(config, context).map_err(|error| {
        tracing::error!(%error, "creating a consumer failed");
        failure(&error)
    })?;
    let wake = wake.clone();
    client.set_nonempty_callback(move || wake.wake());
    Ok(client)
}

impl Consumer for KafkaConsumer {
    fn poll(&mut self, room: Room, now: Instant, inputs: &mut Vec<Input>) -> Polled {
        for answer in self.answers.take() {
            self.on_answer(answer, now, inputs);
        }
        while let Some(Commit { id, partitions, .. }) = self.commits.expire(now) {
            let results = all(partitions, Err(FailureClass::Timeout.into()));
            inputs.push(Input::CommitAnswered { id, results });
        }
        let is_drained = self.drain(room, now, inputs);
        self.rebalancing
            .extend(self.client.context().take_rebalances());
        self.rebalance(inputs);
        self.check_fetches_again(now, inputs);
        self.make_seeks();
        self.look_up(now);
        if !is_drained || self.rebalancing.has_more() {
            return Polled::More;
        }
        let slow = (self.pace == Pace::Slow).then_some(self.next_slow);
        let sleep = now + MAX_SLEEP;
        let instants = [
            self.commits.next_deadline(),
            self.next_partitions,
            self.next_fetch_check(),
            slow,
        ];
        Polled::Idle(instants.into_iter().flatten().chain([sleep]).min())
    }

    fn commit(&mut self, id: CommitId, positions: Vec<Position>, deadline: Instant) {
        match self.positions(&positions) {
            Ok(call) => {
                let commit = Commit {
                    id,
                    partitions: call.partitions.clone(),
                    deadline,
                };
                if let Some(call) = self.commits.begin(commit, call) {
                    self.commit_calls.send(call);
                }
            }
            // Never: offsets are not negative. The deadline answers it.
            Err(failure) => tracing::error!(%failure, "a position cannot be committed"),
        }
    }

    fn write_dead_letter(&mut self, letter: DeadLetter) {
        self.dead_letters.write(&letter);
    }

    fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
        let partitions = self.assigned.all();
        self.apply_pace(&partitions);
    }

    fn seek(&mut self, partition: PartitionId, generation: Generation, offset: i64) {
        self.seeks.push((partition, generation, offset));
        self.answers.wake();
    }

    fn release(&mut self, partition: PartitionId, generation: Generation) {
        let Some(numbered) = self.assigned.by_id(partition, generation) else {
            return;
        };
        let of = (numbered.topic.to_string(), numbered.number);
        self.assigned.remove(&of);
        if let Some(answered) = self.rebalancing.on_released(&of) {
            self.answer(&answered);
        }
        self.answers.wake();
    }

    fn close(self: Box<Self>, deadline: Instant) {
        let Self {
            client,
            mut rebalancing,
            lookups,
            commit_calls,
            dead_letters,
            ..
        } = *self;
        client.context().close();
        rebalancing.extend(client.context().take_rebalances());
        for answered in rebalancing.close() {
            answer(&client, &answered);
        }
        let (closed, is_closed) = mpsc::channel::<()>();
        let closing = thread::Builder::new()
            .name("livebus-closing".to_owned())
            .spawn(move || {
                commit_calls.join();
                lookups.join();
                drop(client);
                dead_letters.close();
                drop(closed);
            });
        match closing {
            Ok(_) => {
                let left = deadline.saturating_duration_since(Instant::now());
                // Either it is closed, or the rest happens in the background.
                let _ = is_closed.recv_timeout(left);
            }
            Err(error) => tracing::error!(%error, "there is no thread that closes a consumer"),
        }
    }
}
