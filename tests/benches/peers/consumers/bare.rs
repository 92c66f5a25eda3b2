//! rdkafka's `poll` in a loop, one record after the other.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Handled, TICK, client_config};
use crate::Task;

pub(super) fn consume(task: &Task, handled: &Handled, commits: bool) -> anyhow::Result<()> {
    let consumer: BaseConsumer = client_config(task).create()?;
    consumer.subscribe(&[&task.topic])?;
    let consumer = Arc::new(consumer);
    let (positions, to_commit) = std::sync::mpsc::channel::<i64>();
    let committer = {
        let (consumer, topic) = (Arc::clone(&consumer), task.topic.clone());
        thread::spawn(move || -> anyhow::Result<()> {
            for position in to_commit {
                let mut list = TopicPartitionList::new();
                list.add_partition_offset(&topic, 0, Offset::Offset(position))?;
                consumer.commit(&list, CommitMode::Sync)?;
            }
            Ok(())
        })
    };
    let (mut last_commit, mut count) = (Instant::now(), 0_u64);
    while !handled.is_over() {
        let Some(message) = consumer.poll(TICK) else {
            continue;
        };
        let message = message?;
        handled.begin();
        black_box(message.payload());
        let millis = task.row.millis(message.offset());
        if millis > 0 {
            thread::sleep(Duration::from_millis(millis));
        }
        count += 1;
        if commits && (millis > 0 || count.is_multiple_of(1_024)) && last_commit.elapsed() >= TICK {
            last_commit = Instant::now();
            positions.send(message.offset() + 1)?;
        }
        handled.end();
    }
    drop(positions);
    let _ = committer.join();
    Ok(())
}
