use super::*;

#[test]
fn what_cannot_be_right_is_refused_by_name() {
    let error = |builder: CallerBuilder| builder.build().expect_err("it is wrong").to_string();
    let builder = || Caller::builder("orders", "replies");
    assert!(error(Caller::builder("", "replies")).contains("empty name"));
    assert!(error(Caller::builder("orders", "")).contains("`orders` has no reply topic"));
    let negative = builder().reply_partitions(ReplyPartitions::One(-1));
    assert!(error(negative).contains("reply partition -1"));
    let mut settings = Settings::default();
    settings.limits.calls = 0;
    let text = error(builder().settings(settings));
    assert!(
        text.contains("`orders`") && text.contains("limits.calls"),
        "{text}"
    );
}

#[test]
fn a_caller_starts_once() {
    let caller = Caller::builder("orders", "replies")
        .build()
        .expect("is valid");
    assert_eq!(caller.start(&Clock::Real), Ok(()));
    let again = caller.clone().start(&Clock::Real);
    assert!(
        again
            .expect_err("it was started")
            .to_string()
            .contains("build another")
    );
}

#[test]
fn each_caller_is_an_instance_of_its_own() {
    let identity = || {
        let caller = Caller::builder("orders", "replies").build();
        caller.expect("is valid").identity()
    };
    assert_ne!(identity().instance, identity().instance);
}
