//! What clients may cost.

use std::time::{Duration, Instant};

/// What the clients of a [`Server`](crate::http::Server) may cost the process.
///
/// A connection holds one descriptor and some 20 KiB of memory, and up to three times [`head_size`](Self::head_size) where that
/// is larger. A duration of more than a year is a year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest head of a request (the request line and the header fields), in bytes. A longer one is answered 431, and the
    /// connection closed. 8 KiB.
    pub head_size: usize,
    /// The most header fields of a request. More are answered 431, and the connection closed. 64.
    pub head_fields: usize,
    /// How long a client may take to send the head of a request, from when its connection was accepted or its last answer was
    /// sent. The connection is closed then. 5 seconds.
    pub head_timeout: Duration,
    /// How long an answer may wait for the client to read. The connection is closed when it took nothing for so long.
    /// 5 seconds.
    pub write_timeout: Duration,
    /// How old a connection may get. It is closed then, after the answer that is under way, which has the
    /// [`write_timeout`](Self::write_timeout) left. 60 seconds.
    pub lifetime: Duration,
    /// How much of what a client still sends after its last answer is read and dropped, in bytes. A client whose bytes are
    /// refused may lose the answer. 1 MiB.
    pub discard_size: usize,
    /// How long that may take. 1 second.
    pub discard_timeout: Duration,
    /// The most connections at a time, if [the descriptors](Self::connections_within) allow so many; at least one. 256.
    ///
    /// Those above seven eighths of it have to make room for the newest as soon as they may: so there are places to let it in at
    /// once.
    pub connections: usize,
    /// How long a connection may take to send its first request before it may have to make room for a newer one.
    /// 2 milliseconds.
    ///
    /// So in this time no more than [`connections`](Self::connections) new clients are let in.
    pub min_tenure: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_size: 8 * 1024,
            head_fields: 64,
            head_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(5),
            lifetime: Duration::from_mins(1),
            discard_size: 1024 * 1024,
            discard_timeout: Duration::from_secs(1),
            connections: 256,
            min_tenure: Duration::from_millis(2),
        }
    }
}

impl Limits {
    /// How many descriptors are left to the rest of the process, at the least. Where the process may open more than twice as
    /// many, half of them.
    pub const RESERVED_DESCRIPTORS: usize = 32;

    /// The most connections at a time in a process that may open so many `descriptors` (`RLIMIT_NOFILE`); `None` is: any number.
    ///
    /// At least one, also where this leaves the rest of the process less than its share.
    #[must_use]
    pub fn connections_within(&self, descriptors: Option<u64>) -> usize {
        let descriptors = descriptors.and_then(|number| usize::try_from(number).ok());
        let allowed = descriptors.map_or(usize::MAX, |descriptors| {
            let reserved = (descriptors / 2).max(Self::RESERVED_DESCRIPTORS);
            descriptors.saturating_sub(reserved)
        });
        self.connections.min(allowed).max(1)
    }

    /// The most connections at a time in this process, as it is now.
    pub(crate) fn connections_here(&self) -> usize {
        self.connections_within(descriptors())
    }
}

/// When so much time has passed.
pub(crate) fn after(now: Instant, duration: Duration) -> Instant {
    // Far beyond a year, clocks and timers overflow.
    const YEAR: Duration = Duration::from_hours(365 * 24);
    now + duration.min(YEAR)
}

/// How many descriptors this process may open.
#[cfg(unix)]
fn descriptors() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn descriptors() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_descriptors_and_at_least_32_are_left_to_the_process() {
        let limits = Limits::default();
        for (descriptors, connections) in [
            (None, 256),
            (Some(u64::MAX), 256),
            (Some(20_000), 256),
            (Some(512), 256),
            (Some(510), 255),
            (Some(64), 32),
            (Some(40), 8),
            (Some(33), 1),
            (Some(0), 1),
        ] {
            assert_eq!(
                limits.connections_within(descriptors),
                connections,
                "{descriptors:?}"
            );
        }
        let none = Limits {
            connections: 0,
            ..limits
        };
        assert_eq!(none.connections_within(None), 1);
    }
}
