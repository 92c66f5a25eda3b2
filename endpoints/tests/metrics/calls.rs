//! The series of callers and call handlers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use livebus_core::calls::{CalleeCounters, Counters};
use livebus_core::{Failure, dispatch};
use livebus_readiness::{CalleeProgress, CallerProgress, Explain, Explanation, HandlerState};

use crate::exposition::Labels;
use crate::{BUS, scrape, services};

/// A bus with two callers, of which one has not begun, and a call handler.
struct Calls(Instant);

impl Explain for Calls {
    fn explain(&self, _: Failure) -> Explanation {
        Explanation::default()
    }

    fn handlers(&self) -> Vec<HandlerState> {
        let mut counters = Counters::default();
        (counters.called, counters.replied, counters.refused) = (45, 1, 2);
        (counters.not_sent, counters.sent_unknown) = (3, 4);
        (counters.expired, counters.cancelled) = (5, 6);
        (counters.shutting_down, counters.retries) = (7, 8);
        (counters.foreign_replies, counters.former_replies) = (9, 10);
        (counters.late_replies, counters.duplicate_replies) = (11, 12);
        let mut calls = CallerProgress::default();
        calls.calls_in_flight = 17;
        calls.bytes_in_flight = 1_700;
        calls.oldest_call = Some(self.0);
        calls.unreadable_replies = 13;
        calls.counters = counters;
        let mut to_stock = HandlerState::unregistered("to-stock", true);
        to_stock.is_registered = true;
        to_stock.calls = Some(calls);
        let mut new = HandlerState::unregistered("to-billing", false);
        new.calls = Some(CallerProgress::default());
        let mut counters = CalleeCounters::default();
        (counters.runs, counters.too_late) = (1, 2);
        (counters.cancelled, counters.repeated) = (3, 4);
        let mut requests = CalleeProgress::default();
        requests.counters = counters;
        requests.unreadable_requests = 5;
        requests.requests_held = 6;
        requests.lost_replies = 7;
        let mut stock = HandlerState::unregistered("stock", true);
        stock.counters = Some(dispatch::Counters::default());
        stock.callee = Some(requests);
        vec![stock, to_stock, new]
    }
}

#[test]
fn series_show_the_callers_and_the_call_handlers() {
    let now = Instant::now();
    let (probes, bus) = services(now);
    bus.set_explainer(Arc::new(Calls(now)));
    let scraped = scrape(&probes, now + Duration::from_millis(250));
    let to_stock = ("caller", "to-stock");
    for (name, value) in [
        ("livebus_caller_registered", 1.0),
        ("livebus_caller_calls_in_flight", 17.0),
        ("livebus_caller_bytes_in_flight", 1_700.0),
        ("livebus_caller_oldest_call_age_seconds", 0.25),
        ("livebus_caller_retries_total", 8.0),
    ] {
        assert_eq!(scraped.value(name, &[BUS, to_stock]), value, "{name}");
    }
    let of = |name, part, label, values: &[(&'static str, f64)]| {
        for (value_of_label, value) in values {
            let labels = [BUS, part, (label, *value_of_label)];
            assert_eq!(scraped.value(name, &labels), *value, "{labels:?}");
        }
        assert_eq!(scraped.count(name, &[BUS, part]), values.len(), "{name}");
    };
    let outcomes = [
        ("replied", 1.0),
        ("refused", 2.0),
        ("not_sent", 3.0),
        ("sent_unknown", 4.0),
        ("expired", 5.0),
        ("cancelled", 6.0),
        ("shutting_down", 7.0),
    ];
    of("livebus_caller_calls_total", to_stock, "outcome", &outcomes);
    let dropped = [
        ("foreign", 9.0),
        ("former", 10.0),
        ("late", 11.0),
        ("duplicate", 12.0),
        ("unreadable", 13.0),
    ];
    let name = "livebus_caller_replies_dropped_total";
    of(name, to_stock, "reason", &dropped);

    let stock = ("handler", "stock");
    let requests = [
        ("run", 1.0),
        ("too_late", 2.0),
        ("cancelled", 3.0),
        ("repeated", 4.0),
        ("unreadable", 5.0),
    ];
    let name = "livebus_call_handler_requests_total";
    of(name, stock, "outcome", &requests);
    for (name, value) in [
        ("livebus_call_handler_requests_held", 6.0),
        ("livebus_call_handler_replies_lost_total", 7.0),
        ("livebus_handler_registered", 0.0),
    ] {
        assert_eq!(scraped.value(name, &[BUS, stock]), value, "{name}");
    }
    assert_eq!(
        scraped.count("livebus_handler_registered", &[]),
        1,
        "a caller is no handler"
    );
    let series_of = |caller| {
        let keys = scraped.keys();
        let of_it = |it: &&&(String, Labels)| it.1.get("caller").is_some_and(|name| name == caller);
        keys.iter().filter(of_it).count()
    };
    assert_eq!(
        series_of("to-billing"),
        series_of("to-stock"),
        "all from zero"
    );
}
