//! Rights of users, given by the protocol itself: the client library has no call for it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// The timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a user may do with a topic. The value is Kafka's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicOperation {
    /// Read records.
    Read = 3,
    /// Write records.
    Write = 4,
    /// See it in metadata.
    Describe = 8,
}

/// The properties of a node that checks rights. A topic without any rule may be used by everyone; with one, only what a rule allows.
#[must_use]
pub fn authorizer_properties() -> Vec<(String, String)> {
    [
        (
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        ),
        ("allow.everyone.if.no.acl.found", "true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Allows every client without a login to do `operation` with `topic`, on the node at `address`.
///
/// # Errors
///
/// When the node does not answer, or refuses.
pub(super) fn allow(address: &str, topic: &str, operation: TopicOperation) -> anyhow::Result<()> {
    let mut body = Vec::new();
    // CreateAcls, version 1; a correlation id; a client id; one rule.
    body.extend(30_i16.to_be_bytes());
    body.extend(1_i16.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    put_string(&mut body, "livebus-independent-client")?;
    body.extend(1_i32.to_be_bytes());
    body.push(2); // A topic,
    put_string(&mut body, topic)?;
    body.push(3); // with exactly this name;
    put_string(&mut body, "User:ANONYMOUS")?;
    put_string(&mut body, "*")?; // from any host;
    body.push(operation as u8);
    body.push(3); // allowed.

    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(&u32::try_from(body.len())?.to_be_bytes())?;
    stream.write_all(&body)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length))?];
    stream.read_exact(&mut answer)?;
    // The correlation id, the throttle time, the number of results, and the code of the first.
    let code = answer.get(12..14).context("a short answer")?;
    let code = i16::from_be_bytes([code[0], code[1]]);
    ensure!(code == 0, "{address} refuses the rule: code {code}");
    Ok(())
}

fn put_string(body: &mut Vec<u8>, text: &str) -> anyhow::Result<()> {
    body.extend(i16::try_from(text.len())?.to_be_bytes());
    body.extend(text.as_bytes());
    Ok(())
}
