//! The table of `docs/causes.md`: for each situation, what librdkafka, Kafka or the system says, and the line that a person reads.
//!
//! `LIVEBUS_UPDATE_DOCS=1 cargo test -p livebus-kafka --lib causes` writes the table.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use std::{env, fs, io};

use livebus_core::{Cause, Failure, FailureKind};

use super::*;
use crate::error_class::{classify, known};

/// What was said, in this order.
enum Said {
    /// An error of librdkafka: its code and its text.
    Error(i32, &'static str),
    /// A line of librdkafka's log.
    Log(&'static str, &'static str),
    /// The result of a TCP connect to an address of a bus that is silent, or that was down.
    Connected(&'static str, Option<i32>, bool),
    /// A broker's answer to a record or a request.
    Answered(i32),
    /// What a round found out.
    Found(FailureClass),
    /// A broker delays its answers.
    Throttled(&'static str, u64),
    /// The bus has worked, with these brokers.
    Worked(&'static [&'static str]),
}

use Said::{Answered, Connected, Error, Found, Log, Throttled, Worked};

const REFUSED: &str = "kafka-1:9092/bootstrap: Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)";
const DOWN: Said = Error(-187, "1/1 brokers are down");

#[rustfmt::skip]
const SITUATIONS: &[(&str, &[Said])] = &[
    ("no broker runs at the address", &[Error(-195, REFUSED), DOWN]),
    ("a firewall swallows the connection", &[DOWN, Connected("kafka-1:9092", Some(110), true)]),
    ("there is no route", &[Connected("kafka-1:9092", Some(113), true), DOWN]),
    ("the name does not resolve", &[Error(-193, "kafka-1:9092/bootstrap: Failed to resolve 'kafka-1:9092': Name or service not known (after 0ms in state CONNECT)"), DOWN]),
    ("the broker hangs: it is stopped, or starved (row 5)", &[Worked(&["kafka-1:9092"]), Connected("kafka-1:9092", None, false), DOWN]),
    ("the broker hangs, and a request has timed out", &[Worked(&["kafka-1:9092"]), Connected("kafka-1:9092", None, false), Log("REQTMOUT", "[thrd:kafka-1:9092/1]: kafka-1:9092/1: Timed out 1 in-flight, 0 retry-queued, 0 out-queue, 0 partially-sent requests"), DOWN]),
    ("the broker hangs, and nothing more is known yet", &[Worked(&["kafka-1:9092"]), Found(FailureClass::Timeout)]),
    ("one of three brokers is dead, and the leaders do not answer", &[Worked(&["kafka-1:9092", "kafka-2:9092", "kafka-3:9092"]), Error(-195, "kafka-2:9092/2: Connect to ipv4#10.0.0.2:9092 failed: Connection refused (after 0ms in state CONNECT)"), Found(FailureClass::BrokerUnreachable)]),
    ("plaintext client, TLS port (row 7)", &[Log("FAIL", "[thrd:kafka-1:9092/bootstrap]: kafka-1:9092/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 2ms in state APIVERSION_QUERY)"), DOWN, Connected("kafka-1:9092", None, false)]),
    ("plaintext client, SASL port", &[Log("FAIL", "[thrd:kafka-1:9092/bootstrap]: kafka-1:9092/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 1ms in state UP)"), DOWN]),
    ("TLS client, plaintext port", &[Error(-195, "ssl://kafka-1:9092/bootstrap: SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker listener? (after 5ms in state SSL_HANDSHAKE)"), DOWN]),
    ("TLS client, SASL port with TLS", &[Log("FAIL", "[thrd:ssl://kafka-1:9092/bootstrap]: ssl://kafka-1:9092/bootstrap: Disconnected: SSL connection closed by peer (after 0ms in state UP)"), DOWN]),
    ("SASL client, plaintext port", &[Error(-169, "sasl_plaintext://kafka-1:9092/bootstrap: SASL PLAIN mechanism handshake failed: Broker: Request not valid in current SASL state: broker's supported mechanisms:  (after 1ms in state AUTH_HANDSHAKE)"), DOWN]),
    ("the CA is unknown, the certificate expired, or it is for another host", &[Error(-181, "ssl://kafka-1:9092/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified, verify that ssl.ca.location is correctly configured or root CA certificates are installed (install ca-certificates package) (after 27ms in state SSL_HANDSHAKE)"), DOWN]),
    ("the broker requires a client certificate", &[Error(-195, "ssl://kafka-1:9092/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42 (after 1ms in state APIVERSION_QUERY)"), DOWN]),
    ("the port is that of a KRaft controller", &[Log("METADATA", "[thrd:main]: kafka-1:9092/bootstrap: Metadata request failed: connected: Local: Required feature not supported by broker (0ms): Permanent"), Connected("kafka-1:9092", None, false), DOWN]),
    ("wrong password (row 11)", &[Error(-169, "sasl_plaintext://kafka-1:9092/bootstrap: SASL authentication error: Authentication failed: Invalid username or password (after 329ms in state AUTH_REQ)"), DOWN]),
    ("the mechanism is not enabled", &[Error(-169, "sasl_plaintext://kafka-1:9092/bootstrap: SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: PLAIN,SCRAM-SHA-256 (after 301ms in state AUTH_HANDSHAKE)"), DOWN]),
    ("`advertised.listeners` names a dead port (row 8)", &[Error(-195, "kafka-7:9099/7: Connect to ipv4#10.0.0.7:9099 failed: Connection refused (after 0ms in state CONNECT)"), DOWN]),
    ("`advertised.listeners` has a name that does not resolve here", &[Error(-193, "kafka-0.internal:9092/0: Failed to resolve 'kafka-0.internal:9092': Name or service not known (after 0ms in state CONNECT)"), DOWN]),
    ("another cluster answers", &[Found(FailureClass::WrongCluster)]),
    ("no right to write to the topic", &[Answered(29)]),
    ("no right on the cluster", &[Answered(31)]),
    ("no right on the group", &[Answered(30)]),
    ("the topic is missing, or hidden from this user", &[Answered(3)]),
    ("an invalid topic name", &[Answered(17)]),
    ("the record is too large for the topic (row 10)", &[Answered(10)]),
    ("the clocks differ (row 9)", &[Answered(32)]),
    ("the topic requires other records", &[Answered(87)]),
    ("the record arrives damaged", &[Answered(2)]),
    ("a policy of the cluster refuses the request", &[Answered(44)]),
    ("a produce quota (row 6)", &[Throttled("kafka-1:9092", 9_472), Found(FailureClass::Throttled)]),
    ("the partition has no leader", &[Answered(5)]),
    ("the leader's disk is full or fails", &[Answered(56)]),
    ("the leaders wait for the other replicas (row 1b)", &[Found(FailureClass::ReplicasSilent)]),
    ("too few replicas are in sync (row 1)", &[Answered(19)]),
    ("the broker fails inside", &[Answered(-1)]),
    ("another producer has taken over the `transactional.id`", &[Answered(90)]),
    ("the client's own queue is full", &[Answered(-184)]),
];

/// Returns the line of a situation, without the time.
fn line(said: &[Said]) -> String {
    let facts = Facts::new(vec!["kafka-1:9092".to_owned()], Vec::new());
    let mut failure = Failure::new(FailureClass::Timeout);
    for said in said {
        match *said {
            Error(code, text) => {
                let code = known(code).expect("librdkafka has it");
                let of_code = Failure::with_code(classify(code), code as i32);
                facts.observe(&Symptom::of(of_code, text));
            }
            Log(facility, text) => {
                let symptom = Symptom::of_log(facility, text).expect("it is about a broker");
                facts.observe(&symptom);
            }
            Connected(address, error, was_down) => {
                let error = error.map(io::Error::from_raw_os_error);
                facts.connected(address, error.as_ref(), was_down);
            }
            Answered(code) => {
                let code = known(code).expect("librdkafka has it");
                failure = Failure::with_code(classify(code), code as i32);
            }
            Found(class) => failure = class.into(),
            Throttled(address, ms) => facts.throttled(address, Duration::from_millis(ms)),
            Worked(brokers) => {
                facts.set_brokers(brokers.iter().copied().map(str::to_owned));
                facts.clear();
            }
        }
    }
    let failure = facts.known(failure);
    let explanation = facts.explanation(failure);
    match failure.class.kind() {
        FailureKind::Definitive | FailureKind::Ambiguous => {
            let cause = Cause::LivenessFailed(failure);
            format!("NotReady: {}", explanation.describe_cause(cause))
        }
        FailureKind::Partial | FailureKind::Rejected => {
            let warning = explanation.describe(failure);
            format!("Running: {}, with a warning: {warning}", Cause::Evidence)
        }
    }
}

#[test]
fn the_table_of_causes_is_up_to_date() {
    const BEGIN: &str = "| situation | the line |\n|---|---|\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/causes.md");
    let page = fs::read_to_string(&path).expect("the page exists");
    let (before, rest) = page.split_once(BEGIN).expect("it has the table");
    let after = rest.find("\n\n").map_or("", |end| &rest[end + 1..]);
    let mut expected = format!("{before}{BEGIN}");
    for (situation, said) in SITUATIONS {
        // Writing to a string cannot fail.
        let _ = writeln!(expected, "| {situation} | {} |", line(said));
    }
    expected.push_str(after);
    if env::var_os("LIVEBUS_UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).expect("the page can be written");
    }
    let page = fs::read_to_string(&path).expect("the page exists");
    assert!(
        page == expected,
        "docs/causes.md is out of date: see the head of this file"
    );
}

#[test]
fn each_line_names_an_address_or_a_code_and_says_what_to_do() {
    for (situation, said) in SITUATIONS {
        let line = line(said);
        assert!(line.contains("; "), "{situation}: no remedy in {line}");
        assert!(!line.contains("brokers are down"), "{situation}: {line}");
    }
}
