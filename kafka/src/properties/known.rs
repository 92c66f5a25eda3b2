//! The known properties, and common mistakes. Used only for error messages.

/// Returns whether this is the first name of a property of librdkafka that can be written as text.
pub(super) fn is_known(key: &str) -> bool {
    KNOWN.split_whitespace().any(|known| known == key)
}

/// Returns the known property with the most similar name, if one is similar.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    KNOWN
        .split_whitespace()
        .map(|known| (distance(&key, known), known))
        .min()
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 5))
        .map(|(_, known)| known)
}

/// Returns the Levenshtein distance: the number of letters to insert, delete or replace to make `b` from `a`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let exchanged = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

const CLASSES: &str = "leave it out, it names Java classes";
const OPENSSL: &str = "leave it out, OpenSSL decides";

/// Properties that people copy from a Java client's configuration, and what to do instead.
pub(super) const JAVA_ONLY: [(&str, &str); 32] = [
    ("buffer.memory", "set `queue.buffering.max.kbytes`"),
    (
        "default.api.timeout.ms",
        "leave it out, each call has its own deadline",
    ),
    ("fetch.max.wait.ms", "set `fetch.wait.max.ms`"),
    ("interceptor.classes", CLASSES),
    ("key.deserializer", CLASSES),
    ("key.serializer", CLASSES),
    ("max.block.ms", "leave it out, sending never blocks"),
    ("max.poll.records", "leave it out, records come one by one"),
    ("max.request.size", "set `message.max.bytes`"),
    ("metric.reporters", CLASSES),
    ("partitioner.class", "set `partitioner`"),
    ("receive.buffer.bytes", "set `socket.receive.buffer.bytes`"),
    ("sasl.client.callback.handler.class", CLASSES),
    (
        "sasl.jaas.config",
        "set `sasl.username` and `sasl.password`",
    ),
    ("sasl.login.callback.handler.class", CLASSES),
    ("sasl.login.class", CLASSES),
    ("security.providers", CLASSES),
    ("send.buffer.bytes", "set `socket.send.buffer.bytes`"),
    ("ssl.enabled.protocols", OPENSSL),
    ("ssl.keymanager.algorithm", OPENSSL),
    (
        "ssl.keystore.certificate.chain",
        "set `ssl.certificate.pem`",
    ),
    ("ssl.keystore.key", "set `ssl.key.pem`"),
    (
        "ssl.keystore.type",
        "leave it out, `ssl.keystore.location` takes PKCS#12 and `ssl.key.location` PEM",
    ),
    ("ssl.protocol", OPENSSL),
    ("ssl.provider", OPENSSL),
    ("ssl.secure.random.implementation", OPENSSL),
    ("ssl.trustmanager.algorithm", OPENSSL),
    ("ssl.truststore.certificates", "set `ssl.ca.pem`"),
    (
        "ssl.truststore.location",
        "set `ssl.ca.location` to the authorities' certificates in PEM",
    ),
    (
        "ssl.truststore.password",
        "leave it out, `ssl.ca.location` takes PEM, which has no password",
    ),
    (
        "ssl.truststore.type",
        "leave it out, `ssl.ca.location` takes PEM",
    ),
    ("value.serializer", CLASSES),
];

/// The values of the properties that accept one of a few, and whose error does not list them.
pub(super) const CHOICES: [(&str, &str); 7] = [
    ("acks", "0, 1 or all"),
    ("auto.offset.reset", "earliest, latest or error"),
    ("broker.address.family", "any, v4 or v6"),
    ("compression.codec", "none, gzip, snappy, lz4 or zstd"),
    ("isolation.level", "read_uncommitted or read_committed"),
    (
        "security.protocol",
        "plaintext, ssl, sasl_plaintext or sasl_ssl",
    ),
    ("ssl.endpoint.identification.algorithm", "https or none"),
];

/// Properties to suggest: those of librdkafka 2.12 that can be written as text and have an effect, without the second names.
/// librdkafka decides whether a property exists.
const KNOWN: &str = "
    acks allow.auto.create.topics api.version.fallback.ms api.version.request api.version.request.timeout.ms
    auto.commit.interval.ms auto.offset.reset batch.num.messages batch.size bootstrap.servers broker.address.family
    broker.address.ttl broker.version.fallback check.crcs client.dns.lookup client.id client.rack compression.codec
    compression.level connections.max.idle.ms coordinator.query.interval.ms debug delivery.report.only.error enable.auto.commit
    enable.auto.offset.store enable.gapless.guarantee enable.idempotence enable.metrics.push enable.partition.eof
    enable.random.seed enable.sasl.oauthbearer.unsecure.jwt enable.ssl.certificate.verification
    fetch.error.backoff.ms fetch.max.bytes fetch.min.bytes fetch.queue.backoff.ms fetch.wait.max.ms group.id
    group.instance.id group.protocol group.protocol.type group.remote.assignor heartbeat.interval.ms
    https.ca.location https.ca.pem internal.termination.signal isolation.level linger.ms log.connection.close
    log.queue log.thread.name log_level max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms
    message.copy.max.bytes message.max.bytes message.timeout.ms metadata.max.age.ms
    metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy partition.assignment.strategy partitioner
    plugin.library.paths queue.buffering.backpressure.threshold queue.buffering.max.kbytes
    queue.buffering.max.messages queued.max.messages.kbytes queued.min.messages receive.message.max.bytes
    reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms
    sasl.kerberos.keytab sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin sasl.kerberos.principal
    sasl.kerberos.service.name sasl.mechanism sasl.oauthbearer.client.id sasl.oauthbearer.client.secret
    sasl.oauthbearer.config sasl.oauthbearer.extensions sasl.oauthbearer.method sasl.oauthbearer.scope
    sasl.oauthbearer.token.endpoint.url sasl.password sasl.username security.protocol session.timeout.ms
    socket.connection.setup.timeout.ms socket.keepalive.enable socket.max.fails socket.nagle.disable
    socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms ssl.ca.certificate.stores ssl.ca.location
    ssl.ca.pem ssl.certificate.location ssl.certificate.pem ssl.cipher.suites ssl.crl.location ssl.curves.list
    ssl.endpoint.identification.algorithm ssl.engine.id ssl.engine.location ssl.key.location ssl.key.password
    ssl.key.pem ssl.keystore.location ssl.keystore.password ssl.providers ssl.sigalgs.list statistics.interval.ms
    sticky.partitioning.linger.ms test.mock.broker.rtt test.mock.num.brokers topic.blacklist topic.metadata.propagation.max.ms
    topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms topic.metadata.refresh.sparse
    transaction.timeout.ms transactional.id
";

#[cfg(test)]
mod tests {
    use rdkafka::config::ClientConfig;
    use rdkafka::error::KafkaError;
    use rdkafka::types::RDKafkaConfRes;

    use super::*;

    #[test]
    fn every_suggestion_is_a_property_of_librdkafka() {
        let choices = CHOICES.map(|(key, _)| key);
        for known in KNOWN.split_whitespace().chain(choices) {
            assert!(!librdkafka_rejects(known, is_unknown), "{known}");
            assert!(JAVA_ONLY.iter().all(|(java, _)| *java != known), "{known}");
        }
    }

    #[test]
    fn librdkafka_rejects_java_only_properties() {
        for (java, _) in JAVA_ONLY {
            assert!(librdkafka_rejects(java, |_| true), "{java}");
        }
    }

    #[test]
    fn only_a_similar_name_is_suggested() {
        assert_eq!(nearest("LINGER_MS"), Some("linger.ms"));
        assert_eq!(nearest("colour"), None);
        // The longer the name, the more letters may differ.
        let known = "queue.buffering.max.messages";
        assert_eq!(nearest("queue.bufering.max.msgs"), Some(known));
    }

    #[test]
    fn distance_counts_letters() {
        for (a, b, letters) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "", 2),
            ("kitten", "sitting", 3),
            ("saturday", "sunday", 3),
            ("flaw", "lawn", 2),
            ("abc", "", 3),
            ("ca", "ac", 2),
            ("b", "abb", 2),
        ] {
            assert_eq!(distance(a, b), letters, "{a} {b}");
        }
    }

    fn librdkafka_rejects(key: &str, why: fn(&KafkaError) -> bool) -> bool {
        let outcome = ClientConfig::new().set(key, "x").create_native_config();
        outcome.is_err_and(|error| why(&error))
    }

    fn is_unknown(error: &KafkaError) -> bool {
        matches!(
            error,
            KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)
        )
    }
}
