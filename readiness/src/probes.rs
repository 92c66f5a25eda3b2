//! Kubernetes' probes over HTTP, in the format of its own API server.

use std::fmt::Write as _;
use std::time::Instant;

use livebus_core::{Failure, Status};

use crate::heartbeat::Heartbeat;
use crate::readiness::{Readiness, Service};

/// Answers the probes of one process. Clones share everything.
///
/// - `/livez`: 200 while no loop is stuck.
/// - `/readyz`: 200 while the process is ready.
///
/// The body is `ok`; with `?verbose`, and whenever the status is 503, it has a line for each check: `[+]name ok`, or
/// `[-]name failed:` and the reason.
#[derive(Debug, Clone)]
pub struct Probes {
    readiness: Readiness,
    heartbeats: Vec<(String, Heartbeat)>,
}

/// The answer to a probe, for an HTTP server to send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeAnswer {
    /// 200, 404, 405 or 503.
    pub status: u16,
    /// Plain text in UTF-8. A server omits it where the method is HEAD.
    pub body: String,
}

impl ProbeAnswer {
    /// Returns the headers of the answer: names in lower case, and values.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        let allow = (self.status == 405).then_some(("allow", "GET, HEAD"));
        let always = [
            ("content-type", "text/plain; charset=utf-8"),
            ("cache-control", "no-store"),
        ];
        always.into_iter().chain(allow)
    }
}

impl Probes {
    /// Makes probes that answer from `readiness`, and from the loops' heartbeats, each with its name.
    #[must_use]
    pub const fn new(readiness: Readiness, heartbeats: Vec<(String, Heartbeat)>) -> Self {
        Self {
            readiness,
            heartbeats,
        }
    }

    /// Returns the answer to a request at `now`: its method, its path, and its query (the part after the `?`).
    #[must_use]
    pub fn respond(
        &self,
        method: &str,
        path: &str,
        query: Option<&str>,
        now: Instant,
    ) -> ProbeAnswer {
        match method {
            "GET" | "HEAD" => self.answer(path, query, now),
            _ => ProbeAnswer {
                status: 405,
                body: "only GET and HEAD\n".to_owned(),
            },
        }
    }

    /// Returns the answer to a GET of `path` with `query` at `now`.
    #[must_use]
    pub fn answer(&self, path: &str, query: Option<&str>, now: Instant) -> ProbeAnswer {
        let verbose = query.is_some_and(|query| has_key(query, "verbose"));
        match path {
            "/livez" => self.livez(verbose, now),
            "/readyz" => self.readyz(verbose, now),
            _ => ProbeAnswer {
                status: 404,
                body: "not found: there are /livez and /readyz\n".to_owned(),
            },
        }
    }

    fn livez(&self, verbose: bool, now: Instant) -> ProbeAnswer {
        let mut lines = String::from("[+]ping ok\n");
        let mut passed = true;
        for (name, heartbeat) in &self.heartbeats {
            passed &= match heartbeat.stuck_for(now) {
                None => line(&mut lines, '+', name, "ok"),
                Some(late) => {
                    let why = format!("failed: its loop is {:.1} s late", late.as_secs_f64());
                    line(&mut lines, '-', name, &why)
                }
            };
        }
        answer("livez", passed, verbose, lines)
    }

    fn readyz(&self, verbose: bool, now: Instant) -> ProbeAnswer {
        let mut lines = String::new();
        for service in self.readiness.services() {
            let (mark, text) = service_line(&service, now);
            line(&mut lines, mark, service.name(), &text);
        }
        answer("readyz", self.readiness.is_ready_at(now), verbose, lines)
    }
}

fn service_line(service: &Service, now: Instant) -> (char, String) {
    let report = service.report();
    let status = report.status_at(now);
    if status == Status::Running {
        let warning = report.warning.map_or_else(String::new, |warning| {
            format!(", with a warning: {warning}{}", remedy(service, warning))
        });
        return ('+', format!("ok{warning}"));
    }
    let mut why = if report.status == status {
        let since = now.saturating_duration_since(report.since).as_secs_f64();
        format!("{status} for {since:.1} s: {}", report.cause)
    } else {
        format!("{status}: its lease has run out")
    };
    if let Some(failure) = report.cause.failure() {
        why += &remedy(service, failure);
    }
    if service.is_required() {
        ('-', format!("failed: {why}"))
    } else {
        ('+', format!("not required, {why}"))
    }
}

/// Returns the remedy, to be shown after the failure; empty when the service has none for it.
fn remedy(service: &Service, failure: Failure) -> String {
    let remedy = service.remedy(failure);
    remedy.map_or_else(String::new, |remedy| format!("; {remedy}"))
}

/// Writes one line, and returns whether its check passed.
fn line(lines: &mut String, mark: char, name: &str, text: &str) -> bool {
    // Writing to a string cannot fail.
    let _ = writeln!(lines, "[{mark}]{name} {text}");
    mark == '+'
}

fn answer(name: &str, passed: bool, verbose: bool, lines: String) -> ProbeAnswer {
    match (passed, verbose) {
        (true, false) => ProbeAnswer {
            status: 200,
            body: "ok".to_owned(),
        },
        (true, true) => ProbeAnswer {
            status: 200,
            body: lines + name + " check passed\n",
        },
        (false, true | false) => ProbeAnswer {
            status: 503,
            body: lines + name + " check failed\n",
        },
    }
}

fn has_key(query: &str, key: &str) -> bool {
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some(key))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use livebus_core::{Cause, FailureClass, Report};

    use super::*;
    use crate::registry::Registry;
    use crate::reporter::Reporter;

    /// The reporter of the required service `bus`; `cache`, which is optional, has none.
    fn probes(now: Instant) -> (Probes, Reporter, Heartbeat) {
        let names = Registry::builder().required("bus").optional("cache");
        let registry = names.build_at(now).expect("the names differ");
        let heartbeat = Heartbeat::new(now);
        let heartbeats = vec![("bus".to_owned(), heartbeat.clone())];
        let bus = registry.reporter("bus").expect("it has none");
        let probes = Probes::new(registry.readiness(), heartbeats);
        (probes, bus, heartbeat)
    }

    /// Remedies for two classes.
    fn some_remedies(failure: Failure) -> Option<&'static str> {
        [
            (FailureClass::Authentication, "check the password"),
            (FailureClass::TopicMissing, "create the topic"),
        ]
        .into_iter()
        .find_map(|(class, remedy)| (class == failure.class).then_some(remedy))
    }

    fn running(now: Instant, lease: Instant) -> Report {
        Report {
            status: Status::Running,
            cause: Cause::Evidence,
            evidence: Some(now),
            lease: Some(lease),
            ..Report::unreported(now)
        }
    }

    #[test]
    fn ready_is_200_and_verbose_lists_the_services() {
        let now = Instant::now();
        let (probes, bus, _) = probes(now);
        bus.report(now, running(now, now + Duration::from_secs(9)));
        assert_eq!(
            probes.answer("/readyz", None, now),
            ProbeAnswer {
                status: 200,
                body: "ok".into()
            }
        );
        assert_eq!(
            probes.answer("/readyz", Some("verbose"), now).body,
            "[+]bus ok\n[+]cache not required, Unknown for 0.0 s: nothing reported yet\nreadyz check passed\n"
        );
        assert_eq!(
            probes
                .answer("/readyz", Some("x=1&verbose=true"), now)
                .status,
            200
        );
    }

    #[test]
    fn not_ready_is_503_with_the_cause_and_the_remedy() {
        let now = Instant::now();
        let (probes, bus, _) = probes(now);
        bus.set_remedies(some_remedies);
        let failure = Failure::with_code(FailureClass::Authentication, -169);
        bus.report(
            now,
            Report {
                status: Status::NotReady,
                cause: Cause::LivenessFailed(failure),
                ..Report::unreported(now)
            },
        );
        let answer = probes.answer("/readyz", None, now + Duration::from_millis(1_500));
        assert_eq!(answer.status, 503);
        assert!(answer.body.starts_with(
            "[-]bus failed: NotReady for 1.5 s: the bus cannot be used: Authentication (code -169); \
             check the password\n"
        ), "{}", answer.body);
        assert!(answer.body.ends_with("readyz check failed\n"));
    }

    #[test]
    fn a_lease_that_ran_out_is_503_without_a_report() {
        let now = Instant::now();
        let (probes, bus, _) = probes(now);
        bus.report(now, running(now, now + Duration::from_secs(9)));
        let answer = probes.answer("/readyz", None, now + Duration::from_secs(10));
        assert_eq!(answer.status, 503);
        assert!(
            answer
                .body
                .contains("[-]bus failed: NotReady: its lease has run out")
        );
    }

    #[test]
    fn a_warning_is_shown_with_its_remedy() {
        let now = Instant::now();
        let (probes, bus, _) = probes(now);
        bus.set_remedies(some_remedies);
        bus.report(
            now,
            Report {
                warning: Some(FailureClass::TopicMissing.into()),
                ..running(now, now + Duration::from_secs(9))
            },
        );
        let answer = probes.answer("/readyz", Some("verbose"), now);
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .body
                .contains("[+]bus ok, with a warning: TopicMissing; create the topic\n")
        );
    }

    /// Returns what the probe shows of `bus`, first with a failure, then with a warning.
    fn shown(probes: &Probes, bus: &Reporter, now: Instant, failure: Failure) -> [String; 2] {
        let failed = Report {
            status: Status::NotReady,
            cause: Cause::LivenessFailed(failure),
            ..Report::unreported(now)
        };
        let warned = Report {
            warning: Some(failure),
            ..running(now, now + Duration::from_secs(9))
        };
        [failed, warned].map(|report| {
            bus.report(now, report);
            let body = probes.answer("/readyz", Some("verbose"), now).body;
            body.lines().next().expect("a line of the bus").to_owned()
        })
    }

    #[test]
    fn a_failure_without_a_remedy_is_shown_by_its_class_alone() {
        let now = Instant::now();
        let (probes, bus, _) = probes(now);
        let expected = [
            "[-]bus failed: NotReady for 0.0 s: the bus cannot be used: Tls",
            "[+]bus ok, with a warning: Tls",
        ];
        assert_eq!(
            shown(&probes, &bus, now, FailureClass::Tls.into()),
            expected
        );
        bus.set_remedies(some_remedies);
        assert_eq!(
            shown(&probes, &bus, now, FailureClass::Tls.into()),
            expected
        );
    }

    #[test]
    fn a_new_reporter_does_not_inherit_the_remedies_of_the_one_before() {
        let now = Instant::now();
        let registry = Registry::builder().required("bus").build_at(now);
        let registry = registry.expect("one name");
        let probes = Probes::new(registry.readiness(), Vec::new());
        let failure = FailureClass::Authentication.into();
        let first = registry.reporter("bus").expect("it has none");
        first.set_remedies(some_remedies);
        for line in shown(&probes, &first, now, failure) {
            assert!(
                line.ends_with("Authentication; check the password"),
                "{line}"
            );
        }
        drop(first);
        let second = registry.reporter("bus").expect("the first is dropped");
        for line in shown(&probes, &second, now, failure) {
            assert!(line.ends_with("Authentication"), "{line}");
        }
    }

    #[test]
    fn livez_fails_for_a_loop_that_is_late_whatever_the_bus_does() {
        let now = Instant::now();
        let (probes, _, heartbeat) = probes(now);
        assert_eq!(probes.answer("/livez", None, now).body, "ok");
        heartbeat.set_deadline(Some(now + Duration::from_secs(5)));
        let verbose = probes.answer("/livez", Some("verbose"), now + Duration::from_secs(14));
        assert_eq!(verbose.body, "[+]ping ok\n[+]bus ok\nlivez check passed\n");
        let stuck = probes.answer("/livez", None, now + Duration::from_secs(20));
        assert_eq!(stuck.status, 503);
        assert!(
            stuck
                .body
                .contains("[-]bus failed: its loop is 15.0 s late"),
            "{}",
            stuck.body
        );
    }

    #[test]
    fn any_other_path_is_not_found() {
        let now = Instant::now();
        assert_eq!(probes(now).0.answer("/", None, now).status, 404);
    }
}
