//! Loopback ports that stay ours while the server behind them is down.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::Context as _;

/// The lowest port that is handed out.
const LOWEST: u16 = 15_000;

/// Where ports for outgoing connections begin, if the system does not say (Linux: it does, and this is its default).
const EPHEMERAL: u16 = 32_768;

/// A TCP port on 127.0.0.1 that no other claim has, in this process or another, until this value is dropped or its
/// process ends.
///
/// A free port that the system proposes would not do for a server that is killed and started again. It comes from the
/// range of outgoing connections, so anybody may be given it in the meantime; and a client that keeps knocking at a
/// closed port of that range sooner or later is given the very port as its own, connects *to itself*, and keeps the
/// server from coming back. Therefore: a port below that range, claimed by its UDP twin, which Kafka has no use for.
#[derive(Debug)]
pub(super) struct PortClaim {
    port: u16,
    _twin: UdpSocket,
}

impl PortClaim {
    /// Claims a port that nobody listens on.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) fn new() -> anyhow::Result<Self> {
        // Going on from the last one: a late client of an ended node does not meet its successor at the same address.
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

    /// The port's number.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Claims this port, if nobody has claimed it and nobody listens on it.
    pub(super) fn of(port: u16) -> Option<Self> {
        let address = (Ipv4Addr::LOCALHOST, port);
        let twin = UdpSocket::bind(address).ok()?;
        TcpListener::bind(address).ok()?;
        Some(Self { port, _twin: twin })
    }
}

/// The first port that the system gives to outgoing connections.
fn ephemeral_ports_begin() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let begin = range.split_whitespace().next();
    begin
        .and_then(|port| port.parse().ok())
        .unwrap_or(EPHEMERAL)
}
