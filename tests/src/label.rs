//! The label of a supervision in a scenario on a real Kafka.

use crate::host::Host;

/// Identifies a supervision. No two have the same label.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// The folder of its scenario in `tests/recordings/`; empty for one that is not recorded.
    pub folder: &'a str,
    /// The name of the service, unique within its scenario.
    pub service: &'a str,
    /// The runtime on which it runs.
    pub host: Host,
}
