use livebus_core::Backoff;
use livebus_core::dispatch::Delivery;

use super::*;

fn refused(handler: RequestHandler) -> String {
    let checked = handler.run(|_, _| async { Ok(()) }).check();
    let error = checked.err().expect("it is refused");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error} {}", source.unwrap_or_default())
}

fn policy(then: Then) -> FailurePolicy {
    FailurePolicy::new(0, Backoff::fixed(Duration::from_millis(1)), then)
}

#[test]
fn a_handler_that_cannot_be_right_is_refused() {
    let whole = || RequestHandler::new("h").topics(["a"]).group("g");
    for (handler, needle) in [
        (RequestHandler::new("h").topics(["a"]), "has no group"),
        (whole().concurrency(0), "limits.runs"),
        (
            whole().on_failure(policy(Then::DeadLetter)),
            "dead_letter_topic",
        ),
        (
            whole().record_timeout(Some(Duration::ZERO)),
            "record_timeout",
        ),
    ] {
        let text = refused(handler);
        assert!(text.contains(needle) && text.contains("`h`"), "{text}");
    }
}

#[test]
fn records_have_headers_unless_they_are_left_out() {
    let with_headers = |handler: RequestHandler| {
        let subscription = handler.run(|_, _| async { Ok(()) }).subscription();
        subscription.map(|it| it.with_headers)
    };
    let whole = || RequestHandler::new("h").topics(["a"]).group("g");
    assert_eq!(with_headers(whole()), Ok(true));
    assert_eq!(with_headers(whole().without_headers()), Ok(false));
}

#[test]
fn handler_that_needs_longer_than_the_supervision_for_its_shutdown_is_cut_off() {
    let default = livebus_core::Config::new(livebus_core::Settings::default());
    let bound = default.expect("the default is valid").shutdown_bound();
    let is_cut_off = |drain| {
        let handler = RequestHandler::new("h").topics(["a"]).group("g");
        let settings = Settings {
            drain,
            ..handler.current_settings().clone()
        };
        let handler = handler.settings(settings).run(|_, _| async { Ok(()) });
        let spec = handler.check().map_err(|error| error.to_string())?;
        Ok::<_, String>(spec.is_cut_off_by(bound))
    };
    let commits = 2 * RequestHandler::COMMIT_TIMEOUT;
    assert_eq!(is_cut_off(bound.saturating_sub(commits)), Ok(false));
    let longer = bound.saturating_sub(commits) + Duration::from_millis(1);
    assert_eq!(is_cut_off(longer), Ok(true));
    let default = Settings::default().drain;
    assert_eq!(is_cut_off(default), Ok(false), "by default it has the time");
}

#[test]
fn group_and_broadcast_decide_the_delivery() {
    let delivery = |handler: RequestHandler| {
        let spec = handler.run(|_, _| async { Ok(()) }).check();
        let spec = spec.map_err(|error| error.to_string());
        spec.map(|it| (it.config.settings().delivery, it.subscription.begin))
    };
    let topic = || RequestHandler::new("h").topics(["a"]);
    assert_eq!(
        delivery(topic().group("g")),
        Ok((Delivery::Group, Begin::Earliest))
    );
    assert_eq!(
        delivery(topic().broadcast()),
        Ok((Delivery::Broadcast, Begin::Latest))
    );
}
