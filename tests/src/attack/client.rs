//! One client of an attack.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use crate::attack::{Attack, Outcome};

/// The number of bytes that are written or read at a time.
const CHUNK: usize = 16 * 1024;

const GET: &[u8] = b"GET /livez?verbose HTTP/1.1\r\nHost: test\r\n\r\n";
const HEAD: &[u8] = b"HEAD /readyz?verbose HTTP/1.1\r\nHost: test\r\n\r\n";
const BEGIN: &[u8] = b"GET /livez HTTP/1.1\r\nHost: test\r\nx: ";
const BODY: &[u8] = b"POST /livez HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n";
/// A head nearly as long as our server accepts, and one nearly as long as hyper would accept, in turn.
const UNFINISHED_LENGTHS: [usize; 2] = [8_000, 390_000];
/// The number of bytes of a body that are sent.
const PART_OF_BODY: usize = 10_000;

/// A client with a connection.
pub(super) struct Client {
    attack: Attack,
    number: usize,
    stream: TcpStream,
    sent: usize,
    /// The instant at which it sends next.
    next: Instant,
}

/// The outcome of a step of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It did something.
    Busy,
    /// It waits.
    Idle,
    /// Its connection has ended.
    Ended,
}

impl Client {
    /// Starts to connect the client with this number. Does not wait for a server that does not accept.
    pub(super) fn connect(attack: Attack, number: usize, target: SocketAddr) -> io::Result<Self> {
        let family = if target.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        match connect(&socket, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        // Ports are few. A connection that is reset leaves no port in TIME_WAIT.
        set_socket_linger(&socket, Some(Duration::ZERO))?;
        Ok(Self {
            attack,
            number,
            stream: TcpStream::from(socket),
            sent: 0,
            next: Instant::now(),
        })
    }

    /// Does the next step of the attack.
    pub(super) fn step(&mut self, outcome: &mut Outcome) -> Step {
        match self.attack {
            Attack::Idle => self.read(outcome),
            Attack::UnfinishedHead => {
                let wrote = self.write_head(UNFINISHED_LENGTHS[self.number % 2]);
                wrote.or(self.read(outcome))
            }
            Attack::EndlessHead => {
                let wrote = self.write_head(usize::MAX);
                wrote.or(self.read(outcome))
            }
            Attack::Pipelining => {
                let wrote = self.write_requests(GET);
                wrote.or(self.read(outcome))
            }
            Attack::NeverReading if self.number.is_multiple_of(2) => self.write_requests(GET),
            Attack::NeverReading => self.write_requests(HEAD),
            Attack::Reset => {
                if self.number.is_multiple_of(2) {
                    self.write_head(BEGIN.len());
                }
                Step::Ended
            }
            Attack::SlowSender if Instant::now() < self.next => self.read(outcome),
            Attack::SlowSender => {
                self.next += Duration::from_secs(1);
                self.write_head(self.sent + 1)
            }
            Attack::AbortedBody => self.abort_body(outcome),
        }
    }

    fn abort_body(&mut self, outcome: &mut Outcome) -> Step {
        let request = [BODY, &[b'a'; PART_OF_BODY]].concat();
        let wrote = self.write(request.get(self.sent..).unwrap_or_default());
        if self.sent < request.len() {
            return wrote;
        }
        match self.number % 3 {
            0 => Step::Ended,
            1 => {
                // Closed, not reset: its port stays in TIME_WAIT, so only some clients close.
                let lingers = set_socket_linger(&self.stream, None);
                lingers.map_or(Step::Ended, |()| Step::Ended)
            }
            _ => self.read(outcome),
        }
    }

    /// Writes a head without end, until `length` bytes of it are sent.
    fn write_head(&mut self, length: usize) -> Step {
        let begun = &BEGIN[self.sent.min(BEGIN.len())..];
        let bytes = if begun.is_empty() {
            &[b'a'; CHUNK]
        } else {
            begun
        };
        let left = length.saturating_sub(self.sent);
        self.write(&bytes[..bytes.len().min(left)])
    }

    /// Writes requests, continuing where the last write ended.
    fn write_requests(&mut self, request: &[u8]) -> Step {
        let begun = self.sent % request.len();
        let requests = request.repeat(CHUNK / request.len());
        self.write(&requests[begun..])
    }

    fn write(&mut self, bytes: &[u8]) -> Step {
        if bytes.is_empty() {
            return Step::Idle;
        }
        match self.stream.write(bytes) {
            Ok(written) => {
                self.sent += written;
                Step::Busy
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Idle,
            Err(_) => Step::Ended,
        }
    }

    /// Reads what has arrived.
    fn read(&mut self, outcome: &mut Outcome) -> Step {
        let mut bytes = [0; CHUNK];
        match self.stream.read(&mut bytes) {
            Ok(0) => Step::Ended,
            Ok(read) => {
                outcome.received += read;
                outcome.refused += usize::from(bytes[..read].starts_with(b"HTTP/1.1 431 "));
                Step::Busy
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Idle,
            Err(_) => Step::Ended,
        }
    }
}

impl Step {
    /// Combines the outcomes of two steps, one after the other.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Ended, _) | (_, Self::Ended) => Self::Ended,
            (Self::Busy, _) | (_, Self::Busy) => Self::Busy,
            (Self::Idle, Self::Idle) => Self::Idle,
        }
    }
}
