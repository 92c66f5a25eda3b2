//! Assigns partitions, and answers rebalances.

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::Offset;

use crate::consumer::context::Client;
use crate::consumer::lookups::list;
use crate::consumer::rebalancing::Answered;
use crate::error_class::failure;

/// Answers a rebalance.
pub(crate) fn answer(client: &Client, answered: &Answered) {
    let is_incremental = is_incremental(client);
    let result = match answered {
        Answered::Assign(partitions) => {
            let all = partitions.iter().map(|(of, at)| (of, Offset::Offset(*at)));
            list(all).and_then(|all| {
                let assigned = if is_incremental {
                    client.incremental_assign(&all)
                } else {
                    client.assign(&all)
                };
                assigned.map_err(|error| failure(&error))
            })
        }
        Answered::Unassign(partitions) => {
            let all = partitions.iter().map(|of| (of, Offset::Invalid));
            list(all).and_then(|all| {
                let unassigned = if is_incremental {
                    client.incremental_unassign(&all)
                } else {
                    client.unassign()
                };
                unassigned.map_err(|error| failure(&error))
            })
        }
        // They need no answer of librdkafka's yet.
        Answered::Reading(_) | Answered::Revoking(_) | Answered::Lost(_) => Ok(()),
    };
    if let Err(failure) = result {
        tracing::error!(%failure, ?answered, "answering a rebalance failed");
    }
}

/// Returns whether partitions are assigned one by one: by a cooperative group, and for a broadcast, which has none.
pub(crate) fn is_incremental(client: &Client) -> bool {
    use rdkafka::consumer::RebalanceProtocol::{Cooperative, Eager, None};

    match client.rebalance_protocol() {
        Cooperative | None => true,
        Eager => false,
    }
}
