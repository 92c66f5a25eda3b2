//! Networks with long round trips and low rates.

use std::thread;
use std::time::{Duration, Instant};

use livebus_core::{Settings, Status};
use livebus_tests::apache_kafka::{NodeOptions, Outside};
use livebus_tests::host::Host;
use livebus_tests::slow_network::{Link, SlowNetwork};

use crate::bare_producer::BareProducer;
use crate::figures::{count, millis, millis_or_never, row};
use crate::nodes::{self, START_LIMIT};
use crate::plan::Plan;
use crate::supervisions::{supervise, take_unexpected, until};

/// How long a supervision is watched once it is Running.
const WATCHED: Duration = Duration::from_secs(20);

const LINKS: [(&str, Link); 3] = [
    (
        "round trip 250 ms",
        Link {
            round_trip: Duration::from_millis(250),
            bytes_per_second: None,
        },
    ),
    (
        "round trip 1 s",
        Link {
            round_trip: Duration::from_secs(1),
            bytes_per_second: None,
        },
    ),
    (
        "8 kB/s",
        Link {
            round_trip: Duration::from_millis(20),
            bytes_per_second: Some(8_000),
        },
    ),
];

/// Measures a start through each network, and the changes after it.
pub(crate) fn measure(_: &Plan) -> anyhow::Result<()> {
    let mut networks = Vec::new();
    let mut options = Vec::new();
    for _ in LINKS {
        let network = SlowNetwork::listen()?;
        let port = nodes::free_port()?;
        options.push(NodeOptions {
            outside: Some(Outside {
                port,
                advertised: network.local_addr()?.to_string(),
                protocol: "PLAINTEXT",
            }),
            ..NodeOptions::default()
        });
        networks.push((network, port));
    }
    let _nodes = nodes::start_all(&options)?;
    let mut started = Vec::new();
    for ((network, port), (name, link)) in networks.into_iter().zip(LINKS) {
        let network = SlowNetwork::start(network, ([127, 0, 0, 1], port).into(), link)?;
        let servers = network.address().to_string();
        let begin = Instant::now();
        let host = Host::TokioCurrentThread;
        let bus = supervise(name, host, &servers, Settings::default())?;
        let bare_begin = Instant::now();
        let bare = BareProducer::start(&servers)?;
        started.push((name, network, begin, bus, bare_begin, bare));
    }
    let mut running = Vec::new();
    for (_, _, begin, bus, ..) in &mut started {
        running.push(millis(*begin, until(bus, Status::Running)?.at));
    }
    thread::sleep(WATCHED);
    for ((name, _network, _, mut bus, bare_begin, bare), running) in
        started.into_iter().zip(running)
    {
        let what = format!("{name}: Running after the start, defaults");
        row(&what, "ms", vec![running], "");
        let seconds = WATCHED.as_secs();
        let what = format!("{name}: changes in the {seconds} s after that, defaults");
        let changes = take_unexpected(&mut bus).len();
        row(&what, "number", vec![count(changes)], "0");
        let first = bare.first_after(bare_begin, START_LIMIT);
        let what = format!("{name}: first acknowledgement after the start, a bare producer");
        row(&what, "ms", vec![millis_or_never(bare_begin, first)], "");
    }
    Ok(())
}
