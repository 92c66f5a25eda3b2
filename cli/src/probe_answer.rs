//! The answer of a running livebus.

use std::io::Read;
use std::iter;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::grpc_answer;
use crate::probe_url::ProbeUrl;
use crate::verdict::{Finding, Purpose, Verdict, bounded};

/// The maximum size of a body; more of it is ignored. `/statusz` of many services has some hundred kilobytes.
const MAX_BODY_BYTES: u64 = 1 << 20;
/// The maximum time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The time from one question to the next.
const INTERVAL: Duration = Duration::from_millis(500);

/// The part of the body of `/statusz` that a verdict needs.
#[derive(Debug, Deserialize)]
struct Statusz {
    ready: bool,
    services: Vec<StatuszService>,
}

#[derive(Debug, Deserialize)]
struct StatuszService {
    name: String,
    required: bool,
    status: String,
    text: String,
}

/// A check in the body of a probe's answer.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Check<'a> {
    name: &'a str,
    ok: bool,
    text: &'a str,
}

impl<'a> Check<'a> {
    /// Parses a line like `[+]message-bus ok`. The name may have spaces.
    fn parse(line: &'a str) -> Option<Self> {
        let (ok, rest) = match line.strip_prefix("[+]") {
            Some(rest) => (true, rest),
            None => (false, line.strip_prefix("[-]")?),
        };
        let end = name_end(rest).or_else(|| rest.find(' '));
        let (name, text) = rest.split_at(end.unwrap_or(rest.len()));
        let text = text.trim_start_matches(' ');
        Some(Self { name, ok, text })
    }
}

/// Returns where the name of a check ends, by what follows it in a line of livebus or of Kubernetes.
fn name_end(line: &str) -> Option<usize> {
    const OUTCOMES: [&str; 4] = [" ok,", " failed:", " excluded:", " not required,"];

    let outcomes = OUTCOMES.iter().filter_map(|outcome| line.find(outcome));
    let passed = line.ends_with(" ok").then(|| line.len() - " ok".len());
    outcomes.chain(passed).min()
}

/// Asks until the purpose is met, at most for `timeout`. Blocks.
pub(crate) fn ask_until(url: &ProbeUrl, purpose: Purpose, timeout: Duration) -> Finding {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = match purpose {
            Purpose::Check => left,
            Purpose::WaitFor(_) => left.min(ANSWER_TIMEOUT),
        };
        let finding = match url {
            ProbeUrl::Http(address) => ask(url, address, timeout),
            ProbeUrl::Grpc { authority, service } => {
                grpc_answer::ask(url, authority, service, timeout)
            }
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if purpose.is_met_by(finding.verdict) || left.is_zero() {
            return finding;
        }
        thread::sleep(left.min(INTERVAL));
        if left <= INTERVAL {
            return finding;
        }
    }
}

/// Asks once.
fn ask(url: &ProbeUrl, address: &str, timeout: Duration) -> Finding {
    // Neither a proxy of the environment nor another address: the answer is about this livebus.
    let agent = ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("livebus/", env!("CARGO_PKG_VERSION")))
        // Zero would mean no timeout.
        .timeout_global(Some(timeout.max(Duration::from_millis(1))))
        .build()
        .new_agent();
    match agent.get(address).call() {
        Ok(mut response) => {
            let status = response.status().as_u16();
            let mut body = Vec::new();
            let reader = response.body_mut().as_reader();
            // What has arrived of a body that is cut off says enough: the status has the verdict.
            let _ = reader.take(MAX_BODY_BYTES).read_to_end(&mut body);
            answered(url, status, &String::from_utf8_lossy(&body))
        }
        Err(error) => {
            // ureq marks errors of the system by a prefix.
            let reason = error.to_string();
            let reason = reason.strip_prefix("io: ").unwrap_or(&reason);
            let hint = if matches!(error, ureq::Error::Protocol(_)) {
                "; is this the port of --grpc?"
            } else {
                ""
            };
            Finding {
                verdict: Some(Verdict::NotReady),
                text: bounded(&format!("{url} does not answer: {reason}{hint}")),
                details: json!({ "url": url.to_string(), "http_status": null }),
            }
        }
    }
}

/// Returns what an answer says.
fn answered(url: &ProbeUrl, status: u16, body: &str) -> Finding {
    if url.is_statusz() && status == 200 {
        return statusz(url, body);
    }
    let checks: Vec<Check<'_>> = body.lines().filter_map(Check::parse).collect();
    let said = |ok: bool| {
        let said = checks.iter().filter(move |check| check.ok == ok);
        let said: Vec<String> = said
            .map(|check| format!("{} {}", check.name, check.text))
            .collect();
        said.join("; ")
    };
    let (verdict, mut said) = match status {
        200 => (Verdict::Ready, said(true)),
        503 => (Verdict::NotReady, said(false)),
        418 if url.is_readz() => (Verdict::NotReady, String::new()),
        _ => (
            Verdict::NotReady,
            format!("{url} answers with {status}, and a probe with 200 or 503: check the URL"),
        ),
    };
    if said.is_empty() {
        said = format!("{url} answers with {status}");
    }
    let warnings = body.lines().filter(|line| line.starts_with("warn: "));
    let text = iter::once(&*said).chain(warnings).collect::<Vec<_>>();
    let text = text.join("; ");
    Finding {
        verdict: Some(verdict),
        text: bounded(&text),
        details: json!({ "url": url.to_string(), "http_status": status, "checks": checks }),
    }
}

/// Returns what an answer of `/statusz` says.
fn statusz(url: &ProbeUrl, body: &str) -> Finding {
    let Ok(Statusz { ready, services }) = serde_json::from_str(body) else {
        return Finding {
            verdict: Some(Verdict::NotReady),
            text: bounded(&format!(
                "{url} does not answer as /statusz of a livebus does: check the URL"
            )),
            details: json!({ "url": url.to_string(), "http_status": 200 }),
        };
    };
    let is_ok = |service: &StatuszService| service.status == "Running" || !service.required;
    let said = services.iter().filter(|service| is_ok(service) == ready);
    let said: Vec<String> = said
        .map(|service| format!("{} {}: {}", service.name, service.status, service.text))
        .collect();
    let checks = services
        .iter()
        .map(|service| json!({ "name": service.name, "ok": is_ok(service), "text": service.text }));
    let verdict = if ready {
        Verdict::Ready
    } else {
        Verdict::NotReady
    };
    Finding {
        verdict: Some(verdict),
        text: bounded(&said.join("; ")),
        details: json!({ "url": url.to_string(), "http_status": 200, "checks": checks.collect::<Vec<_>>() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_one_line() {
        let url: ProbeUrl = "http://a:1".parse().expect("it is a URL");
        let body = "[+]orders ok\n    last evidence 0.1 s ago\n[-]audit failed: NotReady for 2.0 s\u{1b}\nreadyz check failed\n";
        for (status, verdict, text) in [
            (200, Verdict::Ready, "orders ok"),
            (
                503,
                Verdict::NotReady,
                "audit failed: NotReady for 2.0 s\u{fffd}",
            ),
            (
                404,
                Verdict::NotReady,
                "http://a:1/readyz?verbose answers with 404, and a probe with 200 or 503: check the URL",
            ),
        ] {
            let finding = answered(&url, status, body);
            assert_eq!((finding.verdict, &*finding.text), (Some(verdict), text));
        }
        assert_eq!(
            answered(&url, 200, "ok").text,
            "http://a:1/readyz?verbose answers with 200"
        );
        let long = format!("[-]a {}", "x".repeat(5_000));
        assert_eq!(answered(&url, 503, &long).text.len(), 1_000);
    }

    #[test]
    fn the_name_of_a_check_may_have_spaces() {
        for (line, ok, name, text) in [
            ("[+]my bus ok", true, "my bus", "ok"),
            ("[+]is ok to use ok", true, "is ok to use", "ok"),
            (
                "[+]my bus ok, with a warning: it failed: why",
                true,
                "my bus",
                "ok, with a warning: it failed: why",
            ),
            (
                "[-]my bus failed: NotReady for 2.0 s: not ok",
                false,
                "my bus",
                "failed: NotReady for 2.0 s: not ok",
            ),
            ("[+]my bus excluded: ok", true, "my bus", "excluded: ok"),
            (
                "[+]my bus not required, NotReady",
                true,
                "my bus",
                "not required, NotReady",
            ),
            ("[+]foreign said nothing", true, "foreign", "said nothing"),
            ("[-]foreign", false, "foreign", ""),
        ] {
            assert_eq!(Check::parse(line), Some(Check { name, ok, text }));
        }
        assert_eq!(Check::parse("readyz check passed"), None);
    }

    #[test]
    fn a_warning_about_an_unknown_name_is_shown() {
        let url: ProbeUrl = "http://a:1/?exclude=x".parse().expect("it is a URL");
        let warning = r#"warn: some health checks cannot be excluded: no matches for "x""#;
        let body = format!("[+]orders ok\n{warning}\nreadyz check passed\n");
        let finding = answered(&url, 200, &body);
        assert_eq!(finding.verdict, Some(Verdict::Ready));
        assert_eq!(finding.text, format!("orders ok; {warning}"));
    }

    #[test]
    fn readz_is_not_ready_with_418() {
        for (url, text) in [
            ("http://a:1/readz", "http://a:1/readz answers with 418"),
            (
                "http://a:1/tea",
                "http://a:1/tea answers with 418, and a probe with 200 or 503: check the URL",
            ),
        ] {
            let finding = answered(&url.parse().expect("it is a URL"), 418, "");
            assert_eq!(finding.verdict, Some(Verdict::NotReady));
            assert_eq!(finding.text, text);
        }
    }

    #[test]
    fn statusz_says_in_its_body_whether_it_is_ready() {
        let url: ProbeUrl = "http://a:1/statusz".parse().expect("it is a URL");
        let body = |ready: bool, status: &str| {
            format!(
                r#"{{"ready":{ready},"healthy":true,"services":[
                    {{"name":"orders","required":true,"status":"{status}","text":"why"}},
                    {{"name":"audit","required":false,"status":"NotReady","text":"other"}}]}}"#
            )
        };
        let ready = answered(&url, 200, &body(true, "Running"));
        assert_eq!(ready.verdict, Some(Verdict::Ready));
        assert_eq!(ready.text, "orders Running: why; audit NotReady: other");
        let not_ready = answered(&url, 200, &body(false, "NotReady"));
        assert_eq!(not_ready.verdict, Some(Verdict::NotReady));
        assert_eq!(not_ready.text, "orders NotReady: why");
        let none = answered(&url, 200, "<html>");
        assert_eq!(none.verdict, Some(Verdict::NotReady));
        let missing = answered(&url, 404, "not found");
        assert_eq!(missing.verdict, Some(Verdict::NotReady));
    }
}
