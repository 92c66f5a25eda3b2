//! What the scenarios share: services that call or are called, and which requests were run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use livebus_core::{Cause, Settings, Status};
use livebus_readiness::{CalleeProgress, HandlerState, StatusChange};
use livebus_runner::calls::{CallHandler, Caller, Request};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::host::Host;
use livebus_tests::kafka_supervision::{KafkaSupervision, Parts};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::context::Context;
use crate::handlers::{kafka, wait_until};

/// The numbers of the requests that callees ran, one entry for each run.
#[derive(Clone, Default)]
pub(super) struct Runs(Arc<Mutex<Vec<u32>>>);

impl Runs {
    /// Notes a request, and returns its number.
    pub(super) fn note(&self, request: &Request) -> u32 {
        let number = number(request.payload()).expect("each request is a number");
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.push(number);
        number
    }

    pub(super) fn count(&self) -> usize {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.len()
    }

    /// Returns how often each number was run.
    pub(super) fn times(&self) -> BTreeMap<u32, u32> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut times = BTreeMap::new();
        for number in &*runs {
            *times.entry(*number).or_default() += 1;
        }
        times
    }
}

/// Returns the number that a request or a reply is.
pub(super) fn number(payload: &[u8]) -> Option<u32> {
    str::from_utf8(payload).ok()?.parse().ok()
}

/// A supervision with callers or call handlers.
pub(super) struct Service {
    pub(super) bus: KafkaSupervision,
}

/// How the services of a scenario are supervised.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) context: &'a Context,
    pub(super) servers: &'a str,
    /// Whether outages are to be found soon. Without that, what a busy machine does to a service is none, and neither is one of three brokers
    /// that is away.
    pub(super) is_fast: bool,
}

impl Place<'_> {
    /// Starts a service, and waits for nothing.
    pub(super) fn begin(&self, name: &str, host: Host, parts: Parts) -> anyhow::Result<Service> {
        let preset = if self.is_fast {
            Settings::fast()
        } else {
            Settings::default()
        };
        let settings = Settings {
            drain: Duration::ZERO,
            // Longer than the shutdown of a handler whose coordinator is being elected.
            stop_timeout: Duration::from_secs(20),
            ..preset
        };
        let kafka = kafka(self.servers)?;
        let bus = self
            .context
            .begin_parts(name, host, kafka, settings, parts)?;
        Ok(Service { bus })
    }

    /// Starts a service, and waits until it is Running.
    pub(super) fn start(&self, name: &str, host: Host, parts: Parts) -> anyhow::Result<Service> {
        let mut service = self.begin(name, host, parts)?;
        service.wait_for(Status::Running)?;
        Ok(service)
    }

    /// Starts a service that calls.
    pub(super) fn call_with(&self, host: Host, caller: &Caller) -> anyhow::Result<Service> {
        self.start(caller.name(), host, calling(caller))
    }

    /// Starts a service that runs the requests of a topic, notes them, and replies with their numbers.
    pub(super) fn echo(
        &self,
        name: &str,
        host: Host,
        handler: CallHandler,
        runs: &Runs,
    ) -> anyhow::Result<Service> {
        let runs = runs.clone();
        let handler = handler.run(move |request, _cx| {
            let number = runs.note(&request);
            async move { Ok(number.to_string().into_bytes()) }
        });
        let parts = Parts {
            call_handlers: vec![handler],
            ..Parts::default()
        };
        self.start(name, host, parts)
    }
}

/// Returns the parts of a service that calls.
pub(super) fn calling(caller: &Caller) -> Parts {
    Parts {
        callers: vec![caller.clone()],
        ..Parts::default()
    }
}

/// Returns a call handler of a topic, in the group with the same name.
pub(super) fn handler(topic: &str) -> CallHandler {
    CallHandler::new(topic)
        .topics([topic])
        .group(topic)
        .property("heartbeat.interval.ms", "300")
}

impl Service {
    /// Waits until the status is this, whatever it was before.
    pub(super) fn wait_for(&mut self, wanted: Status) -> anyhow::Result<()> {
        let bus = &mut self.bus;
        wait_until(|| {
            bus.take_changes();
            bus.last_status() == wanted
        })
        .with_context(|| format!("{wanted} was expected: {}", bus.history_text()))
    }

    /// Waits until the next change to this status, after those that were taken.
    pub(super) fn next(&mut self, wanted: Status) -> anyhow::Result<StatusChange> {
        loop {
            let change = self.bus.next_change()?;
            if change.report.status == wanted {
                return Ok(change);
            }
        }
    }

    /// Checks that the service was Running since the changes that were taken.
    pub(super) fn stayed_running(&mut self) -> anyhow::Result<()> {
        let changes = self.bus.take_changes();
        let is_running = changes.iter().all(|it| it.report.status == Status::Running);
        ensure!(
            is_running && self.bus.last_status() == Status::Running,
            "expected Running: {}",
            self.bus.history_text()
        );
        Ok(())
    }

    /// Returns what became of the requests of its call handlers.
    pub(super) fn callees(&self) -> Vec<CalleeProgress> {
        let handlers = self.bus.handle().handlers().into_iter();
        handlers.filter_map(|handler| handler.callee).collect()
    }

    /// Waits until nothing is left of its calls and requests in its memory: what is shown may be a little old.
    pub(super) fn wait_until_idle(&self) -> anyhow::Result<()> {
        let handlers = || self.bus.handle().handlers();
        let is_idle = |it: &HandlerState| {
            let calls = it.calls.as_ref();
            let callee = it.callee.as_ref();
            calls.is_none_or(|it| it.calls_in_flight == 0 && it.bytes_in_flight == 0)
                && callee.is_none_or(|it| it.requests_held == 0)
        };
        wait_until(|| {
            let handlers = handlers();
            !handlers.is_empty() && handlers.iter().all(is_idle)
        })
        .with_context(|| format!("{:?}", handlers()))
    }

    /// Shuts it down, whatever its status was before, and waits for an end in order.
    pub(super) fn shut_down(mut self) -> anyhow::Result<()> {
        self.bus.handle().begin_shutdown();
        let stopped = self.next(Status::Stopped)?;
        ensure!(
            stopped.report.cause == Cause::ShutDown,
            "expected an end in order: {}",
            self.bus.history_text()
        );
        Ok(())
    }
}

/// Waits until a group has a position at the end of each partition.
pub(super) fn wait_until_drained(
    servers: &str,
    topic: &str,
    partitions: i32,
) -> anyhow::Result<()> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", topic)
        .create()?;
    let is_drained = || -> anyhow::Result<bool> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, partitions - 1);
        let list = client.committed_offsets(list, WAIT_LIMIT)?;
        for partition in 0..partitions {
            let (_, end) = client.fetch_watermarks(topic, partition, WAIT_LIMIT)?;
            let of = list.find_partition(topic, partition);
            let committed = of.map(|it| it.offset());
            if end > 0 && committed != Some(Offset::Offset(end)) {
                return Ok(false);
            }
        }
        Ok(true)
    };
    wait_until(|| is_drained().unwrap_or(false))
        .with_context(|| format!("{topic} is not handled to its end"))
}
