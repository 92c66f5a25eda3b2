use super::*;

/// Every field: how to make it wrong, and a word of the remedy.
#[test]
#[expect(clippy::too_many_lines, reason = "a table, one row per mistake")]
fn every_field_that_can_be_wrong_is_refused_by_name() {
    type Change = fn(&mut Settings);
    const ZERO: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_hours(366 * 24);
    let cases: &[(&str, Change, &str)] = &[
        (
            "start_timeout",
            |s| s.start_timeout = ZERO,
            "longer than zero",
        ),
        ("start_timeout", |s| s.start_timeout = LONG, "365 days"),
        (
            "start_timeout",
            |s| s.start_timeout = Duration::MAX,
            "365 days",
        ),
        (
            "start_backoff",
            |s| s.start_backoff.first = ZERO,
            "`first` longer than zero",
        ),
        (
            "start_backoff",
            |s| s.start_backoff.max = Duration::from_millis(499),
            "at least `first`",
        ),
        (
            "start_backoff",
            |s| s.start_backoff.max = Duration::MAX,
            "365 days",
        ),
        (
            "start_backoff",
            |s| s.start_backoff.jitter_percent = 101,
            "0 to 100",
        ),
        (
            "live_interval",
            |s| s.live_interval = ZERO,
            "longer than zero",
        ),
        ("live_interval", |s| s.live_interval = LONG, "365 days"),
        (
            "liveness_timeout",
            |s| s.liveness_timeout = ZERO,
            "longer than zero",
        ),
        (
            "liveness_timeout",
            |s| s.liveness_timeout = Duration::from_millis(5_001),
            "at most live_interval",
        ),
        (
            "recheck_delay",
            |s| s.recheck_delay = ZERO,
            "longer than zero",
        ),
        (
            "recheck_delay",
            |s| s.recheck_delay = Duration::from_millis(5_001),
            "at most live_interval",
        ),
        (
            "failures_to_not_ready",
            |s| s.failures_to_not_ready = 0,
            "1 to 1,000",
        ),
        (
            "failures_to_not_ready",
            |s| s.failures_to_not_ready = 1_001,
            "1 to 1,000",
        ),
        (
            "failures_to_not_ready",
            |s| {
                s.live_interval = Config::MAX_DURATION;
                s.liveness_timeout = Config::MAX_DURATION;
            },
            "the detection bound at most 365 days",
        ),
        (
            "successes_to_ready",
            |s| s.successes_to_ready = 0,
            "1 to 1,000",
        ),
        (
            "successes_to_ready",
            |s| s.successes_to_ready = 1_001,
            "1 to 1,000",
        ),
        (
            "not_live_interval",
            |s| s.not_live_interval = ZERO,
            "longer than zero",
        ),
        (
            "not_live_interval_max",
            |s| s.not_live_interval_max = Duration::from_millis(999),
            "at least not_live_interval",
        ),
        (
            "not_live_interval_max",
            |s| s.not_live_interval_max = LONG,
            "365 days",
        ),
        (
            "suspicion_timeout",
            |s| s.suspicion_timeout = ZERO,
            "longer than zero",
        ),
        (
            "suspicion_timeout",
            |s| s.suspicion_timeout = Duration::from_millis(2_001),
            "at most liveness_timeout",
        ),
        (
            "suspicion_spacing",
            |s| s.suspicion_spacing = ZERO,
            "longer than zero",
        ),
        (
            "suspicion_spacing",
            |s| s.suspicion_spacing = Duration::from_millis(5_001),
            "at most live_interval",
        ),
        (
            "partial_tolerance",
            |s| s.partial_tolerance = LONG,
            "365 days",
        ),
        (
            "recreate_after",
            |s| s.recreate_after = Some(ZERO),
            "longer than zero",
        ),
        (
            "recreate_after",
            |s| s.recreate_after = Some(Duration::from_secs(5)),
            "longer than not_live_interval_max",
        ),
        (
            "registration_timeout",
            |s| s.registration_timeout = ZERO,
            "longer than zero",
        ),
        (
            "registration_backoff",
            |s| s.registration_backoff.first = ZERO,
            "`first` longer than zero",
        ),
        ("drain", |s| s.drain = LONG, "365 days"),
        (
            "stop_timeout",
            |s| s.stop_timeout = ZERO,
            "longer than zero",
        ),
    ];
    for (field, change, remedy) in cases {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = Config::new(settings).expect_err(field);
        assert_eq!(error.field, *field);
        let text = error.to_string();
        assert!(text.starts_with(&format!("{field} = ")), "{text}");
        assert!(error.remedy.contains(remedy), "{text}");
    }
    // The rest cannot be wrong: they are choices, a seed, or a yes and no. Destructured so that a new field does
    // not compile until it is considered here.
    let Settings {
        start_timeout: _,
        start_backoff: _,
        live_interval: _,
        liveness_timeout: _,
        recheck_delay: _,
        failures_to_not_ready: _,
        successes_to_ready: _,
        not_live_interval: _,
        not_live_interval_max: _,
        on_suspicion: _,
        suspicion_timeout: _,
        suspicion_spacing: _,
        partial_tolerance: _,
        on_rejection: _,
        on_client_lost: _,
        recreate_after: _,
        registration_timeout: _,
        registration_backoff: _,
        drain: _,
        stop_timeout: _,
        seed: _,
    } = Settings::default();
}

#[test]
fn the_presets_are_valid_with_their_documented_bounds() {
    let bound = |settings| Config::new(settings).map(|c| c.detection_bound());
    assert_eq!(bound(Settings::default()), Ok(Duration::from_millis(9_500)));
    assert_eq!(bound(Settings::fast()), Ok(Duration::from_millis(800)));
    assert_eq!(bound(Settings::as_in_voltha()), Ok(Duration::from_mins(2)));
}

#[test]
fn the_limits_themselves_are_allowed() {
    let config = Config::new(Settings {
        liveness_timeout: Duration::from_secs(5),
        recheck_delay: Duration::from_secs(5),
        suspicion_timeout: Duration::from_secs(5),
        suspicion_spacing: Duration::from_secs(5),
        not_live_interval_max: Duration::from_secs(1),
        failures_to_not_ready: 1_000,
        successes_to_ready: 1_000,
        partial_tolerance: Duration::ZERO,
        drain: Duration::ZERO,
        start_timeout: Config::MAX_DURATION,
        ..Settings::default()
    });
    assert!(config.is_ok(), "{config:?}");
}

#[test]
fn the_bounds_follow_from_the_settings() {
    let config = Config::new(Settings::default()).expect("the default is valid");
    assert_eq!(
        config.partial_detection_bound(),
        Duration::from_millis(29_500)
    );
    assert_eq!(config.shutdown_bound(), Duration::from_secs(10));
}

#[test]
fn handlers_without_a_name_of_their_own_or_too_many_are_refused() {
    let too_many = (0..=Config::MAX_HANDLERS).map(|i| Handler::required(i.to_string()));
    let cases = [
        (
            vec![Handler::required("")],
            "handlers = \"\": give every handler a name",
        ),
        (
            vec![Handler::required("a"), Handler::optional("a")],
            "handlers = \"a\": give every handler a name of its own",
        ),
        (
            too_many.collect(),
            "handlers = 1001: have at most 1,000 of them",
        ),
    ];
    for (handlers, text) in cases {
        let config = Config::new(Settings::default()).expect("the default is valid");
        let error = config.with_handlers(handlers).expect_err(text);
        assert_eq!(
            (error.field, error.to_string()),
            ("handlers", text.to_owned())
        );
    }
}

#[test]
fn the_maximum_duration_is_a_year() {
    let seconds = Config::MAX_DURATION.as_secs();
    assert_eq!(seconds, 31_536_000);
}

#[test]
fn maximum_of_every_setting_is_allowed() {
    let maximum = Backoff {
        first: Config::MAX_DURATION,
        max: Config::MAX_DURATION,
        jitter_percent: 100,
    };
    let handlers = (0..Config::MAX_HANDLERS).map(|i| Handler::required(i.to_string()));
    let config = Config::new(Settings {
        start_backoff: maximum,
        registration_backoff: maximum,
        live_interval: Config::MAX_DURATION / 2,
        liveness_timeout: Config::MAX_DURATION / 2,
        failures_to_not_ready: 1,
        ..Settings::default()
    });
    let config = config.and_then(|config| config.with_handlers(handlers.collect()));
    let config = config.expect("each is at its maximum");
    assert_eq!(config.detection_bound(), Config::MAX_DURATION);
}
