//! Answers, and rejected requests.

use livebus_endpoints::http::Limits;

use crate::environment::Environment;

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let mut environment = Environment::new(Limits::default());
    let client = environment.send("GET /livez HTTP/1.1\r\n\r\nGET /nope HTTP/1.1\r\n\r\n");
    let received = client.received();
    let (first, second) = received.split_at(received.rfind("HTTP/1.1").expect("two answers"));
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n") && first.ends_with("\r\n\r\nok"));
    assert!(first.contains("\r\ncache-control: no-store\r\n"), "{first}");
    assert!(second.starts_with("HTTP/1.1 404 Not Found\r\n"), "{second}");
    assert!(!client.is_closed());
}

#[test]
fn connection_close_is_answered_and_closed() {
    let mut environment = Environment::new(Limits::default());
    let client = environment.send("GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(client.status(), Some(200));
    assert!(client.is_closed());
}

#[test]
fn client_that_shuts_down_its_half_gets_all_answers() {
    let mut environment = Environment::new(Limits::default());
    let client = environment.connect();
    client.send("GET /livez HTTP/1.1\r\n\r\n".repeat(3));
    client.finish();
    environment.run();
    assert_eq!(client.answers(), 3);
    assert!(client.is_closed());
}

#[test]
fn head_of_exactly_the_limit_is_answered_and_one_byte_more_is_431() {
    for (size, status) in [(8 * 1024, 200), (8 * 1024 + 1, 431), (1024 * 1024, 431)] {
        let mut environment = Environment::new(Limits::default());
        let client = environment.send(head_of(size));
        assert_eq!(client.status(), Some(status), "{size}");
        assert_eq!(client.is_shut_down(), status == 431);
    }
}

#[test]
fn head_without_end_is_431_as_soon_as_it_reaches_the_limit() {
    let mut environment = Environment::new(Limits::default());
    let endless = head_of(64 * 1024);
    let client = environment.send(&endless[..8 * 1024 - 1]);
    assert_eq!(client.status(), None);
    client.send(&endless[8 * 1024 - 1..8 * 1024]);
    environment.run();
    assert_eq!(client.status(), Some(431));
    assert!(client.is_shut_down());
    assert!(!client.is_closed(), "it may send more");
}

#[test]
fn head_size_can_be_configured() {
    for (size, status) in [(2_000, 200), (2_001, 431)] {
        let limits = Limits {
            head_size: 2_000,
            ..Limits::default()
        };
        let client = Environment::new(limits).send(head_of(size));
        assert_eq!(client.status(), Some(status), "{size}");
    }
    let limits = Limits {
        head_size: 100_000,
        ..Limits::default()
    };
    let client = Environment::new(limits).send(head_of(100_000));
    assert_eq!(client.status(), Some(200));
}

#[test]
fn more_header_fields_than_the_limit_are_431() {
    for (fields, status) in [(64, 200), (65, 431)] {
        let mut environment = Environment::new(Limits::default());
        let head = format!("GET /livez HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(fields));
        assert_eq!(environment.send(head).status(), Some(status), "{fields}");
    }
}

#[test]
fn bytes_after_431_are_discarded_up_to_the_limit() {
    let limits = Limits {
        discard_size: 100_000,
        ..Limits::default()
    };
    let mut environment = Environment::new(limits.clone());
    let client = environment.send(vec![b'a'; 50_000]);
    assert_eq!((client.unread(), client.is_closed()), (0, false));
    client.send(vec![b'a'; 1_000_000]);
    environment.run();
    assert!(client.unread() > 900_000, "{}", client.unread());
    assert!(client.is_closed());

    let client = environment.send(vec![b'a'; 50_000]);
    client.finish();
    environment.run();
    assert!(client.is_closed(), "it sends nothing more");

    let client = environment.send(vec![b'a'; 50_000]);
    environment.advance(limits.discard_timeout);
    assert!(client.is_closed(), "the timeout has passed");
}

#[test]
fn bytes_after_the_last_request_are_discarded() {
    let mut environment = Environment::new(Limits::default());
    let last = "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n";
    let client = environment.send([last.as_bytes(), &vec![b'a'; 20_000]].concat());
    assert_eq!(client.status(), Some(200));
    assert_eq!((client.unread(), client.is_closed()), (0, false));
    client.finish();
    environment.run();
    assert!(client.is_closed());
}

#[test]
fn body_is_not_read_and_its_connection_is_closed() {
    for head in [
        "GET /livez HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n",
        "GET /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n",
        "GET /livez HTTP/1.1\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    ] {
        let limits = Limits::default();
        let mut environment = Environment::new(limits.clone());
        let client = environment.send(head);
        assert_eq!(client.status(), Some(200), "{head}");
        assert!(client.received().contains("\r\nconnection: close\r\n"));
        assert!(client.is_shut_down() && !client.is_closed(), "{head}");
        client.send(vec![b'a'; 4 * limits.discard_size]);
        environment.run();
        assert!(client.unread() > 2 * limits.discard_size, "{head}");
        assert!(client.is_closed(), "{head}");
        assert_eq!(client.answers(), 1, "{head}");
    }
}

#[test]
fn panic_in_one_connection_ends_only_that_one() {
    let mut environment = Environment::new(Limits::default());
    let (first, second) = (environment.send(""), environment.send(""));
    first.make_panic();
    environment.run();
    assert!(first.is_closed());
    second.send("GET /livez HTTP/1.1\r\n\r\n");
    environment.run();
    assert_eq!(second.status(), Some(200));
    let third = environment.send("GET /livez HTTP/1.1\r\n\r\n");
    assert_eq!(third.status(), Some(200));
}

#[test]
fn dropping_the_server_closes_the_listener_and_all_connections() {
    let mut environment = Environment::new(Limits::default());
    let clients = [
        environment.send(""),
        environment.send("GET /livez HTTP/1.1\r\n\r\n"),
        environment.send("GET /livez HT"),
        environment.send(vec![b'a'; 50_000]),
    ];
    drop(environment.server.take());
    environment.run();
    for client in clients {
        assert!(client.is_closed());
    }
    let _late = environment.connect();
    environment.run();
    assert_eq!(environment.waiting(), 1);
}

/// Returns a request whose head has `size` bytes.
fn head_of(size: usize) -> Vec<u8> {
    let (begin, end) = ("GET /livez HTTP/1.1\r\na: ", "\r\n\r\n");
    let value = "a".repeat(size - begin.len() - end.len());
    format!("{begin}{value}{end}").into_bytes()
}
