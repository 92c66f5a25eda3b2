use std::fs;

use super::*;

#[test]
fn a_file_without_an_end_is_refused() {
    let endless = Properties::new()
        .load(Path::new("/dev/zero"))
        .map(drop)
        .expect_err("it has no end");
    assert!(matches!(endless, PropertyError::Read { .. }), "{endless}");
}

#[test]
fn a_later_value_overrides_an_earlier_one_under_any_name() {
    let pairs = ["linger.ms=1", "queue.buffering.max.ms = 2", "acks=all"];
    let properties = Properties::parse(pairs).expect("are pairs");
    assert_eq!(properties.to_string(), "acks=all\nlinger.ms=2\n");
    assert_eq!(properties.get("queue.buffering.max.ms"), Some("2"));
}

#[test]
fn applying_leaves_one_name_for_each_property() {
    let mut config = ClientConfig::new();
    config.set("metadata.broker.list", "a:1").set("acks", "1");
    Properties::new()
        .set("bootstrap.servers", "b:2")
        .apply(&mut config);
    assert_eq!(
        Vec::from_iter(config.config_map()),
        [("acks", "1"), ("bootstrap.servers", "b:2")]
    );
}

#[test]
fn synonyms_set_the_same_property_of_librdkafka() {
    for (other, canonical) in SYNONYMS {
        let value = match canonical {
            "bootstrap.servers" => "a:1",
            "compression.codec" => "gzip",
            "sasl.mechanism" => "PLAIN",
            _ => "7",
        };
        let mut config = ClientConfig::new();
        config.set(other, value);
        match config.create_native_config() {
            Ok(native) => assert_eq!(native.get(canonical).expect("is known"), value),
            Err(error) => assert!(error.to_string().contains("not supported in this build")),
        }
    }
}

#[test]
fn a_value_may_hold_an_equals_sign_and_be_empty() {
    let properties = Properties::parse(["sasl.password=a=b", "client.id="]).expect("are pairs");
    assert_eq!(properties.get("sasl.password"), Some("a=b"));
    assert_eq!(properties.get("client.id"), Some(""));
}

#[test]
fn the_error_of_an_invalid_pair_does_not_show_it() {
    for text in ["hunter2", "=hunter2", " = hunter2"] {
        let error = Properties::new()
            .set_pair(text)
            .expect_err("no pair")
            .to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn secrets_are_never_shown() {
    for key in [
        "sasl.password",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.key.pem",
        "SSL.Key.Pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.jaas.config",
        "sasl.pasword",
        "sasl.oauthbearer.extensions",
        "sasl.kerberos.kinit.cmd",
    ] {
        let mut properties = Properties::new();
        properties.set(key, "hunter2").set("client.id", "me");
        for shown in [format!("{properties}"), format!("{properties:?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(
                shown.contains("[redacted]") && shown.contains("me"),
                "{shown}"
            );
        }
    }
}

#[test]
fn a_file_is_loaded_and_its_errors_have_the_line() {
    let path = std::env::temp_dir().join(format!("livebus-{}.properties", std::process::id()));
    let mut properties = Properties::new();
    properties.set("acks", "1");

    fs::write(&path, "# mine\nacks=all\nclient.id: me\n").expect("is written");
    properties.load(&path).expect("loads");
    assert_eq!(properties.to_string(), "acks=all\nclient.id=me\n");

    fs::write(&path, "acks=0\n\nclient.id\n").expect("is written");
    let error = properties.load(&path).expect_err("line 3").to_string();
    assert!(
        error.starts_with(&format!("{}:3: ", path.display())),
        "{error}"
    );
    assert_eq!(properties.get("acks"), Some("all"), "nothing was set");

    fs::remove_file(&path).expect("is removed");
    let error = properties.load(&path).expect_err("is gone").to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
}

#[test]
fn a_file_may_have_one_mebibyte_and_no_more() {
    let path = std::env::temp_dir().join(format!("livebus-bounded-{}", std::process::id()));
    let load = |bytes: usize| {
        let text = "client.id=a";
        let text = format!("{text}{}", " ".repeat(bytes - text.len()));
        fs::write(&path, text).expect("a file");
        Properties::new().load(&path).map(|it| it.to_string())
    };
    let (full, longer) = (load(1 << 20), load((1 << 20) + 1));
    fs::remove_file(&path).expect("it is there");
    assert_eq!(full.expect("it is not longer"), "client.id=a\n");
    assert!(matches!(longer, Err(PropertyError::Read { .. })));
}

#[test]
fn other_properties_replace_earlier_values() {
    let mut properties = Properties::parse(["acks=1", "linger.ms=1"]).expect("are pairs");
    let others = Properties::parse(["acks=all", "retries=2"]).expect("are pairs");
    let text = properties.extend(others).to_string();
    assert_eq!(text, "acks=all\nlinger.ms=1\nretries=2\n");
}

#[test]
fn only_a_url_with_a_user_is_hidden_for_its_value() {
    for (value, is_shown) in [
        ("https://idp/token", true),
        ("me@host", true),
        ("https://me@idp/token", false),
    ] {
        assert_eq!(shown("client.id", value) == value, is_shown, "{value}");
    }
}

#[test]
fn the_secrets_are_the_values_of_secret_keys() {
    let pairs = ["client.id=a", "sasl.password=hunter2", "unknown.key=b"];
    let properties = Properties::parse(pairs).expect("are pairs");
    let secrets: Vec<_> = properties.secrets().collect();
    assert_eq!(secrets, ["hunter2", "b"]);
}

#[test]
fn all_wrong_properties_of_a_file_are_reported_with_their_lines() {
    let path = std::env::temp_dir().join(format!("livebus-wrong-{}", std::process::id()));
    let text = "# mine\nsasl.jaas.config = hunter2\nacks=all\ncolour=red\n\nkey.serializer=x\n";
    fs::write(&path, text).expect("is written");
    let mut properties = Properties::new();
    properties.load(&path).expect("loads");
    properties.set("lingr.ms", "1");
    let error = properties.check().expect_err("is wrong").to_string();
    fs::remove_file(&path).expect("is removed");
    let name = path.display();
    let lines: Vec<&str> = error.lines().collect();
    let begins = [
        "unknown property `lingr.ms`".to_owned(),
        format!("{name}:2: `sasl.jaas.config` is a property of Kafka's Java client"),
        format!("{name}:4: unknown property `colour`"),
        format!("{name}:6: `key.serializer` is a property of Kafka's Java client"),
    ];
    assert_eq!(lines.len(), begins.len(), "{error}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(&begin), "{line}");
    }
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_wrong_address_or_mechanism_in_a_file_is_reported_with_its_line() {
    let path = std::env::temp_dir().join(format!("livebus-address-{}", std::process::id()));
    for text in [
        "acks=all\nbootstrap.servers=a:b\n",
        "security.protocol=sasl_plaintext\nsasl.mechanism=NONE\n",
    ] {
        fs::write(&path, text).expect("is written");
        let mut properties = Properties::new();
        properties.load(&path).expect("loads");
        let error = properties.check().expect_err("is wrong").to_string();
        assert!(
            error.starts_with(&format!("{}:2: ", path.display())),
            "{error}"
        );
    }
    fs::remove_file(&path).expect("is removed");
}

#[test]
fn the_keys_of_secrets_are_those_with_a_value() {
    let pairs = ["sasl.password=x", "ssl.key.password=", "client.id=y"];
    let properties = Properties::parse(pairs).expect("are pairs");
    let keys: Vec<&str> = properties.secret_keys().collect();
    assert_eq!(keys, ["sasl.password"]);
}
