use super::*;

fn classes(are: impl Fn(Failure) -> bool) -> Vec<FailureClass> {
    let all = FailureClass::ALL.into_iter();
    all.filter(|class| are(Failure::with_code(*class, 1)))
        .collect()
}

#[test]
fn failures_of_the_way_and_missing_leaders_are_tried_again_soon() {
    for is_armed in [false, true] {
        let delay = |failure| retry_delay(failure, is_armed);
        let soon = classes(|failure| delay(failure) == Some(RETRY_DELAY));
        assert_eq!(
            soon,
            [
                FailureClass::Unreachable,
                FailureClass::Timeout,
                FailureClass::NameResolution,
                FailureClass::NoLeader,
            ]
        );
        let later = classes(|failure| delay(failure) == Some(OUTAGE_RETRY_DELAY));
        let outage = [
            FailureClass::ReplicasSilent,
            FailureClass::NotEnoughReplicas,
        ];
        assert_eq!(later, if is_armed { &outage[..] } else { &[] });
    }
}

#[test]
fn a_created_topic_is_waited_for_while_it_or_its_leaders_are_missing() {
    let missing = classes(is_not_there_yet);
    assert_eq!(
        missing,
        [FailureClass::TopicMissing, FailureClass::NoLeader]
    );
}

#[test]
fn a_broker_that_denies_its_partition_makes_the_leaders_stale() {
    let denied = classes(denies_leaders);
    let rejected = classes(|failure| failure.class.kind() == FailureKind::Rejected);
    assert!(denied.contains(&FailureClass::NoLeader));
    assert!(rejected.iter().all(|class| denied.contains(class)));
    assert_eq!(denied.len(), rejected.len() + 1);
    let counted = Failure::new(FailureClass::NoLeader);
    assert!(!denies_leaders(counted), "a count has no code");
}

#[test]
fn one_broker_alone_is_not_counted() {
    assert!(may_count(2, true));
    assert!(!may_count(2, false));
    assert!(!may_count(1, true));
}

#[test]
fn a_look_up_without_an_answer_keeps_the_leaders_that_were_known() {
    let known = || crate::leaders::tests::leaders(&[(1, None)]);
    let newer = crate::leaders::tests::leaders(&[(2, None)]);
    let timeout = Err(FailureClass::Timeout.into());
    assert_eq!(
        found_or_known(timeout, known()).map(|it| it.members.len()),
        Ok(1)
    );
    assert_eq!(found_or_known(Ok(newer.clone()), known()), Ok(newer));
    let missing = Failure::new(FailureClass::TopicMissing);
    assert_eq!(found_or_known(Err(missing), known()), Err(missing));
}

#[test]
fn a_created_topic_is_looked_up_again_while_there_is_time() {
    let missing = Failure::new(FailureClass::TopicMissing);
    assert!(may_come(missing, RETRY_DELAY + Duration::from_nanos(1)));
    assert!(!may_come(missing, RETRY_DELAY));
    assert!(!may_come(FailureClass::Timeout.into(), Duration::MAX));
}

#[test]
fn silent_leaders_are_looked_up_again_and_silent_replicas_are_not() {
    let finding = |explanation| Finding {
        is_answered: true,
        too_few: false,
        explanation,
    };
    assert!(lacks_leaders(finding(Some(FailureClass::NoLeader))));
    assert!(!lacks_leaders(finding(Some(FailureClass::ReplicasSilent))));
    assert!(!lacks_leaders(finding(None)));
}
