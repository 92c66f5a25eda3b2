//! Handlers on three nodes.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use livebus_core::dispatch::{self, Limits};
use livebus_core::{Settings, Status};
use livebus_runner::handlers::{Context as Call, Failed, Record, RequestHandler};
use livebus_tests::apache_kafka::{
    BrokerSession, ClusterOptions, Controllers, KafkaCluster, Replicas,
};
use livebus_tests::kafka_supervision::KafkaSupervision;

use super::support::{Handled, committed, kafka, produce, records, wait_until, wait_until_running};
use crate::context::{Context, START_LIMIT};

const PARTITIONS: i32 = 6;

/// How many records of a partition may be handled again after a member has left.
const UNACKNOWLEDGED: u32 = 200;

/// How long a node is stopped, and how long records are produced at least after one has come back.
const BETWEEN: Duration = Duration::from_secs(1);

pub(crate) fn rolling_restart_of_three_nodes_loses_no_record(
    context: &Context,
) -> anyhow::Result<()> {
    let mut cluster = KafkaCluster::start(
        &ClusterOptions {
            brokers: 3,
            controllers: Controllers::Brokers,
            broker_session: BrokerSession::Short,
        },
        START_LIMIT,
    )?;
    let topic = "rolling";
    create(&cluster, topic)?;
    let servers = cluster.bootstrap_servers();
    let mut members = Members::new(context, &servers, topic);
    members.join("first")?;
    members.join("second")?;

    let total = records(20_000);
    let producer = thread::spawn({
        let servers = servers.clone();
        move || produce(&servers, topic, 0..total)
    });
    members.wait_for(total / 10)?;
    for id in 1..=3 {
        match id {
            1 => {
                cluster.broker(id).kill()?;
                members.join("third")?;
                cluster.broker(id).restart()?;
            }
            2 => {
                cluster.broker(id).stop()?;
                thread::sleep(BETWEEN);
                cluster.broker(id).cont()?;
                // Not before: a last commit to a hung coordinator takes longer than the supervision of this member waits.
                members.leave("third")?;
            }
            _ => {
                cluster.broker(id).terminate(START_LIMIT)?;
                cluster.broker(id).start()?;
            }
        }
        let client = cluster.client();
        client.wait_until_in_sync(topic, START_LIMIT)?;
        thread::sleep(BETWEEN);
    }
    let result = producer.join().expect("the producer does not panic");
    result.context("producing")?;
    members.finish(total)
}

fn create(cluster: &KafkaCluster, topic: &str) -> anyhow::Result<()> {
    let partitions: &[&[i32]] = &[
        &[1, 2, 3],
        &[2, 3, 1],
        &[3, 1, 2],
        &[1, 3, 2],
        &[2, 1, 3],
        &[3, 2, 1],
    ];
    cluster.create_topic(
        topic,
        Replicas {
            partitions,
            min_in_sync: 2,
        },
    )
}

/// The members of a group, some of which have left. All note the records in one order.
struct Members<'a> {
    context: &'a Context,
    servers: &'a str,
    topic: &'a str,
    seen: Handled,
    buses: Vec<(&'static str, KafkaSupervision)>,
}

impl<'a> Members<'a> {
    fn new(context: &'a Context, servers: &'a str, topic: &'a str) -> Self {
        Self {
            context,
            servers,
            topic,
            seen: Handled::default(),
            buses: Vec::new(),
        }
    }

    /// Starts a member on the next host.
    fn join(&mut self, name: &'static str) -> anyhow::Result<()> {
        let hosts = self.context.hosts();
        let host = hosts[self.buses.len() % hosts.len()];
        let handler = RequestHandler::new("rolling")
            .topics([self.topic])
            .group(self.topic)
            .property("heartbeat.interval.ms", "300");
        let settings = handler.current_settings();
        let limited = dispatch::Settings {
            limits: Limits {
                unacknowledged: UNACKNOWLEDGED,
                ..settings.limits
            },
            ..settings.clone()
        };
        let handler = handler.settings(limited).run_blocking(numbered(
            self.seen.slow_function(Duration::from_micros(100)),
        ));
        let service = format!("{name}, {host}");
        let kafka = kafka(self.servers)?;
        // The defaults: the preset `fast` asks one broker for 0.3 s, and one that is stopped does not answer.
        let settings = Settings {
            drain: Duration::ZERO,
            // Longer than the shutdown of a handler whose coordinator is being elected.
            stop_timeout: Duration::from_secs(20),
            ..Settings::default()
        };
        let context = self.context;
        let mut bus = context.supervise_with(&service, host, kafka, settings, vec![handler])?;
        wait_until_running(&mut bus)?;
        self.buses.push((name, bus));
        Ok(())
    }

    fn leave(&mut self, name: &str) -> anyhow::Result<()> {
        let index = self.buses.iter().position(|it| it.0 == name);
        let (_, bus) = self.buses.remove(index.context("no such member")?);
        stays_ready(bus)
    }

    fn wait_for(&self, count: u32) -> anyhow::Result<()> {
        self.seen.wait_for(count as usize)
    }

    /// Waits until each record was handled, and ends all members.
    fn finish(self, total: u32) -> anyhow::Result<()> {
        self.seen.wait_for_each(total)?;
        // One more than the numbered ones: the record of the client that waited for the topic.
        let all = i64::from(total) + 1;
        wait_until(|| {
            let sum = committed(self.servers, self.topic, self.topic, PARTITIONS);
            sum.is_ok_and(|it| it == all)
        })
        .context("not all are committed")?;
        for (_, bus) in self.buses {
            stays_ready(bus)?;
        }
        // A member that leaves while its coordinator is being elected may not commit the last ones.
        let again = self.seen.check_each_in_order(total)?;
        ensure!(
            again <= UNACKNOWLEDGED as usize * usize::try_from(PARTITIONS)?,
            "{again} records were handled again"
        );
        Ok(())
    }
}

/// Passes the numbered records to a function.
fn numbered(
    function: impl Fn(Record, Call) -> Result<(), Failed> + Send + Sync,
) -> impl Fn(Record, Call) -> Result<(), Failed> + Send + Sync {
    move |record, call| {
        if record.key().is_some() {
            function(record, call)
        } else {
            Ok(())
        }
    }
}

/// Checks that a service was Running from its first proof on, with a warning at most, and shuts it down.
fn stays_ready(mut bus: KafkaSupervision) -> anyhow::Result<()> {
    let changes = bus.take_changes();
    let was_ready = changes.iter().all(|it| it.report.status == Status::Running);
    ensure!(was_ready, "expected Running: {}", bus.history_text());
    bus.shut_down()?;
    Ok(())
}
