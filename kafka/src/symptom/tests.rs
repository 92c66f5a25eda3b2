//! Real texts of librdkafka 2.12.1 (rdkafka 0.39, OpenSSL 3.0.19), collected from Apache Kafka 4.1.1 and from listeners that are no
//! broker.

use livebus_core::FailureClass::{
    self, Authentication, NameResolution, SecurityProtocol, Tls, Unreachable, Unresponsive,
};

use super::Strength::{Certain, Likely, Vague};
use super::*;
use crate::error_class::{classify, known};

#[track_caller]
fn check(code: i32, text: &str, class: FailureClass, strength: Strength, address: &str) {
    let code = known(code).expect("librdkafka has it");
    let failure = Failure::with_code(classify(code), code as i32);
    let symptom = Symptom::of(failure, text);
    let found = (
        symptom.failure.class,
        symptom.strength,
        symptom.address.unwrap_or(""),
    );
    assert_eq!(found, (class, strength, address), "{text}: {symptom:?}");
    assert_eq!(symptom.failure.code, failure.code, "{text}");
    let reason = &symptom.reason;
    assert!(
        !reason.contains("/bootstrap") && !reason.contains("in state"),
        "{reason}"
    );
}

#[test]
fn errors_show_what_librdkafka_says_about_them() {
    #[rustfmt::skip]
    let rows: &[(i32, &str, FailureClass, Strength, &str)] = &[
        (-195, "127.0.0.1:29111/bootstrap: Connect to ipv4#127.0.0.1:29111 failed: Connection refused (after 0ms in state CONNECT)", Unreachable, Certain, "127.0.0.1:29111"),
        (-195, "127.0.0.1:29111/1: Connect to ipv4#127.0.0.1:29111 failed: Connection refused (after 0ms in state CONNECT, 1 identical error(s) suppressed)", Unreachable, Certain, "127.0.0.1:29111"),
        (-195, "[::1]:9092/2: Connect to ipv6#[::1]:9092 failed: No route to host (after 3ms in state CONNECT)", Unreachable, Certain, "[::1]:9092"),
        (-193, "nosuch.invalid:9092/bootstrap: Failed to resolve 'nosuch.invalid:9092': Name or service not known (after 0ms in state CONNECT)", NameResolution, Certain, "nosuch.invalid:9092"),
        (-187, "1/1 brokers are down", Unreachable, Vague, ""),
        (-195, "ssl://127.0.0.1:29192/bootstrap: SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker listener? (after 5ms in state SSL_HANDSHAKE)", SecurityProtocol, Likely, "127.0.0.1:29192"),
        (-169, "sasl_plaintext://127.0.0.1:29192/bootstrap: SASL PLAIN mechanism handshake failed: Broker: Request not valid in current SASL state: broker's supported mechanisms:  (after 1ms in state AUTH_HANDSHAKE)", SecurityProtocol, Certain, "127.0.0.1:29192"),
        (-169, "sasl_plaintext://127.0.0.1:29194/bootstrap: SASL authentication error: Authentication failed: Invalid username or password (after 329ms in state AUTH_REQ)", Authentication, Certain, "127.0.0.1:29194"),
        (-169, "sasl_plaintext://127.0.0.1:29194/bootstrap: SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: PLAIN,SCRAM-SHA-256 (after 301ms in state AUTH_HANDSHAKE)", Authentication, Certain, "127.0.0.1:29194"),
        (-181, "ssl://127.0.0.1:29193/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified, verify that ssl.ca.location is correctly configured or root CA certificates are installed (install ca-certificates package) (after 27ms in state SSL_HANDSHAKE)", Tls, Certain, "127.0.0.1:29193"),
        (-195, "ssl://127.0.0.1:29196/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42 (after 1ms in state APIVERSION_QUERY)", Tls, Certain, "127.0.0.1:29196"),
        (-195, "ssl://127.0.0.1:29195/bootstrap: Send failed: SSL transport error: Broken pipe (after 0ms in state UP)", SecurityProtocol, Likely, "127.0.0.1:29195"),
        (-195, "127.0.0.1:9092/1: Send failed: Broken pipe (after 87654ms in state UP)", Unreachable, Vague, "127.0.0.1:9092"),
        (-195, "127.0.0.1:9092/1: Send failed: Broken pipe (after 999ms in state UP)", SecurityProtocol, Likely, "127.0.0.1:9092"),
        (-195, "127.0.0.1:9092/1: Send failed: Broken pipe (after 1000ms in state UP)", Unreachable, Vague, "127.0.0.1:9092"),
    ];
    for (code, text, class, strength, address) in rows {
        check(*code, text, *class, *strength, address);
    }
}

#[test]
fn log_lines_show_what_is_no_error_to_librdkafka() {
    #[rustfmt::skip]
    let rows: &[(&str, &str, FailureClass, Strength, &str)] = &[
        ("FAIL", "[thrd:127.0.0.1:29193/bootstrap]: 127.0.0.1:29193/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 2ms in state APIVERSION_QUERY, 1 identical error(s) suppressed)", SecurityProtocol, Likely, "127.0.0.1:29193"),
        ("FAIL", "[thrd:127.0.0.1:29194/bootstrap]: 127.0.0.1:29194/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 1ms in state UP)", SecurityProtocol, Likely, "127.0.0.1:29194"),
        ("FAIL", "[thrd:ssl://127.0.0.1:29195/bootstrap]: ssl://127.0.0.1:29195/bootstrap: Disconnected: SSL connection closed by peer (after 0ms in state UP)", SecurityProtocol, Likely, "127.0.0.1:29195"),
        ("FAIL", "[thrd:sasl_ssl://127.0.0.1:29195/1]: sasl_ssl://127.0.0.1:29195/1: Disconnected: SSL connection closed by peer (after 0ms in state UP)", Unreachable, Vague, "127.0.0.1:29195"),
        ("FAIL", "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Disconnected (after 41234ms in state UP)", Unreachable, Vague, "127.0.0.1:9092"),
        ("FAIL", "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Connection setup timed out in state CONNECT (after 3004ms in state CONNECT)", Unreachable, Certain, "127.0.0.1:9092"),
        ("FAIL", "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Connection setup timed out in state APIVERSION_QUERY (after 3004ms in state APIVERSION_QUERY)", Unresponsive, Certain, "127.0.0.1:9092"),
        ("METADATA", "[thrd:main]: localhost:9093/bootstrap: Metadata request failed: connected: Local: Required feature not supported by broker (0ms): Permanent", SecurityProtocol, Certain, "localhost:9093"),
        ("REQTMOUT", "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Timed out ProduceRequest in flight (after 60048ms, timeout #0)", Unresponsive, Certain, "127.0.0.1:9092"),
    ];
    for (facility, text, class, strength, address) in rows {
        let symptom = Symptom::of_log(facility, text).expect("it is about a broker");
        let found = (
            symptom.failure.class,
            symptom.strength,
            symptom.address.unwrap_or(""),
        );
        assert_eq!(found, (*class, *strength, *address), "{text}: {symptom:?}");
    }
    let refused = "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)";
    assert_eq!(
        Symptom::of_log("FAIL", refused),
        None,
        "it is an error, too"
    );
    assert_eq!(
        Symptom::of_log("CONFWARN", "127.0.0.1:1/1: Disconnected"),
        None
    );
}

#[test]
fn a_class_that_says_more_than_the_text_is_kept() {
    let text = "127.0.0.1:9092/1: something else";
    check(
        29,
        text,
        FailureClass::Authorization,
        Certain,
        "127.0.0.1:9092",
    );
}

#[test]
fn a_text_without_the_name_of_a_broker_has_no_address() {
    for text in [
        "/etc/ca.pem: no such file",
        "host:9092/no id: no such file",
        "1/2: no such file",
    ] {
        let symptom = Symptom::of(FailureClass::Tls.into(), text);
        assert_eq!(symptom.address, None, "{text}");
        assert_eq!(symptom.reason, text);
    }
}
