//! A broker that is killed, and one that hangs, while calls are in flight.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::executor::block_on;
use livebus_core::Status;
use livebus_runner::calls::{CallError, Caller};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::apache_kafka::NodeOptions;
use livebus_tests::host::Host;

use super::support::{Place, Runs, Service, handler, wait_until_drained};
use super::traffic::{PATIENT, Rate, SHORT, Traffic, check, check_replied};
use crate::alone::Level;
use crate::context::{Context, START_LIMIT};

pub(super) const TOPIC: &str = "stock";
pub(super) const REPLIES: &str = "orders-replies";

/// Calls in each second.
const RATE: u32 = 300;

/// How long a request may take to be sent: less than the time until the bus is `NotReady`, so some sends fail of which it is not known what
/// became of them.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_millis(300);

/// How long a request may take to be sent by brokers that have just started, on a busy machine.
const PATIENT_SENDS: Duration = Duration::from_secs(30);

/// A service that calls, and one that is called.
pub(super) struct Both<'a> {
    place: Place<'a>,
    host: Host,
    pub(super) partitions: i32,
    pub(super) caller: Caller,
    pub(super) runs: Runs,
    pub(super) orders: Service,
    pub(super) stock: Service,
}

impl<'a> Both<'a> {
    /// Starts both, and waits until they are Running. The request topic has so many partitions, and a request may take so long to be sent.
    pub(super) fn start(
        place: Place<'a>,
        partitions: i32,
        send_timeout: Duration,
    ) -> anyhow::Result<Self> {
        let (host, other) = (place.context.host(), place.context.other_host());
        let runs = Runs::default();
        // Whatever was written is run, also after an outage: what is said of the others must be true of these.
        let handler = handler(TOPIC).tolerance(Duration::from_mins(2));
        let stock = place.echo("stock", other, handler, &runs)?;
        let caller = Caller::builder("orders", REPLIES)
            .property("message.timeout.ms", send_timeout.as_millis().to_string())
            // Several requests are in each message to a broker, also in that which is under way when it hangs.
            .property("linger.ms", "20")
            .build()?;
        let orders = place.call_with(host, &caller)?;
        call_first(&caller)?;
        Ok(Self {
            place,
            host,
            partitions,
            caller,
            runs,
            orders,
            stock,
        })
    }

    pub(super) fn traffic(&self, rate: Rate) -> anyhow::Result<Traffic> {
        Traffic::begin(self.host, &self.caller, TOPIC, rate)
    }

    /// Shuts both down.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.orders.shut_down()?;
        self.stock.shut_down()
    }

    /// Checks that calls work, that outcomes were true, and that nothing is left. Shuts both down.
    pub(super) fn finish(mut self, traffic: Traffic) -> anyhow::Result<()> {
        let ended = traffic.finish()?;
        for service in [&mut self.orders, &mut self.stock] {
            service.wait_for(Status::Running)?;
        }
        // Requests of calls that are over may still be queued.
        self.orders.wait_until_idle()?;
        self.orders.shut_down()?;
        wait_until_drained(self.place.servers, TOPIC, self.partitions)?;
        self.stock.wait_until_idle()?;
        let callees = self.stock.callees();
        self.stock.shut_down()?;
        let tally = check(&ended, &self.runs)?;
        println!("{tally:?}, {callees:?}");
        Ok(())
    }
}

/// Calls until a call is replied. The first ones may take longer than their requests may: each producer has to be given an id, and to
/// connect to the leaders.
fn call_first(caller: &Caller) -> anyhow::Result<()> {
    let limit = Instant::now() + WAIT_LIMIT;
    let mut number = u32::MAX;
    loop {
        let call = caller.call(TOPIC, "", number.to_string());
        match block_on(call.into_future()) {
            Ok(_) => return Ok(()),
            Err(CallError::SentUnknown(_) | CallError::Expired) if Instant::now() < limit => {
                number -= 1;
            }
            Err(error) => return Err(error).context("the first call"),
        }
    }
}

/// Calls for a moment and ends, so that everything that a process makes once is made. Returns what it has then.
pub(super) fn level_before(place: Place<'_>, partitions: i32) -> anyhow::Result<Level> {
    let both = Both::start(place, partitions, PATIENT_SENDS)?;
    let traffic = both.traffic(Rate {
        per_second: RATE,
        deadlines: PATIENT,
    })?;
    traffic.wait_for_replies(RATE)?;
    let ended = traffic.finish()?;
    check_replied(&ended, &both.runs)?;
    both.end()?;
    Level::settled()
}

pub(crate) fn killed_and_stopped_broker_leave_true_outcomes(
    context: &Context,
) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    let servers = node.bootstrap_servers();
    let partitions = 4;
    node.create_topic(TOPIC, partitions)?;
    node.create_topic(REPLIES, 2)?;
    let place = Place {
        context,
        servers: &servers,
        is_fast: true,
    };
    let before = level_before(place, partitions)?;
    let mut both = Both::start(place, partitions, SEND_TIMEOUT)?;
    let traffic = both.traffic(Rate {
        per_second: RATE,
        deadlines: SHORT,
    })?;
    traffic.wait_for_replies(RATE)?;
    both.orders.stayed_running()?;
    for is_killed in [true, false] {
        if is_killed {
            node.kill()?;
        } else {
            node.stop()?;
        }
        both.orders.next(Status::NotReady)?;
        both.stock.next(Status::NotReady)?;
        if is_killed {
            node.restart()?;
            node.wait_until_it_answers(START_LIMIT)?;
        } else {
            node.cont()?;
        }
        both.orders.next(Status::Running)?;
        both.stock.next(Status::Running)?;
        traffic.wait_for_replies(RATE)?;
    }
    both.finish(traffic)?;
    before.wait_until_back()
}
