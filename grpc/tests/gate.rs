//! What a gate answers, with a clock that is turned.

mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures::executor::block_on;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body as _;
use livebus_core::{Cause, FailureClass, Report, Status as BusStatus};
use livebus_grpc::{Gate, GateBody, Gated};
use livebus_readiness::{
    Clock, Heartbeat, Reader, Registry, RegistryBuilder, ServiceLoop, Services,
};
use livebus_runner::{Time, Timer};
use prost::Message as _;
use support::{LEASE, ManualTime, Process};
use tonic::body::Body;
use tower_service::Service;

/// A service that answers each call.
#[derive(Clone)]
struct Answers;

impl<B> Service<Request<B>> for Answers {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new("answered".to_owned())))
    }
}

fn gated(process: &Process) -> Gated<Answers> {
    gate(process).layer(Answers)
}

fn gate(process: &Process) -> Gate {
    Gate::new(process.readiness.clone()).time(Arc::new(process.time.clone()))
}

fn call(service: &mut Gated<Answers>, path: &str) -> Response<GateBody<String>> {
    let request = Request::builder().uri(format!("http://a{path}")).body(());
    let answer = block_on(service.call(request.expect("a valid path")));
    answer.expect("the service does not fail")
}

fn is_admitted(service: &mut Gated<Answers>, path: &str) -> bool {
    !call(service, path).headers().contains_key("grpc-status")
}

#[test]
fn a_refusal_is_trailers_only_with_the_cause_and_the_time_to_come_back() {
    let process = Process::new();
    let heartbeat = Heartbeat::new(process.time.now());
    let loops = vec![ServiceLoop::of_service(heartbeat.clone())];
    process.bus.set_loops(loops);
    process.is_lost();
    process.time.advance(Duration::from_secs(2));
    let next_check = process.time.now() + Duration::from_millis(1_500);
    heartbeat.set_deadline(Some(next_check));
    let answer = call(&mut gated(&process), "/orders.v1.Orders/Create");

    assert_eq!(answer.status(), 200);
    assert!(answer.body().is_end_stream(), "it has no body");
    let header = |name: &str| answer.headers().get(name).and_then(|it| it.to_str().ok());
    assert_eq!(header("content-type"), Some("application/grpc"));
    assert_eq!(header("grpc-status"), Some("14"));
    assert_eq!(header("grpc-retry-pushback-ms"), Some("1500"));
    let message = header("grpc-message").expect("it has one");
    assert!(
        message.starts_with("not ready: bus: NotReady for 2.0 s: the bus cannot be used"),
        "{message}"
    );

    let status = tonic::Status::from_header_map(answer.headers()).expect("it has one");
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let details = header("grpc-status-details-bin").expect("it has them");
    let details = STANDARD_NO_PAD.decode(details).expect("it is base64");
    let details = RpcStatus::decode(&*details).expect("a google.rpc.Status");
    assert_eq!((details.code, &*details.message), (14, status.message()));
    let [any] = &details.details[..] else {
        panic!("{details:?}");
    };
    assert_eq!(any.type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let retry = RetryInfo::decode(&*any.value).expect("a RetryInfo");
    let delay = retry.retry_delay.expect("it is set");
    assert_eq!((delay.seconds, delay.nanos), (1, 500_000_000));
}

/// Text that is not ASCII, and percent signs, are encoded.
#[test]
fn the_cause_is_percent_encoded_and_bounded() {
    for (name, encoded) in [
        ("bücher 100%", "b%C3%BCcher 100%25: ".to_owned()),
        (&*"ü".repeat(2_000), "%C3%BC".repeat(400)),
    ] {
        let names = Registry::builder().required(name);
        let registry = names.build().expect("a valid name");
        let mut service = Gate::new(registry.readiness()).layer(Answers);
        let answer = call(&mut service, "/a.A/B");
        let message = answer.headers()["grpc-message"].to_str();
        let message = message.expect("it is ASCII");
        assert!(message.contains(&encoded), "{message}");
        assert!(message.len() <= 3_000, "{}", message.len());
        let status = tonic::Status::from_header_map(answer.headers());
        let text = status.expect("it is one").message().to_owned();
        assert!(text.len() <= 1_000 && text.contains('ü'), "{text}");
    }
}

#[test]
fn a_gate_is_open_from_the_proof_to_two_ticks_before_the_end_of_the_lease() {
    let process = Process::new();
    let (mut service, path) = (gated(&process), "/orders.v1.Orders/Create");
    assert!(!is_admitted(&mut service, path));
    process.runs();
    assert!(is_admitted(&mut service, path));
    process
        .time
        .advance(LEASE.saturating_sub(Clock::MAX_TICK * 2));
    assert!(is_admitted(&mut service, path));
    process.time.advance(Duration::from_nanos(1));
    let refused = call(&mut service, path);
    let message = refused.headers()["grpc-message"].to_str().expect("ASCII");
    assert!(
        message.contains("bus: NotReady: its lease has run out"),
        "{message}"
    );
    let now = process.time.now();
    assert!(process.readiness.is_ready_for(Reader::Health, now));
    process.renews();
    assert!(is_admitted(&mut service, path));
    process.is_lost();
    assert!(!is_admitted(&mut service, path));
}

/// A clock that does something at its second reading: after a gate has found itself closed, and before it refuses.
struct ActsAtSecondReading<F> {
    time: ManualTime,
    readings: AtomicUsize,
    act: F,
}

impl<F: Fn() + Send + Sync + 'static> Time for ActsAtSecondReading<F> {
    fn now(&self) -> Instant {
        if self.readings.fetch_add(1, Ordering::Relaxed) == 1 {
            (self.act)();
        }
        self.time.now()
    }

    fn timer(&self) -> Box<dyn Timer> {
        self.time.timer()
    }
}

#[test]
fn a_gate_that_opens_before_it_refuses_admits_the_call() {
    let process = Arc::new(Process::new());
    let acting = Arc::clone(&process);
    let time = ActsAtSecondReading {
        time: process.time.clone(),
        readings: AtomicUsize::new(0),
        act: move || acting.runs(),
    };
    let gate = Gate::new(process.readiness.clone()).time(Arc::new(time));
    let mut service = gate.layer(Answers);
    assert!(is_admitted(&mut service, "/orders.v1.Orders/Create"));
}

#[test]
fn health_and_reflection_are_exempt_and_what_the_author_names() {
    let process = Process::new();
    let gate = gate(&process).exempt("ping.v1.Ping").expect("a service");
    let gate = gate.exempt("/orders.v1.Orders/Version").expect("a method");
    let mut service = gate.layer(Answers);
    for path in [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/ping.v1.Ping/Any",
        "/orders.v1.Orders/Version",
    ] {
        assert!(is_admitted(&mut service, path), "{path}");
    }
    for path in [
        "/orders.v1.Orders/Create",
        "/",
        "/grpc.health.v1.Healthy/Check",
    ] {
        assert!(!is_admitted(&mut service, path), "{path}");
    }
}

/// Without a planned check the client comes back after a second, and never at once.
#[test]
fn the_delay_has_a_default_and_a_minimum() {
    let process = Process::new();
    let pushback = || {
        let answer = call(&mut gated(&process), "/a.A/B");
        answer.headers()["grpc-retry-pushback-ms"].clone()
    };
    process.is_lost();
    assert_eq!(pushback(), "1000");
    let heartbeat = Heartbeat::new(process.time.now());
    heartbeat.set_deadline(Some(process.time.now()));
    process
        .bus
        .set_loops(vec![ServiceLoop::of_service(heartbeat)]);
    assert_eq!(pushback(), "100");
}

#[test]
fn delays_of_one_gate_are_spread_over_a_tenth() {
    let process = Process::new();
    let heartbeat = Heartbeat::new(process.time.now());
    heartbeat.set_deadline(Some(process.time.now() + Duration::from_secs(10)));
    let loops = vec![ServiceLoop::of_service(heartbeat)];
    process.bus.set_loops(loops);
    process.is_lost();
    let gate = gate(&process);
    let mut in_each_tenth = [0; 10];
    for _ in 0..1_000 {
        // Each client of a server has a clone.
        let answer = call(&mut gate.layer(Answers), "/a.A/B");
        let pushback = answer.headers()["grpc-retry-pushback-ms"].to_str();
        let pushback: usize = pushback.expect("ASCII").parse().expect("a number");
        in_each_tenth[pushback.checked_sub(10_000).expect("no less") / 100] += 1;
    }
    assert!(
        in_each_tenth.iter().all(|it| (98..=102).contains(it)),
        "{in_each_tenth:?}"
    );
}

/// Returns the pushback of a gate over these services, whose next checks are in so many milliseconds. All are lost but those with `None`.
fn pushback_of(names: RegistryBuilder, checks: &[(&str, Option<u64>)]) -> HeaderValue {
    let time = ManualTime::new();
    let now = time.now();
    let registry = names.build_at(now).expect("valid names");
    let reporters = checks.iter().map(|(name, next_check)| {
        let reporter = registry.reporter(name).expect("it has none");
        let Some(next_check) = next_check else {
            reporter.set(now, BusStatus::Running, now + LEASE);
            return reporter;
        };
        let heartbeat = Heartbeat::new(now);
        heartbeat.set_deadline(Some(now + Duration::from_millis(*next_check)));
        reporter.set_loops(vec![ServiceLoop::of_service(heartbeat)]);
        reporter
    });
    let _reporters: Vec<_> = reporters.collect();
    let gate = Gate::new(registry.readiness()).time(Arc::new(time));
    let answer = call(&mut gate.layer(Answers), "/a.A/B");
    answer.headers()["grpc-retry-pushback-ms"].clone()
}

#[test]
fn the_delay_is_that_of_the_required_services() {
    let names = || {
        Registry::builder()
            .required("a")
            .required("b")
            .optional("c")
    };
    let all = [("a", Some(5_000)), ("b", Some(2_000)), ("c", Some(100))];
    assert_eq!(pushback_of(names(), &all), "5000");
    let one_runs = [("a", None), ("b", Some(2_000)), ("c", Some(100))];
    assert_eq!(pushback_of(names(), &one_runs), "2000");
    let only_b_checks = [("b", Some(3_000)), ("c", Some(100))];
    assert_eq!(pushback_of(names(), &only_b_checks), "3000");
    assert_eq!(
        pushback_of(names(), &[("c", Some(100))]),
        "1000",
        "no check is planned"
    );
}

/// With a rule of the author.
#[test]
fn the_delay_is_that_of_the_optional_services_when_the_required_ones_run() {
    let all_run = |mut services: Services<'_>| services.all(|it| it.status == BusStatus::Running);
    let names = Registry::builder()
        .required("a")
        .optional("b")
        .optional("c");
    let optional = [("a", None), ("b", Some(700)), ("c", Some(900))];
    assert_eq!(pushback_of(names.ready_when(all_run), &optional), "700");
}

/// A cause that names a broker cannot break the header.
#[test]
fn a_refusal_by_the_failed_state_has_its_cause() {
    let process = Process::new();
    let now = process.time.now();
    let report = Report {
        status: BusStatus::Failed,
        cause: Cause::LivenessFailed(FailureClass::Tls.into()),
        lease: None,
        since: now,
        ..process.bus.service().report()
    };
    process.bus.report(now, report);
    let answer = call(&mut gated(&process), "/a.A/B");
    let message = answer.headers()["grpc-message"].to_str().expect("ASCII");
    assert!(message.contains("bus: Failed for 0.0 s"), "{message}");
}

/// Any body will do, on both sides.
#[test]
fn a_gate_accepts_any_body() {
    fn is_service<S: Service<Request<B>>, B>(_: &S) {}
    let service = gated(&Process::new());
    is_service::<_, ()>(&service);
    is_service::<_, Body>(&service);
    is_service::<_, HeaderMap>(&service);
}

#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}
