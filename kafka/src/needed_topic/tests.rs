use super::*;

fn partition(id: i32, has_leader: bool, in_sync: usize) -> PartitionState {
    PartitionState {
        id,
        leader: has_leader.then_some(id),
        in_sync,
        replicas: 3,
    }
}

fn usable() -> TopicState {
    TopicState {
        partitions: Ok(vec![partition(0, true, 3), partition(1, true, 2)]),
        min_in_sync: Some(2),
        right: Right::Granted,
    }
}

fn text(state: &TopicState) -> Option<(i32, String)> {
    let problem = state.problem(Access::Write, true)?;
    Some((problem.code as i32, problem.text))
}

#[test]
fn a_topic_that_can_be_used_has_no_problem() {
    assert_eq!(text(&usable()), None);
    let unknown = TopicState {
        min_in_sync: None,
        right: Right::Unknown,
        ..usable()
    };
    assert_eq!(text(&unknown), None, "what is not known is not reported");
    assert!(usable().lacks_replicas());
}

#[test]
fn each_problem_has_the_code_of_librdkafka_and_says_what_is_wrong() {
    let state = |partitions| TopicState {
        partitions,
        ..usable()
    };
    let missing = state(Err(RDKafkaErrorCode::UnknownTopicOrPartition));
    let (code, said) = text(&missing).expect("is missing");
    assert_eq!((code, said.contains("does not exist")), (3, true), "{said}");
    let leaderless: Vec<_> = (0..6).map(|id| partition(id, id > 3, 3)).collect();
    assert_eq!(
        text(&state(Ok(leaderless))),
        Some((5, "no leader for 4 of 6 partitions (0, 1, 2, ...)".into()))
    );
    let few = state(Ok(vec![partition(0, true, 3), partition(7, true, 1)]));
    let said = "fewer than 2 replicas in sync for 1 of 2 partitions (7)";
    assert_eq!(text(&few), Some((19, said.into())));
    let denied = TopicState {
        right: Right::Denied,
        ..usable()
    };
    let said = "this user has no right to write to it";
    assert_eq!(text(&denied), Some((29, said.into())));
}

#[test]
fn replicas_in_sync_matter_to_writes_that_wait_for_them() {
    let few = TopicState {
        min_in_sync: Some(3),
        ..usable()
    };
    assert!(few.problem(Access::Write, true).is_some());
    assert!(few.problem(Access::Write, false).is_none());
    assert!(few.problem(Access::Read, true).is_none());
}

#[test]
fn a_required_topic_decides_and_each_is_named() {
    let topics = [
        NeededTopic::new("audit"),
        NeededTopic::new("fine").required(),
        NeededTopic::new("orders").required(),
    ];
    let problems = [Some(3), None, Some(29)].map(|code| {
        code.map(|code| match code {
            3 => refused(RDKafkaErrorCode::UnknownTopicOrPartition),
            _ => refused(RDKafkaErrorCode::TopicAuthorizationFailed),
        })
    });
    let verdict = Verdict::of(topics.iter().zip(problems.clone()));
    assert_eq!(
        verdict.failure,
        Some(Failure::with_code(FailureClass::RequiredTopicUnusable, 29))
    );
    assert_eq!(
        verdict.reason,
        "topic orders: this user may not see it; topic audit: does not exist, or this user may not see it"
    );
    let optional = Verdict::of(topics.iter().zip(problems).take(2));
    assert_eq!(
        optional.failure,
        Some(Failure::with_code(FailureClass::TopicUnusable, 3))
    );
    assert_eq!(Verdict::of([].into_iter()), Verdict::default());
}

#[test]
fn a_reason_names_at_most_three_topics() {
    let topics: Vec<_> = (0..9)
        .map(|it| NeededTopic::new(format!("t{it}")))
        .collect();
    let problem = || Some(refused(RDKafkaErrorCode::TopicAuthorizationFailed));
    let verdict = Verdict::of(topics.iter().map(|topic| (topic, problem())));
    assert!(verdict.reason.ends_with("; and 6 more"), "{verdict:?}");
}

#[test]
fn text_names_a_topic_and_what_it_is_for() {
    let parsed = |text: &str| text.parse::<NeededTopic>();
    assert_eq!(parsed("orders"), Ok(NeededTopic::new("orders")));
    let both = NeededTopic::new("a.b_c-1").read().required();
    assert_eq!(parsed(" a.b_c-1:read:required "), Ok(both.clone()));
    assert_eq!(parsed("a.b_c-1:required:read"), Ok(both));
    for text in ["sasl.password=hunter2", "orders:hunter2", "me:hunter2@host"] {
        let error = parsed(text).expect_err(text);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    for (text, name) in [
        ("", ""),
        (":required", ""),
        ("orders:", "orders"),
        ("orders:write", "orders"),
        ("..", ".."),
    ] {
        assert_eq!(parsed(text).expect_err(text).name, name);
    }
}

#[test]
fn up_to_three_partitions_and_topics_are_named_without_an_ellipsis() {
    let three: Vec<_> = (0..3).map(|id| partition(id, false, 3)).collect();
    assert_eq!(numbered(&[0, 1, 2], &three), "3 of 3 partitions (0, 1, 2)");
    let topics = ["a", "b", "c"].map(NeededTopic::new);
    let problem = || Some(refused(RDKafkaErrorCode::TopicAuthorizationFailed));
    let verdict = Verdict::of(topics.iter().map(|topic| (topic, problem())));
    assert!(!verdict.reason.contains("more"), "{verdict:?}");
}

#[test]
fn a_topic_lacks_replicas_when_a_partition_has_fewer_in_sync_than_replicas() {
    let lacks = |in_sync: [usize; 2]| {
        let partitions = in_sync.map(|it| partition(0, true, it)).to_vec();
        let state = TopicState {
            partitions: Ok(partitions),
            ..usable()
        };
        state.lacks_replicas()
    };
    assert!(!lacks([3, 3]));
    assert!(lacks([3, 2]));
    let missing = TopicState {
        partitions: Err(RDKafkaErrorCode::UnknownTopicOrPartition),
        ..usable()
    };
    assert!(!missing.lacks_replicas() && missing.leaders().is_empty());
}

#[test]
fn at_most_three_distinct_leaders_are_asked() {
    let led = |leaders: &[Option<i32>]| {
        let partitions = leaders.iter().map(|leader| PartitionState {
            leader: *leader,
            ..partition(0, true, 3)
        });
        let state = TopicState {
            partitions: Ok(partitions.collect()),
            ..usable()
        };
        state.leaders()
    };
    assert_eq!(led(&[Some(7), None, Some(5), Some(7)]), [5, 7]);
    assert_eq!(led(&[Some(4), Some(3), Some(2), Some(1)]), [1, 2, 3]);
}

#[test]
fn a_topic_with_fewer_replicas_than_must_be_in_sync_can_be_used() {
    let with_two = |in_sync| TopicState {
        partitions: Ok(vec![PartitionState {
            replicas: 2,
            ..partition(0, true, in_sync)
        }]),
        min_in_sync: Some(3),
        ..usable()
    };
    assert_eq!(text(&with_two(2)), None);
    assert!(text(&with_two(1)).is_some());
}
