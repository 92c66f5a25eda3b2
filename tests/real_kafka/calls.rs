//! Calls between services: how each ends, what that says, and what is left of it.

mod clusters;
mod idempotent;
mod many;
mod members;
mod outages;
mod replies;
mod services;
mod support;
mod traffic;

pub(crate) use clusters::{
    dead_leader_of_replies_is_a_cause_of_its_own, rolling_restart_leaves_true_outcomes,
};
pub(crate) use idempotent::idempotent_calls_are_replied_through_a_killed_broker;
pub(crate) use many::nothing_is_left_of_many_calls;
pub(crate) use members::members_of_a_group_come_and_go;
pub(crate) use outages::killed_and_stopped_broker_leave_true_outcomes;
pub(crate) use replies::{
    callers_that_share_a_partition_get_their_own_replies,
    missing_reply_topic_is_the_cause_until_it_exists,
};
pub(crate) use services::services_call_each_other_and_each_is_ready_for_itself;
