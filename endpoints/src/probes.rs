//! The paths, and the answers to them.

use std::time::{Instant, SystemTime};

use livebus_readiness::{Readiness, one_line};

use crate::answer::ProbeAnswer;
use crate::checks::{Checks, Outcome};
use crate::metrics;
use crate::probe_query::{Part, ProbeQuery, decode};
use crate::statusz;
use crate::voltha;

/// Answers the probes of one process. Clones share everything.
///
/// - `/livez`: 200 while no loop is stuck. It has a check for each loop, `loop/SERVICE` or `loop/SERVICE/HANDLER`, and `ping`.
/// - `/readyz`: 200 while the process is ready. It has a check for each service.
/// - `/startupz`: 200 once each required service has been Running. It has a check for each service.
/// - `/statusz`: 200, with everything that is known, as JSON. The file `openapi.json` of this crate describes it.
/// - `/metrics`: 200, with the metrics of all services, as OpenMetrics or as Prometheus' text.
///
/// The first three are in the format of Kubernetes' own API server. The body is `ok`; with `?verbose`, and whenever the status is 503,
/// it has a line for each check: `[+]name ok`, or `[-]name failed:` and the reason. `?exclude=name`, which may be repeated, passes the
/// check of that name whatever it says. `/readyz/name` answers one check alone.
#[derive(Debug, Clone)]
pub struct Probes {
    readiness: Readiness,
    answers_as_in_voltha: bool,
}

impl Probes {
    /// The paths that are always answered.
    pub const PATHS: &'static [&'static str] =
        &["/livez", "/readyz", "/startupz", "/statusz", "/metrics"];

    /// The paths that are answered as well with [`as_in_voltha`](Self::as_in_voltha).
    pub const PATHS_AS_IN_VOLTHA: &'static [&'static str] = &["/readz", "/healthz", "/detailz"];

    /// Makes probes that answer from `readiness`, for all services and all loops of its registry.
    #[must_use]
    pub const fn new(readiness: Readiness) -> Self {
        Self {
            readiness,
            answers_as_in_voltha: false,
        }
    }

    /// Answers the paths of VOLTHA's probe as well, with its status codes and bodies: `/readz` and `/healthz` (200, or 418 while the process
    /// is not ready, or not healthy; no body), and `/detailz` (200, and the status of each service as JSON).
    #[must_use]
    pub fn as_in_voltha(self) -> Self {
        Self {
            answers_as_in_voltha: true,
            ..self
        }
    }

    /// Returns the answer to a request at `now`: its method, its path, its query (the part after the `?`), and its header `Accept`, which
    /// decides the format of `/metrics`.
    #[must_use]
    pub fn respond(
        &self,
        method: &str,
        path: &str,
        query: Option<&str>,
        accept: Option<&str>,
        now: Instant,
    ) -> ProbeAnswer {
        match method {
            "GET" | "HEAD" => self.answer_accepted(path, query, accept, now),
            _ => ProbeAnswer::text(405, "only GET and HEAD\n".to_owned()),
        }
    }

    /// Returns the answer to a GET of `path` with `query`, and without `Accept`, at `now`.
    #[must_use]
    pub fn answer(&self, path: &str, query: Option<&str>, now: Instant) -> ProbeAnswer {
        self.answer_accepted(path, query, None, now)
    }

    fn answer_accepted(
        &self,
        path: &str,
        query: Option<&str>,
        accept: Option<&str>,
        now: Instant,
    ) -> ProbeAnswer {
        let readiness = &self.readiness;
        let (endpoint, check) = split(path);
        match (endpoint, check) {
            ("/livez", None) => {
                let (query, checks) = (ProbeQuery::parse(query), Checks::of_loops(readiness, now));
                let passed = checks.pass_without(query.excluded());
                all("livez", &checks, &query, passed)
            }
            ("/readyz", None) => {
                let (query, snapshot) = (ProbeQuery::parse(query), readiness.snapshot_at(now));
                let passed = snapshot.is_ready_without(query.excluded());
                all("readyz", &Checks::of_services(&snapshot), &query, passed)
            }
            ("/startupz", None) => {
                let (query, snapshot) = (ProbeQuery::parse(query), readiness.snapshot_at(now));
                let passed = snapshot.is_started_without(query.excluded());
                all("startupz", &Checks::of_starts(&snapshot), &query, passed)
            }
            ("/livez", Some(check)) => one(&Checks::of_loops(readiness, now), check),
            ("/readyz", Some(check)) => {
                one(&Checks::of_services(&readiness.snapshot_at(now)), check)
            }
            ("/startupz", Some(check)) => {
                one(&Checks::of_starts(&readiness.snapshot_at(now)), check)
            }
            ("/statusz", None) => {
                ProbeAnswer::json(statusz::body(readiness, now, SystemTime::now()))
            }
            ("/metrics", None) => metrics::answer(readiness, accept, now, SystemTime::now()),
            ("/readz", None) if self.answers_as_in_voltha => {
                voltha::verdict(readiness.is_ready_at(now))
            }
            ("/healthz", None) if self.answers_as_in_voltha => {
                voltha::verdict(readiness.is_healthy_at(now))
            }
            ("/detailz", None) if self.answers_as_in_voltha => voltha::details(readiness, now),
            _ => self.not_found(),
        }
    }

    fn not_found(&self) -> ProbeAnswer {
        let more = if self.answers_as_in_voltha {
            Self::PATHS_AS_IN_VOLTHA
        } else {
            &[]
        };
        let paths = [Self::PATHS, more].concat().join(", ");
        ProbeAnswer::text(404, format!("not found: there are {paths}\n"))
    }
}

/// Returns the first part of a path, and the rest after its slash, if there is one.
fn split(path: &str) -> (&str, Option<&str>) {
    let second = path.get(1..).and_then(|rest| rest.find('/'));
    second.map_or((path, None), |at| (&path[..=at], Some(&path[at + 2..])))
}

/// Returns the answer that all checks give together.
fn all(probe: &str, checks: &Checks, query: &ProbeQuery, passed: bool) -> ProbeAnswer {
    if passed && !query.is_verbose {
        return ProbeAnswer::text(200, "ok".to_owned());
    }
    let (status, result) = if passed {
        (200, "passed")
    } else {
        (503, "failed")
    };
    let mut lines = checks.lines(query);
    lines.extend(query.warning(checks.names()));
    ProbeAnswer::text(status, format!("{lines}{probe} check {result}\n"))
}

/// Returns the answer of the check whose name is `encoded` in a path.
fn one(checks: &Checks, encoded: &str) -> ProbeAnswer {
    let name = decode(encoded, Part::Path);
    match name.and_then(|name| checks.find(&name)) {
        Some(Outcome::Passed(_)) => ProbeAnswer::text(200, "ok".to_owned()),
        Some(Outcome::Failed(reason)) => {
            ProbeAnswer::text(503, format!("service unavailable: {}\n", one_line(reason)))
        }
        None => {
            let names = checks.names().map(|name| format!("{name:?}"));
            let names: Vec<String> = names.collect();
            let names = names.join(", ");
            ProbeAnswer::text(404, format!("not found: there are the checks {names}\n"))
        }
    }
}

#[cfg(test)]
mod tests;
