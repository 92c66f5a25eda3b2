use super::*;

fn checked<const N: usize>(pairs: [&str; N]) -> Result<(), String> {
    let properties = Properties::parse(pairs).expect("are pairs");
    properties.check().map_err(|error| error.to_string())
}

#[track_caller]
fn refused<const N: usize>(pairs: [&str; N]) -> String {
    checked(pairs).expect_err("is refused")
}

#[test]
fn valid_properties_pass() {
    assert_eq!(checked([]), Ok(()));
    let plain = [
        "sasl.username=me",
        "sasl.password=hunter2",
        "sasl.mechanism=PLAIN",
    ];
    assert_eq!(checked(plain), Ok(()));
    assert_eq!(
        checked([
            "bootstrap.servers=PLAINTEXT://a:1,[::1]",
            "security.protocol=PLAINTEXT",
            "acks=-1",
            "linger.ms=0.5",
            "client.id=5s",
            "compression.type=gzip",
        ]),
        Ok(())
    );
}

#[test]
fn an_unknown_property_is_rejected_with_the_nearest_known() {
    for (pair, suggestion) in [
        ("lingr.ms=1", "; did you mean `linger.ms`?"),
        (
            "Security.Protocol=ssl",
            "; did you mean `security.protocol`?",
        ),
        (
            "bootstrap.server=a:1",
            "; did you mean `bootstrap.servers`?",
        ),
        ("sasl.pasword=hunter2", "; did you mean `sasl.password`?"),
        ("colour=red", ""),
    ] {
        let (key, _) = pair.split_once('=').expect("is a pair");
        assert_eq!(
            refused([pair]),
            format!("unknown property `{key}`{suggestion}")
        );
    }
}

#[test]
fn java_only_properties_are_rejected_with_the_remedy() {
    assert_eq!(
        refused(["sasl.jaas.config=org.apache.Plain required password=hunter2"]),
        "`sasl.jaas.config` is a property of Kafka's Java client: set `sasl.username` and `sasl.password`"
    );
}

#[test]
fn an_invalid_value_is_rejected_with_the_reason() {
    for (pair, expected) in [
        (
            "linger.ms=9999999",
            "`linger.ms`: value 1e+07 is outside allowed range 0..900000",
        ),
        (
            "security.protocol=tls",
            "expected plaintext, ssl, sasl_plaintext or sasl_ssl",
        ),
        ("acks=some", "expected 0, 1 or all"),
        (
            "metadata.max.age.ms=5s",
            "expected a number and nothing after it",
        ),
        ("enable.idempotence=perhaps", "true or false"),
        ("client.id=a\0b", "NUL"),
    ] {
        let error = refused([pair]);
        assert!(error.contains(expected), "{pair}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn conflicting_properties_are_rejected() {
    assert_eq!(
        refused(["enable.idempotence=true", "max.in.flight=10"]),
        "these properties conflict: \
         `max.in.flight` must be set <= 5 when `enable.idempotence` is true"
    );
}

#[test]
fn properties_that_livebus_must_set_are_rejected_with_the_reason() {
    for (pair, reason) in [
        (
            "reconnect.backoff.ms=10000",
            "livebus paces its own connects",
        ),
        (
            "reconnect.backoff.max.ms=10000",
            "livebus paces its own connects",
        ),
        (
            "socket.timeout.ms=5000",
            "it follows from `liveness_timeout`",
        ),
        ("socket.max.fails=3", "is kept"),
        (
            "metadata.recovery.strategy=rebootstrap",
            "bootstrap servers",
        ),
    ] {
        let error = refused([pair]);
        let (key, _) = pair.split_once('=').expect("is a pair");
        let start = format!("`{key}` cannot be set, since livebus must set it: ");
        assert!(error.starts_with(&start), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    for pair in [
        "hunter2=",
        "aHVudGVyMg==",
        "org.apache.kafka.PlainLoginModule required password=hunter2",
        "security.protocol=Hunter2",
        "acks=hunter2",
        "socket.keepalive.enable=hunter2",
        "linger.ms=hunter2",
        "sasl.pasword=hunter2",
    ] {
        let error = refused([pair]);
        for secret in ["hunter2", "Hunter2", "aHVudGVyMg"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
    let error = refused(["security.protocol=sasl_plaintext", "sasl.mechanism=Hunter2"]);
    assert!(!error.contains("Hunter2"), "{error}");
}

#[test]
fn addresses_are_checked() {
    let error = refused(["bootstrap.servers=a:1,b:x"]);
    assert!(error.starts_with("bad address `b:["), "{error}");
    let error = refused(["bootstrap.servers=SASL_PLAINTEXT://a:1"]);
    assert!(error.contains("security.protocol=plaintext"), "{error}");
}

#[test]
fn an_unknown_mechanism_is_rejected() {
    let error = refused(["security.protocol=sasl_plaintext", "sasl.mechanism=plain"]);
    assert!(
        error.contains("`plain` is unknown; expected PLAIN,"),
        "{error}"
    );
}

#[test]
fn the_error_of_a_missing_feature_names_it() {
    let cases: [(bool, &[&str], &str); 6] = [
        (
            cfg!(feature = "ssl"),
            &["security.protocol=SASL_SSL"],
            "ssl",
        ),
        (cfg!(feature = "ssl"), &["ssl.key.pem=hunter2"], "ssl"),
        (
            cfg!(feature = "ssl"),
            &[
                "security.protocol=sasl_plaintext",
                "sasl.mechanism=SCRAM-SHA-256",
            ],
            "ssl",
        ),
        (
            cfg!(feature = "ssl"),
            &[
                "security.protocol=sasl_plaintext",
                "sasl.mechanism=OAUTHBEARER",
            ],
            "ssl",
        ),
        (
            cfg!(feature = "sasl"),
            &["security.protocol=sasl_plaintext"],
            "sasl",
        ),
        (cfg!(feature = "zstd"), &["compression.type=zstd"], "zstd"),
    ];
    for (built_in, pairs, feature) in cases {
        let properties = Properties::parse(pairs).expect("are pairs");
        let error = properties
            .check()
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        let named = error.contains(&format!("cargo feature `{feature}`"));
        assert_eq!(named, !built_in, "{pairs:?}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_number_with_text_after_it_is_no_number_also_out_of_range() {
    let said = refused(["queue.buffering.max.kbytes=0s"]);
    assert!(said.contains("expected a number"), "{said}");
    let said = refused(["queue.buffering.max.kbytes=0"]);
    assert!(!said.contains("expected a number"), "{said}");
}

#[test]
fn a_wrong_word_or_number_is_shown() {
    for pair in [
        "isolation.level=read_committedd",
        "linger.ms=9999999",
        "linger.ms=9999999.5",
    ] {
        let (_, value) = pair.split_once('=').expect("is a pair");
        assert!(is_word(value), "{value}");
        let said = refused([pair]);
        assert!(!said.contains(NOT_SHOWN), "{said}");
    }
    assert!(!is_word("Hunter2") && !is_word("hunter2") && !is_word("a.b"));
}

#[test]
fn an_error_of_a_client_has_no_secret() {
    let pairs = ["sasl.password=hunter2", "ssl.key.password=", "client.id=a"];
    let properties = Properties::parse(pairs).expect("are pairs");
    let text = |text: &str| {
        let error = KafkaError::ClientCreation(text.to_owned());
        without_secrets(&error, &properties)
    };
    assert_eq!(text("a says hunter2"), "a says [redacted]");
}

#[test]
fn librdkafka_says_what_it_was_built_with() {
    let features = builtin_features();
    assert!(features.split(',').any(|it| it == "gzip"), "{features}");
}

#[cfg(not(feature = "ssl"))]
#[test]
fn a_property_that_is_not_built_in_does_not_show_its_value() {
    for pair in ["ssl.cipher.suites=hunter2", "ssl.key.pem=hunter2"] {
        let said = refused([pair]);
        assert!(said.contains("TLS") && !said.contains("hunter2"), "{said}");
    }
}
