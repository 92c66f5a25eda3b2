//! The paths beside `/livez` and `/readyz`.

use super::*;

#[test]
fn each_check_has_a_path_of_its_own() {
    let now = Instant::now();
    let names = Registry::builder().required("my bus").required("b/c");
    let registry = names.build_at(now).expect("the names differ");
    let bus = registry.reporter("my bus").expect("it has none");
    bus.report(now, running(now, now + Duration::from_secs(9)));
    let probes = Probes::new(registry.readiness());
    for path in ["/readyz/my%20bus", "/startupz/my%20bus", "/livez/ping"] {
        assert_eq!(
            probes.answer(path, Some("verbose"), now),
            ProbeAnswer::text(200, "ok".to_owned()),
            "{path}"
        );
    }
    for (path, body) in [
        (
            "/readyz/b/c",
            "service unavailable: Unknown for 0.0 s: nothing reported yet\n",
        ),
        (
            "/startupz/b%2fc",
            "service unavailable: never Running, Unknown for 0.0 s: nothing reported yet\n",
        ),
    ] {
        let expected = ProbeAnswer::text(503, body.to_owned());
        assert_eq!(probes.answer(path, None, now), expected, "{path}");
    }
    for path in [
        "/readyz/",
        "/readyz/my+bus",
        "/readyz/ping",
        "/readyz/%zz",
        "/livez/my%20bus",
    ] {
        let answer = probes.answer(path, None, now);
        assert_eq!(answer.status, 404, "{path}");
        assert!(
            answer
                .body
                .starts_with("not found: there are the checks \""),
            "{}",
            answer.body
        );
    }
}

#[test]
fn startupz_passes_once_each_required_service_has_been_running() {
    let now = Instant::now();
    let names = Registry::builder()
        .required("a")
        .required("b")
        .optional("c");
    let registry = names.build_at(now).expect("the names differ");
    let [a, b] = ["a", "b"].map(|name| registry.reporter(name).expect("it has none"));
    let probes = Probes::new(registry.readiness());
    let status = |path, at| probes.answer(path, None, at).status;
    assert_eq!(status("/startupz", now), 503);
    a.report(now, running(now, now + Duration::from_secs(9)));
    let body = probes.answer("/startupz", None, now).body;
    assert_eq!(
        body,
        "[+]a ok\n[-]b failed: never Running, Unknown for 0.0 s: nothing reported yet\n\
         [+]c not required, never Running, Unknown for 0.0 s: nothing reported yet\nstartupz check failed\n"
    );
    // Not at the same time.
    let later = now + Duration::from_secs(10);
    b.report(later, running(later, later + Duration::from_secs(9)));
    assert_eq!(status("/readyz", later), 503);
    assert_eq!(probes.answer("/startupz", None, later).body, "ok");
    drop((a, b));
    let _again = registry.reporter("a").expect("the first was dropped");
    assert_eq!(status("/startupz", later), 200, "it stays so");
}

#[test]
fn startupz_follows_the_predicate_of_the_process() {
    let now = Instant::now();
    let names = Registry::builder().required("a").required("b");
    let any = names.ready_when(|mut services| services.any(|it| it.status == Status::Running));
    let registry = any.build_at(now).expect("the names differ");
    let b = registry.reporter("b").expect("it has none");
    let probes = Probes::new(registry.readiness());
    assert_eq!(probes.answer("/startupz", None, now).status, 503);
    b.report(now, running(now, now + Duration::from_secs(9)));
    assert_eq!(probes.answer("/startupz", None, now).status, 200);
}

#[test]
fn paths_of_voltha_are_answered_only_when_asked_for() {
    let now = Instant::now();
    let (probes, bus, _) = probes(now);
    for path in ["/readz", "/healthz", "/detailz"] {
        let answer = probes.answer(path, None, now);
        assert_eq!(answer.status, 404);
        assert!(!answer.body.contains("/readz"), "{}", answer.body);
    }
    let probes = probes.as_in_voltha();
    let answer = |path| {
        let answer = probes.answer(path, None, now);
        (answer.status, answer.content_type, answer.body)
    };
    let text = |status| (status, "text/plain; charset=utf-8", String::new());
    let json = |body: &str| (200, "application/json", body.to_owned());
    assert_eq!(answer("/readz"), text(418));
    assert_eq!(answer("/healthz"), text(200));
    let unknown = r#"{"bus": "Unknown", "cache": "Unknown"}"#;
    assert_eq!(answer("/detailz"), json(unknown));
    bus.report(now, running(now, now + Duration::from_secs(9)));
    assert_eq!(answer("/readz"), text(200));
    bus.close(now);
    assert_eq!(answer("/healthz"), text(418));
    let stopped = r#"{"bus": "Stopped", "cache": "Unknown"}"#;
    assert_eq!(answer("/detailz"), json(stopped));
    assert_eq!(
        probes.respond("POST", "/readz", None, None, now).status,
        405
    );
    assert!(answer("/").2.contains("/detailz"));
}

#[test]
fn names_in_the_details_of_voltha_are_quoted() {
    let now = Instant::now();
    let registry = Registry::builder().required(r#"a"b\"#).build_at(now);
    let registry = registry.expect("one name");
    let probes = Probes::new(registry.readiness()).as_in_voltha();
    let body = probes.answer("/detailz", None, now).body;
    let parsed: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(parsed[r#"a"b\"#], "Unknown", "{body}");
}

#[test]
fn any_other_path_is_not_found() {
    let now = Instant::now();
    let (probes, _bus, _) = probes(now);
    for path in [
        "",
        "/",
        "livez",
        "/livez2",
        "/statusz/bus",
        "/metrics/",
        "/metrics/bus",
        "/readz",
        "/é",
    ] {
        assert_eq!(probes.answer(path, None, now).status, 404, "{path}");
    }
}

#[test]
fn the_paths_that_are_named_are_those_that_are_answered() {
    let now = Instant::now();
    let registry = Registry::builder().required("bus").build_at(now);
    let probes = Probes::new(registry.expect("one name").readiness());
    for path in Probes::PATHS {
        assert_ne!(probes.answer(path, None, now).status, 404, "{path}");
    }
    let other = probes.answer("/other", None, now);
    let expected = format!("not found: there are {}\n", Probes::PATHS.join(", "));
    assert_eq!((other.status, other.body), (404, expected));
    let voltha = probes.clone().as_in_voltha();
    for path in Probes::PATHS_AS_IN_VOLTHA {
        assert_eq!(probes.answer(path, None, now).status, 404, "{path}");
        assert_ne!(voltha.answer(path, None, now).status, 404, "{path}");
    }
}
