//! The attacks.

use livebus_tests::attack::Attack;

/// The number of descriptors that the attacking process needs.
pub(crate) const ATTACKER_DESCRIPTORS: u64 = 6_000;

/// One attack on one process.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) attack: Attack,
    pub(crate) clients: usize,
    /// The number of connections in total.
    pub(crate) connections: usize,
    /// The limit of descriptors of the attacked process.
    pub(crate) descriptors: u64,
}

pub(crate) fn all() -> Vec<Plan> {
    const MANY: u64 = 4_096;
    const FEW: u64 = 64;
    [
        (Attack::Idle, 5_000, 50_000, MANY),
        (Attack::Idle, 5_000, 50_000, FEW),
        (Attack::UnfinishedHead, 1_000, 50_000, MANY),
        (Attack::EndlessHead, 100, 50_000, MANY),
        (Attack::Pipelining, 100, 50_000, MANY),
        (Attack::Pipelining, 1_000, 50_000, MANY),
        (Attack::NeverReading, 60, 50_000, MANY),
        (Attack::NeverReading, 60, 50_000, FEW),
        (Attack::Reset, 1, 27_000, MANY),
        (Attack::Reset, 1, 27_000, FEW),
        (Attack::SlowSender, 1_000, 50_000, MANY),
        (Attack::AbortedBody, 100, 10_000, MANY),
    ]
    .map(|(attack, clients, connections, descriptors)| Plan {
        name: format!("{attack}: {clients}, ulimit -n {descriptors}"),
        attack,
        clients,
        connections,
        descriptors,
    })
    .into()
}
