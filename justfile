# The tasks of CONTRIBUTING.md, which has the same commands. A test compares the two.

# Lists the recipes.
_default:
    @just --list

# All checks that must pass.
ci:
    .ci/run

# The commands and snippets of all pages; -- README.md checks one.
docs:
    cargo run -p livebus-tests --bin check-docs

# The tests on a real Kafka, one at a time.
real-kafka:
    cargo test -p livebus-tests --test real_kafka -- --test-threads 1

# The tests on a real Kafka that need OpenSSL.
real-kafka-openssl:
    cargo test -p livebus-tests --all-features --test real_kafka -- openssl

# Many more random environments.
properties:
    PROPTEST_CASES=100000 cargo test --release -p livebus-core --test properties

# The core and the reference model, on random scripts, until they differ.
differential:
    cargo run --release -p livebus-verify -- differential --forever

# More than 25 million states, by two searches; some minutes and gigabytes.
explore:
    cargo run --release -p livebus-verify -- explore --large --write

# A cluster with faults, one seed after the other; --seed N --log prints one.
simulate:
    cargo run --release -p livebus-verify -- simulate --forever

# The preset and the loop that it follows, in the same environments.
voltha:
    cargo run --release -p livebus-verify -- voltha --environments 2000000

# cargo-mutants on the core and the crates around it: none may be missed.
mutants:
    .ci/mutants

# Any script as input of the core; the other targets: tests/fuzz/README.md.
fuzz:
    cargo +nightly fuzz run --fuzz-dir tests/fuzz -s none events -- -max_len=512 -runs=1000000

# The inputs of a fuzz target as files, where cargo-fuzz looks for them; `corpus pack` writes them back as one file.
unpack-corpus:
    cargo run --release -p livebus-verify -- corpus unpack events

# Nanoseconds per event.
bench-core:
    cargo bench -p livebus-core

# A million events, recorded and replayed.
bench-recording:
    cargo bench -p livebus-recording

# From a suspicion to its action, and the cost of an idle supervisor, on each runtime.
bench-runners:
    cargo bench -p livebus-tests --bench runners

# A valid probe while other clients attack the server, on each runtime; fails when a property other than a timing is violated.
bench-http:
    cargo bench -p livebus-tests --bench http_attack

# Detection and recovery on a real Kafka.
bench-kafka:
    cargo bench -p livebus-tests --bench real_kafka

# A request handler beside a bare rdkafka loop, on a real Kafka.
bench-handlers:
    cargo bench -p livebus-tests --bench handlers

# What a gate costs a call.
bench-gate:
    cargo bench -p livebus-grpc

# From a report to the first refused call and to the edge of a watch, on each runtime.
bench-flip:
    cargo bench -p livebus-tests --bench grpc_flip

# Clients of gRPC that others wrote, through the kill of a real broker; needs Go and Python.
grpc-peers:
    cargo bench -p livebus-tests --bench grpc_peers

# The original library of VOLTHA and livebus call each other, on Kafka 3.9.1 through a kill; needs Go.
voltha-interop:
    cargo bench -p livebus-tests --bench voltha_interop

# A request handler beside other consumers, on a real Kafka; needs Maven and Go.
bench-peers:
    cargo bench -p livebus-tests --bench peers -- --records 10000000 --pairs 5

# Requests and replies beside other libraries, on a real Kafka 3.9.1; needs Maven and Go.
bench-calls:
    cargo bench -p livebus-tests --bench calls -- --turns 5 --before-kafka-4

# Rewrites the tables of docs/verification.md and docs/states.md.
write-verification:
    LIVEBUS_WRITE_VERIFICATION=1 cargo test -p livebus-verify -p livebus-verify-faulty

# Rewrites the expected results in tests/scenarios/; read the diff.
rewrite-scenarios:
    LIVEBUS_REWRITE_SCENARIOS=1 cargo test -p livebus-tests --test scenarios

# Records the scenarios on a real Kafka again.
record-scenarios:
    LIVEBUS_RECORD_SCENARIOS=1 cargo test -p livebus-tests --test real_kafka

# Rewrites the actions of the current core for the recordings; read the diff.
rewrite-recordings:
    LIVEBUS_REWRITE_RECORDINGS=1 cargo test -p livebus-tests --test replays
