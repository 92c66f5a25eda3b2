//! What the snapshot of `Calls` is made of, but for the parts that keep their fields to themselves.

use crate::calls::action::{Action, Health};
use crate::calls::counters::Counters;
use crate::calls::event::Request;
use crate::calls::ids::{AssignmentId, CallId, Correlation, Identity};
use crate::calls::outcome::{NotSent, Outcome, Refusal, Unknown};
use crate::inspect::words::{fields, numbers, variants};

variants!(Action {
    1 => AssignReplies { id, attempt, deadline },
    2 => Send { correlation, attempt, deadline },
    3 => SendCancel { correlation },
    4 => End { call, outcome },
    5 => SetHealth(health),
    6 => Stopped,
});

variants!(Health {
    1 => Starting,
    2 => Working,
    3 => RepliesFailed(failure),
});

variants!(Outcome {
    1 => Replied,
    2 => Refused(refusal),
    3 => NotSent(reason),
    4 => SentUnknown(reason),
    5 => Expired,
    6 => Cancelled,
    7 => ShuttingDown,
});

variants!(NotSent {
    1 => Bus(cause),
    2 => Replies(failure),
    3 => Send(failure),
    4 => Deadline,
    5 => TooLarge,
    6 => Overloaded { retry_after },
    7 => ShuttingDown,
});

variants!(Unknown {
    1 => Send(failure),
    2 => Refused(refusal),
});

variants!(Refusal {
    1 => TooLate,
    2 => Unsupported,
    3 => Overloaded,
    4 => Unavailable,
});

fields!(Request {
    deadline,
    bytes,
    is_idempotent,
});

fields!(Correlation { from, call });

fields!(Identity { instance, epoch });

fields!(Counters {
    called,
    replied,
    refused,
    not_sent,
    sent_unknown,
    expired,
    cancelled,
    shutting_down,
    sends,
    retries,
    cancels,
    foreign_replies,
    former_replies,
    late_replies,
    duplicate_replies,
    stale,
});

numbers!(CallId, AssignmentId);
