//! Which replies are fetched.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::FailureClass;
use livebus_runner::calls::{ReplyPartitions, ReplySubscription};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;

use super::support::{ASSIGN, Caller, ReplyWriter, text};
use crate::context::Context;

pub(crate) fn reply_after_the_assignment_is_fetched(context: &Context) -> anyhow::Result<()> {
    const CALLERS: u64 = 20;

    let node = context.shared_node()?;
    let (servers, topic) = (node.bootstrap_servers(), "calls-after");
    node.create_topic(topic, 3)?;
    let answering = ReplyWriter::new(&servers)?;
    let mut chosen = std::collections::BTreeSet::new();
    for instance in 0..CALLERS {
        for partition in 0..3 {
            answering.reply(topic, partition, "before")?;
        }
        let replies = ReplySubscription::new("after", instance, topic);
        let mut caller = Caller::open(&servers, replies)?;
        let partition = caller.assign_one()?;
        // At once: a position that is resolved later would be behind it.
        answering.reply(topic, partition, &instance.to_string())?;
        let records = caller.fetch(1)?;
        let texts: Vec<_> = records.iter().map(text).collect();
        ensure!(texts == [instance.to_string()], "{texts:?}");
        ensure!(records[0].partition() == partition);
        caller.check_quiet()?;
        caller.close(Duration::from_secs(5));
        chosen.insert(partition);
    }
    ensure!(chosen.len() == 3, "all callers chose {chosen:?}");
    Ok(())
}

pub(crate) fn nothing_is_missed_across_assignments_and_clients(
    context: &Context,
) -> anyhow::Result<()> {
    const ROUNDS: u32 = 8;
    const PER_ROUND: usize = 300;

    let node = context.shared_node()?;
    let (servers, topic) = (node.bootstrap_servers(), "calls-continued");
    node.create_topic(topic, 3)?;
    let replies = ReplySubscription::new("continued", 7, topic);
    let mut caller = Caller::open(&servers, replies)?;
    let partition = caller.assign_one()?;
    let is_over = AtomicBool::new(false);
    let answering = ReplyWriter::new(&servers)?;
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                answering.reply(topic, partition, &number.to_string())?;
                number += 1;
            }
            anyhow::Ok(number)
        });
        let mut fetched = Vec::new();
        let mut run = || {
            for round in 0..ROUNDS {
                fetched.extend(caller.fetch(PER_ROUND)?);
                if round % 2 == 0 {
                    // Records come while it is closed.
                    caller.poll();
                    fetched.extend(caller.take_records());
                    caller.close(Duration::from_secs(5));
                    caller.open_client()?;
                }
                let again = caller.assign_one()?;
                ensure!(again == partition, "{again} was chosen after {partition}");
            }
            anyhow::Ok(())
        };
        let result = run();
        is_over.store(true, Ordering::Relaxed);
        let written = writer.join().expect("it does not panic")?;
        result?;
        fetched.extend(caller.fetch(written as usize - fetched.len())?);
        let numbers = fetched.iter().map(text);
        let expected = (0..written).map(|number| number.to_string());
        ensure!(numbers.eq(expected), "not each reply once and in order");
        caller.check_quiet()
    })
}

pub(crate) fn missing_topic_is_the_answer_before_the_deadline(
    context: &Context,
) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let (servers, topic) = (node.bootstrap_servers(), "calls-missing");
    let replies = ReplySubscription::new("missing", 1, topic);
    let mut caller = Caller::open(&servers, replies.clone())?;
    let missing = caller.try_assign(ASSIGN)?;
    let class = missing.map_err(|failure| failure.class);
    ensure!(class == Err(FailureClass::TopicMissing), "{class:?}");
    node.create_topic(topic, 2)?;
    // Its leaders may just be elected.
    let deadline = Instant::now() + ASSIGN;
    let partition = loop {
        match caller.try_assign(ASSIGN)? {
            Ok(partition) => break partition,
            Err(failure) => ensure!(Instant::now() < deadline, "{failure}"),
        }
    };
    ensure!(
        partition.is_some_and(|it| (0..2).contains(&it)),
        "{partition:?}"
    );

    let mut beyond = replies;
    beyond.partitions = ReplyPartitions::One(2);
    let mut caller = Caller::open(&servers, beyond)?;
    let class = caller.try_assign(ASSIGN)?.map_err(|failure| failure.class);
    ensure!(class == Err(FailureClass::TopicMissing), "{class:?}");
    Ok(())
}

pub(crate) fn added_partitions_are_read_from_their_start(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let (servers, topic) = (node.bootstrap_servers(), "calls-added");
    node.create_topic(topic, 2)?;
    let mut replies = ReplySubscription::new("added", 1, topic);
    replies.partitions = ReplyPartitions::All;
    let mut caller = Caller::open(&servers, replies)?;
    ensure!(caller.assign()?.is_none(), "replies may arrive at any");
    let answering = ReplyWriter::new(&servers)?;
    for partition in 0..2 {
        answering.reply(topic, partition, "known")?;
    }
    caller.fetch(2)?;
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        .create()?;
    let three = NewPartitions::new(topic, 3);
    let more = admin.create_partitions([&three], &AdminOptions::new());
    futures::executor::block_on(more)?;
    // Before the caller knows of it.
    ReplyWriter::new(&servers)?.reply(topic, 2, "added")?;
    let records = caller.fetch(1)?;
    ensure!(records[0].partition() == 2 && text(&records[0]) == "added");
    caller.check_quiet()
}

pub(crate) fn topic_that_was_created_again_is_read(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let (servers, topic) = (node.bootstrap_servers(), "calls-again");
    node.create_topic(topic, 1)?;
    let replies = ReplySubscription::new("again", 1, topic);
    let mut caller = Caller::open(&servers, replies)?;
    caller.assign_one()?;
    let answering = ReplyWriter::new(&servers)?;
    for number in 0..10 {
        answering.reply(topic, 0, &number.to_string())?;
    }
    caller.fetch(10)?;
    node.delete_topic(topic)?;
    let failure = caller.unreachable(Duration::from_secs(20))?;
    ensure!(failure.class == FailureClass::TopicMissing, "{failure}");
    node.create_topic(topic, 1)?;
    // At an offset below those before.
    let answering = ReplyWriter::new(&servers)?;
    answering.reply(topic, 0, "new")?;
    let began = Instant::now();
    let records = caller.fetch(1)?;
    ensure!(text(&records[0]) == "new");
    println!("read again after {:?}", began.elapsed());
    caller.reachable()
}
