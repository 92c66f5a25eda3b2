//! Probes, asked as a kubelet asks them.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use crate::WAIT_LIMIT;

/// How often a [`Sampler`] asks.
pub const EVERY: Duration = Duration::from_millis(20);

/// An answer, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Three digits.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// All that came after the headers.
    pub body: String,
}

impl Answer {
    /// The value of the header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Gets `target`, on a connection of its own.
///
/// # Errors
///
/// When there is no answer.
pub fn get(address: SocketAddr, target: &str) -> anyhow::Result<Answer> {
    ask(address, "GET", target)
}

/// Asks for `target` by `method`, on a connection of its own.
///
/// # Errors
///
/// When there is no answer.
pub fn ask(address: SocketAddr, method: &str, target: &str) -> anyhow::Result<Answer> {
    let text = exchange(address, method, target);
    let text = text.with_context(|| format!("cannot {method} {target}"))?;
    parse(&text).with_context(|| format!("this is no answer: {text:?}"))
}

/// A connection whose reads end when nothing comes.
///
/// # Errors
///
/// When nobody listens at `address`.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, WAIT_LIMIT)?;
    stream.set_read_timeout(Some(WAIT_LIMIT))?;
    Ok(stream)
}

fn exchange(address: SocketAddr, method: &str, target: &str) -> io::Result<String> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_lowercase(), value.to_owned()))
    };
    Some(Answer {
        status: status.parse().ok()?,
        headers: lines.map(header).collect::<Option<_>>()?,
        body: body.to_owned(),
    })
}

/// What `/readyz` and `/livez` said.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Just before `/readyz` was asked: its answer is younger.
    pub asked: Instant,
    /// The status of `/readyz`.
    pub ready: u16,
    /// The status of `/livez`.
    pub live: u16,
}

/// Asks `/readyz` and `/livez` all the time, from a thread of its own.
#[derive(Debug)]
pub struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<Sample>>>,
}

impl Sampler {
    /// Begins to ask.
    ///
    /// # Errors
    ///
    /// When the system has no thread for it.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
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
    ///
    /// # Errors
    ///
    /// When one of them got no answer.
    pub fn finish(self) -> anyhow::Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.join();
        joined.map_err(|_| anyhow!("the sampler panicked"))?
    }
}

/// The last instant from `fault` on and before `end` at which `/readyz` was asked and still said 200.
#[must_use]
pub fn last_ready(samples: &[Sample], fault: Instant, end: Instant) -> Option<Instant> {
    let asked = samples
        .iter()
        .filter(|sample| sample.asked >= fault && sample.asked < end && sample.ready == 200)
        .map(|sample| sample.asked);
    asked.max()
}
