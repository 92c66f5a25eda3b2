use livebus_core::fault::{self, FAULTS};
use livebus_proofs_faulty::simulation::*;
fn main() {
    let mut args = std::env::args().skip(1);
    let most: u64 = args.next().unwrap().parse().unwrap();
    for name in args {
        let f = FAULTS.iter().find(|f| f.name == name).unwrap();
        let mut n = 0; let mut events = 0;
        for seed in 0..most {
            match fault::with(Some(f), || simulate(seed, EVENTS_PER_SEED)) {
                Ok(s) => events += s.events,
                Err(e) => { n += 1; events += e.events; if n <= 3 { println!("{name} seed {seed} events {events}: {}", e.broken); } if n==3 {break;} }
            }
        }
        println!("{name}: {n} of {most}, {events}");
    }
}
