//! The small models: settings in ticks, and what the environment may do.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::dispatch::{
    Config, FailurePolicy, Limits, OnRemoved, Order, Record, RecordFailure, Settings, Then,
};

use super::budget::Budget;
use crate::dispatch::environment::Topic;

/// A small model.
#[derive(Debug, Clone)]
pub struct Model {
    /// What it is about.
    pub name: &'static str,
    /// The settings and the records.
    pub topic: Topic,
    /// How many members the group has.
    pub members: usize,
    /// How many records are fetched at once at most.
    pub batch: usize,
    /// The classes of failures.
    pub classes: Vec<RecordFailure>,
    /// The indexes of the records before which all may be removed.
    pub removals: Vec<usize>,
    /// What the environment may do.
    pub budget: Budget,
    /// The unit of time.
    pub tick: Duration,
    /// How many states there are.
    pub states: usize,
}

const TICK: Duration = Duration::from_secs(5);

fn settings() -> Settings {
    let policy = FailurePolicy::new(1, Backoff::fixed(TICK), Then::Stop);
    Settings {
        order: Order::Key,
        limits: Limits {
            runs: 2,
            run_records: 2,
            unacknowledged: 3,
            records: 4,
            high_water_bytes: 100,
            bytes: 200,
            record_bytes: 10,
        },
        record_timeout: None,
        stall_timeout: TICK * 20,
        commit_interval: TICK,
        commit_timeout: TICK,
        revocation_drain: TICK,
        drain: TICK,
        transient: policy.clone(),
        permanent: FailurePolicy::new(0, Backoff::fixed(TICK), Then::Skip),
        timed_out: policy.clone(),
        panicked: policy,
        dead_letter_backoff: Backoff::fixed(TICK),
        ..Settings::default()
    }
}

fn record(offset: i64, key: u64, bytes: u32) -> Record {
    Record {
        offset,
        key: Some(key),
        bytes,
        fingerprint: 7,
    }
}

/// The records 0, 2, 3 and 7 of two keys: offsets have gaps.
fn four() -> Vec<Record> {
    vec![
        record(0, 1, 1),
        record(2, 2, 1),
        record(3, 1, 1),
        record(7, 2, 1),
    ]
}

fn model(name: &'static str, settings: Settings, logs: Vec<Vec<Record>>, states: usize) -> Model {
    Model {
        name,
        topic: Topic {
            config: Config::new(settings).expect("the settings of a model are valid"),
            logs,
        },
        members: 1,
        batch: 2,
        classes: vec![RecordFailure::Transient],
        removals: Vec::new(),
        budget: Budget::default(),
        tick: TICK,
        states,
    }
}

/// Returns the larger models, of some hundred thousand states.
#[must_use]
pub fn large_models() -> Vec<Model> {
    let with_records = |model: Model, logs: Vec<Vec<Record>>, states| Model {
        topic: Topic {
            config: model.topic.config,
            logs,
        },
        states,
        ..model
    };
    let crash = crash_and_restore();
    let crash = Model {
        budget: Budget {
            crashes: 2,
            failed_commits: 1,
            ..crash.budget
        },
        states: 447_285,
        ..crash
    };
    let two_members = two_members();
    let members_logs = vec![
        vec![record(0, 1, 1), record(2, 1, 1)],
        vec![record(5, 1, 1)],
    ];
    vec![
        crash,
        with_records(one_order(), vec![four()], 575_480),
        with_records(two_members, members_logs, 376_879),
        with_records(outages(), vec![four()[..2].to_vec()], 435_166),
    ]
}

/// Returns the small models, which every test run explores.
#[must_use]
pub fn models() -> Vec<Model> {
    vec![
        water_marks(),
        removed(),
        stop_and_loss(),
        outages(),
        dead_letters(),
        drain_and_deadline(),
        one_position_fails(),
        hold_up(),
        one_order(),
        crash_and_restore(),
        two_members(),
        shutdown(),
    ]
}

fn crash_and_restore() -> Model {
    Model {
        budget: Budget {
            ticks: 1,
            crashes: 1,
            failures: 1,
            changes: 1,
            ..Budget::default()
        },
        ..model("crash and restore", settings(), vec![four()], 48_467)
    }
}

fn one_order() -> Model {
    let settings = Settings {
        order: Order::Partition,
        ..settings()
    };
    Model {
        budget: Budget {
            ticks: 1,
            crashes: 1,
            failures: 1,
            pending: 1,
            returns: 1,
            revocations: 1,
            ..Budget::default()
        },
        ..model("one order", settings, vec![four()[..2].to_vec()], 29_317)
    }
}

fn two_members() -> Model {
    let settings = Settings {
        order: Order::Partition,
        ..settings()
    };
    let logs = vec![vec![record(0, 1, 1)], vec![record(5, 1, 1)]];
    Model {
        members: 2,
        batch: 1,
        budget: Budget {
            revocations: 1,
            losses: 1,
            failed_commits: 1,
            ..Budget::default()
        },
        ..model("two members", settings, logs, 101_223)
    }
}

fn one_position_fails() -> Model {
    let settings = Settings {
        order: Order::None,
        limits: Limits {
            unacknowledged: 2,
            ..settings().limits
        },
        ..settings()
    };
    let logs = vec![
        vec![record(0, 1, 1), record(2, 1, 1)],
        vec![record(5, 1, 1)],
    ];
    Model {
        batch: 1,
        budget: Budget {
            ticks: 2,
            revocations: 1,
            failed_positions: 2,
            ..Budget::default()
        },
        ..model("one position fails", settings, logs, 62_407)
    }
}

fn hold_up() -> Model {
    let policy = |retries, then| FailurePolicy::new(retries, Backoff::fixed(TICK), then);
    let settings = Settings {
        order: Order::Partition,
        transient: policy(2, Then::Skip),
        permanent: policy(1, Then::DeadLetter),
        timed_out: policy(0, Then::Skip),
        panicked: policy(0, Then::Skip),
        ..settings()
    };
    Model {
        classes: vec![RecordFailure::Transient, RecordFailure::Permanent],
        budget: Budget {
            ticks: 3,
            failures: 3,
            ..Budget::default()
        },
        ..model("hold-up", settings, vec![four()[..2].to_vec()], 4_030)
    }
}

fn stop_and_loss() -> Model {
    let settings = Settings {
        transient: FailurePolicy::new(0, Backoff::fixed(TICK), Then::Stop),
        ..settings()
    };
    Model {
        batch: 1,
        budget: Budget {
            ticks: 2,
            failures: 1,
            late_losses: 1,
            ..Budget::default()
        },
        ..model("stop and loss", settings, vec![four()[..2].to_vec()], 1_992)
    }
}

fn drain_and_deadline() -> Model {
    let settings = Settings {
        record_timeout: Some(TICK * 2),
        stall_timeout: TICK * 2,
        order: Order::None,
        limits: Limits {
            runs: 1,
            ..settings().limits
        },
        ..settings()
    };
    Model {
        budget: Budget {
            ticks: 4,
            revocations: 1,
            failed_commits: 1,
            ..Budget::default()
        },
        ..model(
            "drain and deadline",
            settings,
            vec![four()[..2].to_vec()],
            16_834,
        )
    }
}

fn shutdown() -> Model {
    let settings = Settings {
        drain: Duration::ZERO,
        revocation_drain: Duration::ZERO,
        ..settings()
    };
    Model {
        budget: Budget {
            ticks: 4,
            revocations: 1,
            shutdowns: 1,
            failed_commits: 1,
            ..Budget::default()
        },
        ..model("shutdown", settings, vec![four()[..2].to_vec()], 95_689)
    }
}

fn water_marks() -> Model {
    let settings = Settings {
        limits: Limits {
            runs: 1,
            records: 3,
            high_water_bytes: 2,
            bytes: 4,
            record_bytes: 2,
            ..settings().limits
        },
        ..settings()
    };
    let logs = vec![
        vec![record(0, 1, 2), record(2, 2, 1), record(3, 1, 1)],
        vec![record(0, 1, 2)],
    ];
    Model {
        budget: Budget {
            revocations: 1,
            ..Budget::default()
        },
        ..model("water marks", settings, logs, 3_622)
    }
}

fn dead_letters() -> Model {
    let settings = Settings {
        transient: FailurePolicy::new(0, Backoff::fixed(TICK), Then::DeadLetter),
        permanent: FailurePolicy::new(0, Backoff::fixed(TICK), Then::Skip),
        ..settings()
    };
    Model {
        classes: vec![RecordFailure::Transient, RecordFailure::Permanent],
        budget: Budget {
            ticks: 2,
            failures: 2,
            failed_letters: 1,
            revocations: 1,
            ..Budget::default()
        },
        ..model(
            "dead letter and revocation",
            settings,
            vec![four()[..2].to_vec()],
            23_345,
        )
    }
}

fn outages() -> Model {
    Model {
        budget: Budget {
            ticks: 3,
            failures: 3,
            outages: 1,
            client_losses: 1,
            ..Budget::default()
        },
        ..model("outages", settings(), vec![four()[..1].to_vec()], 11_007)
    }
}

fn removed() -> Model {
    let settings = Settings {
        on_removed: OnRemoved::Continue,
        ..settings()
    };
    Model {
        removals: vec![2, 3],
        budget: Budget {
            removals: 1,
            crashes: 1,
            ..Budget::default()
        },
        ..model("removed records", settings, vec![four()], 4_604)
    }
}
