//! The clients of one caller.
//!
//! Nothing here waits for a broker. Look-ups are on threads of their own; deliveries are reported by the thread of the producer. Records are
//! drained from librdkafka's queue and copied into batches.

mod replies;

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use livebus_core::calls::{AssignmentId, CallId, Sent};
use livebus_core::{Failure, FailureClass};
use livebus_runner::calls::{CallClient, CallInput, OutgoingRecord, ReplySubscription};
use livebus_runner::handlers::{Polled, Wake};
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::Consumer as _;

use super::config::{consumer_config, request_config};
use super::context::{Client, ReplyContext};
use super::leader_check::LeaderCheck;
use super::lookups::{Answer, Inquirer, LookUp};
use super::positions::Positions;
use super::producer::{Delivery, Owner, RecordProducer, Reports, fatal_failure};
use super::reply_partitions::ReplyPartitions;
use super::sent::of_failed_delivery;
use crate::call_thread::{Answers, CallThread};
use crate::config::KafkaConfig;
use crate::consumer::FetchCheck;
use crate::error_class::failure;
use crate::lock::lock;
use crate::own_clients::Link;

/// How long the loop sleeps at most. librdkafka reports what comes; this is for what it might not.
const MAX_SLEEP: Duration = Duration::from_secs(1);

/// The clients of one caller, on rdkafka.
pub(super) struct KafkaCallClient {
    client: Arc<Client>,
    requests: RecordProducer<Tag>,
    subscription: ReplySubscription,
    answers: Answers<Answer>,
    /// For assignments, which must not wait behind other look-ups.
    assignments: CallThread<LookUp>,
    checks: CallThread<LookUp>,
    positions: Arc<Mutex<Positions>>,
    /// The assignment that is to be answered.
    assigning: Option<Assigning>,
    partitions: ReplyPartitions,
    fetches: FetchCheck,
    leaders: LeaderCheck,
    /// Whether it was reported that the partitions cannot be read, and why.
    reported: Option<Failure>,
    /// When to look for added partitions; `None` while that is in progress, and where none are followed.
    next_added: Option<Instant>,
    /// The partitions continue with their first records: which records of them are there is not known.
    rewinds: bool,
    /// An offset was out of range: librdkafka does not go on with one of the partitions, and does not say with which.
    is_stuck: bool,
    is_lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Assigning {
    id: AssignmentId,
    deadline: Instant,
}

/// What a record is tagged with: its call, unless its fate is not reported.
#[derive(Debug)]
struct Tag {
    of: Option<(CallId, u32)>,
    handed_over: Instant,
}

impl KafkaCallClient {
    pub(super) fn open(
        kafka: &KafkaConfig,
        subscription: &ReplySubscription,
        positions: Arc<Mutex<Positions>>,
        wake: Wake,
    ) -> Result<Self, Failure> {
        let link = || Link::new(Arc::clone(kafka.shared()), false);
        let caller = subscription.caller.clone();
        let context = ReplyContext::new(caller.clone(), kafka.tokens().clone(), link());
        let client = open_consumer(&consumer_config(kafka, subscription), context, &wake);
        let client = Arc::new(client.inspect_err(|failure| {
            tracing::error!(caller, %failure, "creating a consumer of replies failed");
        })?);
        let answers = Answers::new(wake);
        let requests = RecordProducer::open(
            &request_config(kafka, subscription),
            &Owner::Caller(caller),
            kafka.tokens().clone(),
            link(),
            reports(&answers),
        )?;
        let inquirer = Inquirer {
            client: Arc::clone(&client),
            topic: Arc::clone(&subscription.topic),
        };
        let thread = |name| {
            let inquirer = inquirer.clone();
            let started = CallThread::start(name, answers.clone(), move |it| inquirer.ask(it));
            started.map_err(|_| Failure::from(FailureClass::ClientFatal))
        };
        let (assignments, checks) = (thread("livebus-assigns")?, thread("livebus-replies")?);
        let topic = Arc::clone(&subscription.topic);
        Ok(Self {
            client,
            requests,
            subscription: subscription.clone(),
            answers,
            assignments,
            checks,
            assigning: None,
            partitions: ReplyPartitions::new(topic, Arc::clone(&positions)),
            positions,
            fetches: FetchCheck::default(),
            leaders: LeaderCheck::new(),
            reported: None,
            next_added: None,
            rewinds: false,
            is_stuck: false,
            is_lost: false,
        })
    }

    fn on_answer(&mut self, answer: Answer, now: Instant, inputs: &mut Vec<CallInput>) {
        match answer {
            Answer::Sent {
                call,
                attempt,
                result,
                partition,
            } => inputs.push(CallInput::SendAnswered {
                call,
                attempt,
                result,
                partition,
            }),
            Answer::Found { id, result, took } => {
                if self.assigning.is_some_and(|it| it.id == id) {
                    self.assigning = None;
                    let result = result.and_then(|found| self.assign(&found, took, now));
                    inputs.push(CallInput::RepliesAssigned { id, result });
                }
            }
            Answer::Checked {
                partitions,
                result,
                took,
            } => self.on_checked(&partitions, &result, took, now),
            Answer::Added(result) => self.on_added(result, now),
        }
    }

    /// Reports the loss of a client that cannot be used any more, once.
    fn check_fatal(&mut self, inputs: &mut Vec<CallInput>) {
        let of_consumer = || fatal_failure(self.client.client());
        let failed = self.requests.fatal_failure().or_else(of_consumer);
        if let Some(failure) = failed.filter(|_| !self.is_lost) {
            self.is_lost = true;
            inputs.push(CallInput::ClientLost(failure));
        }
    }

    fn tell_sent(&self, call: CallId, attempt: u32, result: Sent) {
        self.answers.send(Answer::Sent {
            call,
            attempt,
            result,
            partition: None,
        });
    }
}

fn open_consumer(
    config: &ClientConfig,
    context: ReplyContext,
    wake: &Wake,
) -> Result<Client, Failure> {
    let client = Client::from_config_and_context(config, context);
    let mut client = client.map_err(|error| {
        tracing::debug!(%error, "creating a consumer failed");
        failure(&error)
    })?;
    let wake = wake.clone();
    client.set_nonempty_callback(move || wake.wake());
    Ok(client)
}

/// Returns what reports the deliveries of requests to the loop.
fn reports(answers: &Answers<Answer>) -> Reports<Tag> {
    let (deliveries, errors) = (answers.clone(), answers.clone());
    Reports {
        on_delivery: Box::new(move |delivery| {
            let Delivery {
                tag,
                partition,
                result,
            } = delivery;
            let Some((call, attempt)) = tag.of else {
                return;
            };
            let after = tag.handed_over.elapsed();
            let result = match result {
                Ok(()) => Sent::Acknowledged,
                Err(error) => of_failed_delivery(&error, partition, after),
            };
            deliveries.send(Answer::Sent {
                call,
                attempt,
                result,
                partition: (partition >= 0).then_some(partition),
            });
        }),
        on_error: Box::new(move || errors.wake()),
    }
}

impl CallClient for KafkaCallClient {
    fn poll(&mut self, now: Instant, inputs: &mut Vec<CallInput>) -> Polled {
        for answer in self.answers.take() {
            self.on_answer(answer, now, inputs);
        }
        let is_drained = self.drain(now, inputs);
        // Both, so that neither is left over.
        if self.client.context().take_error() | self.requests.take_error() {
            self.check_fatal(inputs);
        }
        if let Some(late) = self.assigning.take_if(|it| it.deadline <= now) {
            let result = Err(FailureClass::Timeout.into());
            inputs.push(CallInput::RepliesAssigned {
                id: late.id,
                result,
            });
        }
        self.continue_elsewhere(now);
        self.look_up(now);
        self.report(inputs);
        if !is_drained {
            return Polled::More;
        }
        let instants = [
            self.assigning.map(|it| it.deadline),
            self.fetches.next(),
            self.leaders.next(),
            self.next_added,
            Some(now + MAX_SLEEP),
        ];
        Polled::Idle(instants.into_iter().flatten().min())
    }

    fn assign_replies(&mut self, id: AssignmentId, deadline: Instant) {
        self.assigning = Some(Assigning { id, deadline });
        self.assignments.send(LookUp::Assign {
            id,
            wanted: self.subscription.partitions,
            chosen: lock(&self.positions).chosen,
            instance: self.subscription.instance,
            deadline,
        });
    }

    fn send(&mut self, call: CallId, attempt: u32, record: OutgoingRecord) {
        let tag = Tag {
            of: Some((call, attempt)),
            handed_over: Instant::now(),
        };
        if let Err(error) = self.requests.send(&record, tag) {
            self.tell_sent(call, attempt, Sent::NotSent(failure(&error)));
        }
    }

    fn send_unanswered(&mut self, record: OutgoingRecord) {
        let tag = Tag {
            of: None,
            handed_over: Instant::now(),
        };
        if let Err(error) = self.requests.send(&record, tag) {
            let caller = &*self.subscription.caller;
            tracing::debug!(caller, topic = &*record.topic, %error, "a record was not taken");
        }
    }

    fn close(self: Box<Self>, deadline: Instant) {
        let Self {
            client,
            requests,
            subscription,
            assignments,
            checks,
            ..
        } = *self;
        let (closed, is_closed) = mpsc::channel::<()>();
        let closing = thread::Builder::new().name("livebus-closing".to_owned());
        let closing = closing.spawn(move || {
            requests.flush(deadline);
            drop(requests);
            assignments.join();
            checks.join();
            drop(client);
            drop(closed);
        });
        match closing {
            Ok(_) => {
                let left = deadline.saturating_duration_since(Instant::now());
                // Either it is closed, or the rest happens in the background.
                let _ = is_closed.recv_timeout(left);
            }
            Err(error) => {
                let caller = subscription.caller;
                tracing::error!(caller, %error, "there is no thread that closes the clients");
            }
        }
    }
}

#[cfg(test)]
mod tests;
