//! The answer of a health service of gRPC.

use std::error::Error;
use std::io;
use std::time::Duration;

use anyhow::Context;
use hyper_util::rt::{TokioExecutor, TokioIo};
use livebus_grpc::{HealthClient, ServingStatus, Transport};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::runtime;
use tonic::{Code, Status};

use crate::probe_url::ProbeUrl;
use crate::verdict::{Finding, Verdict, bounded};

/// Asks once, whatever the runtime of the command. Blocks.
pub(crate) fn ask(url: &ProbeUrl, authority: &str, service: &str, timeout: Duration) -> Finding {
    let answered = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .and_then(|runtime| {
            let answered = runtime
                .block_on(async { tokio::time::timeout(timeout, check(authority, service)).await });
            // A look-up of a name that hangs must not be waited for.
            runtime.shutdown_background();
            answered.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        });
    let (verdict, text, grpc_status) = match answered {
        Ok(answer) => said(url, service, answer),
        Err(error) => (
            Verdict::NotReady,
            format!("{url} does not answer: {error:#}"),
            None,
        ),
    };
    Finding {
        verdict: Some(verdict),
        text: bounded(&text),
        details: json!({ "url": url.to_string(), "grpc_status": grpc_status }),
    }
}

async fn check(authority: &str, service: &str) -> anyhow::Result<Result<ServingStatus, Status>> {
    let stream = TokioIo::new(TcpStream::connect(authority).await?);
    let begun = Transport::begin(stream, TokioExecutor::new(), authority.parse()?);
    let (transport, driver) = begun.await?;
    tokio::spawn(driver);
    Ok(HealthClient::new(transport).check(service).await)
}

/// Returns what an answer says: the verdict, the text, and the status of the call.
fn said(
    url: &ProbeUrl,
    service: &str,
    answer: Result<ServingStatus, Status>,
) -> (Verdict, String, Option<String>) {
    let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
    let (verdict, text) = match answer {
        Ok(ServingStatus::Serving) => (Verdict::Ready, format!("{url} is SERVING")),
        Ok(ServingStatus::NotServing) => (Verdict::NotReady, format!("{url} is NOT_SERVING")),
        Ok(ServingStatus::ServiceUnknown | ServingStatus::Unknown) => {
            (Verdict::NotReady, format!("{url} is of unknown status"))
        }
        Err(status) if status.code() == Code::NotFound => (
            Verdict::NotReady,
            format!("{url} answers that it knows no service {service:?}: check the name"),
        ),
        Err(status) => {
            // The status of a server has no source: it is of a connection that is not of HTTP/2.
            let hint = status
                .source()
                .map_or("", |_| "; is this the port of --http?");
            let text = format!(
                "{url} does not answer as a health service does: {:?}: {}{hint}",
                status.code(),
                status.message()
            );
            (Verdict::NotReady, text)
        }
    };
    (verdict, text, Some(format!("{code:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_a_verdict() {
        let url: ProbeUrl = "grpc://a:1/b".parse().expect("it is a URL");
        for (answer, verdict, text) in [
            (Ok(ServingStatus::Serving), Verdict::Ready, "is SERVING"),
            (
                Ok(ServingStatus::NotServing),
                Verdict::NotReady,
                "is NOT_SERVING",
            ),
            (
                Err(Status::not_found("no")),
                Verdict::NotReady,
                "answers that it knows no service \"b\": check the name",
            ),
            (
                Err(Status::unimplemented("no")),
                Verdict::NotReady,
                "does not answer as a health service does: Unimplemented: no",
            ),
        ] {
            let (found, said, _) = said(&url, "b", answer);
            assert_eq!(found, verdict);
            assert_eq!(said, format!("grpc://a:1/b {text}"));
        }
    }
}
