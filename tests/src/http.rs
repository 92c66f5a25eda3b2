//! Sends probes as a kubelet does.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use crate::WAIT_LIMIT;

/// The interval at which a [`Sampler`] sends probes.
pub const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Everything after the headers.
    pub body: String,
}

impl Response {
    /// Returns the value of the header with this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Sends a GET request for `target`, on a connection of its own.
///
/// # Errors
///
/// When there is no response.
pub fn get(address: SocketAddr, target: &str) -> anyhow::Result<Response> {
    request(address, "GET", target)
}

/// Sends a request for `target` with `method`, on a connection of its own.
///
/// # Errors
///
/// When there is no response.
pub fn request(address: SocketAddr, method: &str, target: &str) -> anyhow::Result<Response> {
    request_with(address, method, target, "")
}

/// As [`get`], with the header `Accept`.
///
/// # Errors
///
/// When there is no response.
pub fn get_accepting(address: SocketAddr, target: &str, accept: &str) -> anyhow::Result<Response> {
    request_with(address, "GET", target, &format!("Accept: {accept}\r\n"))
}

fn request_with(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &str,
) -> anyhow::Result<Response> {
    let text = exchange(address, method, target, headers);
    let text = text.with_context(|| format!("cannot {method} {target}"))?;
    parse(&text).with_context(|| format!("invalid response: {text:?}"))
}

/// Opens a connection whose reads time out after [`WAIT_LIMIT`].
///
/// # Errors
///
/// When nothing listens at `address`.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, WAIT_LIMIT)?;
    stream.set_read_timeout(Some(WAIT_LIMIT))?;
    Ok(stream)
}

fn exchange(address: SocketAddr, method: &str, target: &str, headers: &str) -> io::Result<String> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Option<Response> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_lowercase(), value.to_owned()))
    };
    Some(Response {
        status: status.parse().ok()?,
        headers: lines.map(header).collect::<Option<_>>()?,
        body: body.to_owned(),
    })
}

/// The responses of `/readyz` and `/livez`.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The instant just before the request for `/readyz`, so its response is newer.
    pub sent: Instant,
    /// The status code of `/readyz`.
    pub ready: u16,
    /// The status code of `/livez`.
    pub live: u16,
}

/// Sends probes to `/readyz` and `/livez` at a fixed interval, from a thread of its own.
#[derive(Debug)]
pub struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<Sample>>>,
}

impl Sampler {
    /// Starts to send probes.
    ///
    /// # Errors
    ///
    /// When its thread cannot be started.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let sample = move || {
            let mut samples = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                samples.push(Sample {
                    sent,
                    ready: get(address, "/readyz")?.status,
                    live: get(address, "/livez")?.status,
                });
                thread::sleep(SAMPLE_INTERVAL.saturating_sub(sent.elapsed()));
            }
            Ok(samples)
        };
        let thread = thread::Builder::new()
            .name("sampler".to_owned())
            .spawn(sample)?;
        Ok(Self { stop, thread })
    }

    /// Stops, and returns all samples in order.
    ///
    /// # Errors
    ///
    /// When a probe got no response.
    pub fn finish(self) -> anyhow::Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.join();
        joined.map_err(|_| anyhow!("the sampler panicked"))?
    }
}

/// Returns the last instant, from `fault` on and before `end`, at which a probe was sent to which `/readyz` responded 200.
#[must_use]
pub fn last_ready(samples: &[Sample], fault: Instant, end: Instant) -> Option<Instant> {
    let ready = samples
        .iter()
        .filter(|sample| sample.sent >= fault && sample.sent < end && sample.ready == 200)
        .map(|sample| sample.sent);
    ready.max()
}
