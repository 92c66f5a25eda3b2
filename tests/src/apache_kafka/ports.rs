//! Loopback ports that stay reserved while the server on them is down.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::Context as _;

/// The lowest port that is used.
const LOWEST: u16 = 15_000;

/// The first port for outgoing connections, if the system does not state it (Linux does; this is its default).
const EPHEMERAL: u16 = 32_768;

/// A TCP port on 127.0.0.1 that no other claim has, in this process or another, until this value is dropped or its
/// process ends.
///
/// A free port that the system chooses is not enough for a server that is killed and started again. It comes from the range of
/// outgoing connections, so another process may get it in the meantime. And a client that keeps connecting to a closed port of
/// that range sooner or later gets that port as its own local port, connects *to itself*, and keeps the server from starting
/// again. So this takes a port below that range, and claims it by binding the UDP port of the same number, which Kafka does not
/// use.
#[derive(Debug)]
pub(super) struct PortClaim {
    port: u16,
    _udp: UdpSocket,
}

impl PortClaim {
    /// Claims a port on which nothing listens.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) fn new() -> anyhow::Result<Self> {
        // Goes on from the last one, so that a late client of an ended node does not find the next node at the same address.
        static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
            let spread = (process::id() % 1_000) * 16;
            AtomicU16::new(u16::try_from(spread).expect("less than 16,000"))
        });

        let highest = ephemeral_ports_begin().max(LOWEST + 1);
        let count = highest - LOWEST;
        (0..count)
            .map(|_| LOWEST + NEXT.fetch_add(1, Ordering::Relaxed) % count)
            .find_map(Self::of)
            .with_context(|| format!("no port from {LOWEST} to {highest} is free"))
    }

    /// Returns the port number.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Claims this port, if it is not claimed and nothing listens on it.
    pub(super) fn of(port: u16) -> Option<Self> {
        let address = (Ipv4Addr::LOCALHOST, port);
        let udp = UdpSocket::bind(address).ok()?;
        TcpListener::bind(address).ok()?;
        Some(Self { port, _udp: udp })
    }
}

/// Returns the first port that the system uses for outgoing connections.
fn ephemeral_ports_begin() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let begin = range.split_whitespace().next();
    begin
        .and_then(|port| port.parse().ok())
        .unwrap_or(EPHEMERAL)
}
