//! The allowed dependencies of the crates: a runner depends on its own runtime only, and other crates on none.
//!
//! The crate `tokio` is a runtime only with certain features. hyper uses its channels.

use std::process::Command;

use crate::root;

/// Returns the names of the packages of a dependency tree, each once.
fn packages(package: &str, arguments: &[&str]) -> Vec<String> {
    let names = names(&[&["-p", package], arguments].concat());
    assert!(names.iter().any(|name| name == package), "{names:?}");
    names
}

fn names(arguments: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = tree(&[arguments, &["--prefix", "none"]].concat())
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn tree(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked"])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo is installed: it runs this test");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("names are text")
}

/// Returns what a program that depends on `package` gets: without features and with all.
fn shipped(package: &str) -> [Vec<String>; 2] {
    let kinds = ["-e", "normal,build"];
    [
        packages(package, &kinds),
        packages(package, &[&kinds[..], &["--all-features"]].concat()),
    ]
}

/// The features of `tokio` that are not its runtime. Crates that do not run on tokio may have them.
const NO_RUNTIME: [&str; 4] = ["bytes", "default", "io-util", "sync"];

/// Returns the features of `dependency` that are on in a program that depends on `package`: without features and with all.
fn features(package: &str, dependency: &str) -> Vec<String> {
    let given = [
        "-p",
        package,
        "-e",
        "features,normal,build",
        "--prefix",
        "none",
    ];
    let trees = [
        tree(&given),
        tree(&[&given[..], &["--all-features"]].concat()),
    ];
    let begin = format!("{dependency} feature \"");
    let mut features: Vec<String> = trees
        .iter()
        .flat_map(|tree| tree.lines())
        .filter_map(|line| Some(line.strip_prefix(&begin)?.split_once('"')?.0.to_owned()))
        .collect();
    features.sort();
    features.dedup();
    features
}

/// Crates with the name of tokio that run nothing: codecs and streams, for h2 and tonic. Their features need no part of the runtime,
/// or the features of `tokio` would show it.
const NO_RUNTIME_CRATES: [&str; 2] = ["tokio-stream", "tokio-util"];

/// Returns the parts of tokio's runtime that come with `package`: crates, and features of the crate `tokio`.
fn parts_of_tokio(package: &str) -> Vec<String> {
    let crates = shipped(package)
        .into_iter()
        .flatten()
        .filter(|name| name.starts_with("tokio-") || name.contains("-tokio") || *name == "mio")
        .filter(|name| !NO_RUNTIME_CRATES.contains(&&**name));
    let features = features(package, "tokio")
        .into_iter()
        .filter(|feature| !NO_RUNTIME.contains(&&**feature))
        .map(|feature| format!("tokio/{feature}"));
    crates.chain(features).collect()
}

/// Returns the crates of async-std's runtime that come with `package`.
fn parts_of_async_std(package: &str) -> Vec<String> {
    let parts = [
        "async-executor",
        "async-global-executor",
        "async-io",
        "blocking",
        "polling",
    ];
    let is_part = |name: &String| {
        name.contains("async-std") || name.contains("smol") || parts.contains(&&**name)
    };
    shipped(package)
        .into_iter()
        .flatten()
        .filter(is_part)
        .collect()
}

#[test]
fn runner_depends_on_its_own_runtime_only() {
    assert_eq!(parts_of_tokio("livebus-async-std"), [""; 0]);
    assert!(parts_of_async_std("livebus-async-std").contains(&"async-std".to_owned()));
    assert_eq!(parts_of_async_std("livebus-tokio"), [""; 0]);
    let tokio = parts_of_tokio("livebus-tokio");
    for part in ["tokio/rt", "tokio/time", "mio"] {
        assert!(tokio.iter().any(|it| it == part), "{tokio:?}");
    }
}

#[test]
fn shared_crates_depend_on_no_runtime() {
    for package in [
        "livebus-readiness",
        "livebus-runner",
        "livebus-endpoints",
        "livebus-grpc",
        "livebus-kafka",
        "livebus-recording",
    ] {
        assert_eq!(parts_of_tokio(package), [""; 0], "{package}");
        assert_eq!(parts_of_async_std(package), [""; 0], "{package}");
    }
    // tonic without its transport, whose server runs on tokio.
    for transport in ["transport", "server", "channel"] {
        let features = features("livebus-grpc", "tonic");
        assert!(features.contains(&"codegen".to_owned()), "{features:?}");
        assert!(!features.contains(&transport.to_owned()), "{features:?}");
    }
    // Checks the check: hyper uses the channels of tokio.
    assert!(features("livebus-endpoints", "tokio").contains(&"sync".to_owned()));
}

/// Returns whether a package compiles C: librdkafka, or a tool that runs a C compiler.
fn compiles_c(name: &str) -> bool {
    let tools = ["cc", "cmake", "pkg-config"];
    name.starts_with("rdkafka") || tools.contains(&name)
}

#[test]
fn dependencies_of_a_custom_runner_compile_no_c() {
    for package in [
        "livebus-runner",
        "livebus-readiness",
        "livebus-recording",
        "livebus-grpc",
    ] {
        for names in shipped(package) {
            let c: Vec<_> = names.iter().filter(|name| compiles_c(name)).collect();
            assert!(c.is_empty(), "{package}: {c:?}");
        }
    }
    for runner in ["livebus-tokio", "livebus-async-std"] {
        let names = packages(runner, &["-e", "normal,build", "--no-default-features"]);
        let c: Vec<_> = names.iter().filter(|name| compiles_c(name)).collect();
        assert!(c.is_empty(), "{runner} without Kafka: {c:?}");
    }
    let names = packages("livebus-tokio", &["-e", "normal,build"]);
    assert!(names.iter().any(|name| compiles_c(name)), "{names:?}");
}

#[test]
fn runner_without_http_depends_on_no_server() {
    for runner in ["livebus-tokio", "livebus-async-std"] {
        let bare = ["-e", "normal,build", "--no-default-features"];
        let has_server = |features: &str| {
            let names = packages(runner, &[&bare[..], &["--features", features]].concat());
            names.iter().any(|name| name == "hyper")
        };
        assert!(
            !has_server("kafka,recording"),
            "{runner} depends on a server"
        );
        assert!(has_server("http"), "{runner} serves with hyper");
    }
}

#[test]
fn runner_without_grpc_depends_on_neither_tonic_nor_http2() {
    for runner in ["livebus-tokio", "livebus-async-std"] {
        let has = |features: &[&str], name: &str| {
            let names = packages(runner, &[&["-e", "normal,build"], features].concat());
            names.iter().any(|it| it == name)
        };
        for name in ["tonic", "h2", "prost"] {
            assert!(!has(&[], name), "{runner} depends on {name}");
            assert!(has(&["--features", "grpc"], name), "{runner}: {name}");
        }
    }
}

#[test]
fn core_has_no_dependencies() {
    for names in shipped("livebus-core") {
        assert_eq!(names, ["livebus-core"]);
    }
}

#[test]
fn only_the_hunt_depends_on_the_core_with_faults() {
    let dependents = names(&["--workspace", "--all-features", "-i", "livebus-core-faulty"]);
    assert_eq!(dependents, ["livebus-core-faulty", "livebus-verify-faulty"]);
    let dependents = names(&[
        "--workspace",
        "--all-features",
        "-i",
        "livebus-verify-faulty",
    ]);
    assert_eq!(dependents, ["livebus-verify-faulty"]);
}

/// These features would decide which runtime `DefaultRuntime` is, for every crate of a build at once.
#[test]
fn no_crate_enables_a_default_runtime_of_rdkafka() {
    let whole = ["--workspace", "--all-features", "-e", "features"];
    let tree = tree(&[&whole[..], &["-i", "rdkafka", "--prefix", "none"]].concat());
    let features: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.strip_prefix("rdkafka feature \"")?.split('"').next())
        .collect();
    // Checks that `--all-features` shows features at all.
    assert!(features.contains(&"ssl"), "{tree}");
    for feature in ["default", "tokio", "naive-runtime"] {
        assert!(!features.contains(&feature), "{feature}: {tree}");
    }
}

#[test]
fn published_crates_depend_on_no_verification_crate() {
    let published = [
        "livebus-core",
        "livebus-readiness",
        "livebus-kafka",
        "livebus-endpoints",
        "livebus-grpc",
        "livebus-recording",
        "livebus-runner",
        "livebus-tokio",
        "livebus-async-std",
        "livebus-cli",
    ];
    for package in published {
        for names in shipped(package) {
            let verification: Vec<_> = names
                .iter()
                .filter(|name| {
                    name.contains("verify") || name.contains("faulty") || *name == "stateright"
                })
                .collect();
            assert!(
                verification.is_empty(),
                "{package} depends on {verification:?}"
            );
        }
    }
    let names = packages("livebus-core", &["-e", "normal,build"]);
    assert_eq!(names, ["livebus-core"], "the core has no dependencies");
}
