//! Clients that misuse an HTTP server, on loopback. Each attack has a maximum of time and connections, and ends on its own.

mod client;
mod clients;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// A way to misuse the server of the probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Connect, and send nothing.
    Idle,
    /// Send nearly as much of a head as a server accepts, and never its end.
    UnfinishedHead,
    /// Send a head that never ends, as fast as the server reads it.
    EndlessHead,
    /// Send requests as fast as the server reads them, and read the responses.
    Pipelining,
    /// Send requests as fast as the server reads them, and never read.
    NeverReading,
    /// Connect, and reset; every other time with half a request.
    Reset,
    /// Send one byte of a head each second.
    SlowSender,
    /// Send a part of a body; then close, reset, or stay, in turn.
    AbortedBody,
}

/// How large an attack is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// The number of clients at the same time. They connect at once. A client whose connection has ended connects again; all
    /// together connect again at most 5,000 times a second.
    pub clients: usize,
    /// The maximum number of connections in total.
    pub connections: usize,
    /// The instant at which it ends at the latest.
    pub end: Instant,
}

/// The result of an attack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Connections that were opened.
    pub opened: usize,
    /// Connections that have ended.
    pub ended: usize,
    /// Responses with status 431.
    pub refused: usize,
    /// Bytes of responses.
    pub received: usize,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Idle,
        Self::UnfinishedHead,
        Self::EndlessHead,
        Self::Pipelining,
        Self::NeverReading,
        Self::Reset,
        Self::SlowSender,
        Self::AbortedBody,
    ];

    /// Attacks `target` from this thread. Ends when all its connections were opened and have ended, or when its time is up.
    ///
    /// # Errors
    ///
    /// When this process has no descriptors or ports left.
    ///
    /// # Panics
    ///
    /// When `target` is not on loopback.
    pub fn run(self, target: SocketAddr, size: Size) -> io::Result<Outcome> {
        assert!(
            target.ip().is_loopback(),
            "{target} is not on loopback; attack only local servers"
        );
        clients::run(self, target, size)
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle connections",
            Self::UnfinishedHead => "unfinished heads",
            Self::EndlessHead => "endless heads",
            Self::Pipelining => "pipelining",
            Self::NeverReading => "pipelining, never reading",
            Self::Reset => "resets",
            Self::SlowSender => "one byte a second",
            Self::AbortedBody => "aborted bodies",
        })
    }
}
