//! One node of Apache Kafka: usually a broker that is its own controller.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use rustix::process::Signal;

use super::acl::{TopicOperation, allow};
use super::client::IndependentClient;
use super::folder::NodeFolder;
use super::install::{KafkaVersion, class_archive, install};
use super::ports::PortClaim;
use super::process::{Process, bound_to_this_process, tail};

/// The default cluster id of a node: 16 bytes in base64, not beginning with a dash.
pub const CLUSTER_ID: &str = "bGl2ZWJ1cy10ZXN0cy0wMA";

/// How long a request to create or delete a topic is repeated on a node that works.
const ADMIN_LIMIT: Duration = Duration::from_secs(20);

/// The options of a node. The default is for tests: no automatic creation of topics, and a killed node recovers soon.
#[derive(Debug, Clone, Default)]
pub struct NodeOptions {
    /// Whether the broker creates a topic that a client requests (`auto.create.topics.enable`; Kafka's default: true).
    pub auto_create_topics: bool,
    /// How long the controller waits for a silent broker.
    pub broker_session: BrokerSession,
    /// The broker's port, which must be free; by default any free one.
    pub port: Option<u16>,
    /// The id of the cluster, in base64; by default the same for every node.
    pub cluster_id: Option<&'static str>,
    /// A second listener for clients.
    pub outside: Option<Outside>,
    /// The version of Apache Kafka; by default the newest.
    pub version: KafkaVersion,
    /// Further lines of `server.properties`: name and value. They override those of the harness.
    pub properties: Vec<(String, String)>,
}

/// A listener of a broker besides the one of the harness.
#[derive(Debug, Clone)]
pub struct Outside {
    /// Its port, which must be free.
    pub port: u16,
    /// The address (`host:port`) that its clients are sent to.
    pub advertised: String,
    /// Its security protocol, such as `SASL_PLAINTEXT`. What that needs besides is in [`NodeOptions::properties`].
    pub protocol: &'static str,
}

/// How long the controller keeps the session of a broker that sends no heartbeat.
///
/// A broker that was killed cannot rejoin before that, because its old session is still open. So this determines how
/// fast a restart after SIGKILL is, and in a cluster how fast a dead broker's partitions get new leaders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BrokerSession {
    /// 1 s, a heartbeat every 0.2 s: works again 2.5 s after a restart, of which the start takes 1.8 s. On two cores with six
    /// busy threads no session ended by mistake.
    #[default]
    Short,
    /// Kafka's default, 9 s, a heartbeat every 2 s: works again 12 s after a restart.
    KafkaDefault,
}

impl BrokerSession {
    fn properties(self) -> &'static str {
        match self {
            Self::Short => "broker.session.timeout.ms=1000\nbroker.heartbeat.interval.ms=200\n",
            Self::KafkaDefault => "",
        }
    }
}

/// A real Apache Kafka: one process, broker and controller, on fixed loopback ports. See the [module](super).
///
/// Everything that disturbs the node needs `&mut self`. Code that shares the node has a `&KafkaNode` only, and cannot disturb it.
#[derive(Debug)]
pub struct KafkaNode {
    // The order matters: the process ends before its folder is removed and its ports are free for others.
    process: Option<Process>,
    folder: NodeFolder,
    place: Place,
    libraries: PathBuf,
    version: KafkaVersion,
}

/// What a node is in its cluster.
#[derive(Debug)]
pub(super) struct Place {
    /// Its number, from 1.
    pub(super) id: usize,
    pub(super) role: Role,
    /// The port of a broker.
    pub(super) broker: PortClaim,
    /// The port of a controller.
    pub(super) controller: PortClaim,
    /// The controllers of the cluster, as Kafka's `controller.quorum.voters` has them.
    pub(super) voters: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A broker that is a controller too.
    Both,
    Broker,
    Controller,
}

impl Place {
    /// Returns the entry of a controller in `controller.quorum.voters`.
    pub(super) fn voter(id: usize, controller: &PortClaim) -> String {
        format!("{id}@127.0.0.1:{}", controller.port())
    }
}

impl KafkaNode {
    /// Prepares a node, in about a second: fetches Kafka if it was not fetched before, creates the node's folder, claims its
    /// ports, formats its storage. Does not start it.
    ///
    /// # Errors
    ///
    /// When one of these fails, with the last lines that Maven or Kafka wrote.
    pub fn new(options: &NodeOptions) -> anyhow::Result<Self> {
        let broker = match options.port {
            Some(port) => PortClaim::of(port)
                .with_context(|| format!("port {port} is in use; this node needs it"))?,
            None => PortClaim::new()?,
        };
        let controller = PortClaim::new()?;
        let place = Place {
            id: 1,
            role: Role::Both,
            voters: Place::voter(1, &controller),
            broker,
            controller,
        };
        Self::at(place, options)
    }

    /// Prepares a node of a cluster.
    pub(super) fn at(place: Place, options: &NodeOptions) -> anyhow::Result<Self> {
        let libraries = install(options.version)?;
        let folder = NodeFolder::new()?;
        let properties = server_properties(options, folder.path(), &place);
        fs::write(folder.path().join(PROPERTIES), properties)?;

        let node = Self {
            process: None,
            folder,
            place,
            libraries,
            version: options.version,
        };
        let arguments = [
            "kafka.tools.StorageTool",
            "format",
            "-t",
            options.cluster_id.unwrap_or(CLUSTER_ID),
            "-c",
            PROPERTIES,
        ];
        let mut format = node.java(&[], &arguments)?;
        let status = format
            .wait(Duration::from_mins(1))
            .context("cannot format the storage")?;
        ensure!(
            status.success(),
            "cannot format the storage ({status}):\n{}",
            node.log_tail()
        );
        Ok(node)
    }

    /// Starts the process and does not wait for it: see [`wait_until_it_answers`](Self::wait_until_it_answers).
    ///
    /// # Errors
    ///
    /// When it runs already, or Java cannot be started.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let archive = class_archive(self.version);
        let option = format!("-XX:SharedArchiveFile={}", archive.display());
        self.start_with(archive.is_file().then_some(option).as_slice())
    }

    /// Starts the process with options of Java.
    pub(super) fn start_with(&mut self, options: &[String]) -> anyhow::Result<()> {
        if let Some(process) = &mut self.process {
            ensure!(process.exit_status()?.is_some(), "the node runs already");
        }
        self.process = Some(self.java(options, &["kafka.Kafka", PROPERTIES])?);
        Ok(())
    }

    /// Returns the address of the node, running or not: `127.0.0.1:port`, the same for the life of this value.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.place.broker.port())
    }

    /// Returns a client of this node that is independent of the code under test.
    #[must_use]
    pub fn client(&self) -> IndependentClient {
        IndependentClient::new(self.bootstrap_servers())
    }

    /// Returns the id of the newest process, if the node was ever started. It is the id of Java itself, not of a shell.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Returns the folder of the node's configuration, storage and log, which is removed when the node is dropped.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until the node acknowledges a message of an independent client, and returns the instant of the first
    /// answer: see [`IndependentClient::first_answer`].
    ///
    /// # Errors
    ///
    /// When there is no answer `within` that time, or, at once, when the process ends: both with the last lines of the
    /// node's log. Also when the node was never started.
    pub fn wait_until_it_answers(&mut self, within: Duration) -> anyhow::Result<Instant> {
        let client = self.client();
        let process = self.process.as_mut().context("the node was not started")?;
        let answer = client.first_answer_while(within, || match process.exit_status()? {
            Some(status) => Err(anyhow!("the node ended: {status}")),
            None => Ok(()),
        });
        answer.map_err(|error| {
            let address = self.bootstrap_servers();
            anyhow!(
                "{address} does not answer: {error:#}\nIts log ends:\n{}",
                self.log_tail()
            )
        })
    }

    /// Kills the process (SIGKILL) and waits until it is gone and its ports are closed.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.running()?.kill()?;
        Ok(())
    }

    /// Stops the process (SIGSTOP): connections stay open, the kernel even accepts new ones, and nothing is answered.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.running()?.signal(Signal::STOP)
    }

    /// Lets a stopped process continue (SIGCONT).
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn cont(&mut self) -> anyhow::Result<()> {
        self.running()?.signal(Signal::CONT)
    }

    /// Requests a shutdown of the process (SIGTERM), waits until it is gone, and returns its exit status.
    ///
    /// # Errors
    ///
    /// When it does not run, or has not ended `within` that time; its shutdown then goes on. A stopped process
    /// ([`stop`](Self::stop)) begins its shutdown only when it continues.
    pub fn terminate(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let process = self.running()?;
        process.signal(Signal::TERM)?;
        process.wait(within)
    }

    /// Starts the node again, on the same address and with the same data. Kills it first if it runs.
    ///
    /// # Errors
    ///
    /// When Java cannot be started.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.process = None; // The drop kills the process and waits for it.
        self.start()
    }

    /// Creates a topic and waits until each partition has a leader: see [`IndependentClient::create_topic`].
    ///
    /// # Errors
    ///
    /// When the node does not do it within 20 s.
    pub fn create_topic(&self, name: &str, partitions: i32) -> anyhow::Result<()> {
        self.client().create_topic(name, partitions, ADMIN_LIMIT)
    }

    /// Limits what each client may produce, in bytes per second: beyond it, the node delays its answers.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or refuses.
    pub fn set_produce_quota(&self, bytes_per_second: u32) -> anyhow::Result<()> {
        let quota = format!("producer_byte_rate={bytes_per_second}");
        self.configure(&quota, &["--entity-type", "clients", "--entity-default"])
    }

    /// Sets a configuration of a topic, as `name=value`.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or refuses.
    pub fn configure_topic(&self, topic: &str, setting: &str) -> anyhow::Result<()> {
        self.configure(
            setting,
            &["--entity-type", "topics", "--entity-name", topic],
        )
    }

    fn configure(&self, setting: &str, entity: &[&str]) -> anyhow::Result<()> {
        let servers = self.bootstrap_servers();
        let alter = ["kafka.admin.ConfigCommand", "--bootstrap-server", &servers];
        let change = ["--alter", "--add-config", setting];
        let arguments = [&alter[..], &change[..], entity].concat();
        let status = self.java(&[], &arguments)?.wait(ADMIN_LIMIT)?;
        ensure!(
            status.success(),
            "not configured ({status}):\n{}",
            self.log_tail()
        );
        Ok(())
    }

    /// Allows clients without a login to do `operation` with a topic, and by the first rule for it nothing else. The node must have
    /// [`authorizer_properties`](super::authorizer_properties).
    ///
    /// # Errors
    ///
    /// When the node does not answer, or refuses.
    pub fn allow(&self, topic: &str, operation: TopicOperation) -> anyhow::Result<()> {
        allow(&self.bootstrap_servers(), topic, operation)
    }

    /// Deletes a topic and waits until it is gone: see [`IndependentClient::delete_topic`].
    ///
    /// # Errors
    ///
    /// When the node does not do it within 20 s.
    pub fn delete_topic(&self, name: &str) -> anyhow::Result<()> {
        self.client().delete_topic(name, ADMIN_LIMIT)
    }

    /// Returns the process, if it has not ended.
    fn running(&mut self) -> anyhow::Result<&mut Process> {
        let process = self.process.as_mut().context("the node was not started")?;
        match process.exit_status()? {
            Some(status) => bail!("the node has ended: {status}"),
            None => Ok(process),
        }
    }

    /// Runs a class of Kafka in the node's folder, its output appended to the node's log.
    fn java(&self, options: &[String], arguments: &[&str]) -> anyhow::Result<Process> {
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.folder().join(LOG))?;
        let mut java = bound_to_this_process("java");
        java.args([
            "-Xms256m",
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
        ])
        // A killed JVM must leave nothing in /tmp: neither its performance counters nor its unpacked libraries.
        .args(["-XX:-UsePerfData", "-Djava.io.tmpdir=."])
        .args([
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
        ])
        .args(options)
        .arg("-cp")
        .arg(self.libraries.join("*")) // A pattern that Java expands; there is no shell.
        .args(arguments)
        .current_dir(self.folder())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
        Process::spawn(java).context("cannot run java")
    }

    fn log_tail(&self) -> String {
        match self.log() {
            Ok(log) => tail(&log),
            Err(error) => format!("({error:#})"),
        }
    }

    /// Returns the output of Java and Kafka so far.
    pub(super) fn log(&self) -> anyhow::Result<String> {
        let log = fs::read(self.folder().join(LOG)).context("the log cannot be read")?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }
}

/// The node's configuration, in its folder.
const PROPERTIES: &str = "server.properties";

/// The output of Java and Kafka, in the node's folder.
const LOG: &str = "kafka.log";

fn server_properties(options: &NodeOptions, folder: &Path, place: &Place) -> String {
    let broker = format!("BROKER://127.0.0.1:{}", place.broker.port());
    let controller = format!("CONTROLLER://127.0.0.1:{}", place.controller.port());
    let inside = "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT";
    let (listeners, advertised, protocols) = match &options.outside {
        None => (broker.clone(), broker, inside.to_owned()),
        Some(outside) => (
            format!("{broker},OUTSIDE://127.0.0.1:{}", outside.port),
            format!("{broker},OUTSIDE://{}", outside.advertised),
            format!("{inside},OUTSIDE:{}", outside.protocol),
        ),
    };
    let role = match place.role {
        Role::Both => {
            format!("process.roles=broker,controller\nlisteners={listeners},{controller}\n")
        }
        Role::Broker => format!("process.roles=broker\nlisteners={listeners}\n"),
        Role::Controller => format!("process.roles=controller\nlisteners={controller}\n"),
    };
    let advertised = match place.role {
        Role::Both | Role::Broker => {
            format!("advertised.listeners={advertised}\ninter.broker.listener.name=BROKER\n")
        }
        Role::Controller => String::new(),
    };
    let mut properties = format!(
        "\
{role}{advertised}node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listener.security.protocol.map={protocols}
log.dirs={data}
auto.create.topics.enable={auto_create_topics}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
{session}",
        id = place.id,
        voters = place.voters,
        data = folder.join("data").display(),
        auto_create_topics = options.auto_create_topics,
        session = options.broker_session.properties(),
    );
    for (name, value) in &options.properties {
        // Of two lines with the same name, the last one counts.
        properties.extend([name, "=", value, "\n"]);
    }
    properties
}
