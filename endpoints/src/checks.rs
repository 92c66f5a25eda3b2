//! The checks of a probe, each with its name and its outcome.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use livebus_core::{Report, Status};
use livebus_readiness::{Readiness, Service, ServiceLoop, ServiceSnapshot, Snapshot, one_line};

use crate::probe_query::ProbeQuery;

/// The checks of one probe, in their order.
#[derive(Debug)]
pub(crate) struct Checks(Vec<Check>);

#[derive(Debug)]
struct Check {
    name: String,
    outcome: Outcome,
    /// What is shown below its line; may be empty.
    details: Vec<String>,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What is shown after its name.
    Passed(String),
    /// The reason.
    Failed(String),
}

impl Checks {
    /// Returns the checks of the loops: whether each is on time.
    pub(crate) fn of_loops(readiness: &Readiness, now: Instant) -> Self {
        let ping = Check {
            name: "ping".to_owned(),
            outcome: Outcome::passed(),
            details: Vec::new(),
        };
        let mut checks = vec![ping];
        for service in readiness.services() {
            for of_service in &*service.loops() {
                let stuck_for = of_service.heartbeat().stuck_for(now);
                let outcome = stuck_for.map_or_else(Outcome::passed, stuck);
                checks.push(Check {
                    name: loop_name(&service, of_service),
                    outcome,
                    details: Vec::new(),
                });
            }
        }
        Self(checks)
    }

    /// Returns the checks of the services: whether each is Running.
    pub(crate) fn of_services(snapshot: &Snapshot) -> Self {
        let now = snapshot.now();
        let checks = snapshot.services().map(|it| Check {
            outcome: running(&it.service, &it.report, now),
            details: details(&it.service, &it.report, now),
            name: it.service.name().to_owned(),
        });
        Self(checks.collect())
    }

    /// Returns the checks of the services: whether each has been Running.
    pub(crate) fn of_starts(snapshot: &Snapshot) -> Self {
        let checks = snapshot.services().map(|it| Check {
            outcome: started(&it, snapshot.now()),
            details: Vec::new(),
            name: it.service.name().to_owned(),
        });
        Self(checks.collect())
    }

    /// Returns whether all checks have passed but those with these names.
    pub(crate) fn pass_without(&self, excluded: &[String]) -> bool {
        self.0.iter().all(|check| {
            matches!(check.outcome, Outcome::Passed(_)) || excluded.contains(&check.name)
        })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|check| &*check.name)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Outcome> {
        let found = self.0.iter().find(|check| check.name == name);
        found.map(|check| &check.outcome)
    }

    /// Returns a line for each check, and one below it with its details.
    pub(crate) fn lines(&self, query: &ProbeQuery) -> String {
        let mut lines = String::new();
        for check in &self.0 {
            let name = &check.name;
            // Writing to a string cannot fail.
            let _ = match &check.outcome {
                _ if query.excludes(name) => writeln!(lines, "[+]{name} excluded: ok"),
                Outcome::Passed(text) => writeln!(lines, "[+]{name} {}", one_line(text)),
                Outcome::Failed(why) => writeln!(lines, "[-]{name} failed: {}", one_line(why)),
            };
            if !check.details.is_empty() && !query.excludes(name) {
                let _ = writeln!(lines, "    {}", one_line(&check.details.join(", ")));
            }
        }
        lines
    }
}

impl Outcome {
    fn passed() -> Self {
        Self::Passed("ok".to_owned())
    }
}

/// Returns the name of the check of a loop. It says that the loop is meant, and not the bus.
fn loop_name(service: &Service, of_service: &ServiceLoop) -> String {
    let service = service.name();
    match of_service.handler() {
        None => format!("loop/{service}"),
        Some(handler) => format!("loop/{service}/{}", one_line(handler)),
    }
}

/// Returns the outcome of a loop that is late, with the cause and the remedy.
fn stuck(late: Duration) -> Outcome {
    Outcome::Failed(format!(
        "it is {:.1} s late: the loop makes no progress, because a call blocks its executor, it has panicked, or the process gets no \
         processor; look at the stack traces of the threads and at the log, and let the liveness probe restart the process",
        late.as_secs_f64()
    ))
}

fn started(observed: &ServiceSnapshot, now: Instant) -> Outcome {
    if observed.was_running {
        return Outcome::passed();
    }
    let status = observed.service.describe_report_at(&observed.report, now);
    not_passed(&observed.service, format!("never Running, {status}"))
}

fn running(service: &Service, report: &Report, now: Instant) -> Outcome {
    if report.status_at(now) != Status::Running {
        return not_passed(service, service.describe_report_at(report, now));
    }
    let warning = report.warning.map_or_else(String::new, |warning| {
        let warning = service.explain(warning).describe(warning);
        format!(", with a warning: {warning}")
    });
    Outcome::Passed(format!("ok{warning}"))
}

fn not_passed(service: &Service, why: String) -> Outcome {
    if service.is_required() {
        Outcome::Failed(why)
    } else {
        Outcome::Passed(format!("not required, {why}"))
    }
}

/// Returns the age of the newest evidence, the time until the next check, and the details of the bus, as far as they are known.
fn details(service: &Service, report: &Report, now: Instant) -> Vec<String> {
    let evidence = report.evidence.map(|at| {
        let ago = now.saturating_duration_since(at).as_secs_f64();
        format!("last evidence {ago:.1} s ago")
    });
    let check = service.next_check().map(|at| {
        let left = at.saturating_duration_since(now).as_secs_f64();
        format!("next check in {left:.1} s")
    });
    let details = service.details().into_iter().map(|it| it.to_string());
    evidence.into_iter().chain(check).chain(details).collect()
}
