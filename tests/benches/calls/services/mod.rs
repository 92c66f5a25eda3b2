//! The pairs on rdkafka, each side in a process of its own.

mod bare;
mod livebus;

use std::thread;

use anyhow::bail;
use livebus_tests::host::Host;

use crate::Task;
use crate::calls::{Load, Measured};

/// The name of the pair on rdkafka alone.
pub(crate) const BARE: &str = "bare-rdkafka";

pub(crate) const LIVEBUS_ON_TOKIO: &str = "livebus-on-tokio";
pub(crate) const LIVEBUS_ON_ASYNC_STD: &str = "livebus-on-async-std";

/// What the supervisions of livebus produce to.
pub(crate) const LIVENESS_TOPIC: &str = "livebus-liveness";

/// Does the task. A callee ends when it is killed; so does a caller, after the measurement has read its CPU time.
pub(crate) fn serve(task: &Task) -> anyhow::Result<()> {
    match task.pair.as_str() {
        BARE => bare::serve(task),
        LIVEBUS_ON_TOKIO => livebus::serve(task, Host::TokioMultiThread),
        LIVEBUS_ON_ASYNC_STD => livebus::serve(task, Host::AsyncStd),
        name => bail!("no pair is named `{name}`"),
    }?;
    loop {
        thread::park();
    }
}

/// Measures the loads of a task, after a warm-up, with a function that makes the calls of a load.
async fn measure_loads(
    task: &Task,
    mut measure: impl AsyncFnMut(Load) -> anyhow::Result<Measured>,
) -> anyhow::Result<()> {
    measure(Load::WARM_UP).await?;
    println!("ready");
    for &load in &task.loads {
        println!("begin {}", load.at_once);
        println!("end {}", measure(load).await?);
    }
    Ok(())
}
