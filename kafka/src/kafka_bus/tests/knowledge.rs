//! What a liveness client knows of its cluster, and how it learns that.

use std::time::Duration;

use rdkafka::producer::Producer as _;

use super::rounds::{CLIENT, Sleeping, TOPIC, client, must_send, started};
use super::*;
use crate::count::Finding;
use crate::leaders::Leaders;
use crate::leaders::tests::aged;
use crate::{advertised, counting, look_up};

#[test]
fn a_liveness_client_keeps_the_leaders_that_it_has_found() {
    let (cluster, bus) = started(2);
    let client = client(&bus);
    assert_eq!(client.leaders(), None);
    assert!(client.brokers().is_empty());
    must_send(&bus);
    let leaders = client.leaders().expect("they were looked up");
    assert_eq!(leaders.partitions.len(), 2);
    let brokers = client.brokers();
    let addresses: Vec<_> = brokers.iter().map(ToString::to_string).collect();
    assert_eq!(addresses.join(","), cluster.bootstrap_servers());
    assert!(lock(&client.look_up).is_some());
    client.forget_look_up();
    assert!(lock(&client.look_up).is_none());
    client.set_leaders(None);
    assert_eq!(client.leaders(), None);
    assert_eq!(client.check_cluster(), Ok(()));
}

#[test]
fn a_client_without_a_broker_is_not_connected() {
    let bus = bus_at("127.0.0.1:1", ClusterPolicy::Remember);
    assert_eq!(block_on(bus.start(CLIENT, deadline())), Ok(()));
    assert!(!client(&bus).is_connected());
}

#[test]
fn a_broker_must_answer_at_its_own_address() {
    let (cluster, bus) = started(1);
    must_send(&bus);
    let client = client(&bus);
    let look_up = block_on(look_up::any_broker::<Sleeping>(&client, TEST_TIMEOUT));
    assert_eq!(look_up, Ok(()));
    let confirm = |time| {
        let deadline = Instant::now() + time;
        block_on(advertised::confirm::<Sleeping>(
            &client, &bus.kafka, TOPIC, deadline,
        ))
    };
    assert_eq!(confirm(TEST_TIMEOUT), Ok(()));
    cluster.hang().expect("hangs");
    // The client that has asked knows the answer.
    client
        .producer
        .context()
        .cluster
        .forget_inquiry(Duration::ZERO);
    let silent = confirm(Duration::from_millis(500));
    assert_eq!(silent, Err(FailureClass::AdvertisedAddress.into()));
    let reason = bus.explain(FailureClass::AdvertisedAddress.into()).reason;
    assert!(reason.is_some_and(|it| it.contains(cluster.bootstrap_servers())));
}

#[test]
fn the_metadata_of_another_cluster_is_refused() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let expected = ClusterPolicy::Expect("another".to_owned());
    let bus = bus_at(cluster.bootstrap_servers(), expected);
    assert_eq!(block_on(bus.start(CLIENT, deadline())), Ok(()));
    let client = client(&bus);
    let wrong = Err(FailureClass::WrongCluster.into());
    let asked = block_on(look_up::any_broker::<Sleeping>(&client, TEST_TIMEOUT));
    assert_eq!(asked, wrong);
    assert_eq!(client.check_cluster(), wrong);
}

#[test]
fn a_look_up_in_flight_is_shared_and_its_leaders_are_kept() {
    let (cluster, bus) = started(1);
    let client = client(&bus);
    let newest = || lock(&client.look_up).clone().expect("there was one");
    let mut context = Context::from_waker(Waker::noop());
    cluster.hang().expect("hangs");
    let mut both =
        [(); 2].map(|()| Box::pin(look_up::leaders::<Sleeping>(&client, TOPIC, TEST_TIMEOUT)));
    let [first, second] = &mut both;
    assert!(first.as_mut().poll(&mut context).is_pending());
    let begun = newest();
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert!(begun.ptr_eq(&newest()), "there is one");
    cluster.restore().expect("restores");
    for look_up in both {
        assert!(block_on(look_up).is_ok());
    }
    // Its connection may have ended while the cluster hung: then the leaders are looked up once more.
    must_send(&bus);
    let known = newest();
    must_send(&bus);
    assert!(known.ptr_eq(&newest()), "the leaders are known");
    client.set_leaders(client.leaders().map(Leaders::stale));
    must_send(&bus);
    assert!(!known.ptr_eq(&newest()), "they were looked up again");
}

fn wait_for_young_leaders(client: &LivenessClient) {
    let end = deadline();
    let are_young = || {
        let leaders = client.leaders();
        leaders.is_some_and(|leaders| !leaders.are_old(Instant::now()))
    };
    while !are_young() {
        assert!(Instant::now() < end, "they are not looked up");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn old_leaders_are_looked_up_after_the_acknowledgement() {
    let (_cluster, bus) = started(1);
    must_send(&bus);
    let client = client(&bus);
    let age = Duration::from_mins(2);
    client.set_leaders(client.leaders().map(|leaders| aged(leaders, age)));
    must_send(&bus);
    wait_for_young_leaders(&client);
}

#[test]
fn leaders_are_found_in_the_background_with_or_without_a_client_of_the_doubt() {
    let (_cluster, bus) = started(1);
    must_send(&bus);
    let client = client(&bus);
    let inquiry = Inquiry::open(&bus.kafka, [], Reach::AsNeeded).expect("opens");
    for inquiry in [None, Some(Arc::new(inquiry))] {
        client.set_leaders(None);
        client.forget_look_up();
        let is_asked = inquiry.is_some();
        lock(&client.doubt).inquiry = inquiry;
        counting::find_leaders::<Sleeping>(&client, TOPIC, TEST_TIMEOUT);
        wait_for_young_leaders(&client);
        assert_eq!(lock(&client.look_up).is_none(), is_asked);
    }
}

#[test]
fn silence_is_no_answer_and_a_refusal_is_one() {
    let (cluster, bus) = started(1);
    must_send(&bus);
    let client = client(&bus);
    let silence = Finding {
        is_answered: false,
        too_few: false,
        explanation: None,
    };
    while lock(&client.doubt).may_ask() {
        lock(&client.doubt).take(silence, Duration::ZERO);
    }
    let send = || {
        let soon = Instant::now() + Duration::from_secs(1);
        let round = crate::round::send_liveness::<Sleeping>(Arc::clone(&client), &bus.kafka, soon);
        block_on(round).expect_err("it is not acknowledged")
    };
    cluster.hang().expect("hangs");
    send();
    assert!(!lock(&client.doubt).may_ask());
    cluster.restore().expect("restores");
    let code = rdkafka::error::RDKafkaErrorCode::TopicAuthorizationFailed;
    cluster.refuse_produce(code, 1_000).expect("refuses");
    let end = deadline();
    while send().code != Some(code as i32) {
        assert!(Instant::now() < end, "it is not refused");
    }
    assert!(lock(&client.doubt).may_ask());
}

#[test]
fn a_topic_that_is_refused_is_confirmed_by_a_broker_and_silence_is_not() {
    let (cluster, bus) = started(1);
    let client = client(&bus);
    let code = rdkafka::error::RDKafkaErrorCode::TopicAuthorizationFailed;
    cluster.refuse_topic(TOPIC, code).expect("refuses");
    cluster.hang().expect("hangs");
    let send = |time| {
        let deadline = Instant::now() + time;
        let client = Arc::clone(&client);
        let round = crate::round::send_liveness::<Sleeping>(client, &bus.kafka, deadline);
        block_on(round).expect_err("it is refused")
    };
    send(Duration::from_millis(500));
    assert!(bus.cluster.inquiry().is_none());
    cluster.restore().expect("restores");
    assert_eq!(send(TEST_TIMEOUT).code, Some(code as i32));
    assert!(bus.cluster.inquiry().is_some());
}

#[test]
fn a_missing_topic_is_created_only_if_it_may_be() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let reason = |create| {
        let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
        let topic = "missing".to_owned();
        let kafka = kafka.liveness_by(LivenessBy::Produce { topic, create });
        let config = Config::new(Settings::fast()).expect("the preset is valid");
        let bus = KafkaBus::<Sleeping>::new(kafka, &config);
        assert_eq!(block_on(bus.start(CLIENT, deadline())), Ok(()));
        let failure = block_on(bus.send_liveness(deadline()));
        let failure = failure.expect_err("it is missing");
        assert_eq!(failure.class, FailureClass::TopicMissing);
        bus.explain(failure).reason.expect("is explained")
    };
    // The embedded cluster cannot create topics on request.
    assert!(reason(true).contains("creating it failed"));
    assert!(!reason(false).contains("creating it failed"));
}
