//! What an error or a log line of librdkafka shows. Its code says too little: nearly everything on the way to a broker is
//! `_TRANSPORT`.

use std::borrow::Cow;

use livebus_core::{Failure, FailureClass};
use rdkafka::error::RDKafkaErrorCode;

/// What one error or log line shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symptom<'a> {
    pub(crate) failure: Failure,
    /// The address of the broker that it is about: `host:port`.
    pub(crate) address: Option<&'a str>,
    /// librdkafka's text, without the name of the broker and without how long that was in which state.
    pub(crate) reason: Cow<'a, str>,
    /// How much it proves.
    pub(crate) strength: Strength,
}

/// How much a fact proves, besides that something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// It may follow from almost anything.
    Vague,
    /// It follows from the failure that is named, or from a broker that goes away at that instant: from the former if the broker has
    /// never worked.
    Likely,
    /// It follows from the failure that is named.
    Certain,
}

/// The texts that show more than their code, the more specific first. They are those of librdkafka 2.12.1 with OpenSSL 3.0; each is
/// pinned by a test.
const TEXTS: &[(&str, FailureClass, Strength)] = {
    use FailureClass as Class;
    use Strength::{Certain, Likely, Vague};

    &[
        (
            "not valid in current SASL state",
            Class::SecurityProtocol,
            Certain,
        ),
        ("wrong version number", Class::SecurityProtocol, Certain),
        ("packet length too long", Class::SecurityProtocol, Certain),
        ("Invalid response size", Class::SecurityProtocol, Certain),
        (NO_BROKER, Class::SecurityProtocol, Certain),
        (
            "connecting to a PLAINTEXT broker listener",
            Class::SecurityProtocol,
            Likely,
        ),
        ("security.protocol", Class::SecurityProtocol, Likely),
        ("SSL handshake failed", Class::Tls, Certain),
        ("certificate", Class::Tls, Certain),
        ("SSL alert", Class::Tls, Certain),
        ("SASL", Class::Authentication, Certain),
        ("Failed to resolve", Class::NameResolution, Certain),
        ("timed out in state CONNECT", Class::Unreachable, Certain),
        ("timed out", Class::Unresponsive, Certain),
        ("Timed out", Class::Unresponsive, Certain),
        ("Connect to", Class::Unreachable, Certain),
        ("", Class::Unreachable, Vague),
    ]
};

/// librdkafka's text when what answers has no request for metadata, as a KRaft controller, whose port is easily taken for a broker's.
const NO_BROKER: &str = "Required feature not supported by broker";

/// A connection that ends earlier than this after it is established was not wanted.
const MAX_UNWANTED_MS: u32 = 1_000;

impl<'a> Symptom<'a> {
    /// Reads an error, with the failure of its code.
    pub(crate) fn of(failure: Failure, text: &'a str) -> Self {
        let (protocol, address, text) = located(text);
        let (reason, state) = without_state(text);
        let is_transport = matches!(
            failure.class,
            FailureClass::Unreachable | FailureClass::Timeout | FailureClass::Other
        );
        let (_, class, strength) = *TEXTS
            .iter()
            .find(|(part, ..)| reason.contains(part))
            .unwrap_or(&("", FailureClass::Unreachable, Strength::Vague));
        let mut symptom = Self {
            failure,
            address,
            reason: reason.into(),
            strength,
        };
        if is_transport || class == FailureClass::SecurityProtocol {
            symptom.failure.class = class;
        } else {
            symptom.strength = Strength::Certain;
        }
        if symptom.failure.class == FailureClass::Unresponsive {
            symptom.reason = format!("does not answer ({reason})").into();
        }
        if strength == Strength::Vague && is_transport && is_unwanted(protocol, state) {
            symptom.failure.class = FailureClass::SecurityProtocol;
            symptom.strength = Strength::Likely;
            let hint = "the connection is accepted, and closed at the first request";
            symptom.reason = format!("{hint} ({reason})").into();
        }
        symptom
    }

    /// Reads a log line, which has no code. librdkafka writes all lines of a connection that ends with `FAIL`, and of a request without
    /// an answer with `REQTMOUT`. With `METADATA` it writes why it cannot ask for metadata. Other lines say nothing about a broker.
    pub(crate) fn of_log(facility: &str, text: &'a str) -> Option<Self> {
        let code = match facility {
            "FAIL" => RDKafkaErrorCode::BrokerTransportFailure,
            "REQTMOUT" => RDKafkaErrorCode::OperationTimedOut,
            "METADATA" if text.contains(NO_BROKER) => {
                let code = RDKafkaErrorCode::UnsupportedFeature;
                let failure = Failure::with_code(FailureClass::Other, code as i32);
                let mut symptom = Self::of(failure, text);
                symptom.reason =
                    format!("what answers has no requests for clients ({NO_BROKER})").into();
                return Some(symptom);
            }
            _ => return None,
        };
        let failure = Failure::with_code(FailureClass::Unreachable, code as i32);
        let symptom = Self::of(failure, text);
        // Those that are errors, too, come with their code.
        let is_error =
            symptom.strength == Strength::Certain && !text.to_lowercase().contains("timed out");
        (!is_error).then_some(symptom)
    }
}

/// Splits `ssl://host:port/id: text` into the protocol, the address and the text. A log line has the name of a thread in front.
fn located(text: &str) -> (Option<&str>, Option<&str>, &str) {
    let text = match text
        .strip_prefix("[thrd:")
        .and_then(|it| it.split_once("]: "))
    {
        Some((_, rest)) => rest,
        None => text,
    };
    let Some((name, rest)) = text.split_once(": ") else {
        return (None, None, text);
    };
    let (protocol, name) = match name.split_once("://") {
        Some((protocol, name)) => (Some(protocol), name),
        None => (None, name),
    };
    match name.rsplit_once('/') {
        Some((address, id)) if address.contains(':') && !id.contains(' ') => {
            (protocol, Some(address), rest)
        }
        Some(_) | None => (None, None, text),
    }
}

/// Splits `text (after 12ms in state UP, 1 identical error(s) suppressed)` into the text, and the milliseconds and the state.
fn without_state(text: &str) -> (&str, Option<(u32, &str)>) {
    let Some((reason, state)) = text.rsplit_once(" (after ") else {
        return (text, None);
    };
    let Some((time, state)) = state.split_once("ms in state ") else {
        return (text, None);
    };
    let state = state.split([',', ')']).next().unwrap_or(state);
    (
        reason.trim_end(),
        time.parse().ok().map(|time| (time, state)),
    )
}

/// Returns whether the broker has closed the connection because it expects something else: TLS instead of plaintext at the first
/// request, or a login instead of the second.
fn is_unwanted(protocol: Option<&str>, state: Option<(u32, &str)>) -> bool {
    match state {
        Some((_, "APIVERSION_QUERY" | "SSL_HANDSHAKE")) => true,
        Some((time, "UP")) => {
            time < MAX_UNWANTED_MS && !protocol.is_some_and(|it| it.starts_with("sasl"))
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests;
