//! The notifications to systemd, as a socket of the case receives them.

use std::cell::{Cell, RefCell};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use livebus_core::{FailureClass, Settings, Status};
use livebus_readiness::Registry;
use livebus_runner::{Handle, Systemd};
use livebus_tests::host::FullRunner;
use tempfile::TempDir;

use crate::log;
use crate::scripted_bus::{Answer, ScriptedBus, Shared, builder};
use crate::turned_clock::TurnedClock;
use crate::waiting::{eventually, start, within};

const WATCHDOG: Duration = Duration::from_secs(4);
const INTERVAL: Duration = Duration::from_secs(2);
/// Longer than the delay after which a notification is sent again.
const RETRY: Duration = Duration::from_secs(2);

pub(crate) async fn ready_is_sent_once_and_the_status_at_each_change<R: FullRunner>() {
    let systemd = Listener::bind(Place::path());
    let bus = ScriptedBus::new(Answer::Silence);
    let builder = builder::<R>(&bus).systemd_at(systemd.place.variables(None));
    let (handle, mut changes) = start(builder).await;
    let first = systemd.until::<R>("STATUS=NotReady: ").await;
    assert!(first.contains("Timeout"), "{first}");
    systemd.expect(&[("READY=1", 0)]);

    bus.set_answer(Answer::Live);
    systemd.until::<R>("STATUS=Running: the bus works\n").await;
    systemd.expect(&[("READY=1", 1)]);
    bus.set_answer(Answer::Silence);
    systemd.until::<R>("STATUS=NotReady: ").await;
    bus.set_answer(Answer::Live);
    systemd.until::<R>("STATUS=Running: the bus works\n").await;
    systemd.expect(&[("READY=1", 1), ("STOPPING=1", 0)]);

    changes.until(Status::Running).await;
    handle.shutdown().await;
    // It was all sent before the shutdown returned.
    systemd.receive();
    assert_eq!(systemd.last(), "STATUS=Stopped: shut down\n");
    systemd.expect(&[("READY=1", 1), ("STOPPING=1", 1), ("WATCHDOG=1", 0)]);
}

pub(crate) async fn watchdog_is_notified_while_no_loop_is_stuck<R: FullRunner>() {
    let systemd = Listener::bind(Place::path());
    let clock = TurnedClock::new();
    let registry = Registry::builder().required("orders").required("audit");
    let registry = registry.build().expect("the names differ");
    let start = async |name: &str, bus: &Arc<ScriptedBus>| {
        let reporter = registry.reporter(name).expect("it is free");
        let builder = builder::<R>(bus)
            .settings(Settings::default())
            .time(Arc::new(clock.clone()))
            .reporter(reporter);
        let builder = match name {
            "orders" => builder.systemd_at(systemd.place.variables(Some(WATCHDOG))),
            _ => builder,
        };
        builder.start().await.expect("the supervision starts")
    };
    let (orders, audit) = (
        ScriptedBus::new(Answer::Live),
        ScriptedBus::new(Answer::Live),
    );
    let _orders = start("orders", &orders).await;
    systemd.until::<R>("orders: Running").await;
    systemd.expect(&[("READY=1", 0), ("WATCHDOG=1", 1)]);
    let first = start("audit", &audit).await;
    let both = "orders: Running, the bus works | audit: Running, the bus works\n";
    systemd.until::<R>(both).await;
    systemd.expect(&[("READY=1", 1), ("WATCHDOG=1", 1)]);

    for number in 2..10 {
        clock.turn::<R>(INTERVAL / 2).await;
        systemd.expect(&[("WATCHDOG=1", number - 1)]);
        clock.turn::<R>(INTERVAL / 2).await;
        systemd.expect(&[("WATCHDOG=1", number)]);
    }

    // The loop of the other bus panics, and misses its deadline, which is at most 5 s away, and the grace of 10 s.
    audit.panics_on_discard.store(true, Ordering::Relaxed);
    let client = audit.client();
    audit
        .observations
        .lost(client, FailureClass::ClientFatal.into());
    systemd
        .until::<R>("audit: Stopped, shut down by force\n")
        .await;
    clock.turn::<R>(INTERVAL).await;
    systemd.expect(&[("WATCHDOG=1", 10)]);
    for _ in 0..10 {
        clock.turn::<R>(INTERVAL).await;
    }
    systemd.receive();
    let stuck = systemd.received("WATCHDOG=1").len();
    assert!(stuck < 10 + 8, "{stuck} with a loop that is stuck");
    for _ in 0..10 {
        clock.turn::<R>(INTERVAL).await;
        systemd.expect(&[("WATCHDOG=1", stuck)]);
    }

    drop(first);
    let _second = start("audit", &ScriptedBus::new(Answer::Live)).await;
    systemd.until::<R>("audit: Running").await;
    // The loops are on time again, so the watchdog is notified at once: it may end the process soon.
    systemd.expect(&[("WATCHDOG=1", stuck + 1), ("READY=1", 1), ("STOPPING=1", 0)]);
    clock.turn::<R>(INTERVAL).await;
    systemd.expect(&[("WATCHDOG=1", stuck + 2), ("READY=1", 1), ("STOPPING=1", 0)]);
}

pub(crate) async fn missing_socket_holds_nothing_up<R: FullRunner>() {
    let place = Place::path();
    let clock = TurnedClock::new();
    let handle = start_without_notifications::<R>(&place, &clock).await;
    let systemd = Listener::bind(place);
    clock.turn::<R>(RETRY).await;
    let ready = systemd.until::<R>("READY=1").await;
    assert_eq!(ready, "READY=1\nSTATUS=Running: the bus works\n");
    drop(handle);
}

pub(crate) async fn full_socket_holds_nothing_up<R: FullRunner>() {
    let systemd = Listener::bind(Place::abstract_name());
    systemd.fill();
    let clock = TurnedClock::new();
    let handle = start_without_notifications::<R>(&systemd.place, &clock).await;
    systemd.expect(&[("READY=1", 0)]);
    clock.turn::<R>(RETRY).await;
    let ready = systemd.until::<R>("READY=1").await;
    assert_eq!(ready, "READY=1\nSTATUS=Running: the bus works\n");
    drop(handle);
}

/// Starts a supervision that cannot notify, and checks that it is Running all the same, with one line in the log.
async fn start_without_notifications<R: FullRunner>(
    place: &Place,
    clock: &TurnedClock,
) -> Handle<Shared> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    let service = format!("notified-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let builder = builder::<R>(&ScriptedBus::new(Answer::Live))
        .settings(Settings::default())
        .time(Arc::new(clock.clone()))
        .service(&service)
        .systemd_at(place.variables(None));
    let (handle, mut changes) = start(builder).await;
    changes.until(Status::Running).await;
    drop(changes);
    let mine = format!(" service=\"{service}\" address=");
    let lines = || {
        let log = log::text();
        log.lines().filter(|line| line.contains(&mine)).count()
    };
    eventually::<R>("a log line", || lines() > 0).await;
    for _ in 0..5 {
        clock.turn::<R>(RETRY).await;
    }
    assert_eq!(lines(), 1, "{}", log::text());
    handle
}

pub(crate) async fn unusable_socket_holds_no_shutdown_up<R: FullRunner>() {
    let systemd = Listener::bind(Place::abstract_name());
    let variables = systemd.place.variables(Some(WATCHDOG));
    drop(systemd);
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut changes) = start(builder::<R>(&bus).systemd_at(variables)).await;
    changes.until(Status::Running).await;
    within::<R, _>("the shutdown", handle.shutdown()).await;
}

pub(crate) async fn dropped_handle_is_no_stop_of_the_process<R: FullRunner>() {
    let systemd = Listener::bind(Place::abstract_name());
    let bus = ScriptedBus::new(Answer::Live);
    let builder = builder::<R>(&bus).systemd_at(systemd.place.variables(None));
    let (handle, mut changes) = start(builder).await;
    changes.until(Status::Running).await;
    drop(handle);
    systemd
        .until::<R>("STATUS=Stopped: shut down by force\n")
        .await;
    systemd.expect(&[("READY=1", 1), ("STOPPING=1", 0)]);
}

/// Where systemd would listen.
enum Place {
    Path { path: PathBuf, _folder: TempDir },
    Abstract(String),
}

impl Place {
    fn path() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be created");
        Self::Path {
            path: folder.path().join("notify"),
            _folder: folder,
        }
    }

    fn abstract_name() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);

        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self::Abstract(format!("livebus-tests/{}/{number}", process::id()))
    }

    fn address(&self) -> SocketAddr {
        let address = match self {
            Self::Path { path, .. } => SocketAddr::from_pathname(path),
            Self::Abstract(name) => SocketAddr::from_abstract_name(name),
        };
        address.expect("it is short")
    }

    /// Returns what systemd would set in the environment.
    fn variables(&self, watchdog: Option<Duration>) -> Systemd {
        let address = match self {
            Self::Path { path, .. } => path.clone().into_os_string(),
            Self::Abstract(name) => format!("@{name}").into(),
        };
        let read = Systemd::from_variables(|variable| match variable {
            "NOTIFY_SOCKET" => Some(address.clone()),
            "WATCHDOG_USEC" => watchdog.map(|it| it.as_micros().to_string().into()),
            "WATCHDOG_PID" => Some(process::id().to_string().into()),
            _ => None,
        });
        let systemd = read.expect("the variables are valid");
        systemd.expect("the socket is set")
    }
}

/// The socket of systemd, and what it has received.
struct Listener {
    place: Place,
    socket: UnixDatagram,
    received: RefCell<Vec<String>>,
    /// How many of these [`until`](Self::until) has passed.
    passed: Cell<usize>,
}

impl Listener {
    fn bind(place: Place) -> Self {
        let socket = UnixDatagram::bind_addr(&place.address()).expect("it is free");
        socket.set_nonblocking(true).expect("it is a socket");
        Self {
            place,
            socket,
            received: RefCell::default(),
            passed: Cell::new(0),
        }
    }

    /// Fills the queue of the socket.
    fn fill(&self) {
        let sender = UnixDatagram::unbound().expect("there are sockets");
        sender.set_nonblocking(true).expect("it is a socket");
        while sender.send_to_addr(b"full", &self.place.address()).is_ok() {}
    }

    /// Receives what is there.
    fn receive(&self) {
        let mut datagram = [0; 8_192];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
            self.received.borrow_mut().push(text);
        }
    }

    /// Returns the notifications so far that have `part`.
    fn received(&self, part: &str) -> Vec<String> {
        let received = self.received.borrow();
        let with_it = received.iter().filter(|it| it.contains(part));
        with_it.cloned().collect()
    }

    fn last(&self) -> String {
        self.received.borrow().last().cloned().unwrap_or_default()
    }

    /// Waits for the next notification that has `part`, and returns it.
    async fn until<R: FullRunner>(&self, part: &str) -> String {
        let find = || {
            self.receive();
            let received = self.received.borrow();
            let mut new = received.iter().enumerate().skip(self.passed.get());
            let (index, text) = new.find(|(_, text)| text.contains(part))?;
            Some((index, text.clone()))
        };
        eventually::<R>(part, || find().is_some()).await;
        let (index, text) = find().expect("it was found");
        self.passed.set(index + 1);
        text
    }

    /// Checks how many notifications so far have each of these parts.
    fn expect(&self, numbers: &[(&str, usize)]) {
        self.receive();
        for (part, number) in numbers {
            let with_it = self.received(part);
            assert_eq!(with_it.len(), *number, "{part}: {:?}", self.received);
        }
    }
}
