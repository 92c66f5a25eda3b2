//! The cost of an idle `livebus watch` beside that of a bare producer.

use std::thread;
use std::time::{Duration, Instant};

use livebus_tests::cost::Cost;

use crate::bare_producer::Work;
use crate::figures::row;
use crate::nodes::{self, NOWHERE};
use crate::plan::Plan;
use crate::subject::{Kind, Subject};

/// Leaves out the cost of the start or the death itself.
const SETTLE: Duration = Duration::from_secs(5);

/// Measures with the node up, dead after it was there, and never there.
pub(crate) fn measure(plan: &Plan) -> anyhow::Result<()> {
    let mut node = nodes::start_one()?;
    let servers = node.bootstrap_servers();
    let mut there = subjects(&servers, Work::One)?;
    there.push(Subject::bare(&servers, Work::EachFiveSeconds)?);
    for subject in &mut there {
        subject.wait_until_connected()?;
    }
    let mut nowhere = subjects(NOWHERE, Work::None)?;
    cost(
        &mut [("up", &mut there), ("never there", &mut nowhere)],
        plan.idle,
    )?;
    drop(nowhere);
    node.kill()?;
    cost(&mut [("dead", &mut there)], plan.idle)
}

fn subjects(servers: &str, work: Work) -> anyhow::Result<Vec<Subject>> {
    Ok(vec![
        Subject::at_defaults(servers, "tokio")?,
        Subject::at_defaults(servers, "async-std")?,
        Subject::fast(servers)?,
        Subject::bare(servers, work)?,
    ])
}

fn cost(groups: &mut [(&str, &mut Vec<Subject>)], span: Duration) -> anyhow::Result<()> {
    thread::sleep(SETTLE);
    let begin = Instant::now();
    let mut costs = Vec::new();
    for (node, subjects) in &mut *groups {
        for subject in subjects.iter_mut() {
            let cost = Cost::new(subject.process().id())?;
            costs.push((*node, subject.name.clone(), subject.kind, cost));
        }
    }
    while begin.elapsed() < span {
        thread::sleep(Duration::from_millis(500));
        for (.., cost) in &mut costs {
            cost.sample()?;
        }
    }
    for (node, name, kind, cost) in &costs {
        let target = match (kind, *node) {
            (Kind::Defaults, "up") => "at most 0.1 more than the bare one",
            (Kind::Defaults, _) => "at most 1",
            (Kind::Fast | Kind::Bare, _) => "",
        };
        let what = format!("CPU of {name}, idle, node {node}");
        row(&what, "ms/s", vec![cost.cpu()], target);
        let target = match kind {
            Kind::Defaults => "at most 16",
            Kind::Fast | Kind::Bare => "",
        };
        let what = format!("memory of {name}, idle, node {node}");
        row(&what, "MiB", vec![cost.memory()], target);
    }
    Ok(())
}
