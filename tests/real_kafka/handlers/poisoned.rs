//! A record that fails each time, under each policy.

use std::future::ready;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::ensure;
use livebus_core::FailureClass;
use livebus_core::dispatch::Then;
use livebus_runner::handlers::{Failed, RequestHandler, RunnableHandler};
use rdkafka::Message as _;

use super::support::{
    Handled, committed, header, kafka, number, policy, produce, read, records, wait_for_cause,
    wait_until, wait_until_running,
};
use crate::context::Context;

static RECORDS: LazyLock<u32> = LazyLock::new(|| records(100));

/// The record that fails.
const POISONED: u32 = 42;

/// One topic, and the handler that reads it.
struct Poisoned {
    seen: Handled,
    calls: Arc<AtomicU32>,
    is_cured: Arc<AtomicBool>,
}

impl Poisoned {
    fn new() -> Self {
        Self {
            seen: Handled::default(),
            calls: Arc::default(),
            is_cured: Arc::default(),
        }
    }

    fn run(&self, handler: RequestHandler) -> RunnableHandler {
        let (seen, calls) = (self.seen.clone(), Arc::clone(&self.calls));
        let is_cured = Arc::clone(&self.is_cured);
        handler.run(move |record, _| {
            if number(&record) == POISONED && !is_cured.load(Ordering::SeqCst) {
                calls.fetch_add(1, Ordering::SeqCst);
                return ready(Err(Failed::permanent("poisoned on purpose")));
            }
            seen.note(&record);
            ready(Ok(()))
        })
    }

    fn all_but_the_poisoned(&self) -> bool {
        let numbers = self.seen.numbers();
        numbers
            .iter()
            .copied()
            .eq((0..*RECORDS).filter(|&it| it != POISONED))
    }
}

fn handler(topic: &str) -> RequestHandler {
    RequestHandler::new("poisoned").topics([topic]).group(topic)
}

pub(crate) fn stopped_partition_continues_when_the_record_succeeds(
    context: &Context,
) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let (servers, topic) = (node.bootstrap_servers(), &format!("stopped-{host}"));
    node.create_topic(topic, 1)?;
    produce(&servers, topic, 0..*RECORDS)?;
    let it = Poisoned::new();
    let handler = handler(topic).on_failure(policy(1, Then::Stop));
    let mut bus = context.begin_serving(topic, host, kafka(&servers)?, vec![it.run(handler)])?;
    wait_for_cause(&mut bus, FailureClass::RecordFailed)?;
    wait_until(|| it.calls.load(Ordering::SeqCst) > 3)?;
    ensure!(
        it.seen.numbers().iter().copied().eq(0..POISONED),
        "{:?}",
        it.seen.numbers()
    );
    it.is_cured.store(true, Ordering::SeqCst);
    it.seen.wait_for(*RECORDS as usize)?;
    wait_until_running(&mut bus)?;
    bus.shut_down()?;
    it.seen.check_each_once_in_order(*RECORDS)
}

pub(crate) fn skipped_records_are_passed(context: &Context) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let (servers, topic) = (node.bootstrap_servers(), &format!("skipped-{host}"));
    node.create_topic(topic, 1)?;
    produce(&servers, topic, 0..*RECORDS)?;
    let it = Poisoned::new();
    let handler = handler(topic).on_failure(policy(2, Then::Skip));
    let bus = context.serve(topic, host, kafka(&servers)?, vec![it.run(handler)])?;
    it.seen.wait_for(*RECORDS as usize - 1)?;
    bus.shut_down()?;
    ensure!(it.all_but_the_poisoned(), "{:?}", it.seen.numbers());
    let calls = it.calls.load(Ordering::SeqCst);
    ensure!(calls == 3, "it was called {calls} times");
    let committed = committed(&servers, topic, topic, 1)?;
    ensure!(committed == i64::from(*RECORDS), "{committed} is committed");
    Ok(())
}

pub(crate) fn dead_letters_are_written_and_passed(context: &Context) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let (servers, topic) = (node.bootstrap_servers(), &format!("buried-{host}"));
    let dead = &format!("{topic}.dead");
    node.create_topic(topic, 1)?;
    produce(&servers, topic, 0..*RECORDS)?;
    let it = Poisoned::new();
    let handler = handler(topic)
        .on_failure(policy(1, Then::DeadLetter))
        .dead_letter_topic(dead);
    let mut bus = context.begin_serving(topic, host, kafka(&servers)?, vec![it.run(handler)])?;
    // The topic is missing: the record waits.
    wait_until(|| it.calls.load(Ordering::SeqCst) == 2)?;
    node.create_topic(dead, 1)?;
    it.seen.wait_for(*RECORDS as usize - 1)?;
    wait_until_running(&mut bus)?;
    bus.shut_down()?;
    ensure!(it.all_but_the_poisoned(), "{:?}", it.seen.numbers());
    let committed = committed(&servers, topic, topic, 1)?;
    ensure!(committed == i64::from(*RECORDS), "{committed} is committed");

    let letters = read(&servers, dead, 1)?;
    let letter = &letters[0];
    let payload = POISONED.to_string();
    ensure!(letter.payload() == Some(payload.as_bytes()), "{letter:?}");
    for (name, value) in [
        ("livebus.origin.topic", topic.as_str()),
        ("livebus.origin.partition", "0"),
        ("livebus.origin.offset", "42"),
        ("livebus.attempts", "2"),
        ("livebus.class", "permanent"),
        ("livebus.error", "poisoned on purpose"),
    ] {
        let found = header(letter, name);
        ensure!(found.as_deref() == Some(value), "{name}: {found:?}");
    }
    Ok(())
}

pub(crate) fn panics_are_failures(context: &Context) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let (servers, topic) = (node.bootstrap_servers(), &format!("panicked-{host}"));
    node.create_topic(topic, 1)?;
    produce(&servers, topic, 0..*RECORDS)?;
    let seen = Handled::default();
    let noted = seen.clone();
    let handler = handler(topic)
        .on_failure(policy(0, Then::Skip))
        .run(move |record, _| {
            let noted = noted.clone();
            async move {
                if number(&record) == POISONED {
                    panic::resume_unwind(Box::new("a panic that no hook reports"));
                }
                noted.note(&record);
                Ok(())
            }
        });
    let bus = context.serve(topic, host, kafka(&servers)?, vec![handler])?;
    seen.wait_for(*RECORDS as usize - 1)?;
    bus.shut_down()?;
    let numbers = seen.numbers();
    ensure!(!numbers.contains(&POISONED) && numbers.len() == *RECORDS as usize - 1);
    Ok(())
}
