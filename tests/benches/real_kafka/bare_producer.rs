//! What livebus is compared with: librdkafka alone, at its defaults, polled once a second.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fmt};

use anyhow::{Context as _, bail};
use livebus_tests::child_process::ChildProcess;
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use crate::nodes::START_LIMIT;
use crate::supervisions::TOPIC;

/// With this first argument the program is only a bare producer. Then follow its work, its servers, and its properties.
pub(crate) const ARGUMENT: &str = "--bare-producer";

/// The time between two records, and of one poll.
///
/// Not whole milliseconds: rdkafka spins through what is left of the last one.
const INTERVAL: Duration = Duration::from_micros(1_000_200);

/// What a process with a bare producer does besides polling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// It sends one record, and prints a line when that is acknowledged.
    One,
    /// Nothing: there is no broker to send to.
    None,
    /// It sends a record as often as a supervision at the defaults, and prints a line for each one that is acknowledged.
    EachFiveSeconds,
    /// It sends a record each second, and prints a line for each one that is acknowledged.
    EachSecond,
}

impl Work {
    const ALL: [Self; 4] = [
        Self::One,
        Self::None,
        Self::EachFiveSeconds,
        Self::EachSecond,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::None => "none",
            Self::EachFiveSeconds => "each-five-seconds",
            Self::EachSecond => "each-second",
        }
    }

    /// Returns whether a record is sent before this poll; the polls are numbered from 0, and there is one each second.
    const fn sends(self, poll: u64) -> bool {
        match self {
            Self::One | Self::None => false,
            Self::EachFiveSeconds => poll.is_multiple_of(5),
            Self::EachSecond => true,
        }
    }
}

/// Starts this program as a bare producer, with these properties (`key=value`).
pub(crate) fn start(
    work: Work,
    servers: &str,
    properties: &[&str],
) -> anyhow::Result<ChildProcess> {
    let mut arguments = vec![ARGUMENT, work.name(), servers];
    arguments.extend(properties);
    Ok(ChildProcess::start(&env::current_exe()?, &arguments)?)
}

/// Is a bare producer until the process is killed, or its output is closed.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [work, servers, properties @ ..] = arguments else {
        bail!("{ARGUMENT} needs a work and servers");
    };
    let work = Work::ALL.into_iter().find(|it| it.name() == work);
    let work = work.context("no such work")?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    for property in properties {
        let (key, value) = property.split_once('=').context("key=value")?;
        config.set(key, value);
    }
    let (sender, acknowledged) = channel();
    let context = Acknowledgements(Box::new(move |at| {
        // The receiver lives as long as the producer.
        let _ = sender.send(at);
    }));
    let producer: BaseProducer<_> = config.create_with_context(context)?;
    if work == Work::One {
        send(&producer);
        producer.flush(START_LIMIT)?;
    }
    for poll in 0.. {
        if work.sends(poll) {
            send(&producer);
        }
        producer.poll(INTERVAL);
        print_each(&acknowledged)?;
    }
    Ok(())
}

fn print_each(acknowledged: &Receiver<Instant>) -> io::Result<()> {
    for _ in acknowledged.try_iter() {
        let mut output = io::stdout().lock();
        writeln!(output, "acknowledged")?;
        output.flush()?;
    }
    Ok(())
}

/// A bare producer on a thread of its own that sends a record each second.
pub(crate) struct BareProducer {
    acknowledged: Arc<Mutex<Vec<Instant>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BareProducer {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When librdkafka cannot create a producer, or there is no thread.
    pub(crate) fn start(servers: &str) -> anyhow::Result<Self> {
        let acknowledged = Arc::<Mutex<Vec<Instant>>>::default();
        let added = Arc::clone(&acknowledged);
        let context = Acknowledgements(Box::new(move |at| {
            let mut all = added.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(at);
        }));
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers);
        let producer: BaseProducer<_> = config.create_with_context(context)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&is_over);
        let thread = thread::Builder::new()
            .name("bare-producer".to_owned())
            .spawn(move || {
                while !ending.load(Ordering::Relaxed) {
                    send(&producer);
                    producer.poll(INTERVAL);
                }
            })?;
        Ok(Self {
            acknowledged,
            is_over,
            thread: Some(thread),
        })
    }

    /// Waits for the next acknowledgement.
    ///
    /// # Errors
    ///
    /// When there is none within [`START_LIMIT`].
    pub(crate) fn wait_until_it_works(&self) -> anyhow::Result<()> {
        let next = self.first_after(Instant::now(), START_LIMIT);
        next.context("the bare producer gets no acknowledgement")?;
        Ok(())
    }

    /// Waits for the first acknowledgement after `instant`; `None` when there is none `within` that time from now.
    pub(crate) fn first_after(&self, instant: Instant, within: Duration) -> Option<Instant> {
        let deadline = Instant::now() + within;
        loop {
            let first = self.all().into_iter().find(|at| *at > instant);
            if first.is_some() || Instant::now() >= deadline {
                return first;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns the instants of all acknowledgements so far, in order.
    pub(crate) fn all(&self) -> Vec<Instant> {
        let all = self.acknowledged.lock();
        all.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for BareProducer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of it was printed.
            let _ = thread.join();
        }
    }
}

/// Sends one record. Without room in the queue it is lost, as that of a service is.
fn send(producer: &BaseProducer<Acknowledgements>) {
    let record = BaseRecord::<(), [u8]>::to(TOPIC).payload(b"?");
    if let Err((error, _)) = producer.send(record) {
        eprintln!("the bare producer: {error}");
    }
}

/// Passes on the instant of each acknowledgement.
pub(crate) struct Acknowledgements(pub(crate) Box<dyn Fn(Instant) + Send + Sync>);

impl fmt::Debug for Acknowledgements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acknowledgements")
    }
}

impl ClientContext for Acknowledgements {}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            (self.0)(Instant::now());
        }
    }
}
