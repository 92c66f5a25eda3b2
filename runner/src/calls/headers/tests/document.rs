//! `docs/wire.md` says what the code does.

use super::*;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wire.md");
    std::fs::read_to_string(path).expect("the page exists")
}

/// The tables of `docs/wire.md` have each header once, in the order of the constants.
#[test]
fn the_document_has_the_same_headers_and_bounds() {
    let page = page();
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let rows: Vec<Vec<String>> = page
        .lines()
        .filter(|line| line.starts_with("| `livebus.") || line.starts_with("| `traceparent`"))
        .map(cells)
        .collect();
    let found: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(found, names::ALL);
    for (name, max) in [
        (names::REPLY_TOPIC, text::MAX_TOPIC_BYTES),
        (names::IDEMPOTENCY_KEY, MAX_KEY_BYTES),
        (names::METHOD, MAX_METHOD_BYTES),
        (names::TRACEPARENT, text::MAX_TRACEPARENT_BYTES),
        (names::REASON, MAX_REASON_BYTES),
    ] {
        let row = rows.iter().find(|row| row[0].trim_matches('`') == name);
        let row = row.expect("it is in the table").join("|");
        assert!(row.contains(&format!("at most {max} bytes")), "{row}");
    }
    for word in [
        text::REQUEST,
        text::CANCEL,
        text::REPLY,
        text::DONE,
        text::FAILED,
        text::REFUSED,
        "too_late",
        "unsupported",
        "overloaded",
        "unavailable",
    ] {
        assert!(page.contains(&format!("`{word}`")), "{word} is not there");
    }
    let version = HeaderWire::VERSION;
    assert!(
        page.contains(&format!("always `{version}`")),
        "the version is not there"
    );
}

#[test]
fn the_examples_of_the_document_are_messages() {
    let page = page();
    let blocks = page.split("```text\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap_or_default());
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    for block in blocks.filter(|block| block.starts_with("livebus.version")) {
        let headers = block.lines().take_while(|line| !line.is_empty());
        let headers: Raw = headers
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), Some(value.as_bytes().to_vec())))
            .collect();
        if block.contains("livebus.type: reply") {
            let reply = read_reply(&headers).expect(block);
            assert_eq!(reply.to, correlation());
            replies.push(reply.reply);
        } else {
            let incoming = HeaderWire.read_request(&record_of(&headers));
            requests.push(incoming.expect(block));
        }
    }
    let expected = read_request(&request()).expect("it is valid");
    let cancel = Incoming::Cancel(correlation());
    assert_eq!(requests, [Incoming::Request(Box::new(expected)), cancel]);
    let failed = read_reply(&failed()).expect("it is valid").reply;
    let refused = read_reply(&refused()).expect("it is valid").reply;
    assert_eq!(
        replies,
        [ReadReply::Done(Payload::OfRecord), failed, refused]
    );
    let hex = format_correlation(correlation())
        .split_inclusive('-')
        .map(|part| {
            let digits = part.bytes().map(|byte| format!("{byte:02x}"));
            digits.collect::<String>()
        })
        .collect::<String>();
    assert!(page.replace(' ', "").contains(&hex), "{hex} is not there");
}
