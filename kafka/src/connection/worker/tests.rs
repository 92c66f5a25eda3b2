use super::*;
use crate::context::tests::client;
use crate::leaders::tests::leaders;

fn address(port: u16) -> Address {
    Address {
        host: "kafka".to_owned(),
        port,
    }
}

#[test]
fn a_closed_client_is_dropped_when_nothing_uses_it() {
    let limit = Duration::from_secs(1);
    let mut closing = Closing::default();
    closing.add(Arc::new(client()));
    assert_eq!(closing.limit(limit), limit, "nothing uses it");
    let used = Arc::new(client());
    closing.add(Arc::clone(&used));
    assert_eq!(closing.limit(limit), Closing::PACE);
    assert_eq!(closing.limit(Duration::ZERO), Duration::ZERO);
    let producer = Arc::clone(&used.producer);
    drop(used);
    closing.drop_unused();
    assert_eq!(closing.limit(limit), Closing::PACE, "its producer is used");
    drop(producer);
    closing.drop_unused();
    assert_eq!(closing.limit(limit), limit);
}

#[test]
fn the_end_waits_for_what_uses_a_closed_client() {
    let mut closing = Closing::default();
    let used = Arc::new(client());
    let weak = Arc::downgrade(&used);
    closing.add(Arc::clone(&used));
    let holder = thread::spawn(move || {
        thread::sleep(4 * Closing::PACE);
        drop(used);
    });
    closing.end();
    assert_eq!(weak.strong_count(), 0);
    holder.join().expect("no panic");
}

#[test]
fn the_brokers_that_were_known_last_are_tried_too() {
    let mut addresses = Addresses {
        bootstrap: vec![address(1), address(2)],
        brokers: Vec::new(),
    };
    let client = client();
    let mut found = leaders(&[]);
    found.brokers = vec![address(2), address(3)];
    client.set_leaders(Some(found));
    addresses.remember(&client);
    assert_eq!(addresses.all(), [1, 2, 3].map(address));
    client.set_leaders(None);
    addresses.remember(&client);
    assert_eq!(
        addresses.brokers,
        [2, 3].map(address),
        "those before are kept"
    );
}

#[test]
fn the_number_of_addresses_to_try_is_bounded() {
    let addresses = Addresses {
        bootstrap: vec![address(1)],
        brokers: (1..=20).map(address).collect(),
    };
    let all: Vec<_> = (1..=9).map(address).collect();
    assert_eq!(addresses.all(), all);
    let servers = Addresses {
        bootstrap: (1..=20).map(address).collect(),
        brokers: vec![address(21)],
    };
    assert_eq!(servers.all(), servers.bootstrap);
}
