//! A good probe, that asks as a kubelet does, and often.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use livebus_tests::http::{SAMPLE_INTERVAL, get};

/// Asks all the time, from a thread of its own.
pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Answers>,
}

/// What it got.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// How long each answer took, with its connection; from the shortest.
    pub(crate) times: Vec<Duration>,
    /// What was no answer, or not 200.
    pub(crate) failures: Vec<String>,
}

impl Probe {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let ask = move || {
            let mut answers = Answers::default();
            while !stopped.load(Ordering::Relaxed) {
                let begin = Instant::now();
                for target in ["/readyz", "/livez"] {
                    answers.ask(address, target);
                }
                thread::sleep(SAMPLE_INTERVAL.saturating_sub(begin.elapsed()));
            }
            answers.times.sort();
            answers
        };
        let thread = thread::spawn(ask);
        Self { stop, thread }
    }

    pub(crate) fn finish(self) -> anyhow::Result<Answers> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the probe panicked"))
    }
}

impl Answers {
    fn ask(&mut self, address: SocketAddr, target: &str) {
        let begin = Instant::now();
        match get(address, target) {
            Ok(answer) if answer.status == 200 => self.times.push(begin.elapsed()),
            Ok(answer) => self
                .failures
                .push(format!("{target}: {} {}", answer.status, answer.body)),
            Err(error) => self.failures.push(format!("{target}: {error:#}")),
        }
    }

    /// In how much time so many of 100 were answered, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.times.len().saturating_sub(1);
        let time = self.times.get(last * percent / 100);
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    }
}
