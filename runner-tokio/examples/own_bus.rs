//! A bus of your own: anything that can be started, checked and stopped. Here it is a TCP server that echoes.

use std::net::SocketAddr;
use std::time::Instant;

use livebus_tokio::Builder;
use livebus_tokio::core::{ClientId, Failure, FailureClass};
use livebus_tokio::runner::{Bus, Observations};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The echo service at an address.
struct Echo {
    address: SocketAddr,
    observations: Observations,
}

impl Echo {
    /// Returns whether the service echoes one byte.
    async fn echoes(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(b"?").await?;
        let mut echo = [0];
        stream.read_exact(&mut echo).await?;
        Ok(&echo == b"?")
    }
}

impl Bus for Echo {
    /// There is no client to keep: each liveness message has a connection of its own.
    async fn start(&self, _client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    /// The supervisor keeps the deadline: a liveness message that takes too long is dropped.
    async fn send_liveness(&self, _deadline: Instant) -> Result<(), Failure> {
        match self.echoes().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(FailureClass::Other.into()),
            Err(_) => Err(FailureClass::Unreachable.into()),
        }
    }

    fn discard_client(&self, _client: ClientId) {}

    async fn stop(&self, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    /// Evidence of ordinary traffic would go here; this bus has none.
    fn observations(&self) -> &Observations {
        &self.observations
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = serve_one_echo_after_another()?;
    let bus = Builder::new(Echo {
        address,
        observations: Observations::new(),
    });
    let bus = bus.service("echo").start().await?;
    bus.ready().await?;
    println!("{}: {}", bus.status(), bus.report().cause);
    let last = bus.shutdown().await;
    println!("{}: {}", last.status, last.cause);
    Ok(())
}

/// Returns the address where it listens. Ends with the process.
fn serve_one_echo_after_another() -> std::io::Result<SocketAddr> {
    use std::io::{Read as _, Write as _};

    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (mut stream, mut byte) = (stream, [0]);
            if stream.read_exact(&mut byte).is_ok() {
                // The client may have closed the connection.
                let _ = stream.write_all(&byte);
            }
        }
    });
    Ok(address)
}
