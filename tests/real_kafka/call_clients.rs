//! The clients of a caller, without the loop that uses them: which replies they fetch, what they say about requests, and how they end.

mod ends;
mod leaders;
mod replies;
mod requests;
mod rights;
mod support;

pub(crate) use ends::{hung_or_dead_broker_does_not_hold_the_close, replies_of_a_handler_are_sent};
pub(crate) use leaders::dead_leader_of_replies_is_reported_within_the_bound;
pub(crate) use replies::{
    added_partitions_are_read_from_their_start, missing_topic_is_the_answer_before_the_deadline,
    nothing_is_missed_across_assignments_and_clients, reply_after_the_assignment_is_fetched,
    topic_that_was_created_again_is_read,
};
pub(crate) use requests::{
    answers_are_true_across_an_outage, no_request_is_written_twice_across_a_rolling_restart,
    request_that_is_refused_was_not_sent, requests_arrive_as_they_were_handed_over,
};
pub(crate) use rights::denied_topics_are_reported_until_they_are_allowed;
