//! Tries whether the known addresses accept TCP connections, while there is no producer that would notice that a broker is back.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::lifecycle::ATTEMPT_PACE;
use crate::address::Address;
use crate::facts::Facts;
use crate::signals::Signals;

/// The maximum number of addresses that are tried at the same time. More of them take turns.
const MAX_THREADS: usize = 3;
/// The minimum time between two look-ups of one name.
const RESOLVE_PACE: Duration = Duration::from_secs(1);

/// Attempts in progress. Dropping it ends them, in the background.
pub(super) struct ConnectAttempts {
    is_over: Arc<AtomicBool>,
    pub(super) is_paced: bool,
}

impl ConnectAttempts {
    /// Tries each address, `paced` until one accepts a connection, else once. One that takes longer than `limit` does not accept it.
    pub(super) fn start(
        addresses: &[Address],
        is_paced: bool,
        limit: Duration,
        signals: &Arc<Signals>,
        facts: &Arc<Facts>,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let threads = addresses.len().min(MAX_THREADS);
        let refusals = Arc::new(Refusals::new(addresses.len()));
        for first in 0..threads {
            let mine: Vec<_> = addresses
                .iter()
                .enumerate()
                .skip(first)
                .step_by(threads)
                .collect();
            let mut mine: Vec<Target> = mine
                .into_iter()
                .map(|(index, it)| Target::new(index, it))
                .collect();
            let connector = Connector {
                is_over: Arc::clone(&is_over),
                signals: Arc::clone(signals),
                facts: Arc::clone(facts),
                refusals: Arc::clone(&refusals),
                is_paced,
                limit,
            };
            let spawned = thread::Builder::new()
                .name("livebus-connect".to_owned())
                .spawn(move || connector.run(&mut mine));
            if let Err(error) = spawned {
                tracing::error!(%error, "starting a thread that connects to the brokers failed");
                signals.accepted();
            }
        }
        Self { is_over, is_paced }
    }
}

impl Drop for ConnectAttempts {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Which addresses have not accepted a connection: one bit each.
struct Refusals {
    failed: AtomicU64,
    all: u64,
}

impl Refusals {
    const fn new(addresses: usize) -> Self {
        let all = if addresses >= 64 {
            u64::MAX
        } else {
            (1 << addresses) - 1
        };
        Self {
            failed: AtomicU64::new(0),
            all,
        }
    }

    /// Takes that an address did not accept. Returns whether it is the last one of all.
    fn add(&self, index: usize) -> bool {
        let bit = 1 << (index % 64);
        let before = self.failed.fetch_or(bit, Ordering::Relaxed);
        before | bit == self.all && before != self.all
    }
}

struct Connector {
    is_over: Arc<AtomicBool>,
    signals: Arc<Signals>,
    facts: Arc<Facts>,
    refusals: Arc<Refusals>,
    is_paced: bool,
    limit: Duration,
}

impl Connector {
    fn run(&self, targets: &mut [Target]) {
        loop {
            for target in &mut *targets {
                if self.is_over.load(Ordering::Relaxed) || self.signals.is_stopped() {
                    return;
                }
                let started = Instant::now();
                match target.connect(self.limit) {
                    Ok(_) => {
                        if !self.is_over.load(Ordering::Relaxed) {
                            tracing::debug!(address = %target.name, "an address accepts connections");
                            self.facts.connected(&target.name, None, self.is_paced);
                            self.signals.accepted();
                        }
                        return;
                    }
                    Err(error) => {
                        self.facts
                            .connected(&target.name, Some(&error), self.is_paced);
                        if self.refusals.add(target.index) && !self.is_over.load(Ordering::Relaxed)
                        {
                            tracing::debug!(address = %target.name, %error, "no address accepts connections");
                            self.signals.not_accepted();
                        }
                    }
                }
                thread::sleep(ATTEMPT_PACE.saturating_sub(started.elapsed()));
            }
            if !self.is_paced {
                return;
            }
        }
    }
}

/// One address, and what its name resolved to.
struct Target {
    index: usize,
    name: String,
    resolved: Vec<SocketAddr>,
    resolved_at: Option<Instant>,
    next: usize,
}

impl Target {
    fn new(index: usize, address: &Address) -> Self {
        Self {
            index,
            name: address.to_string(),
            resolved: Vec::new(),
            resolved_at: None,
            next: 0,
        }
    }

    /// Connects to the next of the addresses that the name resolves to.
    fn connect(&mut self, limit: Duration) -> io::Result<TcpStream> {
        let is_old = self
            .resolved_at
            .is_none_or(|at| at.elapsed() >= RESOLVE_PACE);
        if is_old {
            self.resolved_at = Some(Instant::now());
            self.resolved = self.name.to_socket_addrs()?.collect();
        }
        let Some(address) = self.resolved.get(self.next % self.resolved.len().max(1)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.next = self.next.wrapping_add(1);
        TcpStream::connect_timeout(address, limit)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::signals::Seen;

    /// Much longer than an attempt on loopback takes, also on a busy machine.
    const TEST_TIMEOUT: Duration = Duration::from_secs(30);

    fn at(address: SocketAddr) -> Address {
        Address {
            host: address.ip().to_string(),
            port: address.port(),
        }
    }

    fn listener() -> (TcpListener, Address) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it has one");
        (listener, at(address))
    }

    /// An address at which nothing listens: the port was free just before.
    fn nobody() -> Address {
        listener().1
    }

    fn seen_after(addresses: &[Address], is_paced: bool) -> Seen {
        let signals = Arc::<Signals>::default();
        let facts = Arc::new(Facts::new(Vec::new(), Vec::new()));
        let attempts = ConnectAttempts::start(addresses, is_paced, TEST_TIMEOUT, &signals, &facts);
        assert_eq!(attempts.is_paced, is_paced);
        signals.wait(TEST_TIMEOUT);
        signals.take().expect("they are not stopped")
    }

    #[test]
    fn an_address_that_accepts_a_connection_is_enough() {
        let (_listener, address) = listener();
        for is_paced in [false, true] {
            let seen = seen_after(&[address.clone(), nobody()], is_paced);
            assert!(
                seen.accepted.is_some() && seen.not_accepted.is_none(),
                "{seen:?}"
            );
        }
    }

    #[test]
    fn addresses_do_not_accept_when_none_of_them_does() {
        let addresses: Vec<Address> = (0..5).map(|_| nobody()).collect();
        let seen = seen_after(&addresses, false);
        assert!(
            seen.accepted.is_none() && seen.not_accepted.is_some(),
            "{seen:?}"
        );
    }

    #[test]
    fn the_last_address_that_fails_completes_the_refusals_once() {
        let refusals = Refusals::new(3);
        let completed: Vec<bool> = [2, 0, 2, 1, 1]
            .into_iter()
            .map(|it| refusals.add(it))
            .collect();
        assert_eq!(completed, [false, false, false, true, false]);
    }

    /// Tries the first two of three addresses, of which nothing listens at any.
    fn connector(is_over: bool) -> (Connector, [Target; 2]) {
        let connector = Connector {
            is_over: Arc::new(AtomicBool::new(is_over)),
            signals: Arc::default(),
            facts: Arc::new(Facts::new(Vec::new(), Vec::new())),
            refusals: Arc::new(Refusals::new(3)),
            is_paced: false,
            limit: TEST_TIMEOUT,
        };
        let targets = [0, 1].map(|index| Target::new(index, &nobody()));
        (connector, targets)
    }

    #[test]
    fn a_part_of_the_addresses_says_nothing_about_all() {
        let (connector, mut targets) = connector(false);
        connector.run(&mut targets);
        assert!(connector.facts.best().is_some(), "they were tried");
        assert_eq!(connector.signals.take(), Some(Seen::default()));
    }

    #[test]
    fn attempts_that_are_over_or_stopped_connect_to_nothing() {
        let (over, mut targets) = connector(true);
        over.run(&mut targets);
        assert_eq!(over.facts.best(), None);
        let (stopped, mut targets) = connector(false);
        stopped.signals.stop();
        stopped.run(&mut targets);
        assert_eq!(stopped.facts.best(), None);
    }

    #[test]
    fn attempts_that_are_dropped_are_over() {
        let is_over = Arc::new(AtomicBool::new(false));
        drop(ConnectAttempts {
            is_over: Arc::clone(&is_over),
            is_paced: true,
        });
        assert!(is_over.load(Ordering::Relaxed));
    }

    #[test]
    fn a_name_is_looked_up_again_only_after_the_pace() {
        let (_listener, address) = listener();
        let mut target = Target::new(0, &address);
        let mut looked_up_at = || {
            target.connect(TEST_TIMEOUT).expect("it listens");
            target.resolved_at
        };
        let first = looked_up_at();
        assert!(first.is_some());
        assert_eq!(looked_up_at(), first);
        target.resolved_at = first.and_then(|at| at.checked_sub(RESOLVE_PACE));
        let old = target.resolved_at;
        target.connect(TEST_TIMEOUT).expect("it listens");
        assert!(target.resolved_at > old);
    }
}
