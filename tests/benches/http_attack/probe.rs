//! A prober that sends requests as a kubelet does, but more often.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use livebus_tests::http::{SAMPLE_INTERVAL, get};

/// Sends probes at a fixed interval, from a thread of its own.
pub(crate) struct Prober {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Responses>,
}

/// The responses.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    /// The time of each response, including the connection, in ascending order.
    pub(crate) times: Vec<Duration>,
    /// Errors, and responses other than 200.
    pub(crate) failures: Vec<String>,
}

impl Prober {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || {
            let mut responses = Responses::default();
            while !stopped.load(Ordering::Relaxed) {
                let begin = Instant::now();
                for target in ["/readyz", "/livez", "/statusz"] {
                    responses.probe(address, target);
                }
                thread::sleep(SAMPLE_INTERVAL.saturating_sub(begin.elapsed()));
            }
            responses.times.sort();
            responses
        };
        let thread = thread::spawn(run);
        Self { stop, thread }
    }

    pub(crate) fn finish(self) -> anyhow::Result<Responses> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the prober panicked"))
    }
}

impl Responses {
    fn probe(&mut self, address: SocketAddr, target: &str) {
        let begin = Instant::now();
        match get(address, target) {
            Ok(response) if response.status == 200 => self.times.push(begin.elapsed()),
            Ok(response) => self
                .failures
                .push(format!("{target}: {} {}", response.status, response.body)),
            Err(error) => self.failures.push(format!("{target}: {error:#}")),
        }
    }

    /// Returns the percentile of the times, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.times.len().saturating_sub(1);
        let time = self.times.get(last * percent / 100);
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    }
}
