//! All clients of an attack, one after the other and again, by one thread: so they take no more than one processor.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::attack::client::{Client, Step};
use crate::attack::{Attack, Outcome, Size};

/// How long the thread sleeps when no client did anything.
const PAUSE: Duration = Duration::from_millis(1);

/// How often all clients together connect again, each second.
const RATE: u32 = 5_000;

pub(super) fn run(attack: Attack, target: SocketAddr, size: Size) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut clients: Vec<Option<Client>> = Vec::new();
    clients.resize_with(size.clients, || None);
    let begin = Instant::now();
    while Instant::now() < size.end {
        let mut busy = false;
        let mut open = 0;
        let allowed = (size.clients + rate(begin.elapsed())).min(size.connections);
        for place in &mut clients {
            if place.is_none() && outcome.opened < allowed {
                *place = Some(Client::connect(attack, outcome.opened, target)?);
                outcome.opened += 1;
            }
            let Some(client) = place else { continue };
            open += 1;
            match client.step(&mut outcome) {
                Step::Busy => busy = true,
                Step::Idle => {}
                Step::Ended => {
                    busy = true;
                    outcome.ended += 1;
                    *place = None;
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

/// How many connections may be opened again in so much time.
fn rate(elapsed: Duration) -> usize {
    usize::try_from(elapsed.as_millis() * u128::from(RATE) / 1_000).unwrap_or(usize::MAX)
}
