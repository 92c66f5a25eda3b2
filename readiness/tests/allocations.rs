//! Reporting allocates nothing, so that it never delays the loop.

use std::time::{Duration, Instant};

use livebus_core::{Report, Status};
use livebus_readiness::{CheckOutcome, Registry};

#[test]
fn reporting_renewing_and_counting_allocate_nothing() {
    let now = Instant::now();
    let builder = Registry::builder().required("bus");
    let registry = builder.build_at(now).expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    let (readiness, activity) = (registry.readiness(), bus.activity());
    let mut ready = 0;
    let counted = allocation_counter::measure(|| {
        for n in 0..10_000 {
            let at = now + Duration::from_millis(n);
            let status = if n % 3 == 0 {
                Status::NotReady
            } else {
                Status::Running
            };
            let lease = Some(at + Duration::from_secs(1));
            let report = Report {
                status,
                lease,
                ..Report::unreported(at)
            };
            bus.report(at, report);
            bus.renew(at, at, at + Duration::from_secs(2));
            activity.count_start();
            activity.count_check(CheckOutcome::Succeeded, Duration::from_millis(n));
            ready += u32::from(readiness.is_ready_at(at));
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert_eq!(ready, 6_666);
    let counts = bus.service().counts();
    let changes: u64 = counts.changes_by_cause().map(|(_, count)| count).sum();
    assert_eq!((changes, counts.starts()), (10_000, 10_000));
}
