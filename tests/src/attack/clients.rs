//! Runs all clients of an attack in turn on one thread, so that they use at most one processor.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::attack::client::{Client, Step};
use crate::attack::{Attack, Outcome, Size};

/// How long the thread sleeps when no client did anything.
const PAUSE: Duration = Duration::from_millis(1);

/// The maximum number of times that all clients together connect again, per second.
const RECONNECTS_PER_SECOND: u32 = 5_000;

pub(super) fn run(attack: Attack, target: SocketAddr, size: Size) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut clients: Vec<Option<Client>> = Vec::new();
    clients.resize_with(size.clients, || None);
    let begin = Instant::now();
    while Instant::now() < size.end {
        let mut busy = false;
        let mut open = 0;
        let allowed = (size.clients + reconnects(begin.elapsed())).min(size.connections);
        for slot in &mut clients {
            if slot.is_none() && outcome.opened < allowed {
                *slot = Some(Client::connect(attack, outcome.opened, target)?);
                outcome.opened += 1;
            }
            let Some(client) = slot else { continue };
            open += 1;
            match client.step(&mut outcome) {
                Step::Busy => busy = true,
                Step::Idle => {}
                Step::Ended => {
                    busy = true;
                    outcome.ended += 1;
                    *slot = None;
                }
            }
            if Instant::now() >= size.end {
                break;
            }
        }
        if open == 0 && outcome.opened >= size.connections {
            break;
        }
        if !busy {
            thread::sleep(PAUSE);
        }
    }
    Ok(outcome)
}

/// Returns the number of connections that may be opened again within `elapsed`.
fn reconnects(elapsed: Duration) -> usize {
    usize::try_from(elapsed.as_millis() * u128::from(RECONNECTS_PER_SECOND) / 1_000)
        .unwrap_or(usize::MAX)
}
