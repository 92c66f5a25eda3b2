//! `livebus watch` as a unit of systemd, whose socket the test is.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{self, Command};
use std::time::Duration;

use rustix::process::Signal;

use crate::livebus::{Watch, livebus};
use crate::on_each_runtime;

on_each_runtime![
    systemd_is_notified_of_the_start_the_status_the_watchdog_and_the_stop,
    the_watchdog_of_another_process_is_not_notified,
];

/// The maximum wait for a notification.
const LIMIT: Duration = Duration::from_mins(1);

/// Binds an abstract socket, and returns it with what systemd would set.
fn listen(name: &str) -> (UnixDatagram, String) {
    let name = format!("livebus-cli/{}/{name}", process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("it is short");
    let socket = UnixDatagram::bind_addr(&address).expect("it is free");
    let limit = socket.set_read_timeout(Some(LIMIT));
    limit.expect("it is longer than zero");
    (socket, format!("@{name}"))
}

fn watch(runtime: &str) -> Command {
    livebus(&["watch", "--embedded", "--runtime", runtime])
}

/// Returns the notifications up to the first that has `part`.
fn until(systemd: &UnixDatagram, part: &str) -> Vec<String> {
    let mut received = Vec::new();
    let mut datagram = [0; 8_192];
    loop {
        let length = systemd.recv(&mut datagram).expect("it is notified");
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        let is_last = text.contains(part);
        received.push(text);
        if is_last {
            return received;
        }
    }
}

fn with(part: &str, received: &[String]) -> usize {
    received.iter().filter(|it| it.contains(part)).count()
}

fn systemd_is_notified_of_the_start_the_status_the_watchdog_and_the_stop(runtime: &str) {
    let (systemd, address) = listen(&format!("all-{runtime}"));
    let mut command = watch(runtime);
    command.env("NOTIFY_SOCKET", address);
    let mut watch = Watch::spawn(command.env("WATCHDOG_USEC", "200000"));
    let received = until(&systemd, "STATUS=Running: the bus works\n");
    assert_eq!(with("READY=1\n", &received), 1, "{received:?}");
    for _ in 0..3 {
        until(&systemd, "WATCHDOG=1\n");
    }
    watch.signal(Signal::TERM);
    let received = until(&systemd, "STATUS=Stopped: shut down\n");
    assert_eq!(with("STOPPING=1\n", &received), 1, "{received:?}");
    assert_eq!(with("READY=1\n", &received), 0, "{received:?}");
    assert_eq!(watch.end().0, Some(0));
}

fn the_watchdog_of_another_process_is_not_notified(runtime: &str) {
    let (systemd, address) = listen(&format!("other-{runtime}"));
    let mut command = watch(runtime);
    command.env("NOTIFY_SOCKET", address);
    command.env("WATCHDOG_USEC", "1000");
    let mut watch = Watch::spawn(command.env("WATCHDOG_PID", process::id().to_string()));
    let mut received = until(&systemd, "READY=1\n");
    watch.signal(Signal::TERM);
    received.extend(until(&systemd, "STATUS=Stopped: shut down\n"));
    assert_eq!(with("WATCHDOG", &received), 0, "{received:?}");
    assert_eq!(watch.end().0, Some(0));
}

#[test]
fn a_socket_that_is_none_is_one_line_and_holds_nothing_up() {
    for (value, reported) in [("nonsense", 1), ("/nothing/listens/here", 0), ("", 0)] {
        let mut command = livebus(&["watch", "--embedded"]);
        let mut watch = Watch::spawn(command.env("NOTIFY_SOCKET", value));
        watch.until("Running");
        watch.signal(Signal::TERM);
        watch.until("Stopped");
        let (code, errors) = watch.end();
        assert_eq!(code, Some(0));
        let lines = errors.lines().filter(|line| line.contains("systemd"));
        assert_eq!(lines.count(), reported, "{errors}");
        assert_eq!(errors.contains("NOTIFY_SOCKET=\"nonsense\""), reported == 1);
    }
}
