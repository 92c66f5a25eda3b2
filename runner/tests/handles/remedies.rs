//! The probes show the remedies of the bus that is supervised.

use std::time::Instant;

use livebus_core::{Cause, FailureClass, Report, Status};
use livebus_endpoints::Probes;

use crate::harness::{ManualTime, builder, start};

#[test]
fn probes_show_the_remedies_of_the_bus() {
    let (handle, supervision) = start(builder(&ManualTime::default()));
    let probes = Probes::new(handle.readiness().clone());
    for (class, shown) in [
        (FailureClass::Tls, ": Tls; check the certificates\n"),
        (FailureClass::Unreachable, ": Unreachable\n"),
    ] {
        let now = Instant::now();
        supervision.effects.set_status(Report {
            status: Status::NotReady,
            cause: Cause::LivenessFailed(class.into()),
            ..Report::unreported(now)
        });
        let body = probes.answer("/readyz", None, now).body;
        assert!(body.contains(shown), "{body}");
    }
}

#[test]
fn probes_show_the_details_of_the_bus_while_it_exists() {
    let (handle, supervision) = start(builder(&ManualTime::default()));
    let probes = Probes::new(handle.readiness().clone());
    let body = |probes: &Probes| probes.answer("/readyz", None, Instant::now()).body;
    let details = "leaders: 2 of 3 answered";
    assert!(body(&probes).contains(details), "{}", body(&probes));
    drop((handle, supervision));
    assert!(!body(&probes).contains(details), "{}", body(&probes));
}
