//! The health service and the gate, over HTTP/2.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt as _;
use livebus_grpc::{Gate, Health, HealthClient, ServingStatus, Statuses, serve};
use livebus_runner::{Bus, Handle};
use livebus_tests::grpc::{Echo, repeat, say, with_client};
use livebus_tests::host::FullRunner;
use tonic::Code;
use tonic::service::Routes;

use crate::probes::any_port;
use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{blocking, start};

/// Serves the health service and a gated service.
fn serve_gated<R: FullRunner, B: Bus>(
    bus: &Handle<B>,
) -> (livebus_endpoints::http::Server, SocketAddr) {
    let routes = Routes::new(Health::of(bus)).add_service(Gate::of(bus).layer(Echo));
    let server = serve::<R>(any_port(), routes.prepare()).expect("a free port");
    let address = server.address();
    (server, address)
}

/// Waits until the gate is open, or closed.
async fn gate_is(gate: &Gate, open: bool) {
    while gate.is_open() != open {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) async fn gate_refuses_calls_while_not_ready_and_ends_none<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (handle, _changes) = start(builder::<R>(&bus)).await;
    let (_server, address) = serve_gated::<R, _>(&handle);
    let gate = Gate::of(&handle);
    blocking::<R, _>(move || {
        with_client(address, async |transport| {
            for _ in 0..2 {
                gate_is(&gate, false).await;
                let refused = say(&transport, "a").await.expect_err("not ready");
                assert_refused(&refused);
                let refused = repeat(&transport, "a").await.err().expect("not ready");
                assert_refused(&refused);
                let health = HealthClient::new(transport.clone()).check("").await;
                assert_eq!(health.expect("exempt"), ServingStatus::NotServing);

                bus.set_answer(Answer::Live);
                gate_is(&gate, true).await;
                assert_eq!(say(&transport, "b").await.expect("ready"), "b");
                let mut call = repeat(&transport, "c").await.expect("ready");
                let health = HealthClient::new(transport.clone()).check("").await;
                assert_eq!(health.expect("exempt"), ServingStatus::Serving);

                bus.set_answer(Answer::Silence);
                gate_is(&gate, false).await;
                // More than what was sent before.
                for _ in 0..20 {
                    let message = call.next().await.expect("a call in flight goes on");
                    assert_eq!(message.expect("a call in flight goes on"), "c");
                }
            }
        });
    })
    .await;
}

fn assert_refused(refused: &tonic::Status) {
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.message().starts_with("not ready: message-bus: "),
        "{refused:?}"
    );
    let pushback = refused.metadata().get("grpc-retry-pushback-ms");
    let pushback = pushback.and_then(|it| it.to_str().ok()?.parse::<u32>().ok());
    assert!(pushback.is_some_and(|it| it >= 100), "{refused:?}");
}

pub(crate) async fn health_watch_follows_the_bus_and_ends_with_it<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (handle, _changes) = start(builder::<R>(&bus)).await;
    let health = Health::of(&handle);
    let server = serve::<R>(any_port(), health.clone()).expect("a free port");
    let address = server.address();
    blocking::<R, _>(move || {
        with_client(address, async |transport| {
            let mut client = HealthClient::new(transport.clone());
            let whole = client.watch("").await.expect("it watches");
            let service = client.watch("message-bus").await.expect("it watches");
            let mut unknown = client.watch("orders").await.expect("it stays open");
            let not_found = client.check("orders").await.expect_err("unknown");
            assert_eq!(not_found.code(), Code::NotFound);
            assert_eq!(
                next(&mut unknown).await,
                Some(ServingStatus::ServiceUnknown)
            );
            health.register("orders").expect("free");
            assert_eq!(next(&mut unknown).await, Some(ServingStatus::NotServing));
            let mut watches = [whole, service, unknown];
            for watch in &mut watches[..2] {
                assert_eq!(next(watch).await, Some(ServingStatus::NotServing));
            }
            for (answer, status) in [
                (Answer::Live, ServingStatus::Serving),
                (Answer::Silence, ServingStatus::NotServing),
                (Answer::Live, ServingStatus::Serving),
            ] {
                bus.set_answer(answer);
                for watch in &mut watches {
                    assert_eq!(next(watch).await, Some(status));
                }
                for name in ["", "message-bus", "orders"] {
                    assert_eq!(client.check(name).await.expect(name), status);
                }
                let list = client.list().await.expect("there are three");
                assert_eq!(list.len(), 3);
                assert!(list.values().all(|it| *it == status), "{list:?}");
            }
            handle.begin_shutdown();
            for watch in &mut watches {
                assert_eq!(next(watch).await, Some(ServingStatus::NotServing));
                assert_eq!(next(watch).await, None);
            }
        });
    })
    .await;
    drop(server);
}

async fn next(watch: &mut Statuses) -> Option<ServingStatus> {
    watch.next().await.expect("the watch does not fail")
}
