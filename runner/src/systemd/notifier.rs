//! The task that notifies systemd.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use livebus_core::Cause;
use livebus_readiness::{Readiness, Service, one_line};

use super::socket::NotifySocket;
use super::variables::Systemd;
use crate::changes::Changes;
use crate::time::{Time, Timer};

/// The time after which a notification that could not be sent is sent again.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// The time after which it is seen that a loop is no longer stuck: the watchdog may end the process soon.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The minimum time between two notifications of the watchdog.
const MIN_INTERVAL: Duration = Duration::from_millis(1);
/// The maximum length of a status, in bytes. systemd drops a datagram of more than 4,096.
const MAX_STATUS: usize = 1_024;
/// The end of a status that was cut.
const ELLIPSIS: &str = "...";

/// Notifies systemd of one process, until one supervision has ended.
pub(super) struct Notifier {
    readiness: Readiness,
    /// The service of the supervision.
    service: Service,
    time: Arc<dyn Time>,
    socket: NotifySocket,
    sent: Sent,
    watchdog: Option<Watchdog>,
    is_failing: bool,
}

/// What systemd knows.
#[derive(Default)]
struct Sent {
    ready: bool,
    stopping: bool,
    status: String,
}

/// When the watchdog is notified.
struct Watchdog {
    interval: Duration,
    next: Instant,
    /// Whether it was not notified the last time, because a loop is stuck.
    is_held_back: bool,
}

/// Why the task runs.
enum Wake {
    Changed,
    Due,
    Ended,
}

impl Notifier {
    pub(super) fn new(
        systemd: Systemd,
        readiness: Readiness,
        service: Service,
        time: Arc<dyn Time>,
    ) -> Self {
        let next = time.now();
        // Half of it, as systemd recommends, so that one notification may be late.
        let watchdog = systemd.watchdog().map(|timeout| Watchdog {
            interval: (timeout / 2).max(MIN_INTERVAL),
            next,
            is_held_back: false,
        });
        Self {
            readiness,
            service,
            time,
            socket: NotifySocket::new(systemd.into_address()),
            sent: Sent::default(),
            watchdog,
            is_failing: false,
        }
    }

    pub(super) async fn run(mut self) {
        let own = Changes::new(self.service.follow_from_start(), Arc::clone(&self.time));
        let mut inputs = Inputs {
            own,
            others: self.others(),
            timer: self.time.timer(),
        };
        inputs.timer.set(self.watchdog.as_ref().map(|it| it.next));
        loop {
            let wake = inputs.next().await;
            let due = self.update();
            match wake {
                Wake::Ended => break,
                Wake::Changed | Wake::Due => inputs.timer.set(due),
            }
        }
    }

    /// Returns the changes of the other services of the process.
    fn others(&self) -> Vec<Changes> {
        let services = self.readiness.services();
        let others = services.filter(|it| it.name() != self.service.name());
        others
            .map(|it| Changes::new(it.follow_all_reporters(), Arc::clone(&self.time)))
            .collect()
    }

    /// Sends what systemd does not know yet. Returns when to call it again at the latest.
    fn update(&mut self) -> Option<Instant> {
        let now = self.time.now();
        let (message, sent) = self.message(now);
        let pings = self.pings(now);
        let message = if pings {
            format!("{message}WATCHDOG=1\n")
        } else {
            message
        };
        if message.is_empty() {
            return self.watchdog.as_ref().map(|it| it.next);
        }
        match self.socket.send(&message) {
            Ok(()) => {
                self.is_failing = false;
                self.sent = sent;
                let watchdog = self.watchdog.as_mut();
                watchdog.map(|watchdog| {
                    if pings {
                        watchdog.next = now + watchdog.interval;
                    }
                    watchdog.next
                })
            }
            Err(error) => {
                self.warn(&error);
                let interval = self.watchdog.as_ref().map(|it| it.interval);
                Some(now + interval.map_or(RETRY_DELAY, |it| it.min(RETRY_DELAY)))
            }
        }
    }

    /// Returns what systemd does not know, and what it knows afterwards.
    fn message(&self, now: Instant) -> (String, Sent) {
        let cause = self.service.report().cause;
        let stopping = self.sent.stopping || matches!(cause, Cause::ShuttingDown | Cause::ShutDown);
        let is_started = !stopping && self.readiness.is_started_without(&[]);
        let sent = Sent {
            ready: self.sent.ready || is_started,
            stopping,
            status: self.status(now),
        };
        let mut message = String::new();
        if sent.ready && !self.sent.ready {
            message.push_str("READY=1\n");
        }
        if sent.stopping && !self.sent.stopping {
            message.push_str("STOPPING=1\n");
        }
        if sent.status != self.sent.status {
            // Writing to a string cannot fail.
            let _ = writeln!(message, "STATUS={}", sent.status);
        }
        (message, sent)
    }

    /// Returns the status of each service with its cause, in one line.
    fn status(&self, now: Instant) -> String {
        let services: Vec<Service> = self.readiness.services().collect();
        let texts = services.iter().map(|service| {
            let report = service.report();
            let status = report.status_at(now);
            let cause = if status == report.status {
                service.describe(&report)
            } else {
                "its lease has run out".to_owned()
            };
            match &services[..] {
                [_] => format!("{status}: {cause}"),
                _ => format!("{}: {status}, {cause}", service.name()),
            }
        });
        let text = one_line(&texts.collect::<Vec<_>>().join(" | "));
        if text.len() <= MAX_STATUS {
            return text;
        }
        let end = MAX_STATUS - ELLIPSIS.len();
        format!("{}{ELLIPSIS}", &text[..text.floor_char_boundary(end)])
    }

    /// Returns whether the watchdog is to be notified now: it is time, and no loop of the process is stuck.
    fn pings(&mut self, now: Instant) -> bool {
        let Some(watchdog) = &mut self.watchdog else {
            return false;
        };
        // While it is held back, every look may be the one that finds the loops on time again.
        if now < watchdog.next && !watchdog.is_held_back {
            return false;
        }
        let stuck = self.readiness.services().find_map(|service| {
            let loops = service.loops();
            let mut late = loops.iter().filter_map(|it| it.heartbeat().stuck_for(now));
            late.next().map(|late| (service, late))
        });
        let was_held_back = watchdog.is_held_back;
        watchdog.is_held_back = stuck.is_some();
        let Some((service, late)) = stuck else {
            return true;
        };
        watchdog.next = now + watchdog.interval.min(LOOK_AGAIN);
        if !was_held_back {
            let (service, late_ms) = (service.name(), late.as_millis());
            tracing::warn!(
                service,
                late_ms,
                "the watchdog of systemd is not notified: a loop is stuck"
            );
        }
        false
    }

    /// Logs the first failure of those in a row.
    fn warn(&mut self, error: &io::Error) {
        if !self.is_failing {
            let (service, address) = (self.service.name(), self.socket.address());
            tracing::warn!(service, ?address, %error, "systemd cannot be notified; trying again");
        }
        self.is_failing = true;
    }
}

/// What the task waits for.
struct Inputs {
    /// Ends with the supervision.
    own: Changes,
    others: Vec<Changes>,
    timer: Box<dyn Timer>,
}

impl Inputs {
    async fn next(&mut self) -> Wake {
        poll_fn(|context| {
            match self.own.poll_next_unpin(context) {
                Poll::Ready(Some(_)) => return Poll::Ready(Wake::Changed),
                Poll::Ready(None) => return Poll::Ready(Wake::Ended),
                Poll::Pending => {}
            }
            for other in &mut self.others {
                if let Poll::Ready(Some(_)) = other.poll_next_unpin(context) {
                    return Poll::Ready(Wake::Changed);
                }
            }
            self.timer.poll_elapsed(context).map(|()| Wake::Due)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::task::Context;

    use livebus_core::{Failure, FailureClass, Report, Status};
    use livebus_readiness::{Explain, Explanation, Registry};

    use super::*;

    /// The real clock; nothing waits here.
    struct NoTimers;

    struct Never;

    impl Time for NoTimers {
        fn now(&self) -> Instant {
            Instant::now()
        }

        fn timer(&self) -> Box<dyn Timer> {
            Box::new(Never)
        }
    }

    impl Timer for Never {
        fn set(&mut self, _: Option<Instant>) {}

        fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    struct Reason(String);

    impl Explain for Reason {
        fn explain(&self, _: Failure) -> Explanation {
            Explanation {
                reason: Some(self.0.clone()),
                ..Explanation::default()
            }
        }
    }

    #[test]
    fn a_status_is_one_line_that_systemd_takes() {
        let now = Instant::now();
        let registry = Registry::builder().required("bus").build_at(now);
        let registry = registry.expect("one name");
        let reporter = registry.reporter("bus").expect("it has none");
        let systemd = Systemd::from_variables(|name| {
            (name == "NOTIFY_SOCKET").then(|| OsString::from("/nothing"))
        });
        let systemd = systemd.ok().flatten().expect("it is set");
        let (readiness, service) = (reporter.readiness(), reporter.service());
        let notifier = Notifier::new(systemd, readiness, service, Arc::new(NoTimers));
        let status = |reason: String| {
            reporter.set_explainer(Arc::new(Reason(reason)));
            let report = Report {
                status: Status::NotReady,
                cause: Cause::LivenessFailed(FailureClass::Tls.into()),
                ..Report::unreported(now)
            };
            reporter.report(now, report);
            notifier.message(now).0
        };
        assert_eq!(
            status("a\nREADY=1".to_owned()),
            "STATUS=NotReady: the bus cannot be used: Tls: a\u{fffd}READY=1\n"
        );
        let long = status("ä".repeat(5_000));
        let text = long
            .strip_prefix("STATUS=")
            .and_then(|it| it.strip_suffix('\n'));
        let text = text.expect("it is a status alone");
        assert!((1_020..=MAX_STATUS).contains(&text.len()), "{}", text.len());
        assert!(text.ends_with("ä..."), "{text}");
    }
}
