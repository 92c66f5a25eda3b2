use std::time::Duration;

use livebus_core::{Backoff, Handler, OnClientLost, OnSuspicion, RejectionPolicy};

use super::*;
use crate::{Epoch, Header};

fn header(settings: Settings) -> Header {
    let handlers = vec![
        Handler::required("orders\nof all kinds"),
        Handler::optional("α"),
    ];
    let config = Config::new(settings).and_then(|config| config.with_handlers(handlers));
    Header {
        service: "message \"bus\"".to_owned(),
        began_unix_ms: 1_760_000_000_123,
        config: config.expect("valid"),
        start_state: None,
    }
}

/// Settings of which no two fields are equal, so that a mix-up is noticed.
fn all_different() -> Settings {
    let ms = Duration::from_millis;
    Settings {
        start_timeout: ms(11_001),
        start_backoff: Backoff {
            first: ms(12),
            max: ms(13),
            jitter_percent: 14,
        },
        live_interval: ms(9_015),
        liveness_timeout: ms(2_016),
        recheck_delay: Duration::from_nanos(17),
        failures_to_not_ready: 18,
        successes_to_ready: 19,
        not_live_interval: ms(1_020),
        not_live_interval_max: ms(21_000),
        on_suspicion: OnSuspicion::NotReady,
        suspicion_timeout: ms(22),
        suspicion_spacing: ms(23),
        partial_tolerance: ms(24),
        on_rejection: RejectionPolicy::NotLive,
        on_client_lost: OnClientLost::Fail,
        recreate_after: Some(ms(25_000)),
        registration_timeout: ms(26),
        registration_backoff: Backoff::fixed(ms(27)),
        drain: ms(28),
        stop_timeout: Config::MAX_DURATION,
        seed: Some(u64::MAX),
    }
}

#[test]
fn every_setting_round_trips() {
    for settings in [
        all_different(),
        Settings::default(),
        Settings::fast(),
        Settings::as_in_voltha(),
    ] {
        let header = header(settings);
        let mut text = Vec::new();
        header.encode(&mut text).expect("it can be written");
        assert_eq!(Header::decode(&text), Ok(header));
        assert_eq!(
            text.iter().position(|byte| *byte == b'\n'),
            Some(text.len() - 1)
        );
        assert!(text.starts_with(crate::reader::FIRST_BYTES));
    }
}

#[test]
fn the_start_state_round_trips() {
    let epoch = Epoch::for_reading();
    let mut header = header(all_different());
    let supervisor = Supervisor::new(header.config.clone(), epoch.began());
    header.start_state = Some(StartState {
        ns: 0,
        state: supervisor.snapshot(epoch.began()),
    });
    let mut text = Vec::new();
    header.encode(&mut text).expect("it can be written");
    let read = Header::decode(&text).expect("as it was written");
    assert_eq!(read, header);
    assert_eq!(read.machine(epoch), Ok((supervisor, epoch.began())));
}

#[test]
fn invalid_settings_are_rejected() {
    let mut text = Vec::new();
    header(Settings::default())
        .encode(&mut text)
        .expect("it can be written");
    let text = String::from_utf8(text).expect("JSON");
    let zero = text.replace(r#""drain":5000000000"#, r#""drain":0"#);
    assert!(Header::decode(zero.as_bytes()).is_ok());
    let zero = text.replace(r#""stop_timeout":5000000000"#, r#""stop_timeout":0"#);
    let damage = Header::decode(zero.as_bytes()).expect_err("zero is too short");
    assert_eq!(damage.what, "stop_timeout = 0ns: make it longer than zero");
    let more = text.replace(r#""drain""#, r#""rain":1,"drain""#);
    assert!(Header::decode(more.as_bytes()).is_err());
    let same = text.replace("α", "orders\\nof all kinds");
    let damage = Header::decode(same.as_bytes()).expect_err("two handlers with the same name");
    assert_eq!(
        damage.what,
        r#"handlers = "orders\nof all kinds": give every handler a name of its own"#
    );
    let (without, _) = text.split_once(r#","handlers""#).expect("the last field");
    assert!(Header::decode(format!("{without}}}").as_bytes()).is_err());
}
