//! How a cause that names a handler or a caller is described.

use std::sync::Arc;

use livebus_core::{Cause, Failure, FailureClass, HandlerId, Report, Status};
use livebus_readiness::{CallerProgress, Explain, Explanation, HandlerState, Registry};

/// A handler and a caller that have failures of one class. What explains the class knows the first of them.
struct TwoFail;

impl Explain for TwoFail {
    fn explain(&self, _: Failure) -> Explanation {
        Explanation {
            reason: Some("handler orders: no leader".to_owned()),
            remedy: Some("wait for an election".into()),
            ..Explanation::default()
        }
    }

    fn handlers(&self) -> Vec<HandlerState> {
        let failure = |reason: &str| Some((FailureClass::NoLeader.into(), reason.to_owned()));
        let mut handler = HandlerState::unregistered("orders", true);
        handler.failure = failure("handler orders: no leader");
        let mut caller = HandlerState::unregistered("to-stock", true);
        caller.calls = Some(CallerProgress::default());
        caller.failure = failure("caller to-stock: the replies cannot be read");
        vec![handler, caller]
    }
}

#[test]
fn cause_names_the_handler_or_the_caller_and_has_its_reason() {
    let registry = Registry::builder().required("bus").build();
    let registry = registry.expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    bus.set_explainer(Arc::new(TwoFail));
    let service = bus.service();
    let failed = |index, class: FailureClass| {
        let id = HandlerId::from_index(index).expect("a small number");
        Cause::HandlerFailed(id, class.into())
    };
    for (cause, expected) in [
        (
            failed(0, FailureClass::NoLeader),
            "handler orders does not work: NoLeader: handler orders: no leader; wait for an election",
        ),
        (
            failed(1, FailureClass::NoLeader),
            "caller to-stock does not work: NoLeader: caller to-stock: the replies cannot be read; \
             wait for an election",
        ),
        // It is not known, or has failed otherwise since.
        (
            failed(2, FailureClass::NoLeader),
            "handler 2 does not work: NoLeader: handler orders: no leader; wait for an election",
        ),
        (
            failed(1, FailureClass::Tls),
            "caller to-stock does not work: Tls: handler orders: no leader; wait for an election",
        ),
        (Cause::Evidence, "the bus works"),
    ] {
        assert_eq!(service.describe_cause(cause), expected);
        let report = Report {
            status: Status::NotReady,
            cause,
            ..service.report()
        };
        assert_eq!(service.describe(&report), expected);
    }
}
