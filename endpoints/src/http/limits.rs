//! The limits on HTTP clients.

use std::time::{Duration, Instant};

/// The limits on the resources that HTTP clients of a [`Server`](crate::http::Server) can use.
///
/// A connection holds one descriptor and some 20 KiB of memory, or up to three times [`head_size`](Self::head_size) if that is
/// larger. A duration of more than a year counts as a year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The maximum size of the head of a request (the request line and the header fields), in bytes. The answer to a larger one
    /// is 431, and the connection is closed. Default: 8 KiB.
    pub head_size: usize,
    /// The maximum number of header fields of a request. The answer to more is 431, and the connection is closed. Default: 64.
    pub head_fields: usize,
    /// The maximum time to receive the head of a request, from the accept or from the last answer. The connection is closed then.
    /// Default: 5 seconds.
    pub head_timeout: Duration,
    /// The maximum time for which an answer waits for the client to read. The connection is closed when the client took no bytes
    /// for this time. Default: 5 seconds.
    pub write_timeout: Duration,
    /// The maximum age of a connection. It is closed then, after the current answer, which may take up to
    /// [`write_timeout`](Self::write_timeout). Default: 60 seconds.
    pub lifetime: Duration,
    /// The maximum number of bytes after the last answer that are read and discarded. A client whose bytes are not read may lose
    /// the answer. Default: 1 MiB.
    pub discard_size: usize,
    /// The maximum time for that. Default: 1 second.
    pub discard_timeout: Duration,
    /// The maximum number of connections, if [the descriptors](Self::connections_within) allow it; at least one. Default: 256.
    ///
    /// Above seven eighths of it, which are 224, connections are evicted as soon as possible, so that there is capacity to accept a
    /// new one at once.
    pub connections: usize,
    /// The minimum age at which a connection without a request can be evicted for a newer one. Default: 2 milliseconds.
    ///
    /// So within this time at most [`connections`](Self::connections) new clients are accepted.
    pub min_age: Duration,
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
            min_age: Duration::from_millis(2),
        }
    }
}

impl Limits {
    /// The minimum number of descriptors for the rest of the process. If the process may open more than twice as many, it is half
    /// of them.
    pub const RESERVED_DESCRIPTORS: usize = 32;

    /// Returns the maximum number of connections in a process that may open this many `descriptors` (`RLIMIT_NOFILE`); `None`
    /// means no limit.
    ///
    /// At least one, even if the rest of the process then has less than the minimum.
    #[must_use]
    pub fn connections_within(&self, descriptors: Option<u64>) -> usize {
        let descriptors = descriptors.and_then(|number| usize::try_from(number).ok());
        let allowed = descriptors.map_or(usize::MAX, |descriptors| {
            let reserved = (descriptors / 2).max(Self::RESERVED_DESCRIPTORS);
            descriptors.saturating_sub(reserved)
        });
        self.connections.min(allowed).max(1)
    }

    /// Returns the maximum number of connections in this process.
    pub(crate) fn connections_here(&self) -> usize {
        self.connections_within(descriptors())
    }
}

/// Returns the instant `duration` after `now`.
pub(crate) fn after(now: Instant, duration: Duration) -> Instant {
    // Durations far beyond a year overflow clocks and timers.
    const YEAR: Duration = Duration::from_hours(8_760);
    now + duration.min(YEAR)
}

/// Returns the number of descriptors that this process may open.
fn descriptors() -> Option<u64> {
    #[cfg(unix)]
    {
        rustix::process::getrlimit(rustix::process::Resource::Nofile).current
    }
    #[cfg(not(unix))]
    {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_descriptors_and_at_least_32_are_reserved() {
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

    /// The system says it in a file as well.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_descriptors_of_this_process_are_the_limit_of_the_system() {
        let limits = std::fs::read_to_string("/proc/self/limits").expect("a file of the system");
        let line = limits.lines().find(|it| it.starts_with("Max open files"));
        let soft = line.and_then(|it| it.split_whitespace().nth(3));
        let expected = soft.expect("it has this line").parse().ok();
        assert_eq!(descriptors(), expected);
        let limits = Limits {
            connections: usize::MAX,
            ..Limits::default()
        };
        assert_eq!(
            limits.connections_here(),
            limits.connections_within(expected)
        );
    }

    #[test]
    fn durations_beyond_a_year_count_as_a_year() {
        let now = Instant::now();
        let year = Duration::from_hours(365 * 24);
        assert_eq!(after(now, Duration::MAX), now + year);
        let less = year.saturating_sub(Duration::from_nanos(1));
        assert_eq!(after(now, less), now + less);
    }

    #[test]
    fn this_process_may_open_more_than_one_connection() {
        assert!(Limits::default().connections_here() > 1);
    }
}
