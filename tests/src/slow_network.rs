//! A slow network on loopback: a TCP forwarder with a round trip time and a rate.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// The bytes of one read.
const CHUNK: usize = 1024;
/// The number of chunks in flight in each direction of a connection.
const MAX_IN_FLIGHT: usize = 4_096;

/// The properties of the network.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The time from a byte to the answer of a peer that answers at once.
    pub round_trip: Duration,
    /// The rate of each direction of a connection, in bytes per second; `None`: as fast as loopback.
    pub bytes_per_second: Option<u32>,
}

/// A network between clients and one server. Dropping it closes it to new connections.
///
/// The handshake of TCP itself is not delayed: the kernel answers it. A client's own handshakes are.
#[derive(Debug)]
pub struct SlowNetwork {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    bytes_to_clients: Arc<AtomicU64>,
}

impl SlowNetwork {
    /// Returns a listener for a network, so that its address is known before its server is.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub fn listen() -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
    }

    /// Forwards the connections of `listener` to `server`.
    ///
    /// # Errors
    ///
    /// When the listener has no address, or there is no thread for it.
    pub fn start(listener: TcpListener, server: SocketAddr, link: Link) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&is_over);
        let bytes_to_clients = Arc::<AtomicU64>::default();
        let counter = Arc::clone(&bytes_to_clients);
        thread::Builder::new()
            .name("slow-network".to_owned())
            .spawn(move || {
                for client in listener.incoming().flatten() {
                    if ending.load(Ordering::Relaxed) {
                        return;
                    }
                    // A server that refuses is a connection that ends.
                    if let Ok(server) = TcpStream::connect(server) {
                        drop(forward_both(&client, &server, link, &counter));
                    }
                }
            })?;
        Ok(Self {
            address,
            is_over,
            bytes_to_clients,
        })
    }

    /// Returns the address for clients.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many bytes the server has sent to clients, since the start.
    #[must_use]
    pub fn bytes_to_clients(&self) -> u64 {
        self.bytes_to_clients.load(Ordering::Relaxed)
    }
}

impl Drop for SlowNetwork {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

fn forward_both(
    client: &TcpStream,
    server: &TcpStream,
    link: Link,
    bytes_to_clients: &Arc<AtomicU64>,
) -> io::Result<()> {
    forward(
        client.try_clone()?,
        server.try_clone()?,
        link,
        Arc::default(),
    )?;
    let counter = Arc::clone(bytes_to_clients);
    forward(server.try_clone()?, client.try_clone()?, link, counter)
}

/// Forwards one direction, on two threads: one stamps what arrives, the other delivers it half a round trip later.
fn forward(from: TcpStream, to: TcpStream, link: Link, counter: Arc<AtomicU64>) -> io::Result<()> {
    let (sender, receiver) = sync_channel(MAX_IN_FLIGHT);
    to.set_nodelay(true)?;
    thread::Builder::new().spawn(move || read(from, &sender, link))?;
    thread::Builder::new().spawn(move || write(to, &receiver, &counter))?;
    Ok(())
}

fn read(mut from: TcpStream, sender: &SyncSender<(Instant, Vec<u8>)>, link: Link) {
    let mut free = Instant::now();
    let mut chunk = [0; CHUNK];
    while let Ok(bytes @ 1..) = from.read(&mut chunk) {
        let now = Instant::now();
        if let Some(rate) = link.bytes_per_second {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            free = free.max(now) + Duration::from_secs(1) * bytes / rate;
        }
        let due = free.max(now) + link.round_trip / 2;
        if sender.send((due, chunk[..bytes].to_vec())).is_err() {
            return;
        }
    }
}

fn write(mut to: TcpStream, receiver: &Receiver<(Instant, Vec<u8>)>, counter: &AtomicU64) {
    for (due, chunk) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&chunk).is_err() {
            break;
        }
        counter.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    }
    // The other end may be gone.
    let _ = to.shutdown(Shutdown::Both);
}
