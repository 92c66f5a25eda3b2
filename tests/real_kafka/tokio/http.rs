//! Probes, asked as a kubelet asks them.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

/// How often a [`Sampler`] asks.
pub(crate) const EVERY: Duration = Duration::from_millis(20);

/// How long a probe may take that is answered from memory: many times what it takes.
const ANSWER: Duration = Duration::from_secs(10);

/// An answer: its status and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Gets `target`, on a connection of its own.
pub(crate) fn get(address: SocketAddr, target: &str) -> anyhow::Result<Answer> {
    let text = exchange(address, target).with_context(|| format!("cannot get {target}"))?;
    parse(&text).with_context(|| format!("this is no answer: {text:?}"))
}

fn exchange(address: SocketAddr, target: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

/// What `/readyz` and `/livez` said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Just before `/readyz` was asked: its answer is younger.
    pub(crate) asked: Instant,
    pub(crate) ready: u16,
    pub(crate) live: u16,
}

/// Asks `/readyz` and `/livez` all the time, from a thread of its own.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<Sample>>>,
}

impl Sampler {
    pub(crate) fn start(address: SocketAddr) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let ask = move || {
            let mut samples = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let asked = Instant::now();
                samples.push(Sample {
                    asked,
                    ready: get(address, "/readyz")?.status,
                    live: get(address, "/livez")?.status,
                });
                thread::sleep(EVERY.saturating_sub(asked.elapsed()));
            }
            Ok(samples)
        };
        let thread = thread::Builder::new()
            .name("sampler".to_owned())
            .spawn(ask)?;
        Ok(Self { stop, thread })
    }

    /// All samples, in order.
    pub(crate) fn finish(self) -> anyhow::Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.join();
        joined.map_err(|_| anyhow!("the sampler panicked"))?
    }
}

/// The last instant from `fault` on and before `end` at which `/readyz` was asked and still said 200.
pub(crate) fn last_ready(samples: &[Sample], fault: Instant, end: Instant) -> Option<Instant> {
    let asked = samples
        .iter()
        .filter(|sample| sample.asked >= fault && sample.asked < end && sample.ready == 200)
        .map(|sample| sample.asked);
    asked.max()
}
