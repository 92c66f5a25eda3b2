//! What may depend on what: no runtime where none is named, and none of another's.
//!
//! The crate `tokio` alone is no runtime: what makes it one are its features. hyper takes channels from it.

use std::process::Command;

use crate::root;

/// The names of the packages of a dependency tree, each once.
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
        .expect("cargo is there: it runs this test");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("names are text")
}

/// What a program gets that depends on `package`: with no features and with all.
fn shipped(package: &str) -> [Vec<String>; 2] {
    let kinds = ["-e", "normal,build"];
    [
        packages(package, &kinds),
        packages(package, &[&kinds[..], &["--all-features"]].concat()),
    ]
}

/// The features of `tokio` that are no runtime, and may come with what does not run on tokio.
const NO_RUNTIME: [&str; 3] = ["default", "io-util", "sync"];

/// The features of `dependency` that are on for who depends on `package`: with no features of its own and with all.
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

/// What of tokio's runtime comes with `package`: crates, and features of the crate `tokio`.
fn parts_of_tokio(package: &str) -> Vec<String> {
    let crates = shipped(package)
        .into_iter()
        .flatten()
        .filter(|name| name.starts_with("tokio-") || name.contains("-tokio") || *name == "mio");
    let features = features(package, "tokio")
        .into_iter()
        .filter(|feature| !NO_RUNTIME.contains(&&**feature))
        .map(|feature| format!("tokio/{feature}"));
    crates.chain(features).collect()
}

/// The crates of async-std's runtime that come with `package`.
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
fn a_runner_brings_only_its_own_runtime() {
    assert_eq!(parts_of_tokio("livebus-async-std"), [""; 0]);
    assert!(parts_of_async_std("livebus-async-std").contains(&"async-std".to_owned()));
    assert_eq!(parts_of_async_std("livebus-tokio"), [""; 0]);
    let tokio = parts_of_tokio("livebus-tokio");
    for part in ["tokio/rt", "tokio/time", "mio"] {
        assert!(tokio.iter().any(|it| it == part), "{tokio:?}");
    }
}

#[test]
fn what_the_runners_share_brings_no_runtime() {
    for package in [
        "livebus-readiness",
        "livebus-runner",
        "livebus-endpoints",
        "livebus-kafka",
        "livebus-recording",
    ] {
        assert_eq!(parts_of_tokio(package), [""; 0], "{package}");
        assert_eq!(parts_of_async_std(package), [""; 0], "{package}");
    }
    // The features are seen where there are some: hyper has channels of tokio's.
    assert!(features("livebus-endpoints", "tokio").contains(&"sync".to_owned()));
}

/// Packages that compile C: librdkafka, and whatever else builds with a C compiler.
fn compiles_c(name: &str) -> bool {
    let tools = ["cc", "cmake", "pkg-config"];
    name.starts_with("rdkafka") || tools.contains(&name)
}

#[test]
fn what_a_runner_of_ones_own_needs_compiles_no_c() {
    for package in ["livebus-runner", "livebus-readiness", "livebus-recording"] {
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
fn a_runner_without_http_brings_no_server() {
    for runner in ["livebus-tokio", "livebus-async-std"] {
        let bare = ["-e", "normal,build", "--no-default-features"];
        let has_server = |features: &str| {
            let names = packages(runner, &[&bare[..], &["--features", features]].concat());
            names.iter().any(|name| name == "hyper")
        };
        assert!(!has_server("kafka,recording"), "{runner} brings a server");
        assert!(has_server("http"), "{runner} serves by hyper");
    }
}

#[test]
fn the_core_depends_on_nothing() {
    for names in shipped("livebus-core") {
        assert_eq!(names, ["livebus-core"]);
    }
}

#[test]
fn nobody_but_its_hunt_gets_the_core_with_faults() {
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

/// Which runtime `DefaultRuntime` is would depend on them, for every crate of a build at once.
#[test]
fn nobody_gives_rdkafka_a_default_runtime() {
    let whole = ["--workspace", "--all-features", "-e", "features"];
    let tree = tree(&[&whole[..], &["-i", "rdkafka", "--prefix", "none"]].concat());
    let features: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.strip_prefix("rdkafka feature \"")?.split('"').next())
        .collect();
    // `--all-features` is worth nothing if it misses those that there are.
    assert!(features.contains(&"ssl"), "{tree}");
    for feature in ["default", "tokio", "naive-runtime"] {
        assert!(!features.contains(&feature), "{feature}: {tree}");
    }
}

#[test]
fn no_machine_that_proves_the_core_reaches_those_who_use_it() {
    let published = [
        "livebus-core",
        "livebus-readiness",
        "livebus-kafka",
        "livebus-endpoints",
        "livebus-recording",
        "livebus-runner",
        "livebus-tokio",
        "livebus-async-std",
        "livebus-cli",
    ];
    for package in published {
        for names in shipped(package) {
            let machines: Vec<_> = names
                .iter()
                .filter(|name| {
                    name.contains("verify") || name.contains("faulty") || *name == "stateright"
                })
                .collect();
            assert!(machines.is_empty(), "{package} brings {machines:?}");
        }
    }
    let names = packages("livebus-core", &["-e", "normal,build"]);
    assert_eq!(names, ["livebus-core"], "the core depends on nothing");
}
