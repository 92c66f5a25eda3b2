//! A process that is measured.

use anyhow::Context as _;
use livebus_tests::WAIT_LIMIT;
use livebus_tests::child_process::ChildProcess;
use livebus_tests::program::Watch;

use crate::bare_producer::{self, Work};
use crate::supervisions::TOPIC;

/// `livebus watch`, or a bare producer.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    program: Program,
}

/// Which targets a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Defaults,
    Fast,
    Bare,
}

enum Program {
    Watch(Watch),
    Bare(ChildProcess),
}

impl Subject {
    /// Starts `livebus watch` at the defaults, on this runtime.
    pub(crate) fn at_defaults(servers: &str, runtime: &str) -> anyhow::Result<Self> {
        let watch = Watch::start(servers, &["--topic", TOPIC, "--runtime", runtime])?;
        Ok(Self {
            name: format!("`livebus watch`, defaults, {runtime}"),
            kind: Kind::Defaults,
            program: Program::Watch(watch),
        })
    }

    /// Starts `livebus watch` with the fast preset.
    pub(crate) fn fast(servers: &str) -> anyhow::Result<Self> {
        let watch = Watch::start(servers, &["--topic", TOPIC, "--preset", "fast"])?;
        Ok(Self {
            name: "`livebus watch`, fast".to_owned(),
            kind: Kind::Fast,
            program: Program::Watch(watch),
        })
    }

    /// Starts a bare producer.
    pub(crate) fn bare(servers: &str, work: Work) -> anyhow::Result<Self> {
        let name = match work {
            Work::One | Work::None => "a bare rdkafka producer",
            Work::EachFiveSeconds => "a bare rdkafka producer that sends a record each 5 s",
            Work::EachSecond => "a bare rdkafka producer that sends a record each second",
        };
        Ok(Self {
            name: name.to_owned(),
            kind: Kind::Bare,
            program: Program::Bare(bare_producer::start(work, servers, &[])?),
        })
    }

    /// Returns its process.
    pub(crate) const fn process(&mut self) -> &mut ChildProcess {
        match &mut self.program {
            Program::Watch(watch) => &mut watch.process,
            Program::Bare(process) => process,
        }
    }

    /// Waits until it is Running, or the broker has acknowledged the record of a bare producer. Can be called once.
    pub(crate) fn wait_until_connected(&mut self) -> anyhow::Result<()> {
        match &mut self.program {
            Program::Watch(watch) => {
                while watch.next()?.context("the output has ended")?["status"] != "Running" {}
            }
            Program::Bare(process) => {
                let line = process.lines()?.recv_timeout(WAIT_LIMIT);
                line.context("the bare producer's record is not acknowledged")?;
            }
        }
        Ok(())
    }
}
