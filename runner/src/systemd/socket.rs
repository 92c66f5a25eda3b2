//! The socket at which systemd listens.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// The address of a datagram socket: a path, or an abstract name, which Linux has.
#[derive(Clone)]
pub(super) struct NotifyAddress(SocketAddr);

impl NotifyAddress {
    /// Returns the address that `NOTIFY_SOCKET` names: an absolute path, or a name after an `@`.
    pub(super) fn parse(text: &OsStr) -> io::Result<Self> {
        match text.as_bytes() {
            [b'/', ..] => SocketAddr::from_pathname(Path::new(text)).map(Self),
            [b'@', name @ ..] if !name.is_empty() => abstract_address(name).map(Self),
            [b'v', b's', b'o', b'c', b'k', ..] => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "sockets of vsock are not supported",
            )),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is neither an absolute path nor a name after an @",
            )),
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt as _;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt as _;

    SocketAddr::from_abstract_name(name)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

impl fmt::Debug for NotifyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Sends datagrams to one address, and never waits.
pub(super) struct NotifySocket {
    address: NotifyAddress,
    /// Opened by the first datagram.
    socket: Option<UnixDatagram>,
}

impl NotifySocket {
    pub(super) const fn new(address: NotifyAddress) -> Self {
        Self {
            address,
            socket: None,
        }
    }

    pub(super) const fn address(&self) -> &NotifyAddress {
        &self.address
    }

    /// Sends one datagram. Fails at once where nothing listens, and where the queue of the listener is full.
    pub(super) fn send(&mut self, message: &str) -> io::Result<()> {
        let socket = match &self.socket {
            Some(socket) => socket,
            None => self.socket.insert(open()?),
        };
        // Of a datagram, all bytes are sent or none.
        socket.send_to_addr(message.as_bytes(), &self.address.0)?;
        Ok(())
    }
}

fn open() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
