//! The names of the headers. `docs/wire.md` has the same ones, which a test compares.

/// The version that is written, and the only one that is read.
pub(super) const KNOWN_VERSION: u32 = 1;

/// The version of the wire. Each message has it.
pub(super) const VERSION: &str = "livebus.version";
/// Whether it is a request, a cancel record or a reply. Each message has it.
pub(super) const TYPE: &str = "livebus.type";
/// The call. Each message has it.
pub(super) const CORRELATION: &str = "livebus.correlation";
/// Of a request: the topic where the reply is to arrive.
pub(super) const REPLY_TOPIC: &str = "livebus.reply.topic";
/// Of a request: the partition where the reply is to arrive.
pub(super) const REPLY_PARTITION: &str = "livebus.reply.partition";
/// Of a request: the time that remained to the caller, in milliseconds.
pub(super) const TIME: &str = "livebus.time.ms";
/// Of a request: how many times it was sent before, plus one.
pub(super) const ATTEMPT: &str = "livebus.attempt";
/// Of a request: by what the callee knows it again.
pub(super) const IDEMPOTENCY_KEY: &str = "livebus.idempotency.key";
/// Of a request: what is called.
pub(super) const METHOD: &str = "livebus.method";
/// Of a request: the trace to which it belongs. The name is W3C's.
pub(super) const TRACEPARENT: &str = "traceparent";
/// Of a reply: whether the request was run, failed, or was refused.
pub(super) const RESULT: &str = "livebus.result";
/// Of a reply to a request that failed: the number of the error.
pub(super) const CODE: &str = "livebus.code";
/// Of a reply to a request that failed: what went wrong.
pub(super) const REASON: &str = "livebus.reason";
/// Of a reply to a request that was refused: why.
pub(super) const REFUSAL: &str = "livebus.refusal";
/// Of a reply to a request that was refused: whether no earlier run of it began.
pub(super) const NEVER_BEGAN: &str = "livebus.never_began";
/// Of a reply to a request that was refused: how old the request was, in milliseconds.
pub(super) const AGE: &str = "livebus.age.ms";

/// All of them, in the order of `docs/wire.md`.
pub(super) const ALL: [&str; 16] = [
    VERSION,
    TYPE,
    CORRELATION,
    REPLY_TOPIC,
    REPLY_PARTITION,
    TIME,
    ATTEMPT,
    IDEMPOTENCY_KEY,
    METHOD,
    TRACEPARENT,
    RESULT,
    CODE,
    REASON,
    REFUSAL,
    NEVER_BEGAN,
    AGE,
];
