//! The answers of VOLTHA's probe: its status codes and bodies.

use std::time::Instant;

use livebus_readiness::Readiness;
use serde_json::Value;

use crate::answer::ProbeAnswer;

/// Returns the answer of `/readz` and `/healthz`.
pub(crate) const fn verdict(passed: bool) -> ProbeAnswer {
    let status = if passed { 200 } else { 418 };
    ProbeAnswer::text(status, String::new())
}

/// Returns the answer of `/detailz`: the status of each service, by its name.
pub(crate) fn details(readiness: &Readiness, now: Instant) -> ProbeAnswer {
    let members = readiness.services().map(|service| {
        let (name, status) = (
            Value::from(service.name()),
            service.report().status_at(now).name(),
        );
        format!("{name}: \"{status}\"")
    });
    let members: Vec<String> = members.collect();
    ProbeAnswer::json(format!("{{{}}}", members.join(", ")))
}
