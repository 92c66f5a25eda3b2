//! The forms of the timestamp in a header.

/// How the other side writes the timestamp of a header. Field 6 has had three forms, and a number does not say its unit: so the form is
/// chosen, and another one is refused as far as it can be distinguished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampForm {
    /// A `google.protobuf.Timestamp`: `voltha-lib-go` from 3.1.6 on (`voltha-protos` 3.3.2), `pyvoltha` from 2.4.2 on.
    Message,
    /// A number of nanoseconds since 1970: `voltha-lib-go` before 3.1.6.
    Nanoseconds,
    /// A number of milliseconds since 1970: `pyvoltha` before 2.4.2.
    Milliseconds,
}
